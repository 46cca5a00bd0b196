"""The tables that python -m recipe.preflight prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recipe.config import RecipeConfig
from recipe.preflight.flavors import Flavor
from recipe.preflight.forecast import MARGIN, Forecast
from recipe.preflight.largest import CONTEXT_BYTES, GIB, HEADROOM
from recipe.preflight.lengths import Lengths
from recipe.preflight.memory import TERMS, Peak


def dataset_line(config: RecipeConfig, lengths: Lengths) -> str:
    """What is trained on what."""
    epochs = "" if config.train.max_steps > 0 else f", {config.train.num_train_epochs:g} epochs"
    return (
        f"{config.model.name}, LoRA r={config.lora.r}; {len(lengths.records):,} records, "
        f"{lengths.tokens:,} tokens, longest {max(lengths.records):,}{epochs} ({lengths.source})"
    )


def table(forecasts: Sequence[Forecast]) -> str:
    """A line a flavor: whether it fits, tokens of a row, peak memory, hours and dollars."""
    head = ("flavor", "GPU", "$/h", "row, no recompute", "row, recompute", "peak GiB", "hours", "$")
    lines = [head, *(_line(one) for one in forecasts)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    shown = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    note = (
        f"Hours and dollars: expected, and {MARGIN:.0%} less to {MARGIN:.0%} more, for GPUs that "
        "sustain more or less than assumed; predicted, not measured. Rows in tokens. One GPU is "
        "used. Left out: start, downloads, the probe's answers."
    )
    return "\n".join([*shown, note])


def _line(one: Forecast) -> tuple[str, ...]:
    flavor, limits = one.flavor, one.limits
    gpu = f"{flavor.gpu} (1 of {flavor.count})" if flavor.count > 1 else flavor.gpu
    cells = (
        flavor.name,
        gpu,
        f"{flavor.dollars_per_hour:.2f}",
        f"{limits.tokens_without:,}",
        f"{limits.tokens_with_checkpointing:,}",
    )
    if one.time is None or one.dollars is None:
        return (*cells, "-", f"does not fit: {one.why_not}", "")
    return (*cells, f"{one.peak_gib:.1f}", _range(one.time.hours), _range(one.dollars))


def _range(value: float) -> str:
    return f"{value:.2f} ({value * (1 - MARGIN):.2f}-{value * (1 + MARGIN):.2f})"


def memory_table(peaks: Mapping[str, tuple[int, Peak]], flavor: Flavor) -> str:
    """GiB at the peak of the largest rows, term by term."""
    held = list(peaks.values())
    rows = [
        ["GiB at the peak of a row", *(f"{tokens:,} tokens" for tokens, _ in held)],
        ["", *peaks],
        *([term, *(_gib(peak.terms[term]) for _, peak in held)] for term in TERMS),
        ["allocated", *(_gib(peak.allocated) for _, peak in held)],
        ["reserved", *(_gib(peak.reserved) for _, peak in held)],
        ["CUDA context", *(_gib(CONTEXT_BYTES) for _ in held)],
    ]
    lines = [f"{row[0]:32}" + "".join(f"{cell:>24}" for cell in row[1:]) for row in rows]
    note = f"{flavor.gpu} has {flavor.memory_gib:g} GiB, of which {HEADROOM:.0%} stay free."
    return "\n".join(["", *lines, note])


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / GIB:.3f}"


def time_table(one: Forecast) -> str:
    """Hours of a run by what they are spent on."""
    if one.time is None:
        return ""
    parts = {**one.time.training, "evaluations": one.time.evaluations}
    lines = [f"{name:32}{hours:>24.2f}" for name, hours in parts.items() if hours >= 0.005]
    n_rows, n_steps = one.time.n_rows, one.time.n_steps
    return "\n".join(["", f"hours of {n_steps:,} steps, {n_rows:,} rows", *lines])
