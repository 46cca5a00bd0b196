"""Predicted hours on one GPU, from stock TRL to this recipe, a measure at a time.

    python benchmarks/predicted_hours.py [--flavor t4-small]

For the built-in dataset in Qwen3's tokens, three epochs, evaluations apart. Predicted by the same
roofline as `python -m recipe.preflight` (docs/preflight.md), not measured. Prints a table and
writes results/predicted_hours.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from evals.models import quiet_libraries
from recipe.command_line import parse
from recipe.config import RecipeConfig
from recipe.preflight.architecture import architecture, sizes
from recipe.preflight.flavors import Flavor, flavor_named
from recipe.preflight.forecast import Forecaster
from recipe.preflight.lengths import builtin_lengths
from recipe.preflight.lines import Line
from recipe.preflight.model import Numbers
from recipe.preflight.roofline import Machine, run_time, speed_of
from recipe.preflight.step import Step

RESULT = Path(__file__).parent / "results" / "predicted_hours.json"
# What the aim of 2.5 hours was set for: 15,694 records of 500 tokens, three times.
AIMED_TOKENS = 23_500_000
# TRL loads fp32 weights and computes in fp16 (docs/preflight.md).
STOCK = Numbers("float32", "float16", False)


@dataclass(frozen=True)
class Hours:
    """A way to train, and the hours of it."""

    way: str
    hours: float


def main() -> int:
    args = _parser().parse_args()
    flavor = flavor_named(args.flavor)
    config = parse(["--config", "t4", "--train.eval_steps", "0", "--train.best", "none"]).config
    quiet_libraries()
    print("tracing", file=sys.stderr)
    records = builtin_lengths(config).records
    ways = list(ways_to_train(config, flavor, records))
    tokens = round(config.train.num_train_epochs * sum(records))
    print(table(ways, tokens))
    result = {
        "flavor": flavor.name,
        "tokens": tokens,
        "hours": {one.way: round(one.hours, 3) for one in ways},
        "dollars": {one.way: round(one.hours * flavor.dollars_per_hour, 3) for one in ways},
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


def ways_to_train(config: RecipeConfig, flavor: Flavor, records: Sequence[int]) -> Iterator[Hours]:
    """Each way adds one measure to the one before it."""
    stock = machine(config, STOCK, flavor)
    yield Hours("stock TRL: fp16=True, padded batches of 4", padded_hours(stock, records, config))
    lengths = builtin_lengths(config)
    forecaster = Forecaster(config, lengths)
    ours = forecaster.on(flavor)
    if ours.rows is None or ours.precision is None:
        raise SystemExit(f"{flavor.name}: {ours.why_not}")
    recomputed = ours.rows._replace(unchecked=0)
    yield Hours("rows without padding", run_time(stock, records, config.train, recomputed).hours)
    lines = forecaster.lines(ours.precision)
    half = Machine(forecaster.sizes, *lines, speed_of(flavor, ours.precision))
    yield Hours(
        "and fp16 weights, fp32 between the layers",
        run_time(half, records, config.train, recomputed).hours,
    )
    with_auto = run_time(half, records, config.train, ours.rows)
    yield Hours("and recompute only what would not fit: preset t4", with_auto.hours)
    without = replace(config, lora=replace(config.lora, dropout=0.0))
    bare = Machine(
        forecaster.sizes,
        *Forecaster(without, lengths).lines(ours.precision),
        speed_of(flavor, ours.precision),
    )
    yield Hours(
        "without dropout (not the recipe)", run_time(bare, records, config.train, ours.rows).hours
    )
    parts = ("products", "attention", "adapters")
    yield Hours("products alone", sum(with_auto.training[part] for part in parts))


def machine(config: RecipeConfig, numbers: Numbers, flavor: Flavor) -> Machine:
    """The base with its adapter, in these number formats, on one GPU of a flavor."""
    base = architecture(config.model)
    step = Step(base, 0, False, numbers, config.lora, builtin_lengths(config).labelled_share)
    return Machine(
        sizes(base, config.lora),
        Line(replace(step, checkpointing=True)),
        Line(step),
        speed_of(flavor, "fp16"),
    )


def padded_hours(stock: Machine, records: Sequence[int], config: RecipeConfig) -> float:
    """Hours of random batches, each padded to its longest record, all recomputed."""
    train = config.train
    shuffled = list(records)
    Random(train.seed).shuffle(shuffled)
    size = train.per_device_train_batch_size
    batches = [shuffled[start : start + size] for start in range(0, len(shuffled), size)]
    seconds = sum(
        sum(stock.train_seconds([max(batch)] * len(batch), True).values()) for batch in batches
    )
    return train.num_train_epochs * seconds / 3600


def table(ways: Sequence[Hours], tokens: int) -> str:
    """Markdown: hours for these tokens, for as many as the aim was set for, and times stock."""
    lines = [
        f"| hours for | {tokens / 1e6:.1f}M tokens | {AIMED_TOKENS / 1e6:.1f}M | times stock |",
        "| --- | ---: | ---: | ---: |",
    ]
    for one in ways:
        aimed = one.hours * AIMED_TOKENS / tokens
        lines.append(
            f"| {one.way} | {one.hours:.1f} | {aimed:.1f} | {ways[0].hours / one.hours:.2f} |"
        )
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--flavor", default="t4-small", help="default: t4-small")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
