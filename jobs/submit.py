"""Submit a job exactly once, also if the answer to the request is lost."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from data.cli import DataError
from jobs.bundle import BUCKET, Bundle
from jobs.hub_calls import PATIENT, explained, first_line, may_pass, retried, wait_before
from jobs.run_ticket import ATTEMPT_LABEL, RUN_LABEL, VERSION_LABEL, Ticket
from jobs.spec import BUNDLE, PAYLOAD_VARIABLE

if TYPE_CHECKING:
    from huggingface_hub import HfApi, JobInfo, Volume

COMMAND = ("bash", "-c", f"cd {BUNDLE}/code && exec python -m jobs.inside")
# How long a job that was made may take to show in the list of jobs.
SHOWN_AFTER_S = 2.0


@dataclass(frozen=True)
class JobRequest:
    """One attempt of a run. `attempts`: how often the service may start it."""

    ticket: Ticket
    owner: str
    folders: Mapping[str, str]
    """Folders of the bucket by what they hold: `code`, `dataset`."""
    number: int
    attempts: int

    @property
    def labels(self) -> dict[str, str]:
        """Labels by which it is found, and those of the spec."""
        own = {
            VERSION_LABEL: _version(),
            RUN_LABEL: self.ticket.run_id,
            ATTEMPT_LABEL: str(self.number),
        }
        return {"name": self.ticket.spec.name, **self.ticket.spec.labels, **own}

    @property
    def environment(self) -> dict[str, str]:
        return {**self.ticket.spec.env, PAYLOAD_VARIABLE: self.ticket.as_json()}

    def volumes(self) -> list[Volume]:
        """What is mounted, all of it read-only."""
        from huggingface_hub import Volume

        bucket = f"{self.owner}/{BUCKET}"
        return [
            Volume(
                type="bucket",
                source=bucket,
                path=folder,
                mount_path=f"{BUNDLE}/{kind}",
                read_only=True,
            )
            for kind, folder in self.folders.items()
        ]

    def shown(self) -> dict[str, Any]:
        """The request as it goes over the wire, but for the values of secrets."""
        spec = self.ticket.spec
        body = {
            "command": list(COMMAND),
            "arguments": [],
            "environment": self.environment,
            "flavor": spec.flavor,
            "secrets": dict.fromkeys(spec.secrets, "***"),
            "timeoutSeconds": self.ticket.timeout_s,
            "attempts": self.attempts,
            "labels": self.labels,
            "volumes": [volume.to_dict() for volume in self.volumes()],
            "dockerImage": spec.image,
        }
        return {"method": "POST", "path": f"/api/jobs/{self.owner}", "body": body}


def folders_of(bundles: Mapping[str, Bundle]) -> dict[str, str]:
    """The folder of each bundle in the bucket."""
    return {kind: bundle.name for kind, bundle in bundles.items()}


def submit_once(api: HfApi, request: JobRequest, secrets: Mapping[str, str]) -> JobInfo:
    """The job of a request: the one that is there, or else a new one. Raises DataError.

    After a failure of which nobody knows whether it came before or after the job was made, the
    job's own label is looked for before anything is sent again.
    """
    with explained("submit"):
        for number in range(PATIENT.tries):
            found = retried(find_attempt, api, request)
            if found is not None:
                return found
            try:
                return _post(api, request, secrets)
            except Exception as error:
                if not may_pass(error):
                    raise
                wait_s = max(SHOWN_AFTER_S, wait_before(number, error))
                again = f"submit: {first_line(error)}; looking for the job in {wait_s:.0f} s"
                print(again, file=sys.stderr)
                time.sleep(wait_s)
        found = retried(find_attempt, api, request)
    if found is None:
        raise DataError(f"submit: the service took none of {PATIENT.tries} requests; try later")
    return found


def find_attempt(api: HfApi, request: JobRequest) -> JobInfo | None:
    """The job of this attempt of this run, if it was ever made."""
    labels = {key: request.labels[key] for key in (RUN_LABEL, ATTEMPT_LABEL)}
    return next(iter(api.list_jobs(labels=labels, namespace=request.owner)), None)


def _post(api: HfApi, request: JobRequest, secrets: Mapping[str, str]) -> JobInfo:
    spec = request.ticket.spec
    return api.run_job(
        image=spec.image,
        command=list(COMMAND),
        env=request.environment,
        secrets=dict(secrets),
        flavor=spec.flavor,
        timeout=request.ticket.timeout_s,
        attempts=request.attempts,
        labels=request.labels,
        volumes=request.volumes(),
        namespace=request.owner,
    )


def _version() -> str:
    try:
        return version("toolcall-sft")
    except PackageNotFoundError:
        return "unknown"
