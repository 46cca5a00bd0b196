"""Peak memory of a training step, term by term, and how much of a GPU it reserves."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from recipe.preflight.allocator import reserved_peak, rounded_peak
from recipe.preflight.step import BODY, BODY_BACK, HEAD, HEAD_BACK, OPTIMIZER, Trace

KEPT, LOSS, TRANSIENT = "activations kept for backward", "logits and loss", "largest transient"
TERMS = ("base weights", "adapters", "gradients", "optimizer state", KEPT, LOSS, TRANSIENT)
_TERM_OF_PHASE = {
    "": KEPT,
    BODY: KEPT,
    HEAD: LOSS,
    HEAD_BACK: LOSS,
    BODY_BACK: TRANSIENT,
    OPTIMIZER: TRANSIENT,
}


@dataclass(frozen=True)
class Peak:
    """Bytes when most are in use: `allocated` is the sum of `terms`; `reserved` from the device.

    `rounded`: as allocated, with storages as large as the allocator makes them.
    """

    allocated: int
    rounded: int
    reserved: int
    terms: dict[str, int]


def peak_of(found: Trace) -> Peak:
    """The peak of a traced step."""
    events = found.ledger.events
    totals = list(accumulate(n_bytes for _, n_bytes, _ in events))
    last = totals.index(max(totals))
    terms = dict.fromkeys(TERMS, 0)
    term_of: dict[int, str] = {}
    for storage, n_bytes, phase in events[: last + 1]:
        term = term_of.setdefault(storage, found.roles.get(storage) or _TERM_OF_PHASE[phase])
        terms[term] += n_bytes
    sizes = [(storage, n_bytes) for storage, n_bytes, _ in events]
    return Peak(totals[last], rounded_peak(sizes), reserved_peak(sizes), terms)
