"""What a run would be on a flavor: whether it fits, in which rows, for how long, at what price."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from recipe.config import RecipeConfig
from recipe.preflight.architecture import architecture, sizes
from recipe.preflight.flavors import Flavor
from recipe.preflight.largest import (
    CONTEXT_BYTES,
    GIB,
    MicroBatchLimits,
    Rows,
    lines,
    most_tokens,
    rows_for,
    usable,
)
from recipe.preflight.lengths import Lengths
from recipe.preflight.lines import Line
from recipe.preflight.memory import Peak, peak_of
from recipe.preflight.roofline import Machine, RunTime, run_time, speed_of
from recipe.preflight.step import trace

# How far hours may be off either way: what the sustained speeds of GPUs of one kind differ by, not
# an interval of measurements.
MARGIN = 0.25


@dataclass(frozen=True)
class Forecast:
    """A run on a flavor; `why_not` is empty where it fits, and rows and time are None where not.

    `peak_gib`: most that the GPU holds, CUDA's own context included.
    """

    flavor: Flavor
    precision: str | None
    limits: MicroBatchLimits
    rows: Rows | None
    peak_gib: float
    time: RunTime | None
    why_not: str

    @property
    def dollars(self) -> float | None:
        return self.time.hours * self.flavor.dollars_per_hour if self.time else None

    def as_dict(self) -> dict[str, Any]:
        """For --json; hours and dollars with their margins."""
        hours = self.time.hours if self.time else None
        return asdict(self) | {
            "fits": not self.why_not,
            "limits": self.limits._asdict(),
            "rows": self.rows._asdict() if self.rows else None,
            "hours": margins(hours),
            "dollars": margins(self.dollars),
        }


def margins(value: float | None) -> dict[str, float] | None:
    """Low, expected and high."""
    if value is None:
        return None
    low, high = value * (1 - MARGIN), value * (1 + MARGIN)
    return {"low": round(low, 6), "expected": round(value, 6), "high": round(high, 6)}


class Forecaster:
    """Forecasts for one configuration and dataset."""

    def __init__(self, config: RecipeConfig, lengths: Lengths) -> None:
        self.config, self.lengths = config, lengths
        self.sizes = sizes(architecture(config.model), config.lora)
        self._limits: dict[tuple[str, float], MicroBatchLimits] = {}

    def on(self, flavor: Flavor) -> Forecast:
        """The run on one GPU of a flavor."""
        precision = flavor.precision(self.config.model.precision)
        if precision is None:
            asked = self.config.model.precision
            limits = MicroBatchLimits(0, 0)
            why = f"{flavor.gpu} has no {asked} units; say --model.precision fp16"
            return Forecast(flavor, None, limits, None, 0.0, None, why)
        limits = self._limits_on(flavor, precision)
        longest = max(self.lengths.records)
        rows = rows_for(limits, self.config.train, longest)
        if rows is None:
            why = self._why_not(limits, longest)
            return Forecast(flavor, precision, limits, None, 0.0, None, why)
        machine = Machine(self.sizes, *self.lines(precision), speed_of(flavor, precision))
        time = run_time(machine, self.lengths.records, self.config.train, rows)
        return Forecast(flavor, precision, limits, rows, self._peak_gib(precision, rows), time, "")

    def lines(self, precision: str) -> tuple[Line, Line]:
        """Costs of rows with and without checkpointing."""
        return lines(self.config, precision, self.lengths.labelled_share)

    def traced_peaks(self, forecast: Forecast) -> dict[str, tuple[int, Peak]]:
        """Tokens and peak of the largest row of each kind, from traces of all layers."""
        if forecast.rows is None or forecast.precision is None:
            return {}
        return {
            name: (tokens, peak_of(trace(replace(line.step, tokens=tokens))))
            for name, tokens, line in self._largest_rows(forecast.precision, forecast.rows)
        }

    def _largest_rows(self, precision: str, rows: Rows) -> list[tuple[str, int, Line]]:
        with_checkpointing, without = self.lines(precision)
        largest = max(min(rows.tokens, self._largest_step()), max(self.lengths.records))
        found = []
        if unchecked := min(largest, rows.unchecked):
            found.append(("without checkpointing", unchecked, without))
        if largest > rows.unchecked:
            found.append(("with checkpointing", largest, with_checkpointing))
        return found

    def _largest_step(self) -> int:
        """Tokens of the longest records that an optimizer step can draw: no row holds more."""
        train = self.config.train
        n_records = train.per_device_train_batch_size * train.gradient_accumulation_steps
        return sum(sorted(self.lengths.records)[-n_records:])

    def _peak_gib(self, precision: str, rows: Rows) -> float:
        largest = self._largest_rows(precision, rows)
        reserved = max(line.at(tokens)["reserved"] for _, tokens, line in largest)
        return (reserved + CONTEXT_BYTES) / GIB

    def _limits_on(self, flavor: Flavor, precision: str) -> MicroBatchLimits:
        key = (precision, flavor.memory_gib)
        if key not in self._limits:
            usable_bytes = usable(int(flavor.memory_gib * GIB))
            most = most_tokens(self.config)
            found = (line.largest(usable_bytes, most) for line in self.lines(precision))
            self._limits[key] = MicroBatchLimits(*found)
        return self._limits[key]

    def _why_not(self, limits: MicroBatchLimits, longest: int) -> str:
        train = self.config.train
        most = max(limits) if train.gradient_checkpointing else limits.tokens_without
        asked = train.micro_batch_tokens or 0
        if asked > most and most >= longest:
            return f"--train.micro_batch_tokens {asked}: {most} tokens fit"
        if not train.gradient_checkpointing and limits.tokens_with_checkpointing >= longest:
            return f"the longest record has {longest} tokens, {most} fit; say auto checkpointing"
        return f"the longest record has {longest} tokens, {most} fit"
