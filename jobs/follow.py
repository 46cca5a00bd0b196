"""Follow a job: its log, a bar of the training's progress, and how it ended.

Connections break; the log is then read anew and what was seen is skipped. That the log ended says
nothing of the job, so its stage is always asked for.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

from jobs.hub_calls import PATIENT, explained, may_pass, retried, status_of, wait_before
from jobs.log_lines import Continued, Result, parse_continued, parse_result, parse_stopped
from recipe.progress_line import parse_line

if TYPE_CHECKING:
    from huggingface_hub import HfApi, JobInfo

TERMINAL = frozenset(("COMPLETED", "CANCELED", "ERROR", "DELETED"))
# Between two looks at a job that has no log yet, or that says nothing.
LOOK_S = 2.0


@dataclass
class Findings:
    """What the lines of a log said; later lines win, as a later attempt goes on."""

    result: Result | None = None
    continued: Continued | None = None
    stopped: str | None = None
    last_error: str | None = None
    last_step: int = 0

    def read(self, line: str) -> dict[str, float] | None:
        """Note a line; returns the status of training if it has one."""
        self.result = parse_result(line) or self.result
        self.continued = parse_continued(line) or self.continued
        self.stopped = parse_stopped(line) or self.stopped
        if line.startswith("error: "):
            self.last_error = line.removeprefix("error: ")
        status = parse_line(line)
        if status is not None:
            self.last_step = int(status["step"])
        return status


@dataclass(frozen=True)
class Ending:
    """How a job ended, by the service, and what its log said."""

    job: JobInfo
    findings: Findings

    @property
    def is_done(self) -> bool:
        """The run has its result."""
        return self.job.status.stage == "COMPLETED" and not self.is_to_be_continued

    @property
    def is_to_be_continued(self) -> bool:
        found = self.findings
        return (
            self.job.status.stage == "COMPLETED"
            and found.continued is not None
            and found.result is None
        )

    def reason(self) -> str:
        """Why a job that is not done ended, on one line."""
        found, status = self.findings, self.job.status
        said = found.stopped or found.last_error
        stage = f"{status.stage}{f' ({status.message})' if status.message else ''}"
        return f"{stage}: {said}" if said else stage


def follow(api: HfApi, job: JobInfo, show: Callable[[str], None]) -> Ending:
    """Read the log to the job's end, showing each line once. Raises DataError if it is lost."""
    findings = Findings()
    owner = job.owner.name
    with explained(f"job {job.id}"):
        for line in lines_until_end(api, job.id, owner):
            findings.read(line)
            show(line)
        ended = retried(api.inspect_job, job_id=job.id, namespace=owner)
    return Ending(ended, findings)


def ending_of(api: HfApi, job: JobInfo) -> Ending:
    """How a job that is over ended, from its whole log."""
    return follow(api, job, lambda line: None)


def lines_until_end(api: HfApi, job_id: str, owner: str) -> Iterator[str]:
    """The lines of a job, each once, until the job is over; connections are made again."""
    n_seen, n_failed = 0, 0
    while True:
        is_over = retried(api.inspect_job, job_id=job_id, namespace=owner).status.stage in TERMINAL
        try:
            log = api.fetch_job_logs(job_id=job_id, namespace=owner, follow=True)
            for line in _after(log, n_seen):
                n_seen, n_failed = n_seen + 1, 0
                yield line
        except Exception as error:
            # 404: a job that waits for its machine may have no log yet.
            is_waiting = status_of(error) == 404 and not is_over
            if not (may_pass(error) or is_waiting) or n_failed >= PATIENT.tries:
                raise
            time.sleep(LOOK_S if is_waiting else wait_before(n_failed, error))
            n_failed += not is_waiting
            continue
        if is_over:
            return
        is_over = retried(api.inspect_job, job_id=job_id, namespace=owner).status.stage in TERMINAL
        if not is_over:
            time.sleep(LOOK_S)


def _after(lines: Iterable[str], n_seen: int) -> Iterator[str]:
    for number, line in enumerate(lines):
        if number >= n_seen:
            yield line


@dataclass
class Screen:
    """Shows a log: on a terminal a bar under the lines that are no progress, else all lines."""

    dollars_per_hour: float
    started: datetime | None = None
    out: TextIO = field(default_factory=lambda: sys.stderr)
    _bar: Any = None

    def show(self, line: str) -> None:
        """Show one line of the log."""
        status = parse_line(line) if self.out.isatty() else None
        if status is None:
            self._write(line)
        else:
            self._move(status)

    def _write(self, line: str) -> None:
        if self._bar is None:
            print(line, file=self.out, flush=True)
        else:
            self._bar.write(line, file=self.out)

    def _move(self, status: dict[str, float]) -> None:
        from tqdm import tqdm

        if self._bar is None:
            shape = "{l_bar}{bar}| {n_fmt}/{total_fmt} {postfix}"
            self._bar = tqdm(total=int(status["max_steps"]), file=self.out, bar_format=shape)
        self._bar.n = int(status["step"])
        self._bar.set_postfix_str(self.postfix(status))

    def postfix(self, status: dict[str, float]) -> str:
        """Loss, time left, and dollars since the machine started."""
        loss = f"loss {status['loss']:.3g}, " if "loss" in status else ""
        left = f"{status['seconds_left'] / 60:.0f} min left"
        hours = self._hours()
        spent = f", ${hours * self.dollars_per_hour:.2f} so far" if hours is not None else ""
        return f"{loss}{left}{spent}"

    def _hours(self) -> float | None:
        if self.started is None:
            return None
        return (datetime.now(UTC) - self.started).total_seconds() / 3600

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()
