"""Rates of a run, each with its n and a 95% interval.

Wilson's score interval for shares (E. B. Wilson, JASA 22, 1927); percentile bootstrap for macro F1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from random import Random
from typing import Any

from data.record import DECISIONS
from evals.score import Score

Z95 = 1.959964
BOOTSTRAP_ROUNDS = 500


@dataclass(frozen=True)
class Rate:
    """A share or score between 0 and 1, its 95% interval and the number of examples behind it."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]" if self.n else "-"


def wilson(hits: int, n: int) -> Rate:
    """Share of hits with Wilson's interval; of nothing, 0 with the interval from 0 to 1."""
    if n == 0:
        return Rate(0.0, 0.0, 1.0, 0)
    share = hits / n
    spread = Z95 * sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    middle, scale = share + Z95**2 / (2 * n), 1 + Z95**2 / n
    return Rate(share, max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale), n)


def share(flags: Iterable[bool | None]) -> Rate:
    """Share of true among the flags that apply."""
    known = [flag for flag in flags if flag is not None]
    return wilson(sum(known), len(known))


def decision_scores(pairs: Sequence[tuple[str, str]]) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of each decision from (expected, decided) pairs."""
    scores = {}
    for decision in DECISIONS:
        hits = sum(pair == (decision, decision) for pair in pairs)
        due = sum(expected == decision for expected, _ in pairs)
        made = sum(decided == decision for _, decided in pairs)
        scores[decision] = {
            "precision": hits / made if made else 0.0,
            "recall": hits / due if due else 0.0,
            "f1": 2 * hits / (due + made) if due + made else 0.0,
            "n": due,
        }
    return scores


def macro_f1(pairs: Sequence[tuple[str, str]]) -> float:
    """Mean F1 over the decisions that are due somewhere."""
    scores = [score["f1"] for score in decision_scores(pairs).values() if score["n"]]
    return sum(scores) / len(scores) if scores else 0.0


def macro_f1_rate(pairs: Sequence[tuple[str, str]], seed: int = 0) -> Rate:
    """Macro F1 with a percentile bootstrap interval over examples."""
    value = macro_f1(pairs)
    rng = Random(seed)
    draws = sorted(
        macro_f1(rng.choices(pairs, k=len(pairs))) for _ in range(BOOTSTRAP_ROUNDS if pairs else 0)
    )
    if not draws:
        return Rate(0.0, 0.0, 1.0, 0)
    return Rate(value, draws[int(0.025 * len(draws))], draws[int(0.975 * len(draws))], len(pairs))


def _flags(field: str) -> Callable[[Sequence[Score]], Rate]:
    """The share of a field among the examples where a call is due."""
    return lambda scores: share(getattr(s, field) for s in scores if s.expected == "call")


def _hallucination(scores: Sequence[Score]) -> Rate:
    return share(not s.known_tool for s in scores if s.parsed and s.decision == "call")


# In the order of the table.
RATES: dict[str, Callable[[Sequence[Score]], Rate]] = {
    "accuracy": lambda scores: share(s.correct for s in scores),
    "schema_valid": _flags("schema_valid"),
    "call_match": _flags("call_match"),
    "name_match": _flags("name_match"),
    "decision_macro_f1": lambda scores: macro_f1_rate([(s.expected, s.decision) for s in scores]),
    "over_call": lambda scores: share(s.decision == "call" for s in scores if s.expected != "call"),
    "under_call": lambda scores: share(
        s.decision != "call" for s in scores if s.expected == "call"
    ),
    "tool_hallucination": _hallucination,
    "parsed": lambda scores: share(s.parsed for s in scores),
    "recovered": _flags("recovered"),
}


def metrics_of(scores: Sequence[Score]) -> dict[str, Any]:
    """Everything a run says about one set of examples, ready for JSON."""
    pairs = [(s.expected, s.decision) for s in scores]
    kinds = sorted({s.kind for s in scores})
    return {
        "n": len(scores),
        "rates": {name: asdict(rate(scores)) for name, rate in RATES.items()},
        "decisions": decision_scores(pairs),
        "confusion": _nested(Counter(pairs)),
        "by_kind": {k: asdict(share(s.correct for s in scores if s.kind == k)) for k in kinds},
        "failures": dict(Counter(s.failure for s in scores if s.failure).most_common()),
    }


def _nested(counts: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = {}
    for (expected, decided), count in sorted(counts.items()):
        table.setdefault(expected, {})[decided] = count
    return table
