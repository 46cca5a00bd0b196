"""The adapter folder: what peft, Transformers and the Hub expect, with our template and a card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from recipe.config import RecipeConfig

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from recipe.trainer import RecordTrainer

TRAINING_ARGS = "training_args.bin"  # a pickle; run.json says the same


def save_adapter(
    trainer: RecordTrainer, tokenizer: PreTrainedTokenizerBase, config: RecipeConfig, folder: Path
) -> None:
    """Adapter, tokenizer with our template, and a card that says how to load them.

    All processes call it: weights that are spread over them are gathered.
    """
    trainer.save_model(str(folder))
    if trainer.is_world_process_zero():
        (folder / TRAINING_ARGS).unlink(missing_ok=True)
        tokenizer.save_pretrained(folder)
        (folder / "README.md").write_text(model_card(config), encoding="utf-8")


def model_card(config: RecipeConfig) -> str:
    """The adapter's card: what it is, what made it, how to load it."""
    return f"""---
base_model: {config.model.name}
library_name: peft
pipeline_tag: text-generation
tags: [lora, tool-calling, json-rpc, mcp]
---
# Tool-calling adapter

LoRA (r={config.lora.r}, alpha={config.lora.alpha}, {config.lora.target_modules}) on
`{config.model.name}`, trained by toolcall-sft on calls in the `{config.data.wire}` wire, refusals
and clarifications. run.json holds the whole configuration, the dataset's sha256 and the versions.

```python
from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer

model = AutoPeftModelForCausalLM.from_pretrained(folder)
tokenizer = AutoTokenizer.from_pretrained(folder)
prompt = tokenizer.apply_chat_template(
    messages, tools=tools, add_generation_prompt=True, return_tensors="pt"
)
```
"""
