"""Is a text new beside all texts so far? MinHash finds the candidates, Jaccard decides.

MinHash: Broder 1997, "On the resemblance and containment of documents". With N_BANDS bands of
N_ROWS, a pair of similarity 0.8 is found with probability 0.999.
"""

from __future__ import annotations

import zlib
from collections import defaultdict

GRAM = 5
N_BANDS, N_ROWS = 10, 3
MAX_SIMILARITY = 0.8


class Novelty:
    """The texts that were admitted, as sets of their GRAM-character sequences."""

    def __init__(self) -> None:
        import numpy as np

        rng = np.random.default_rng(7)
        self._factors = rng.integers(1, 1 << 31, N_BANDS * N_ROWS, np.uint32) * np.uint32(2)
        self._factors += np.uint32(1)
        self._bands: dict[bytes, list[frozenset[int]]] = defaultdict(list)

    def admit(self, text: str) -> bool:
        """Take the text in, unless one that is alike was taken in before."""
        grams = grams_of(text)
        keys = self._keys(grams)
        near = (other for key in keys for other in self._bands.get(key, ()))
        if any(similarity(grams, other) > MAX_SIMILARITY for other in near):
            return False
        for key in keys:
            self._bands[key].append(grams)
        return True

    def _keys(self, grams: frozenset[int]) -> list[bytes]:
        import numpy as np

        hashes = np.fromiter(grams, np.uint32, len(grams))
        mixed = hashes[:, None] * self._factors
        mixed ^= mixed >> np.uint32(13)
        least = mixed.min(axis=0).reshape(N_BANDS, N_ROWS)
        return [bytes([band]) + row.tobytes() for band, row in enumerate(least)]


def grams_of(text: str) -> frozenset[int]:
    """Hashes of the sequences of GRAM characters; of a shorter text, its own."""
    starts = range(max(1, len(text) - GRAM + 1))
    return frozenset(
        zlib.crc32(text[start : start + GRAM].encode("utf-8", "surrogatepass")) for start in starts
    )


def similarity(one: frozenset[int], other: frozenset[int]) -> float:
    """Jaccard: the share of the sequences of both that both have, 0 to 1."""
    return len(one & other) / len(one | other)
