"""The model of a configuration without its weights: on the meta device, then as tensors that do.

Made as recipe.assemble makes it from weights: the same LoRA, the same attention, TRL's head.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from recipe.config import LoraArgs

# What SFTTrainer asks of its head.
SCORED = ("log_probs", "entropy", "is_top1")


@dataclass(frozen=True)
class Numbers:
    """Formats: of the base weights, of products (None: no autocast), and between the layers.

    `nf4`: linear layers of the base model are kept in 4 bits.
    """

    weights: str
    products: str | None
    fp32_residual: bool
    nf4: bool = False


NUMBERS = {
    "fp32": Numbers("float32", None, False),
    "fp16": Numbers("float16", "float16", True),
    "bf16": Numbers("bfloat16", "bfloat16", False),
}


def with_layers(architecture: Any, n_layers: int) -> Any:
    """The architecture with fewer layers, all else as it is."""
    values = architecture.to_dict()
    values["num_hidden_layers"] = n_layers
    if values.get("layer_types"):
        values["layer_types"] = values["layer_types"][:n_layers]
    return type(architecture)(**values)


def build(architecture: Any, numbers: Numbers, lora: LoraArgs, on_gpu: bool) -> Any:
    """The model with its adapter, on the meta device."""
    import torch
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM
    from trl.trainer.utils import add_fused_lm_head

    from recipe.assemble import lora_config
    from recipe.attention import ATTENTION, register
    from recipe.preflight.nf4 import pack

    register()
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(
            architecture,
            dtype=getattr(torch, numbers.weights),
            attn_implementation=ATTENTION,
        )
        if numbers.nf4:
            pack(model, model.get_output_embeddings(), getattr(torch, numbers.weights))
        if on_gpu:
            add_fused_lm_head(model, outputs=SCORED)
        model = get_peft_model(model, lora_config(lora))
    return model


def materialise(model: Any) -> None:
    """Replace meta tensors by tensors of the mode that is on; tied ones stay tied."""
    import torch

    made: dict[int, torch.Tensor] = {}
    for module in model.modules():
        for group in (module._parameters, module._buffers):
            for name, meta in group.items():
                if meta is None:
                    continue
                if id(meta) not in made:
                    tensor = torch.full(meta.shape, 0.01, dtype=meta.dtype, device="cpu")
                    is_parameter = isinstance(meta, torch.nn.Parameter)
                    made[id(meta)] = (
                        torch.nn.Parameter(tensor, meta.requires_grad) if is_parameter else tensor
                    )
                group[name] = made[id(meta)]


def autocast(numbers: Numbers) -> AbstractContextManager[Any]:
    import torch

    if numbers.products is None:
        return nullcontext()
    return torch.autocast("cpu", dtype=getattr(torch, numbers.products))
