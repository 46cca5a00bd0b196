"""What a run says about its examples: rates with n and 95% intervals, decisions, failures.

A share is a flag of a score, averaged over the examples to which it applies, so that the same
flags serve one run and the paired comparison of two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from data.record import DECISIONS
from evals.intervals import Floats, Rate, percentiles, resampled, share, wilson
from evals.score import MALFORMED, Score

__all__ = [
    "FLAGS",
    "LOWER_IS_BETTER",
    "METRICS",
    "RATES",
    "Rate",
    "counts_of",
    "decision_scores",
    "macro_f1",
    "metrics_of",
    "share",
    "values_of",
    "wilson",
]

Flag = Callable[[Score], bool | None]

MACRO_F1 = "decision_macro_f1"
DECIDED = (*DECISIONS, MALFORMED)
# The names that When2Call gives the same decisions.
WHEN2CALL_NAMES = {
    "call": "tool_call",
    "clarify": "request_for_info",
    "refuse": "cannot_answer",
    "answer": "direct",
}
LOWER_IS_BETTER = frozenset({"over_call", "under_call", "over_refusal", "tool_hallucination"})


def _where_due(field: str) -> Flag:
    """A field of the examples where a call is due."""
    return lambda score: getattr(score, field) if score.expected == "call" else None


def _decided_to_refuse(kind: str) -> Flag:
    return lambda score: score.decision == "refuse" if score.kind == kind else None


# True, false, or None: does not apply.
FLAGS: dict[str, Flag] = {
    "accuracy": lambda s: s.correct,
    "schema_valid": _where_due("schema_valid"),
    "call_match": _where_due("call_match"),
    "name_match": _where_due("name_match"),
    "over_call": lambda s: s.decision == "call" if s.expected != "call" else None,
    "under_call": lambda s: s.decision != "call" if s.expected == "call" else None,
    "over_refusal": lambda s: s.decision == "refuse" if s.expected != "refuse" else None,
    "refusal_recall": _decided_to_refuse("refusal"),
    "irrelevance_recall": _decided_to_refuse("irrelevance"),
    # BFCL's: no call where no tool fits, whatever is said instead.
    "irrelevance_detection": lambda s: s.decision != "call" if s.kind == "irrelevance" else None,
    "asks_missing": lambda s: s.asks_missing,
    "tells_result": lambda s: s.tells_result,
    "tool_hallucination": lambda s: not s.known_tool if s.parsed and s.decision == "call" else None,
    "parsed": lambda s: s.parsed,
    "recovered": _where_due("recovered"),
    "recovered_schema_valid": _where_due("recovered_schema_valid"),
    "recovered_call_match": _where_due("recovered_call_match"),
}
METRICS = (*FLAGS, MACRO_F1)
_N_FLAG_COLUMNS = 2 * len(FLAGS)


def counts_of(scores: Sequence[Score]) -> Floats:
    """A row a score: for each flag whether it holds and whether it applies, then its cell of the
    confusion matrix. Sums of rows are all that METRICS need."""
    counts = np.zeros((len(scores), _N_FLAG_COLUMNS + len(DECISIONS) * len(DECIDED)))
    cells = {
        (expected, decided): _N_FLAG_COLUMNS + i * len(DECIDED) + j
        for i, expected in enumerate(DECISIONS)
        for j, decided in enumerate(DECIDED)
    }
    for row, score in zip(counts, scores, strict=True):
        for column, flag in enumerate(FLAGS.values()):
            value = flag(score)
            row[2 * column : 2 * column + 2] = bool(value), value is not None
        row[cells[score.expected, score.decision]] = 1
    return counts


def values_of(sums: Floats) -> Floats:
    """The METRICS of sums of counts (... x columns); NaN where a metric applies to nothing."""
    hits, applies = sums[..., 0:_N_FLAG_COLUMNS:2], sums[..., 1:_N_FLAG_COLUMNS:2]
    shares = np.divide(hits, applies, out=np.full(hits.shape, np.nan), where=applies > 0)
    return np.concatenate([shares, _macro_f1(sums)[..., None]], axis=-1)


def _macro_f1(sums: Floats) -> Floats:
    """Mean F1 over the decisions that are due somewhere."""
    f1 = _decision_values(sums)[..., 2, :]
    due = _confusion(sums).sum(axis=-1) > 0
    n_due = due.sum(axis=-1)
    total = np.where(due, f1, 0.0).sum(axis=-1)
    return np.divide(total, n_due, out=np.full(total.shape, np.nan), where=n_due > 0)


def _decision_values(sums: Floats) -> Floats:
    """Precision, recall and F1 (second last axis) of each decision (last axis); 0 of nothing."""
    confusion = _confusion(sums)
    n = len(DECISIONS)
    hits = np.diagonal(confusion[..., :n], axis1=-2, axis2=-1)
    due, made = confusion.sum(axis=-1), confusion[..., :n].sum(axis=-2)
    above = np.stack([hits, hits, 2 * hits], axis=-2)
    below = np.stack([made, due, due + made], axis=-2)
    return np.divide(above, below, out=np.zeros(above.shape), where=below > 0)


def _confusion(sums: Floats) -> Floats:
    """Expected x decided."""
    return sums[..., _N_FLAG_COLUMNS:].reshape(*sums.shape[:-1], len(DECISIONS), len(DECIDED))


def decision_scores(pairs: Sequence[tuple[str, str]]) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of each decision from (expected, decided) pairs."""
    return _by_decision(_sums_of(pairs))


