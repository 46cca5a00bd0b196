"""Load models, tokenizers and adapters: `embedded`, a folder, or a Hub id; no code, no pickle."""

from __future__ import annotations

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
    merged: PreTrainedModel = PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    return merged


def compute_dtype() -> torch.dtype:
    """float32 on a CPU, bfloat16 from compute capability 8.0 on, float16 below."""
    import torch

    if not torch.cuda.is_available():
        return torch.float32
    return torch.bfloat16 if torch.cuda.get_device_capability()[0] >= 8 else torch.float16
