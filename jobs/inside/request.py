"""What the launcher asks of a job: JSON in the environment variable TOOLCALL_SFT_JOB, no secrets.

Read in two steps, because only the first can be taken before the packages are checked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.cli import UserError

if TYPE_CHECKING:
    from jobs.spec import JobSpec

VARIABLE = "TOOLCALL_SFT_JOB"
VERSION = 1
# Relative to the work folder: checkpoints name each other by path, and must find each other in
# the next attempt, whose home may be another folder.
RUNS = Path("out")
_KINDS: dict[str, tuple[type, ...]] = {
    "run_id": (str,),
    "spec": (dict,),
    "dollars_per_hour": (int, float),
    "timeout_s": (int, float),
    "dataset": (str,),
    "code_sha256": (str,),
    "dataset_sha256": (str, type(None)),
    "result_repo": (str,),
}
_NAMES = {str: "text", dict: "an object", int: "a number", float: "a number", type(None): "null"}
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Request:
    """A run, and what one attempt of it may take."""

    run_id: str
    spec: JobSpec
    dollars_per_hour: float
    timeout_s: float
    dataset: str
    """As --data.path takes it."""
    code_sha256: str
    dataset_sha256: str | None
    result_repo: str

    @property
    def out(self) -> Path:
        """The run folder, relative to the work folder."""
        return RUNS / self.run_id

    @property
    def copied(self) -> Path:
        """Where the trainer learns which checkpoint is on the Hub."""
        return RUNS / f"{self.run_id}.copied"

    @property
    def branch(self) -> str:
        """Where the run's checkpoints are kept in the result repository."""
        return f"checkpoints-{self.run_id}"

    @property
    def tag(self) -> str:
        return f"run-{self.run_id}"

    @property
    def limit_s(self) -> float:
        """What all attempts together may take."""
        return self.timeout_s * self.spec.attempts

    def train_arguments(self) -> list[str]:
        """For python -m recipe.train; later ones win."""
        return [
            *self.spec.train_arguments(),
            f"--data.path={self.dataset}",
            f"--train.dollars_per_hour={self.dollars_per_hour}",
            f"--out={self.out}",
            f"--hold_for={self.copied}",
        ]


def read_payload(environ: Mapping[str, str]) -> dict[str, Any]:
    """The keys of a request as they came. Raises UserError."""
    text = environ.get(VARIABLE)
    if not text:
        raise UserError(f"{VARIABLE}: not set; submit with python -m jobs.launch SPEC.yaml")
    try:
        payload = json.loads(text)
    except ValueError as error:
        raise UserError(f"{VARIABLE}: not JSON ({error}); submit with python -m jobs.launch") from (
            None
        )
    if not isinstance(payload, dict) or payload.get("version") != VERSION:
        found = payload.get("version") if isinstance(payload, dict) else type(payload).__name__
        raise UserError(f"{VARIABLE}: version is {found!r}; this code reads version {VERSION}")
    for key, kinds in _KINDS.items():
        if key not in payload or not isinstance(payload[key], kinds):
            allowed = " or ".join(dict.fromkeys(_NAMES[kind] for kind in kinds))
            raise UserError(f"{VARIABLE}: {key} is {payload.get(key)!r}; allowed: {allowed}")
    if not _RUN_ID.fullmatch(payload["run_id"]):
        allowed = "letters, digits, `.`, `_` and `-`"
        raise UserError(f"{VARIABLE}: run_id is {payload['run_id']!r}; allowed: {allowed}")
    return payload


def request_of(payload: Mapping[str, Any]) -> Request:
    """The request of a payload. Raises UserError for a spec that is wrong."""
    from jobs.spec import spec_from

    values = {key: payload[key] for key in _KINDS}
    return Request(**{**values, "spec": spec_from(payload["spec"], f"{VARIABLE}: spec")})
