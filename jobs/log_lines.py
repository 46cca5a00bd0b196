"""The lines of a job's log that the launcher reads: written by the job, read here beside it.

    projection hours=6.2 dollars=2.48 limit_hours=9 limit_dollars=7 over=no
    checkpoint step=500 pushed
    to be continued run=sft-t4-20261121-ab12cd step=500 reason=timeout
    stopped reason=the image lacks trl; set install: true in the spec
    result repo=alice/lora commit=1f0c tag=run-sft-t4-20261121-ab12cd adapter_sha256=9b1d

Steps of training are in recipe.progress_line. Nothing is imported but the standard library.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# A service may put a time before a line, never text after it.
_START = r"(?:^|\s)"
_RESULT = re.compile(
    _START + r"result repo=(?P<repo>\S+) commit=(?P<commit>[0-9a-f]+) tag=(?P<tag>\S+) "
    r"adapter_sha256=(?P<adapter_sha256>[0-9a-f]{64})\s*$"
)
_CONTINUED = re.compile(
    _START + r"to be continued run=(?P<run_id>\S+) step=(?P<step>\d+) "
    r"reason=(?P<reason>sigterm|timeout)\s*$"
)
_STOPPED = re.compile(_START + r"stopped reason=(?P<reason>\S.*?)\s*$")
_PUSHED = re.compile(_START + r"checkpoint step=(?P<step>\d+) pushed\s*$")
_NUMBER = r"\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_PROJECTION = re.compile(
    _START + rf"projection hours=(?P<hours>{_NUMBER}) dollars=(?P<dollars>{_NUMBER}) "
    rf"limit_hours=(?P<limit_hours>{_NUMBER}) limit_dollars=(?P<limit_dollars>{_NUMBER}) "
    r"over=(?P<over>yes|no)\s*$"
)


class Result(NamedTuple):
    """Where a finished run lies on the Hub."""

    repo: str
    commit: str
    tag: str
    adapter_sha256: str


class Continued(NamedTuple):
    """A run that another job must go on with, from the checkpoint of `step` (0: none)."""

    run_id: str
    step: int
    reason: str


class Projection(NamedTuple):
    """What all of a run will take, its earlier attempts included, beside what it may take."""

    hours: float
    dollars: float
    limit_hours: float
    limit_dollars: float

    @property
    def over(self) -> bool:
        return self.hours > self.limit_hours or self.dollars > self.limit_dollars


def format_result(result: Result) -> str:
    return (
        f"result repo={result.repo} commit={result.commit} tag={result.tag} "
        f"adapter_sha256={result.adapter_sha256}"
    )


def parse_result(line: str) -> Result | None:
    """What format_result was given; None for any other line."""
    found = _RESULT.search(line)
    return Result(**found.groupdict()) if found else None


def format_continued(continued: Continued) -> str:
    run_id, step, reason = continued
    return f"to be continued run={run_id} step={step} reason={reason}"


def parse_continued(line: str) -> Continued | None:
    """What format_continued was given; None for any other line."""
    found = _CONTINUED.search(line)
    return Continued(found["run_id"], int(found["step"]), found["reason"]) if found else None


def format_stopped(reason: str) -> str:
    """`reason`: why the job failed; line breaks become spaces."""
    return f"stopped reason={' '.join(reason.split())}"


def parse_stopped(line: str) -> str | None:
    """The reason; None for any other line."""
    found = _STOPPED.search(line)
    return found["reason"] if found else None


def format_pushed(step: int) -> str:
    return f"checkpoint step={step} pushed"


def parse_pushed(line: str) -> int | None:
    """The step; None for any other line."""
    found = _PUSHED.search(line)
    return int(found["step"]) if found else None


def format_projection(projection: Projection) -> str:
    hours, dollars, limit_hours, limit_dollars = projection
    return (
        f"projection hours={hours:.3g} dollars={dollars:.3g} limit_hours={limit_hours:.3g} "
        f"limit_dollars={limit_dollars:.3g} over={'yes' if projection.over else 'no'}"
    )


def parse_projection(line: str) -> Projection | None:
    """What format_projection was given, to three digits; None for any other line."""
    found = _PROJECTION.search(line)
    if found is None:
        return None
    names = Projection._fields
    return Projection(*(float(found[name]) for name in names))
