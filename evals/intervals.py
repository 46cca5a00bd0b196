"""Shares and scores with 95% intervals, and what is needed to compare them in pairs.

Wilson's score interval for shares (E. B. Wilson, JASA 22, 1927); percentile bootstrap over clusters
for what is no plain share; McNemar's exact test for paired answers (Psychometrika 12, 1947).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import comb, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959964
ROUNDS = 2000
# Weights drawn at once, so that memory stays the same whatever the number of clusters.
WEIGHTS_AT_ONCE = 2_000_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rate:
    """A share or score between 0 and 1, its 95% interval and the number of examples behind it."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]" if self.n else "-"


class Interval(NamedTuple):
    """The bounds of a 95% interval."""

    low: float
    high: float


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


def pooled_share(rates: Iterable[Mapping[str, Any]]) -> Rate:
    """One share of several that are given as rows of value and n."""
    rows = list(rates)
    return wilson(sum(round(row["value"] * row["n"]) for row in rows), sum(r["n"] for r in rows))


def resampled(counts: Floats, clusters: Sequence[str], seed: int = 0) -> Floats:
    """Bootstrap sums of counts: whole clusters are drawn, as many as there are.

    `counts`: examples x columns, `clusters`: the cluster of each example. Returns ROUNDS x columns.
    """
    numbers = {name: number for number, name in enumerate(dict.fromkeys(clusters))}
    if not numbers:
        return np.zeros((ROUNDS, counts.shape[1]))
    sums = np.zeros((len(numbers), counts.shape[1]))
    np.add.at(sums, [numbers[name] for name in clusters], counts)
    weights = _weights(len(numbers), np.random.default_rng(seed))
    return np.concatenate([drawn @ sums for drawn in weights])


def _weights(n_clusters: int, rng: np.random.Generator) -> Iterator[Floats]:
    """How often each cluster is drawn, rounds x clusters, in pieces."""
    chunk = max(1, WEIGHTS_AT_ONCE // n_clusters)
    for start in range(0, ROUNDS, chunk):
        rounds = min(chunk, ROUNDS - start)
        drawn = rng.integers(n_clusters, size=(rounds, n_clusters))
        drawn += np.arange(rounds)[:, None] * n_clusters
        counts = np.bincount(drawn.ravel(), minlength=rounds * n_clusters)
        yield counts.reshape(rounds, n_clusters).astype(float)


def percentiles(draws: Floats) -> Interval:
    """The middle 95% of draws; of those that are numbers. From 0 to 1 where there is none."""
    known = draws[~np.isnan(draws)]
    if not known.size:
        return Interval(0.0, 1.0)
    low, high = np.quantile(known, [0.025, 0.975])
    return Interval(float(low), float(high))


def mcnemar(won: int, lost: int) -> float:
    """Two-sided exact p of as many wins and losses if both were equally likely."""
    n = won + lost
    tail = sum(comb(n, k) for k in range(min(won, lost) + 1))
    return min(1.0, 2 * tail / 2**n)
