"""Fine-tune a small model to call tools: records in, a LoRA adapter with run.json out.

    python -m recipe.train                                   # the embedded model, on any machine
    python -m recipe.train --config t4 --data.path DIR --out DIR
    python -m recipe.train --config t4 --lora.r 8 --print_config

The run folder appears when the run is done; until then it is OUT.partial. Stopped at any time, the
same command goes on from the newest checkpoint; SIGTERM makes one first and exits with 0.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial as bound
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from data import cli
from recipe.adapter_folder import save_adapter
from recipe.assemble import CHECKED_SPLIT, LEARNED_SPLIT, Parts, make_trainer
from recipe.checkpoints import newest_checkpoint, open_partial, remove_checkpoints
from recipe.command_line import Invocation, parse
from recipe.config import RecipeConfig
from recipe.hardware import device_name
from recipe.limits import row_limits
from recipe.precision import resolve_precision
from recipe.run_folder import identity, partial_of, run_folder
from recipe.run_record import write_run_record

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from recipe.dataset import Corpus
    from recipe.health_callback import HealthCallback
    from recipe.sources import Source
    from recipe.trainer import RecordTrainer


def main(argv: Sequence[str] | None = None) -> int:
    invocation = parse(argv)
    config = invocation.config

    from accelerate import PartialState

    from evals.models import load_tokenizer, quiet_libraries
    from recipe.sources import open_source

    quiet_libraries()
    started = time.monotonic()
    precision = resolve_precision(config.model.precision)
    state = PartialState(cpu=device_name() == "cpu")
    out = run_folder(invocation)
    if state.is_main_process:
        print(
            json.dumps(
                {"out": str(out), "presets": invocation.presets, **config.as_dict()}, indent=2
            )
        )
    tokenizer = load_tokenizer(config.model.name, config.model.revision)
    with state.main_process_first():
        source = open_source(config.data.path)
        corpora = encode_corpora(config, source, tokenizer)
    encoded = time.monotonic()
    longest = int(corpora[LEARNED_SPLIT].lengths.max())
    limits = row_limits(config, precision, longest, invocation.force)
    partial = partial_of(out)
    if state.is_main_process:
        open_partial(partial, identity(config, precision, corpora))
    state.wait_for_everyone()
    parts = Parts(config, corpora, tokenizer, precision, limits)
    trainer = make_trainer(parts, partial)
    trainer.probe = probe_of(trainer, parts, source)
    health = watch(trainer, parts, invocation.hold_for)
    if not run(trainer, newest_checkpoint(partial)):
        return 0
    seconds = Seconds(encode=encoded - started, train=time.monotonic() - encoded)
    save_adapter(trainer, tokenizer, config, partial)
    if state.is_main_process:
        facts = run_facts(invocation, parts, source, trainer, seconds)
        finish(partial, out, {**facts, "findings": health.rows()})
    if health.stopped:
        raise cli.DataError(f"stopped: {health.stopped}; what was trained until then is in {out}")
    return 0


def probe_of(
    trainer: RecordTrainer, parts: Parts, source: Source
) -> Callable[[], dict[str, float]] | None:
    """What asks the model at each evaluation; None where nothing is evaluated."""
    from recipe.probe import probe, probe_examples
    from recipe.sources import read_split

    train = parts.config.train
    if not (train.eval_steps and train.probe_examples):
        return None
    examples = list(read_split(source, CHECKED_SPLIT))
    asked = probe_examples(examples, train.probe_examples, train.seed)
    return bound(probe, trainer.model, parts.tokenizer, asked, parts.config.data.wire)


def watch(trainer: RecordTrainer, parts: Parts, hold_for: Path | None) -> HealthCallback:
    """Show progress and read it, and stop or wait when asked; returns what has read it."""
    from recipe.health_callback import HealthCallback
    from recipe.hold import HoldAtCheckpoints
    from recipe.progress import Progress
    from recipe.stop import StopOnSignal

    n_tokens, price = parts.corpora[LEARNED_SPLIT].n_tokens, parts.config.train.dollars_per_hour
    health = HealthCallback()
    for callback in (Progress(n_tokens, price), health, StopOnSignal()):
        trainer.add_callback(callback)
    if hold_for is not None:
        trainer.add_callback(HoldAtCheckpoints(hold_for))
    return health


def finish(partial: Path, out: Path, facts: dict[str, Any]) -> None:
    """Write what the run was and how it went, and give the folder its name."""
    from recipe.curves import write_curves
    from recipe.summary import summary_of

    write_run_record(partial, facts)
    write_curves(partial, facts["log"], facts["findings"])
    (partial / "summary.md").write_text(summary_of(facts, str(out)), encoding="utf-8")
    partial.rename(out)
    remove_checkpoints(out)
    steps, seconds, loss = facts["steps"], facts["seconds"]["train"], facts["train_loss"]
    print(f"adapter in {out} after {steps} steps, {seconds:.0f} s, loss {loss:.3f}")
    print(f"next: python -m evals.tool_accuracy --run {out}")


class Seconds(NamedTuple):
    """How long the parts of a run took."""

    encode: float
    train: float


def run_facts(
    invocation: Invocation,
    parts: Parts,
    source: Source,
    trainer: RecordTrainer,
    seconds: Seconds,
) -> dict[str, Any]:
    """What run.json says of the run, beside versions and hashes."""
    from recipe.dataset import facts

    log = trainer.state.log_history
    losses = [entry["loss"] for entry in log if "loss" in entry]
    return {
        "config": invocation.config.as_dict(),
        "presets": list(invocation.presets),
        "precision": parts.precision,
        "device": device_name(),
        "processes": trainer.args.world_size,
        "dataset": facts(source, parts.corpora[LEARNED_SPLIT]),
        "steps": trainer.state.global_step,
        "skipped_steps": trainer.n_skipped,
        "train_loss": sum(losses) / max(len(losses), 1),
        "log": log,
        "seconds": {name: round(value, 1) for name, value in seconds._asdict().items()},
    }


def run(trainer: RecordTrainer, checkpoint: Path | None) -> bool:
    """Train, from a checkpoint if there is one; False if SIGTERM stopped it before the last step.

    Raises DataError where training cannot go on.
    """
    from recipe.stop import Stopped
    from recipe.trainer import NotFinite

    if checkpoint is not None and trainer.is_world_process_zero():
        print(f"going on from {checkpoint}", file=sys.stderr)
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except NotFinite as error:
        raise cli.DataError(str(error)) from None
    except Stopped as stopped:
        if trainer.is_world_process_zero():
            print(stopped)
        return False
    return True


def encode_corpora(
    config: RecipeConfig, source: Source | Path, tokenizer: PreTrainedTokenizerBase
) -> dict[str, Corpus]:
    """The encoded train split, and validation where evaluations are due."""
    from recipe.dataset import encode_split
    from recipe.sources import as_source

    source, train = as_source(source), config.train
    limits = {LEARNED_SPLIT: config.data.max_examples}
    if train.eval_steps:
        limits[CHECKED_SPLIT] = train.max_eval_examples
    for split in limits:
        source.split_file(split)  # a missing one shows before any is encoded
    return {
        split: encode_split(source, split, tokenizer, config.data, limit, train.seed)
        for split, limit in limits.items()
    }


if __name__ == "__main__":
    cli.run(main)
