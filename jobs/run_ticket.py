"""What a job is told of its run, and what any machine learns of the run from the job's id.

It is JSON in the job's environment, readable by whoever may see the job: it holds no secrets.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from data.cli import DataError
from jobs.spec import PAYLOAD_VARIABLE, JobSpec, spec_from

if TYPE_CHECKING:
    from huggingface_hub import JobInfo

VERSION = 1
RUN_LABEL, ATTEMPT_LABEL, VERSION_LABEL = "run", "attempt", "toolcall-sft"


@dataclass(frozen=True)
class Ticket:
    """A run and what one attempt of it may take; jobs/inside/request.py reads it."""

    run_id: str
    spec: JobSpec
    dollars_per_hour: float
    timeout_s: int
    dataset: str
    code_sha256: str
    dataset_sha256: str | None
    result_repo: str

    def as_json(self) -> str:
        """The value of the job's variable."""
        content = {"version": VERSION, **asdict(self), "spec": self.spec.as_dict()}
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False)

    @property
    def tag(self) -> str:
        """Of the commit that has the run's result."""
        return f"run-{self.run_id}"


def new_run_id(name: str) -> str:
    """Name, day and six random characters."""
    return f"{name}-{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(3)}"


def ticket_of(job: JobInfo) -> Ticket:
    """The ticket that a job carries. Raises DataError for a job that is none of ours."""
    return ticket_from(job.environment or {}, f"job {job.id}")


def ticket_from(environment: Mapping[str, str], place: str) -> Ticket:
    """The ticket in a job's environment. Raises DataError that starts with `place`."""
    text = environment.get(PAYLOAD_VARIABLE)
    if text is None:
        raise DataError(f"{place}: not submitted by python -m jobs.launch; try `hf jobs`")
    content = json.loads(text)
    if content.pop("version", None) != VERSION:
        raise DataError(f"{place}: of another version of toolcall-sft; use that one")
    return Ticket(**{**content, "spec": spec_from(content["spec"], place)})
