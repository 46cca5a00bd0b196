"""The numbers of a training log and what can be said of them: levels, noise, what the plan says.

A level is the mean of several log lines. Nothing here judges; recipe.health_checks does.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import fmean
from typing import Any, NamedTuple

# A level is the mean of a fifth of the lines, so that it grows steadier as the log grows longer;
# of four at least, because fewer are noise, and of thirty at most, so that news is not late.
WINDOW_SHARE, WINDOW_MIN, WINDOW_MAX = 5, 4, 30
# mean(|difference of two normal values|) / their standard deviation.
_MEAN_DIFFERENCE = 1.128


class Point(NamedTuple):
    """A value of the log and the step that it was logged at."""

    step: int
    value: float


@dataclass(frozen=True)
class Plan:
    """What a run set out to do. `learning_rate` is the peak, `schedule` Transformers' name."""

    max_steps: int
    learning_rate: float
    schedule: str = "cosine"
    warmup_steps: int = 0

    def rate_after(self, steps: int) -> float:
        """The learning rate of the step that follows `steps` others; nan: schedule not known."""
        if self.schedule == "constant":
            return self.learning_rate
        if steps < self.warmup_steps:
            return self.learning_rate * steps / self.warmup_steps
        share = (steps - self.warmup_steps) / max(self.max_steps - self.warmup_steps, 1)
        factor = {
            "constant_with_warmup": 1.0,
            "linear": 1 - share,
            "cosine": (1 + math.cos(math.pi * share)) / 2,
        }.get(self.schedule, math.nan)
        return self.learning_rate * factor


class Log:
    """The run's plan and its values so far, by name, in order."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._all: defaultdict[str, list[Point]] = defaultdict(list)
        self._finite: defaultdict[str, list[Point]] = defaultdict(list)

    def add(self, entry: Mapping[str, Any]) -> None:
        step = int(entry.get("step", 0))
        for name, value in entry.items():
            if not isinstance(value, int | float):
                continue
            self._all[name].append(Point(step, float(value)))
            if math.isfinite(value):
                self._finite[name].append(self._all[name][-1])

    def forget(self, name: str) -> None:
        self._all.pop(name, None)
        self._finite.pop(name, None)

    def all(self, name: str) -> Sequence[Point]:
        return self._all[name]

    def finite(self, name: str) -> Sequence[Point]:
        return self._finite[name]


def values_of(points: Sequence[Point]) -> list[float]:
    return [point.value for point in points]


def mean_of(points: Sequence[Point]) -> float:
    return fmean(values_of(points))


def window(points: Sequence[Point]) -> int:
    """Lines that make a level of this log."""
    return min(WINDOW_MAX, max(WINDOW_MIN, len(points) // WINDOW_SHARE))


def levels(points: Sequence[Point], size: int) -> list[Point]:
    """The mean of each `size` lines that follow one another, at the step of the last."""
    sums = list(accumulate(values_of(points), initial=0.0))
    ends = range(size, len(points) + 1)
    return [Point(points[end - 1].step, (sums[end] - sums[end - size]) / size) for end in ends]


def noise(points: Sequence[Point]) -> float:
    """Standard deviation of a line around its level, from the differences of recent lines.

    A trend counts as noise, too: that errs on the silent side.
    """
    recent = values_of(points[-2 * WINDOW_MAX :])
    steps = [abs(after - before) for before, after in pairwise(recent)]
    return fmean(steps) / _MEAN_DIFFERENCE if steps else 0.0


def error_of_difference(points: Sequence[Point], size: int) -> float:
    """Standard error of the difference of two levels of `size` lines."""
    return noise(points) * math.sqrt(2 / size)


def short(number: float, digits: int = 3) -> str:
    """2e-4, not 0.0002: learning rates as people write them."""
    if number == 0 or not math.isfinite(number):
        return f"{number:g}"
    mantissa, exponent = f"{number:.{digits - 1}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{int(exponent)}"
