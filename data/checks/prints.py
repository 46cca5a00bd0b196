"""Fingerprints of records, for duplicates and leaks: fixed size, whatever the record.

Two requests are near duplicates by the share of their 5-character sequences that both have
(Jaccard). N_BANDS bands of N_ROWS min-hashes find the candidates: a pair with a share of 0.90 is
found with probability 0.998, of 0.85 with 0.991; the share itself is then counted on the texts
(data.checks.duplicates).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from data.checks.schemas import ToolEntry
from data.novelty import GRAM

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

N_BANDS, N_ROWS = 5, 3
MAX_REQUEST_CHARS = 4000
# Odd numbers, drawn once: N_ROWS for each band.
_FACTORS = (
    0xF1E54A8B, 0xA00641A9, 0xAF266A95, 0xE5AFCDBD, 0x940AF963, 0xC693565F,
    0xD56A2743, 0x39A72DAB, 0x0E375145, 0x4CD7B299, 0x48FA2735, 0xDFA132D7,
    0xE9A1AC71, 0x01591127, 0x7FF206DD,
)  # fmt: skip
_GREETING = re.compile(
    r"(?:hi(?: there)?|hello|hey|good (?:morning|afternoon|evening)|quick one|one more thing"
    r"|next task|okay|sorry to bother you|if you have a moment|please) "
)
_THANKS = re.compile(
    r" (?:thanks in advance|thanks a lot|thanks|thank you|much appreciated|no rush"
    r"|it s a bit urgent|cheers|please)\Z"
)
_NOT_WORD = re.compile(r"[\W_]+")


class Print(NamedTuple):
    """What is kept of one record until its block ends; `request` is normalised text."""

    line: int
    offset: int
    id: int
    exact: int
    reply: int
    request: str


class Prints(NamedTuple):
    """Fingerprints of many records, one row each; `bands` has N_BANDS columns."""

    line: NDArray[np.int64]
    offset: NDArray[np.int64]
    id: NDArray[np.uint64]
    exact: NDArray[np.uint64]
    request: NDArray[np.uint64]
    reply: NDArray[np.uint64]
    bands: NDArray[np.uint32]


def print_of(row: Any, tools: Sequence[ToolEntry], line: int, offset: int) -> Print | None:
    """The fingerprint of a record, or None where it has no messages of text."""
    messages = row.get("messages") if isinstance(row, dict) else None
    if not isinstance(messages, list) or not messages:
        return None
    turns = []
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("content"), str):
            return None
        turns.append(f"{message.get('role')}\0{message['content']}")
    offered = b"".join([entry.digest for entry in tools])
    name = row.get("id")
    return Print(
        line,
        offset,
        hashed(name) if isinstance(name, str) else 0,
        hashed("\1".join(turns), offered),
        hashed(turns[-1]),
        request_text(messages),
    )


def hashed(text: str, more: bytes = b"") -> int:
    """8 bytes that are the same in every process; never 0."""
    digest = blake2b(text.encode("utf-8", "surrogatepass") + more, digest_size=8).digest()
    return int.from_bytes(digest, "little") or 1


def request_text(messages: Sequence[Any]) -> str:
    """What the user says, for comparison: words in lower case, without greeting and thanks."""
    return " ".join(
        [_bare(message["content"]) for message in messages if message.get("role") == "user"]
    )


def _bare(text: str) -> str:
    words = _NOT_WORD.sub(" ", text[:MAX_REQUEST_CHARS].lower()).strip()
    if greeting := _GREETING.match(words):
        words = words[greeting.end() :]
    return _THANKS.sub("", words)


def gather(prints: Sequence[Print]) -> Prints:
    """One block's fingerprints as arrays."""
    import numpy as np

    return Prints(
        np.array([p.line for p in prints], np.int64),
        np.array([p.offset for p in prints], np.int64),
        np.array([p.id for p in prints], np.uint64),
        np.array([p.exact for p in prints], np.uint64),
        np.array([hashed(p.request) if p.request else 0 for p in prints], np.uint64),
        np.array([p.reply for p in prints], np.uint64),
        _bands([p.request for p in prints]),
    )


def _bands(texts: Sequence[str]) -> NDArray[np.uint32]:
    """N_BANDS hashes a text: equal where N_ROWS min-hashes of its GRAM-byte sequences are."""
    import numpy as np

    if not texts:
        return np.zeros((0, N_BANDS), np.uint32)
    encoded = [text.encode("utf-8", "surrogatepass") or b" " for text in texts]
    starts = np.cumsum([0, *(len(text) + GRAM for text in encoded[:-1])])
    joined = np.frombuffer((b"\0" * GRAM).join(encoded) + b"\0" * GRAM, np.uint8).astype(np.uint32)
    n_grams = len(joined) - GRAM + 1
    grams = np.zeros(n_grams, np.uint32)
    for shift in range(GRAM):
        grams = grams * np.uint32(16777619) ^ joined[shift : shift + n_grams]
    padding = np.flatnonzero(joined[:n_grams] == 0)
    grams = (grams ^ (grams >> np.uint32(15))) * np.uint32(0x2C1B3C6D)
    bands = np.zeros((len(texts), N_BANDS), np.uint32)
    mixed, shifted = np.empty_like(grams), np.empty_like(grams)
    for number, factor in enumerate(_FACTORS):
        np.multiply(grams, np.uint32(factor), out=mixed)
        np.right_shift(mixed, np.uint32(13), out=shifted)
        mixed ^= shifted
        mixed[padding] = 0xFFFFFFFF
        least = np.minimum.reduceat(mixed, starts)
        column = bands[:, number // N_ROWS]
        column *= np.uint32(0x9E3779B1)
        column ^= least
    return bands
