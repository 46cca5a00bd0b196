"""When a job must end, and why: its deadline, a signal, or a projection that is over the limits."""

from __future__ import annotations

import threading
from time import monotonic

from jobs.inside.request import Request
from jobs.log_lines import Projection

# What a job still needs after its last checkpoint is on the Hub, and what clocks may differ.
SPARE_S = 30.0
# A push that was not measured yet.
PUSH_S = 60.0
# However long saving takes: a job that stops earlier than this would hardly train.
MOST_SPARED = 0.5
# Enough to say that the run is to be continued, if saving never came to its end.
LAST_S = 10.0
PROJECTED_AFTER_STEPS = 30


class Ending:
    """The first reason for which the job was asked to end: `sigterm`, `timeout`, or a sentence."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._lock = threading.Lock()

    def ask(self, reason: str) -> None:
        with self._lock:
            self.reason = self.reason or reason

    def on_signal(self, signum: int, frame: object) -> None:
        self.reason = self.reason or "sigterm"  # a handler must not wait for a lock


class Clock:
    """Time of this job and of the run; `started`: of the job, by time.monotonic."""

    def __init__(self, started: float, timeout_s: float, spent_before_s: float = 0.0) -> None:
        self.started = started
        self.timeout_s = timeout_s
        self.spent_before_s = spent_before_s

    def spent_s(self) -> float:
        """What jobs have worked on the run, earlier attempts up to their checkpoint included."""
        return self.spent_before_s + monotonic() - self.started

    def is_late(self, longest_silence_s: float, longest_push_s: float) -> bool:
        """Whether the rest is needed to save and push.

        A save waits for the step, or the evaluation, that is under way: no longer than the longest
        silence so far. A push may have to wait for another one.
        """
        needed = SPARE_S + longest_silence_s + 2 * (longest_push_s or PUSH_S)
        spared = min(needed, MOST_SPARED * self.timeout_s)
        return self._left_s() < spared

    def is_over(self) -> bool:
        """Whether nothing can be waited for any more."""
        return self._left_s() < LAST_S

    def _left_s(self) -> float:
        return self.timeout_s - (monotonic() - self.started)


def project(request: Request, spent_s: float, seconds_left: float) -> Projection:
    """What all of the run will take, beside what all attempts and the budget allow."""
    hours = (spent_s + seconds_left) / 3600
    return Projection(
        hours=hours,
        dollars=hours * request.dollars_per_hour,
        limit_hours=request.limit_s / 3600,
        limit_dollars=request.spec.max_cost_usd,
    )


def over_limits(projection: Projection) -> str:
    """Why a run is ended that would take too much."""
    return (
        f"the run would take {projection.hours:.1f} h and ${projection.dollars:.2f}; allowed: "
        f"{projection.limit_hours:.1f} h and ${projection.limit_dollars:.2f}; raise timeout, "
        "attempts or max_cost_usd, or train less, and it goes on"
    )
