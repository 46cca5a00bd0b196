"""Compare two scored runs, example by example: is B better than A, and where?

    python -m evals.compare RUN_A RUN_B [--out DIR]
    python -m evals.compare out/first/eval/base out/first/eval/tuned

A run is a folder that evals.tool_accuracy wrote, or one arm in it; of a training run, its eval.
Prints B minus A of every metric: with a 95% interval (bootstrap over clusters of examples that
share a tool), with the examples won and lost, and with p of McNemar's exact test. --out also gets
comparison.json, comparison.md and comparison.html. Runs on different data are not compared.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data import cli
from evals.evaluation import Comparison
from evals.paired import Difference, differences
from evals.scored_run import ScoredRun, ScoredSplit, read_run


@dataclass(frozen=True)
class Outcome:
    """Two runs on one split: the differences, and the ids that B won and lost."""

    comparison: Comparison
    won: tuple[str, ...]
    lost: tuple[str, ...]


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    a, b = read_run(args.run_a), read_run(args.run_b)
    check_same_data(a, b)
    labels = (f"A: {args.run_a}", f"B: {args.run_b}")
    outcomes = [_outcome(name, a.splits[name], b.splits[name], labels) for name in a.splits]
    limit = b.limit if a.limit is None else a.limit
    table = table_of(outcomes, labels, limit)
    print(table)
    if args.out is not None:
        _write(args.out, (a, b), outcomes, limit, table)
        print(f"next: the examples won and lost are in {args.out}/comparison.html")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evals.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run_a", metavar="RUN_A", type=Path, help="what B is compared with")
    parser.add_argument("run_b", metavar="RUN_B", type=Path)
    parser.add_argument("--out", type=Path, help="folder for comparison.json, .md and .html")
    return parser


def check_same_data(a: ScoredRun, b: ScoredRun) -> None:
    """Raise DataError unless both runs scored the same examples of the same files."""
    if a.splits.keys() != b.splits.keys():
        raise cli.DataError(
            f"{a.folder} scored {', '.join(a.splits)}, {b.folder} {', '.join(b.splits)}; "
            "score both on the same data"
        )
    for name in a.splits:
        of_a, of_b = a.splits[name], b.splits[name]
        if of_a.sha256 is None or of_b.sha256 is None:
            folder = a.folder if of_a.sha256 is None else b.folder
            raise cli.DataError(f"{folder}: does not say which data it scored; score it again")
        if of_a.sha256 != of_b.sha256:
            raise cli.DataError(
                f"{name}: {a.folder} has data of sha256 {of_a.sha256[:12]}, {b.folder} of "
                f"{of_b.sha256[:12]}; score both on the same data"
            )
        _check_ids(name, (a, b), of_a, of_b)


def _check_ids(
    name: str, runs: tuple[ScoredRun, ScoredRun], of_a: ScoredSplit, of_b: ScoredSplit
) -> None:
    ids_a, ids_b = [s.id for s in of_a.scores], [s.id for s in of_b.scores]
    if ids_a != ids_b:
        n_only = len(set(ids_a) ^ set(ids_b))
        raise cli.DataError(
            f"{name}: {runs[0].folder} has {len(ids_a)} examples, {runs[1].folder} {len(ids_b)}, "
            f"{n_only} of them in one only; score both with the same --limit and --max_length"
        )


def _outcome(split: str, a: ScoredSplit, b: ScoredSplit, labels: tuple[str, str]) -> Outcome:
    found = differences(a.scores, b.scores, a.clusters)
    pairs = list(zip(a.scores, b.scores, strict=True))
    return Outcome(
        Comparison(split, *labels, tuple(found)),
        won=tuple(y.id for x, y in pairs if y.correct and not x.correct),
        lost=tuple(y.id for x, y in pairs if x.correct and not y.correct),
    )


def table_of(outcomes: Sequence[Outcome], labels: tuple[str, str], limit: int | None) -> str:
    """A Markdown table a split."""
    lines = [*labels, "", "* beyond chance (McNemar and bootstrap over tools, 95%)", ""]
    for outcome in outcomes:
        mark = "" if limit is None else f" with --limit {limit}: NOT A REAL SCORE"
        lines += [f"**{outcome.comparison.split}**{mark}", ""]
        lines += ["| metric | n | A | B | B minus A | won | lost | p |", "| --- " * 8 + "|"]
        lines += [_row(found) for found in outcome.comparison.differences]
        lines += ["", f"B wins {len(outcome.won)} examples and loses {len(outcome.lost)}.", ""]
    return "\n".join(lines)


def _row(found: Difference) -> str:
    from evals.report.table import difference_text

    pairs = [found.won, found.lost, None if found.p is None else f"{found.p:.2g}"]
    cells = [found.metric, found.n, f"{found.a:.3f}", f"{found.b:.3f}", difference_text(found)]
    return f"| {' | '.join('' if cell is None else str(cell) for cell in [*cells, *pairs])} |"


def _write(
    out: Path,
    runs: tuple[ScoredRun, ScoredRun],
    outcomes: Sequence[Outcome],
    limit: int | None,
    table: str,
) -> None:
    from evals.report.examples import shown
    from evals.report.files import write_json, write_text
    from evals.report.page import write_page

    out.mkdir(parents=True, exist_ok=True)
    names = (outcomes[0].comparison.base, outcomes[0].comparison.tuned)
    write_json(out / "comparison.json", _as_json(runs, outcomes, limit))
    write_text(out / "comparison.md", table)
    context = {
        "title": "Tool-calling comparison",
        "arms": list(names),
        "lead": names[1],
        "limit": limit,
        "comparisons": [outcome.comparison for outcome in outcomes],
    }
    examples = shown(list(names), list(_examples(runs, names)))
    write_page(out / "comparison.html", "comparison.html.jinja", context, examples)


def _as_json(
    runs: tuple[ScoredRun, ScoredRun], outcomes: Sequence[Outcome], limit: int | None
) -> dict[str, Any]:
    return {
        "a": str(runs[0].folder),
        "b": str(runs[1].folder),
        "limit": limit,
        "is_real_score": limit is None,
        "splits": {
            outcome.comparison.split: {
                "differences": [found.row() for found in outcome.comparison.differences],
                "won": outcome.won,
                "lost": outcome.lost,
            }
            for outcome in outcomes
        },
    }


def _examples(
    runs: tuple[ScoredRun, ScoredRun], names: tuple[str, str]
) -> Iterator[dict[str, Any]]:
    """Each example with both answers; what was asked is not in a run's files."""
    from evals.report.examples import answer_of

    for split, of_a in runs[0].splits.items():
        for pair in zip(of_a.scores, runs[1].splits[split].scores, strict=True):
            yield {
                "id": pair[0].id,
                "split": split,
                "kind": pair[0].kind,
                "expected": pair[0].expected,
                "tools": [],
                "messages": [],
                "gold": "",
                "answers": dict(zip(names, map(answer_of, pair), strict=True)),
            }


if __name__ == "__main__":
    cli.run(main)
