"""Is a text new beside all texts so far? MinHash finds the candidates, Jaccard decides.

MinHash: Broder 1997, "On the resemblance and containment of documents". With N_BANDS bands of
N_ROWS, a pair of similarity 0.8 is found with probability 0.999.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeVar

T = TypeVar("T", int, str)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GRAM = 5
N_BANDS, N_ROWS = 10, 3
MAX_SIMILARITY = 0.8


class Novelty:
    """The texts that were admitted, as sets of their GRAM-character sequences."""

    def __init__(self) -> None:
        self._bands: dict[bytes, list[frozenset[int]]] = defaultdict(list)

    def admit(self, text: str) -> bool:
        """Take the text in, unless one that is alike was taken in before."""
        is_new = self.is_new(text)
        if is_new:
            self.add(text)
        return is_new

    def is_new(self, text: str) -> bool:
        """Is no text alike among those taken in?"""
        grams, keys = _marks_of(text)
        near = (other for key in keys for other in self._bands.get(key, ()))
        return not any(similarity(grams, other) > MAX_SIMILARITY for other in near)

    def add(self, text: str) -> None:
        """Take the text in, whether or not it is new."""
        grams, keys = _marks_of(text)
        for key in keys:
            self._bands[key].append(grams)


class _Marks(NamedTuple):
    grams: frozenset[int]
    keys: list[bytes]


@lru_cache(maxsize=1)
def _marks_of(text: str) -> _Marks:
    """Of the text asked about last: it is often taken in next."""
    import numpy as np

    grams = grams_of(text)
    hashes = np.fromiter(grams, np.uint32, len(grams))
    mixed = hashes[:, None] * _factors()
    mixed ^= mixed >> np.uint32(13)
    least = mixed.min(axis=0).reshape(N_BANDS, N_ROWS)
    return _Marks(grams, [bytes([band]) + row.tobytes() for band, row in enumerate(least)])


@cache
def _factors() -> NDArray[np.uint32]:
    import numpy as np

    rng = np.random.default_rng(7)
    factors = rng.integers(1, 1 << 31, N_BANDS * N_ROWS, np.uint32) * np.uint32(2)
    return factors + np.uint32(1)


def grams_of(text: str) -> frozenset[int]:
    """Hashes of the sequences of GRAM characters; of a shorter text, its own."""
    starts = range(max(1, len(text) - GRAM + 1))
    return frozenset(
        zlib.crc32(text[start : start + GRAM].encode("utf-8", "surrogatepass")) for start in starts
    )


def sequences_of(text: str) -> frozenset[str]:
    """The sequences of GRAM characters themselves: to compare two texts, three times as fast."""
    return frozenset([text[start : start + GRAM] for start in range(max(1, len(text) - GRAM + 1))])


def similarity(one: frozenset[T], other: frozenset[T]) -> float:
    """Jaccard: the share of the sequences of both that both have, 0 to 1."""
    return len(one & other) / len(one | other)
