"""Number formats of a run: of the weights, of what is trained, and of what flows between layers.

fp16 is for GPUs below compute capability 8.0, such as the T4. There, values between the layers of
Qwen models outgrow fp16 (QwenLM/Qwen3#670), so they stay in fp32; products run in fp16 under
autocast, and what is trained is fp32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from data.cli import UserError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def resolve_precision(asked: str) -> str:
    """fp32, bf16 or fp16 for this machine. Raises UserError for one that it cannot do."""
    import torch

    if not torch.cuda.is_available():
        if asked not in ("auto", "fp32"):
            raise UserError(
                f"--model.precision {asked} needs a GPU and there is none here; "
                "say fp32, or --config cpu"
            )
        return "fp32"
    has_bf16 = torch.cuda.get_device_capability()[0] >= 8
    if asked == "bf16" and not has_bf16:
        name = torch.cuda.get_device_name()
        raise UserError(f"--model.precision bf16: {name} has no bf16 units; say fp16")
    return {"auto": "bf16" if has_bf16 else "fp16"}.get(asked, asked)


def weights_dtype(precision: str) -> torch.dtype:
    """The type in which the base model's weights are loaded."""
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def prepare(model: PreTrainedModel, precision: str) -> None:
    """Trained parameters to fp32; with fp16, what flows between the layers, too.

    peft makes adapters in fp32, but TRL casts those of a 4-bit model to bf16, for which the
    gradient scaler has no kernel (huggingface/trl#4901). Call it before the optimizer is made.
    """
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    if precision == "fp16":
        model.get_input_embeddings().register_forward_hook(_in_fp32)


def _in_fp32(_module: Any, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
    return output.float()
