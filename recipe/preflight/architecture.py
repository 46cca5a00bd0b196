"""A model's architecture without its weights, and what of it is multiplied."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.cli import UserError
from recipe.config import LoraArgs, ModelArgs

# The recipe's own model is known without a network.
SHIPPED = {"Qwen/Qwen3-1.7B": Path(__file__).parent / "qwen3_1_7b.json"}


def architecture(args: ModelArgs) -> Any:
    """The Transformers configuration of a model. Raises UserError if there is none to load."""
    from transformers import AutoConfig

    from evals.models import model_path

    if args.name in SHIPPED:
        return AutoConfig.for_model(**json.loads(SHIPPED[args.name].read_text(encoding="utf-8")))
    try:
        return AutoConfig.from_pretrained(model_path(args.name), revision=args.revision)
    except (OSError, ValueError) as error:
        first = str(error).strip().split("\n")[0]
        raise UserError(
            f"--model.name {args.name}: its configuration cannot be loaded ({first}); give "
            "`embedded`, a model folder or a Hub id"
        ) from None


@dataclass(frozen=True)
class Sizes:
    """Weights in products: of linear layers without the head, of adapters, of the head.

    `attention_width`: values of all query heads of all layers.
    """

    linear: int
    adapters: int
    head: int
    attention_width: int


def sizes(config: Any, lora: LoraArgs) -> Sizes:
    """Counted on the model itself, made without memory."""
    import torch
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM

    from recipe.assemble import lora_config

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
        head = model.get_output_embeddings().weight.numel()
        linear = sum(m.weight.numel() for m in model.modules() if type(m) is torch.nn.Linear) - head
        model = get_peft_model(model, lora_config(lora))
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    width = config.num_hidden_layers * config.num_attention_heads * head_dim
    return Sizes(linear, trained, head, width)
