"""Thresholds for CI: `schema_valid=0.95`, or `SPLIT.metric=VALUE`, and which of them are missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data.cli import DataError, UserError
from evals.metrics import LOWER_IS_BETTER, METRICS


@dataclass(frozen=True)
class Threshold:
    """The least (of a metric that is better when low: the largest) value that passes.

    Without a split it holds for each.
    """

    metric: str
    value: float
    split: str | None = None

    def missed_by(self, value: float) -> bool:
        low = self.metric in LOWER_IS_BETTER
        return value > self.value if low else value < self.value


def parse_threshold(text: str) -> Threshold:
    """A threshold from `[SPLIT.]metric=value`. Raises UserError."""
    key, equals, number = text.partition("=")
    split, _, metric = key.strip().rpartition(".")
    if metric not in METRICS:
        raise UserError(f"--fail-under {text}: no metric {metric!r}; one of {', '.join(METRICS)}")
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not equals or not 0 <= value <= 1:
        raise UserError(f"--fail-under {text}: write {key}=0.95, with a value from 0 to 1")
    return Threshold(metric, value, split or None)


def check_thresholds(
    thresholds: Sequence[Threshold], arm: str, by_split: Mapping[str, Mapping[str, Any]]
) -> None:
    """Raise DataError naming each threshold that an arm misses, in one line."""
    missed = []
    for limit in thresholds:
        for split in [limit.split] if limit.split else by_split:
            rate = by_split[split]["rates"][limit.metric]
            if not rate["n"]:
                missed.append(f"{split}.{limit.metric} applies to no example")
            elif limit.missed_by(rate["value"]):
                side = "above" if limit.metric in LOWER_IS_BETTER else "under"
                missed.append(
                    f"{split}.{limit.metric} is {rate['value']:.4f} (n {rate['n']}), "
                    f"{side} {limit.value:g}"
                )
    if missed:
        raise DataError(f"--fail-under: {arm}: {'; '.join(missed)}")


def check_names(thresholds: Sequence[Threshold], splits: Sequence[str]) -> None:
    """Raise UserError where a threshold names a split that is not scored."""
    for limit in thresholds:
        if limit.split is not None and limit.split not in splits:
            raise UserError(
                f"--fail-under {limit.split}.{limit.metric}: no such split; "
                f"scored are {', '.join(splits)}"
            )
