"""Will a run fit, how long will it take, what will it cost: before anything is paid.

    python -m recipe.preflight                                   # the recipe, on every flavor
    python -m recipe.preflight --config t4 --flavor t4-small     # memory of one, term by term
    python -m recipe.preflight --lora.r 64 --tokens 9000000 --records 12000 --json FILE

Takes the presets and flags of python -m recipe.train; without --config, the preset t4. Needs no GPU
and no weights: the training step is traced on tensors that have shapes and no memory. Hours are
predicted, not measured. Exits 1 if the flavor named does not fit.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from data import cli
from recipe.command_line import parse
from recipe.config import RecipeConfig
from recipe.preflight.flavors import Flavor, flavor_named, flavors

DEFAULT_PRESET = "t4"


def main(argv: Sequence[str] | None = None) -> int:
    args, others = _parser().parse_known_args(argv)
    if not any(part.split("=")[0] == "--config" for part in others):
        others = ["--config", DEFAULT_PRESET, *others]
    chosen = [flavor_named(args.flavor)] if args.flavor else list(flavors().values())
    config = parse(others).config
    if (args.tokens is None) != (args.records is None):
        raise cli.UserError(
            "--tokens and --records go together: tokens of all records, and how many"
        )
    return _report(config, chosen, args)


def _report(config: RecipeConfig, chosen: Sequence[Flavor], args: argparse.Namespace) -> int:
    from evals.models import quiet_libraries
    from recipe.preflight.forecast import Forecaster
    from recipe.preflight.lengths import given, histogram, lengths_of
    from recipe.preflight.report import dataset_line, memory_table, table, time_table

    quiet_libraries()
    lengths = given(args.tokens, args.records) if args.tokens else lengths_of(config)
    if args.write_lengths:
        _write(args.write_lengths, histogram(lengths))
        return 0
    print(f"tracing {config.model.name}", file=sys.stderr)
    forecaster = Forecaster(config, lengths)
    found = [forecaster.on(flavor) for flavor in chosen]
    print(dataset_line(config, lengths))
    print(table(found))
    peaks = forecaster.traced_peaks(found[0]) if args.flavor else {}
    if peaks:
        print(memory_table(peaks, found[0].flavor))
        print(time_table(found[0]))
    if args.json:
        memory = {
            name: {"tokens": tokens, "allocated": peak.allocated, "reserved": peak.reserved}
            | {"terms": peak.terms}
            for name, (tokens, peak) in peaks.items()
        }
        rows = [one.as_dict() for one in found]
        dataset = {"records": len(lengths.records), "tokens": lengths.tokens}
        result = {"config": config.as_dict(), "dataset": dataset, "flavors": rows, "memory": memory}
        _write(args.json, result)
    return 1 if args.flavor and found[0].why_not else 0


def _write(file: Path, content: object) -> None:
    try:
        file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise cli.UserError(f"{file}: cannot be written ({error.strerror})") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m recipe.preflight",
        description="Whether a run fits, how long it takes and what it costs, flavor by flavor.",
        epilog="And every flag of python -m recipe.train, such as --config t4 or --lora.r 8.",
        allow_abbrev=False,
    )
    parser.add_argument("--flavor", help="one flavor, with its memory term by term")
    parser.add_argument("--tokens", type=int, help="of all records, where none can be counted")
    parser.add_argument("--records", type=int, help="how many these are")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures, too")
    parser.add_argument(
        "--write_lengths",
        type=Path,
        metavar="FILE",
        help="write a histogram of the records' lengths, and no more",
    )
    return parser


if __name__ == "__main__":
    cli.run(main)
