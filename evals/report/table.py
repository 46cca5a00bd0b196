"""The headline tables in Markdown, for the screen and the model card: base beside tuned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evals.evaluation import ArmResult, Comparison, Evaluation
from evals.intervals import Rate
from evals.paired import Difference
from evals.splits import Split

SHOWN = (
    "schema_valid",
    "call_match",
    "decision_macro_f1",
    "accuracy",
    "over_call",
    "under_call",
    "refusal_recall",
    "irrelevance_recall",
    "asks_missing",
    "tells_result",
    "parsed",
    "recovered_schema_valid",
    "recovered_call_match",
)
FIRST_ARMS = ("base", "tuned")


@dataclass(frozen=True)
class Row:
    """A metric of all arms. `difference`: tuned minus the better base, where both are there."""

    metric: str
    n: int
    rates: tuple[Rate | None, ...]
    difference: Difference | None = None


def ordered(arms: Sequence[ArmResult]) -> list[ArmResult]:
    """Base and tuned side by side, then the others."""
    rank = {name: place for place, name in enumerate(FIRST_ARMS)}
    return sorted(arms, key=lambda arm: rank.get(arm.name, len(rank)))


def headline(evaluation: Evaluation, split: str) -> list[Row]:
    """The rows of a split's table; a metric that applies to no example is left out."""
    rival = evaluation.rival(split)
    rows = []
    for metric in SHOWN:
        rates = tuple(
            Rate(**arm.metrics[split]["rates"][metric]) for arm in ordered(evaluation.arms)
        )
        n = max(rate.n for rate in rates)
        if n:
            rows.append(Row(metric, n, rates, rival.of(metric) if rival else None))
    return [*rows, *_multi_step_rows(evaluation, split)]


def _multi_step_rows(evaluation: Evaluation, split: str) -> Iterator[Row]:
    """Records of several steps: each turn by itself, and whole."""
    arms = ordered(evaluation.arms)
    for way in ("turns", "end_to_end"):
        found = [arm.metrics[split].get("multi_step", {}).get(way) for arm in arms]
        rates = tuple(Rate(**part["accuracy"]) if part else None for part in found)
        n = max((rate.n for rate in rates if rate), default=0)
        if n:
            yield Row(f"multi_step {way}", n, rates)


def categories(evaluation: Evaluation, split: Split) -> list[Row]:
    """The rows of a suite's own categories."""
    arms = ordered(evaluation.arms)
    if split.suite is None:
        return []
    found = [arm.metrics[split.name][split.suite] for arm in arms]
    names = list(dict.fromkeys(name for table in found for name in table))
    rows = []
    for name in names:
        rates = tuple(Rate(**table[name]) if name in table else None for table in found)
        rows.append(Row(name, max(rate.n for rate in rates if rate), rates))
    return rows


def table_of(evaluation: Evaluation) -> str:
    """A Markdown table a split: a row a metric, a column an arm, values with 95% intervals."""
    lines: list[str] = []
    for split in evaluation.splits:
        rival = evaluation.rival(split.name)
        lines += [f"**{split.name}**: {part_of(split, evaluation)}", ""]
        lines += _markdown("metric", evaluation, headline(evaluation, split.name), rival)
        if rival is not None:
            lines += [rival_note(rival), ""]
        if rows := categories(evaluation, split):
            lines += _markdown("category", evaluation, rows, None)
    lines += _live_lines(evaluation.arms)
    lines += [f"WARNING: {warning}\n" for warning in evaluation.warnings()]
    lines += [f"{arm} is left out: {reason}\n" for arm, reason in evaluation.skipped.items()]
    return "\n".join(lines)


def part_of(split: Split, evaluation: Evaluation) -> str:
    """How much of a split was scored, and that it is no real score where it was limited."""
    part = f"{len(split.examples)} of {split.n_in_file} examples"
    if evaluation.max_length is not None:
        part += f", those of at most {evaluation.max_length} tokens"
    if evaluation.limit is not None:
        part += f" and --limit {evaluation.limit}: NOT A REAL SCORE"
    return part


def rival_note(rival: Comparison, mark: str = "*") -> str:
    """Which base the difference is from, and what its mark means."""
    return (
        f"Difference: {rival.tuned} minus {rival.base}, the better base by accuracy; "
        f"{mark} beyond chance (McNemar and bootstrap over tools, 95%)."
    )


def _markdown(
    head: str, evaluation: Evaluation, rows: Sequence[Row], rival: Comparison | None
) -> list[str]:
    names = [arm.name for arm in ordered(evaluation.arms)]
    heads = [head, "n", *names, *(["difference"] if rival else [])]
    lines = [_line(heads), "| --- " * len(heads) + "|"]
    for row in rows:
        cells = [
            row.metric,
            str(row.n),
            *("-" if rate is None else str(rate) for rate in row.rates),
        ]
        if rival:
            cells.append(difference_text(row.difference))
        lines.append(_line(cells))
    return [*lines, ""]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def difference_text(found: Difference | None) -> str:
    """A difference with its interval, marked where it is beyond chance."""
    if found is None:
        return "-"
    mark = "" if found.better is None else " *"
    return f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]{mark}"


def _live_lines(arms: Sequence[ArmResult]) -> list[str]:
    """What the live server said, arm by arm."""
    lines = [live_text(arm.name, arm.live) for arm in arms if arm.live is not None]
    return [*lines, ""] if lines else []


def live_text(arm: str, live: Mapping[str, Any]) -> str:
    """One arm's calls to the live server in a line."""
    others = [f"{n} {how}" for how, n in live["by_outcome"].items() if how != "accepted"]
    return f"{arm} on `{live['command']}`: " + ", ".join(
        [f"{live['accepted']} of {live['n']} calls accepted", *others]
    )
