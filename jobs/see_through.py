"""From a submitted job to a checked adapter: follow, continue, pull, evaluate."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from data.cli import DataError
from jobs.follow import TERMINAL, Ending, Screen, follow
from jobs.hub_calls import explained, retried
from jobs.plan import Budget
from jobs.pull import evaluate, pull
from jobs.run_ticket import RUN_LABEL, ticket_of
from jobs.secret_values import secret_values
from jobs.spec import BUNDLE
from jobs.submit import JobRequest, submit_once

if TYPE_CHECKING:
    from huggingface_hub import HfApi, JobInfo


@dataclass(frozen=True)
class Done:
    """A run that has its result: where it is here, and what it cost."""

    folder: Path
    dollars: float


def see_through(api: HfApi, job: JobInfo, show: Callable[[str], None] | None = None) -> Done:
    """Follow a run from one of its jobs until its adapter is here. Raises DataError.

    `show` gets the lines of the log; without it they go to stderr, with a bar on a terminal.
    A job that ends with `to be continued` is followed by the next attempt, if attempts and budget
    allow.
    """
    while True:
        ending = _watch(api, job, show)
        if not ending.is_to_be_continued:
            break
        job = next_attempt(api, ending.job)
        print(f"job {job.id} goes on with the run", file=sys.stderr)
    if not ending.is_done:
        raise DataError(
            f"job {job.id}: {ending.reason()}; `python -m jobs.launch logs {job.id}` shows its "
            f"log, `resume {job.id}` goes on from its last checkpoint"
        )
    ticket = ticket_of(ending.job)
    folder = pull(api, ticket, ending.findings.result)
    spent = sum(dollars_of(one, ticket.dollars_per_hour) for one in jobs_of_run(api, job))
    return Done(folder, spent)


def finish(api: HfApi, job: JobInfo) -> int:
    """See a run through, say where its adapter is, and score it if the spec says so."""
    done = see_through(api, job)
    spec = ticket_of(job).spec
    print(f"adapter in {done.folder}, checked; the run cost about ${done.dollars:.2f}")
    if spec.evaluate:
        return evaluate(done.folder, spec.dataset.path)
    print(f"next: python -m evals.tool_accuracy --run {done.folder} --data TEST_FILES")
    return 0


def _watch(api: HfApi, job: JobInfo, show: Callable[[str], None] | None) -> Ending:
    if show is not None:
        return follow(api, job, show)
    screen = Screen(ticket_of(job).dollars_per_hour, job.started_at or job.created_at)
    try:
        return follow(api, job, screen.show)
    finally:
        screen.close()


def next_attempt(api: HfApi, job: JobInfo, more_dollars: float = 0.0) -> JobInfo:
    """Submit the next attempt of a run whose jobs are over. Raises DataError if none is left.

    It gets the code and dataset of the first, and what is left of the budget and `more_dollars`.
    """
    ticket, made = ticket_of(job), jobs_of_run(api, job)
    running = [one for one in made if one.status.stage not in TERMINAL]
    if running:
        return running[0]
    left = ticket.spec.attempts - len(made) + (1 if more_dollars else 0)
    if left < 1:
        raise DataError(
            f"attempts: all {ticket.spec.attempts} of run {ticket.run_id} are used; "
            f"`python -m jobs.launch resume {job.id} --more-usd N` makes one more"
        )
    spent = sum(dollars_of(one, ticket.dollars_per_hour) for one in made)
    budget = Budget(ticket.spec.max_cost_usd + more_dollars - spent, left, ticket.dollars_per_hour)
    ticket = replace(ticket, timeout_s=budget.timeout_s(ticket.spec.timeout_s))
    request = JobRequest(ticket, job.owner.name, folders_of_job(job), len(made) + 1, left)
    return submit_once(api, request, secret_values(ticket.spec.secrets))


def jobs_of_run(api: HfApi, job: JobInfo) -> list[JobInfo]:
    """All jobs of the run that a job belongs to, newest first."""
    labels = {RUN_LABEL: ticket_of(job).run_id}
    with explained(f"jobs of {labels[RUN_LABEL]}"):
        return retried(_listed, api, job.owner.name, labels)


def _listed(api: HfApi, owner: str, labels: Mapping[str, str]) -> list[JobInfo]:
    return list(api.list_jobs(labels=dict(labels), namespace=owner))


def folders_of_job(job: JobInfo) -> dict[str, str]:
    """The bucket's folders that a job mounts, by kind."""
    mounted = {volume.mount_path: volume.path for volume in job.volumes or []}
    kinds = ("code", "dataset")
    found = {kind: mounted.get(f"{BUNDLE}/{kind}") for kind in kinds}
    return {kind: path for kind, path in found.items() if path}


def dollars_of(job: JobInfo, price: float) -> float:
    """What a job has cost, at most: all the time since it was made, at an hourly price."""
    seconds = (job.durations.total_secs if job.durations else None) or 0
    return float(seconds) / 3600 * price