def macro_f1(pairs: Sequence[tuple[str, str]]) -> float:
    """Mean F1 over the decisions that are due somewhere; 0 of nothing."""
    return float(np.nan_to_num(_macro_f1(_sums_of(pairs))))


def _sums_of(pairs: Sequence[tuple[str, str]]) -> Floats:
    counted = Counter(pairs)
    cells = [float(counted[e, d]) for e in DECISIONS for d in DECIDED]
    return np.array([0.0] * _N_FLAG_COLUMNS + cells)


def _by_decision(sums: Floats) -> dict[str, dict[str, Any]]:
    values, due = _decision_values(sums), _confusion(sums).sum(axis=-1)
    return {
        decision: {
            "precision": float(values[0, i]),
            "recall": float(values[1, i]),
            "f1": float(values[2, i]),
            "n": int(due[i]),
        }
        for i, decision in enumerate(DECISIONS)
    }


def _flag_rate(flag: Flag) -> Callable[[Sequence[Score]], Rate]:
    return lambda scores: share(map(flag, scores))


def _macro_f1_rate(scores: Sequence[Score], clusters: Sequence[str] | None = None) -> Rate:
    counts = counts_of(scores)
    draws = _macro_f1(resampled(counts, clusters or _one_each(scores)))
    return _bootstrapped(_macro_f1(counts.sum(axis=0)), draws, len(scores))


def _bootstrapped(value: Any, draws: Floats, n: int) -> Rate:
    return Rate(float(np.nan_to_num(value)), *percentiles(draws), n)


def _one_each(scores: Sequence[Score]) -> list[str]:
    return [str(index) for index in range(len(scores))]


RATES: dict[str, Callable[[Sequence[Score]], Rate]] = {
    **{name: _flag_rate(flag) for name, flag in FLAGS.items()},
    MACRO_F1: _macro_f1_rate,
}


def metrics_of(scores: Sequence[Score], clusters: Sequence[str] | None = None) -> dict[str, Any]:
    """Everything a run says about one set of examples, ready for JSON.

    `clusters`: what each example shares with others, such as its tool; without, nothing.
    """
    counts = counts_of(scores)
    sums, draws = counts.sum(axis=0), resampled(counts, clusters or _one_each(scores))
    rates = {name: share(map(flag, scores)) for name, flag in FLAGS.items()}
    rates[MACRO_F1] = _bootstrapped(_macro_f1(sums), _macro_f1(draws), len(scores))
    kinds = sorted({s.kind for s in scores})
    return {
        "n": len(scores),
        "rates": {name: asdict(rate) for name, rate in rates.items()},
        "decisions": _decisions(sums, draws),
        "confusion": _nested(Counter((s.expected, s.decision) for s in scores)),
        "by_kind": {k: asdict(share(s.correct for s in scores if s.kind == k)) for k in kinds},
        "failures": dict(Counter(s.failure for s in scores if s.failure).most_common()),
    }


def _decisions(sums: Floats, draws: Floats) -> dict[str, dict[str, Any]]:
    """The per-decision table with bootstrap intervals and When2Call's names."""
    drawn = _decision_values(draws)
    table = _by_decision(sums)
    for i, decision in enumerate(DECISIONS):
        table[decision]["intervals"] = {
            name: list(percentiles(drawn[:, j, i]))
            for j, name in enumerate(("precision", "recall", "f1"))
        }
        table[decision]["when2call"] = WHEN2CALL_NAMES[decision]
    return table


def _nested(counts: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = {}
    for (expected, decided), count in sorted(counts.items()):
        table.setdefault(expected, {})[decided] = count
    return table
