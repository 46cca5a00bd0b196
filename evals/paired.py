"""Two runs on the same examples: the difference of every metric, and who won where.

Intervals: percentile bootstrap over clusters, the same draws for both runs. p: McNemar's exact
test on the examples where only one of them is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evals.intervals import mcnemar, percentiles, resampled
from evals.metrics import FLAGS, LOWER_IS_BETTER, METRICS, counts_of, values_of
from evals.score import Score

ALPHA = 0.05


@dataclass(frozen=True)
class Difference:
    """A metric of two runs, B minus A. `won`: examples that only B has right, `lost`: only A.

    `p` is None where a metric is no share of single answers. `n`: examples to which it applies.
    """

    metric: str
    a: float
    b: float
    value: float
    low: float
    high: float
    n: int
    won: int | None
    lost: int | None
    p: float | None

    @property
    def better(self) -> bool | None:
        """Is B better than chance allows (True), worse (False), or neither (None)?"""
        apart = self.low > 0 or self.high < 0
        if not apart or (self.p is not None and self.p >= ALPHA):
            return None
        return (self.value > 0) != (self.metric in LOWER_IS_BETTER)

    def row(self) -> dict[str, Any]:
        """As JSON, with what it means."""
        return {**asdict(self), "better": self.better}


def differences(
    a: Sequence[Score], b: Sequence[Score], clusters: Sequence[str]
) -> list[Difference]:
    """B minus A in every metric that applies; scores of the same examples in the same order."""
    counts_a, counts_b = counts_of(a), counts_of(b)
    values_a, values_b = values_of(counts_a.sum(axis=0)), values_of(counts_b.sum(axis=0))
    both = resampled(np.hstack([counts_a, counts_b]), clusters)
    width = counts_a.shape[1]
    drawn = values_of(both[:, width:]) - values_of(both[:, :width])
    found = []
    for column, metric in enumerate(METRICS):
        if np.isnan(values_a[column]) or np.isnan(values_b[column]):
            continue
        low, high = percentiles(drawn[:, column])
        value_a, value_b = float(values_a[column]), float(values_b[column])
        pairs = _pairs(metric, a, b)
        found.append(Difference(metric, value_a, value_b, value_b - value_a, low, high, *pairs))
    return found


def _pairs(
    metric: str, a: Sequence[Score], b: Sequence[Score]
) -> tuple[int, int | None, int | None, float | None]:
    """n, won, lost and p; of macro F1 only n."""
    flag = FLAGS.get(metric)
    if flag is None:
        return len(a), None, None, None
    pairs = [(flag(x), flag(y)) for x, y in zip(a, b, strict=True)]
    known = [(x, y) for x, y in pairs if x is not None and y is not None]
    more, less = sum(y > x for x, y in known), sum(x > y for x, y in known)
    won, lost = (less, more) if metric in LOWER_IS_BETTER else (more, less)
    return len(known), won, lost, mcnemar(won, lost)
