"""How fast recipe.train is beside stock TRL: the same model, records, order and seed, in one run.

    python benchmarks/train_speed.py [--steps 30] [--model embedded] [--scale 0.2]

Each arm trains in a process of its own, from the same token ids of the built train split, with the
recipe's LoRA and 4 x 4 records a step. `stock` is trl.SFTTrainer with its defaults, as `trl sft`
runs it: records in random order, padded, with a mask. Counted are real tokens, without padding,
from the first step's end to the last's. Writes benchmarks/results/train_speed.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "train_speed.json"


@dataclass(frozen=True)
class Arm:
    """One way to train. `ours`: rows of whole records, instead of TRL's padded batches."""

    ours: bool
    checkpointing: bool
    dropout: float


ARMS = {
    "stock": Arm(ours=False, checkpointing=True, dropout=0.05),
    "stock, no checkpointing": Arm(ours=False, checkpointing=False, dropout=0.05),
    "stock, no checkpointing, no dropout": Arm(ours=False, checkpointing=False, dropout=0.0),
    "ours, with checkpointing": Arm(ours=True, checkpointing=True, dropout=0.05),
    "ours": Arm(ours=True, checkpointing=False, dropout=0.05),
    "ours, no dropout": Arm(ours=True, checkpointing=False, dropout=0.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure training beside stock TRL.")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--scale", type=float, default=0.2, help="share of the dataset")
    parser.add_argument("--row-tokens", type=int, default=None)
    parser.add_argument("--arm", choices=ARMS, help="run this arm alone, in this process")
    parser.add_argument("--data", type=Path)
    args = parser.parse_args()
    if args.arm:
        print(json.dumps(run(ARMS[args.arm], args)))
        return
    with tempfile.TemporaryDirectory() as folder:
        args.data = _build(Path(folder) / "dataset", args.scale)
        found = {name: _in_process(name, args) for name in ARMS}
    stock = found["stock"]
    for one in found.values():
        one["times_stock"] = round(one["tokens_s"] / stock["tokens_s"], 2)
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "model": args.model,
        "steps": args.steps,
        "arms": found,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(table(found))


def _build(folder: Path, scale: float) -> Path:
    from data.build import build

    build(folder, scale=scale)
    return folder


def _in_process(name: str, args: argparse.Namespace) -> dict[str, Any]:
    options = ["--steps", str(args.steps), "--model", args.model, "--data", str(args.data)]
    if args.row_tokens:
        options += ["--row-tokens", str(args.row_tokens)]
    command = [sys.executable, __file__, "--arm", name, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def run(arm: Arm, args: argparse.Namespace) -> dict[str, Any]:
    """Tokens a second of an arm, and its loss at every step."""
    from evals.models import load_tokenizer, quiet_libraries
    from recipe.command_line import parse
    from recipe.train import encode_corpora

    quiet_libraries()
    config = parse(_flags(arm, args)).config
    tokenizer = load_tokenizer(args.model)
    corpora = encode_corpora(config, args.data, tokenizer)
    with tempfile.TemporaryDirectory() as folder:
        make = _ours if arm.ours else _stock
        trainer = make(config, corpora, tokenizer, Path(folder))
        clock = _clock(trainer)
        trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {"tokens_s": round(clock.n_tokens / clock.seconds, 1), "losses": losses}


def _flags(arm: Arm, args: argparse.Namespace) -> list[str]:
    flags = {
        "model.name": args.model,
        "model.precision": "fp32",
        "data.path": args.data,
        "data.too_long": "drop",
        "lora.dropout": arm.dropout,
        "train.max_steps": args.steps,
        "train.logging_steps": 1,
        "train.eval_steps": 0,
        "train.save_steps": 0,
        "train.best": "none",
        "train.dataloader_num_workers": 0,
        "train.gradient_checkpointing": str(arm.checkpointing).lower(),
    }
    if args.row_tokens:
        flags["train.micro_batch_tokens"] = args.row_tokens
    given = [part for key, value in flags.items() for part in (f"--{key}", str(value))]
    return ["--config", "t4", *given]


def _ours(config: Any, corpora: Any, tokenizer: Any, folder: Path) -> Any:
    from recipe.assemble import Parts, make_trainer
    from recipe.limits import row_limits

    limits = row_limits(config, "fp32", int(corpora["train"].lengths.max()))
    return make_trainer(Parts(config, corpora, tokenizer, "fp32", limits), folder)


def _stock(config: Any, corpora: Any, tokenizer: Any, folder: Path) -> Any:
    """TRL as it comes, with the recipe's settings."""
    import torch
    from trl import SFTConfig, SFTTrainer

    from evals.models import load_model
    from recipe.assemble import lora_config, optimisation

    train = config.train
    return SFTTrainer(
        model=load_model(config.model.name, torch.float32),
        args=SFTConfig(
            output_dir=str(folder),
            **optimisation(train),
            per_device_train_batch_size=train.per_device_train_batch_size,
            gradient_accumulation_steps=train.gradient_accumulation_steps,
            gradient_checkpointing=train.gradient_checkpointing,
            logging_steps=1,
            save_strategy="no",
            bf16=False,
            use_cpu=True,
            dataloader_pin_memory=False,
            max_length=None,
            dataset_kwargs={"skip_prepare_dataset": True},
            report_to=[],
            disable_tqdm=True,
        ),
        train_dataset=corpora["train"].to_dataset(),
        processing_class=tokenizer,
        peft_config=lora_config(config.lora),
    )


def _clock(trainer: Any) -> Any:
    """Counts tokens and seconds of all steps but the first, which also loads libraries."""
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        n_tokens, seconds, started = 0, 0.0, None

        def on_step_end(self, *_: Any, **__: Any) -> None:
            if self.started is None:
                self.started, self.n_tokens = time.perf_counter(), 0
            self.seconds = time.perf_counter() - self.started

    clock = Clock()
    trainer.add_callback(clock)
    collate = trainer.data_collator

    def counting(records: list[dict[str, Any]]) -> Any:
        clock.n_tokens += sum(len(record["input_ids"]) for record in records)
        return collate(records)

    trainer.data_collator = counting
    return clock


def table(found: dict[str, dict[str, Any]]) -> str:
    """The arms as a Markdown table; `loss` is the largest difference from stock's, at any step."""
    stock = found["stock"]["losses"]
    rows = ["| arm | tokens/s | times stock | loss apart |", "| --- | ---: | ---: | ---: |"]
    for name, one in found.items():
        apart = max(abs(a / b - 1) for a, b in zip(one["losses"], stock, strict=True))
        rows.append(f"| {name} | {one['tokens_s']:,.0f} | {one['times_stock']:.2f} | {apart:.2%} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
