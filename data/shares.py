"""Whole rows for shares of a total."""

from __future__ import annotations

from collections.abc import Mapping


def apportion(size: int, shares: Mapping[str, int]) -> dict[str, int]:
    """How much of `size` each share gets, by largest remainder; the shares need not add to it."""
    total = sum(shares.values())
    counts = {name: size * share // total for name, share in shares.items()}
    by_remainder = sorted(shares, key=lambda name: -(size * shares[name] % total))
    for name in by_remainder[: size - sum(counts.values())]:
        counts[name] += 1
    return counts
