"""Load models, tokenizers and adapters: `embedded`, a folder, or a Hub id; no code, no pickle."""

from __future__ import annotations

import gc
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.cli import UserError
from data.embedded import MODEL_DIR, NAME

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def quiet_libraries() -> None:
    """Leave the screen to our own lines: progress, and what the user must know."""
    import logging
    import warnings

    import datasets
    import transformers

    # TRL 1.16 sets Transformers' old names itself, and bitsandbytes reports kernels that only 4-bit
    # runs need.
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()


def model_path(name: str) -> str:
    """What Transformers loads for a model's name: `embedded`, a folder, or a Hub id."""
    return str(MODEL_DIR) if name == NAME else name


def load_tokenizer(name: str, revision: str | None = None) -> PreTrainedTokenizerBase:
    """The tokenizer of a model. Raises UserError when there is none to load."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(model_path(name), revision=revision)
    except (OSError, ValueError) as error:
        raise _not_loadable(name, error) from None
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(
    name: str, dtype: torch.dtype, revision: str | None = None, quantization: Any = None
) -> PreTrainedModel:
    """A causal language model with weights in `dtype`. Raises UserError if there is none.

    `quantization`: a configuration of Transformers for weights in fewer bits.
    """
    from transformers import AutoModelForCausalLM

    try:
        return AutoModelForCausalLM.from_pretrained(
            model_path(name),
            dtype=dtype,
            revision=revision,
            use_safetensors=True,
            quantization_config=quantization,
        )
    except (OSError, ValueError) as error:
        raise _not_loadable(name, error) from None


def _not_loadable(name: str, error: Exception) -> UserError:
    first = str(error).strip().split("\n")[0]
    return UserError(
        f"model {name!r} cannot be loaded ({first}); give `{NAME}`, a model folder or a Hub id"
    )


def load_adapter(model: PreTrainedModel, folder: Path) -> PreTrainedModel:
    """The model with a LoRA adapter merged in. Raises UserError when the folder holds none."""
    from peft import PeftModel

    if not (folder / "adapter_config.json").is_file():
        raise UserError(f"{folder}: no adapter_config.json; give a folder that recipe.train wrote")
    try:
        tuned = PeftModel.from_pretrained(model, str(folder))
    except (RuntimeError, ValueError):  # peft's are a line for each layer that does not fit
        raise UserError(
            f"{folder}: an adapter of another base model; give the --model it was trained on"
        ) from None
    merged: PreTrainedModel = tuned.merge_and_unload()
    return merged


def compute_dtype() -> torch.dtype:
    """float32 on a CPU, bfloat16 from compute capability 8.0 on, float16 below."""
    import torch

    if not torch.cuda.is_available():
        return torch.float32
    return torch.bfloat16 if torch.cuda.get_device_capability()[0] >= 8 else torch.float16


@dataclass(frozen=True)
class Weights:
    """Which weights: a model's name, its revision on the Hub, and a LoRA adapter's folder."""

    name: str
    revision: str | None = None
    adapter: Path | None = None

    def facts(self) -> dict[str, Any]:
        """Names and hashes; of a model on the Hub its commit, where it was loaded before."""
        folder = Path(model_path(self.name))
        return {
            "model": self.name,
            "revision": self.revision,
            "model_sha256": _weights_sha256(folder) if folder.is_dir() else None,
            "commit": None if folder.is_dir() else _commit(self.name, self.revision),
            "adapter": str(self.adapter) if self.adapter else None,
            "adapter_sha256": _weights_sha256(self.adapter) if self.adapter else None,
        }


class Shelf:
    """Holds one model at a time: the one before is let go first, so that two never share memory."""

    def __init__(self) -> None:
        self._weights: Weights | None = None
        self._model: PreTrainedModel | None = None

    def take(self, weights: Weights) -> PreTrainedModel:
        """The model, adapter merged, ready to answer. Raises UserError when it cannot be loaded."""
        if self._model is None or weights != self._weights:
            self.clear()
            model = load_model(weights.name, compute_dtype(), weights.revision)
            if weights.adapter is not None:
                model = load_adapter(model, weights.adapter)
            self._weights, self._model = weights, model
        return self._model

    def clear(self) -> None:
        """Free the model and what it held of the GPU's memory."""
        import torch

        self._weights = self._model = None
        gc.collect()
        torch.cuda.empty_cache()


@cache
def _weights_sha256(folder: Path) -> str:
    """The hash of a folder's weights, of several files that of their hashes; every arm asks."""
    digests = []
    for path in sorted(folder.glob("*.safetensors")):
        with open(path, "rb") as file:
            digests.append(hashlib.file_digest(file, "sha256"))
    one = digests[0] if len(digests) == 1 else None
    return (one or hashlib.sha256(b"".join(each.digest() for each in digests))).hexdigest()


def _commit(name: str, revision: str | None) -> str | None:
    """The commit of a model in the local cache of the Hub."""
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(name, "config.json", revision=revision)
    return Path(path).parent.name if isinstance(path, str) else None
