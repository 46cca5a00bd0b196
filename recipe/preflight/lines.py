"""What a step costs as a function of tokens and layers: straight lines through a few small traces.

Layers of one kind are all alike, so two and four of them tell exactly what 28 allocate and compute,
and how much the allocator rounds it up. What it reserves beyond that, gaps between storages, does
not grow with layers, and is taken from whichever has more of it. (tests/test_preflight.py holds
allocated to 0.5% and reserved to 2% of a trace of all layers.)
"""

from __future__ import annotations

from dataclasses import replace

from recipe.preflight.memory import peak_of
from recipe.preflight.step import OPTIMIZER, Step, trace

FEW_LAYERS = (2, 4)
FEW_TOKENS = (1024, 4096)
# Rows are rounded down to so many tokens: then most storages are whole MiB, which those of a row of
# fewer tokens are rounded up to, so that it takes no more.
GRAIN = 256
# Bytes and operations by name: of a peak, or of one row.
Quantities = dict[str, float]


def quantities(step: Step) -> Quantities:
    """Peak and work of a step, from traces of few layers where all layers are alike."""
    n_layers = step.architecture.num_hidden_layers
    kinds = set(getattr(step.architecture, "layer_types", None) or ())
    if n_layers <= FEW_LAYERS[1] or len(kinds) > 1:
        return traced(step)
    few, more = (traced(step.with_layers(n)) for n in FEW_LAYERS)
    found = between(few, more, (n_layers - FEW_LAYERS[0]) / (FEW_LAYERS[1] - FEW_LAYERS[0]))
    gaps = max(one["reserved"] - one["rounded"] for one in (few, more))
    return found | {"reserved": found["rounded"] + gaps}


def traced(step: Step) -> Quantities:
    """Peak and work of a step as it is."""
    found = trace(step)
    peak = peak_of(found)
    row = {
        f"{phase} {kind}": float(amount)
        for (phase, kind), amount in found.ledger.work.items()
        if phase != OPTIMIZER
    }
    sums = {name: getattr(peak, name) for name in ("allocated", "rounded", "reserved")}
    return {**sums, **peak.terms, **row}


def between(first: Quantities, second: Quantities, share: float) -> Quantities:
    """On the line from first (share 0) to second (share 1), or beyond."""
    names = first.keys() | second.keys()
    return {
        name: first.get(name, 0) + share * (second.get(name, 0) - first.get(name, 0))
        for name in names
    }


class Line:
    """Quantities of a step with any number of tokens, by two of them."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self._ends = [quantities(replace(step, tokens=tokens)) for tokens in FEW_TOKENS]

    def at(self, tokens: float) -> Quantities:
        """Quantities of a row of this many tokens."""
        share = (tokens - FEW_TOKENS[0]) / (FEW_TOKENS[1] - FEW_TOKENS[0])
        return between(self._ends[0], self._ends[1], share)

    def largest(self, usable_bytes: int, most: int) -> int:
        """Tokens of the largest row, at most `most`, whose reserved memory fits; 0: none."""
        few, more = (end["reserved"] for end in self._ends)
        slope = (more - few) / (FEW_TOKENS[1] - FEW_TOKENS[0])
        tokens = _whole(min(most, FEW_TOKENS[0] + (usable_bytes - few) / slope))
        while tokens:
            over = quantities(replace(self.step, tokens=tokens))["reserved"] - usable_bytes
            if over <= 0:
                break
            tokens = _whole(tokens - max(GRAIN, over / slope))
        return tokens


def _whole(tokens: float) -> int:
    return max(0, int(tokens) // GRAIN * GRAIN)
