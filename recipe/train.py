"""Fine-tune a small model to call tools: records in, a LoRA adapter with run.json out.

    python -m recipe.train                                   # the embedded model, on any machine
    python -m recipe.train --config t4 --data.path DIR --out DIR
    python -m recipe.train --config t4 --lora.r 8 --print_config

The run folder appears when the run is done; until then it is OUT.partial.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data import cli
from recipe.config import Invocation, RecipeConfig, parse

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase
    from trl import SFTConfig, SFTTrainer

    from recipe.dataset import Corpus

RUNS = Path("out")
LEARNED_SPLIT, CHECKED_SPLIT = "train", "validation"


def main(argv: Sequence[str] | None = None) -> int:
    invocation = parse(argv)
    config = invocation.config
    out = run_folder(invocation)
    print(
        json.dumps({"out": str(out), "presets": invocation.presets, **config.as_dict()}, indent=2)
    )

    from evals.models import load_tokenizer, quiet_libraries
    from recipe.dataset import dataset_folder, facts

    quiet_libraries()
    started = time.monotonic()
    precision = resolve_precision(config.model.precision)
    tokenizer = load_tokenizer(config.model.name, config.model.revision)
    folder = dataset_folder(config.data.path)
    corpora = encode_corpora(config, folder, tokenizer)
    encoded = time.monotonic()
    partial = fresh(out.with_name(out.name + ".partial"))
    trainer = make_trainer(config, corpora, tokenizer, precision, partial)
    result = trainer.train()
    trained = time.monotonic()
    save_adapter(trainer, tokenizer, config, partial)
    write_record(
        partial,
        {
            "config": config.as_dict(),
            "presets": list(invocation.presets),
            "precision": precision,
            "device": device_name(),
            "dataset": facts(folder, corpora[LEARNED_SPLIT]),
            "steps": result.global_step,
            "train_loss": result.training_loss,
            "log": trainer.state.log_history,
            "seconds": {
                "encode": round(encoded - started, 1),
                "train": round(trained - encoded, 1),
            },
        },
    )
    partial.rename(out)
    print(
        f"adapter in {out} after {result.global_step} steps, {trained - encoded:.0f} s, "
        f"loss {result.training_loss:.3f}"
    )
    print(f"next: python -m evals.tool_accuracy --run {out}")
    return 0


def run_folder(invocation: Invocation) -> Path:
    """Where the run goes: --out, or out/PRESET-DEVICE-DATE. Raises UserError if a run is there."""
    if invocation.out is not None:
        if invocation.out.exists() and (
            not invocation.out.is_dir() or any(invocation.out.iterdir())
        ):
            raise cli.UserError(
                f"{invocation.out}: already holds something; choose another --out or remove it"
            )
        return invocation.out
    device = re.sub(r"[^a-z0-9]+", "-", device_name().lower()).strip("-")
    name = "-".join([*invocation.presets, device, dt.date.today().isoformat()])
    numbered = [RUNS / name, *(RUNS / f"{name}-{number}" for number in range(2, 1000))]
    return next(path for path in numbered if not path.exists())


def device_name() -> str:
    """The GPU's name, or `cpu`."""
    import torch

    return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else "cpu"


def resolve_precision(asked: str) -> str:
    """fp32, bf16 or fp16 for this machine. Raises UserError for one that it cannot do."""
    import torch

    if not torch.cuda.is_available():
        if asked not in ("auto", "fp32"):
            raise cli.UserError(
                f"--model.precision {asked} needs a GPU and there is none here; "
                "say fp32, or --config cpu"
            )
        return "fp32"
    has_bf16 = torch.cuda.get_device_capability()[0] >= 8
    if asked == "bf16" and not has_bf16:
        raise cli.UserError(f"--model.precision bf16: {device_name()} has no bf16 units; say fp16")
    return {"auto": "bf16" if has_bf16 else "fp16"}.get(asked, asked)


def encode_corpora(
    config: RecipeConfig, folder: Path, tokenizer: PreTrainedTokenizerBase
) -> dict[str, Corpus]:
    """The encoded train split, and validation where evaluations are due."""
    from recipe.dataset import encode_split

    train, seed = config.train, config.train.seed
    corpora = {
        LEARNED_SPLIT: encode_split(
            folder, LEARNED_SPLIT, tokenizer, config.data, config.data.max_examples, seed
        )
    }
    if train.eval_steps:
        corpora[CHECKED_SPLIT] = encode_split(
            folder, CHECKED_SPLIT, tokenizer, config.data, train.max_eval_examples, seed
        )
    return corpora


def fresh(folder: Path) -> Path:
    """The folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def make_trainer(
    config: RecipeConfig,
    corpora: dict[str, Corpus],
    tokenizer: PreTrainedTokenizerBase,
    precision: str,
    folder: Path,
) -> SFTTrainer:
    """TRL's trainer over our token ids; rendering and masking are done by then."""
    from peft import LoraConfig
    from transformers import PrinterCallback

    from data.render import chat_template
    from evals.models import load_model
    from recipe.progress import Progress
    from recipe.trainer import LabelledTrainer

    tokenizer.chat_template = chat_template(config.data.wire)
    lora = config.lora
    checked = corpora.get(CHECKED_SPLIT)
    trainer = LabelledTrainer(
        model=load_model(config.model.name, weights_dtype(precision), config.model.revision),
        args=sft_config(config, precision, folder),
        train_dataset=corpora[LEARNED_SPLIT].to_dataset(),
        eval_dataset=checked.to_dataset() if checked else None,
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=lora.r,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=lora.target_modules,
            bias=lora.bias,
            task_type="CAUSAL_LM",
        ),
        callbacks=[Progress(corpora[LEARNED_SPLIT].n_tokens)],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def weights_dtype(precision: str) -> torch.dtype:
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def sft_config(config: RecipeConfig, precision: str, folder: Path) -> SFTConfig:
    """TRL's arguments. bf16 is named because TRL turns it on when fp16 is unset."""
    import torch
    from trl import SFTConfig

    train = config.train
    return SFTConfig(
        output_dir=str(folder),
        learning_rate=train.learning_rate,
        lr_scheduler_type=train.lr_scheduler_type,
        warmup_steps=train.warmup_ratio,
        weight_decay=train.weight_decay,
        per_device_train_batch_size=train.per_device_train_batch_size,
        per_device_eval_batch_size=train.per_device_train_batch_size,
        gradient_accumulation_steps=train.gradient_accumulation_steps,
        num_train_epochs=train.num_train_epochs,
        max_steps=train.max_steps,
        gradient_checkpointing=train.gradient_checkpointing,
        train_sampling_strategy="group_by_length" if train.group_by_length else "random",
        logging_steps=train.logging_steps,
        eval_strategy="steps" if train.eval_steps else "no",
        eval_steps=train.eval_steps or None,
        save_strategy="no",
        seed=train.seed,
        fp16=precision == "fp16",
        bf16=precision == "bf16",
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        report_to=[],
        disable_tqdm=True,
    )


def save_adapter(
    trainer: SFTTrainer, tokenizer: PreTrainedTokenizerBase, config: RecipeConfig, folder: Path
) -> None:
    """Adapter, tokenizer with our template, and a card that says how to load them."""
    trainer.model.save_pretrained(folder)
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


def write_record(folder: Path, facts: dict[str, Any]) -> None:
    from recipe.run_record import write_run_record

    write_run_record(folder, facts)


if __name__ == "__main__":
    cli.run(main)
