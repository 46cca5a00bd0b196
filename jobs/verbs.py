"""What can be done with a job that exists, from any machine, by nothing but its id."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from data.cli import DataError
from jobs.follow import TERMINAL, ending_of, lines_until_end
from jobs.hub_calls import BRIEF, explained, retried, retried_with
from jobs.log_lines import Result
from jobs.pull import pull
from jobs.run_ticket import ATTEMPT_LABEL, RUN_LABEL, ticket_of
from jobs.see_through import dollars_of, jobs_of_run, next_attempt

if TYPE_CHECKING:
    from huggingface_hub import HfApi, JobInfo

_JOB_ID = re.compile(r"(?:(?P<owner>[\w.-]+)/)?(?P<job_id>[0-9a-f]{24})")


def main(arguments: Sequence[str]) -> int:
    """Do what the first argument says with the job of the second."""
    args = _parser().parse_args(arguments)

    from huggingface_hub import HfApi

    api = HfApi()
    with explained(f"{args.verb} {args.id}"):
        job = find_job(api, args.id)
        if args.verb == "resume":
            return resume(api, job, args.more_usd)
        return {"logs": logs, "status": status, "cancel": cancel, "pull": fetch}[args.verb](
            api, job
        )


def _parser() -> argparse.ArgumentParser:
    from jobs.launch import VERBS, Parser

    parser = Parser(
        prog="python -m jobs.launch",
        description="logs: print the log to the job's end; status: where it stands; cancel: end "
        "it; pull: fetch and check its adapter; resume: follow it to the end, start its next "
        "attempt if it is to be continued or has failed, and pull.",
    )
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("id", metavar="ID", help="of a job, or of a run")
    parser.add_argument(
        "--more-usd",
        type=float,
        default=0.0,
        metavar="N",
        help="resume: allow that many dollars, and one attempt, more than the spec does",
    )
    return parser


def find_job(api: HfApi, text: str) -> JobInfo:
    """The job of an id, or the newest of a run. Raises DataError if there is none."""
    found = _JOB_ID.fullmatch(text)
    if found:
        owner, job_id = found["owner"], found["job_id"]
        return retried_with(BRIEF, lambda: api.inspect_job(job_id=job_id, namespace=owner))
    owner = retried_with(BRIEF, api.whoami)["name"]
    listed = retried(lambda: list(api.list_jobs(labels={RUN_LABEL: text}, namespace=owner)))
    if not listed:
        raise DataError(
            f"{text}: no job or run of {owner}; `hf jobs ls -a` lists jobs with their ids"
        )
    return listed[0]


def logs(api: HfApi, job: JobInfo) -> int:
    """Print the job's log until it is over."""
    try:
        for line in lines_until_end(api, job.id, job.owner.name):
            print(line, flush=True)
    except KeyboardInterrupt:
        print(f"\nleft: job {job.id} goes on", file=sys.stderr)
        return 130
    return 0


def status(api: HfApi, job: JobInfo) -> int:
    """Print where each job of the run stands, newest first."""
    ticket = ticket_of(job)
    print(f"run {ticket.run_id} on {ticket.spec.flavor}, result in {ticket.result_repo}")
    for one in jobs_of_run(api, job):
        attempt = (one.labels or {}).get(ATTEMPT_LABEL, "?")
        said = f" ({one.status.message})" if one.status.message else ""
        seconds = (one.durations.running_secs if one.durations else None) or 0
        spent = dollars_of(one, ticket.dollars_per_hour)
        print(
            f"job {one.id} attempt {attempt} {one.status.stage}{said} "
            f"{seconds / 3600:.2f} hours ${spent:.2f}"
        )
    return 0


def cancel(api: HfApi, job: JobInfo) -> int:
    """End what is running of the run."""
    running = [one for one in jobs_of_run(api, job) if one.status.stage not in TERMINAL]
    for one in running:
        retried(api.cancel_job, job_id=one.id, namespace=one.owner.name)
        print(f"job {one.id} is cancelled")
    if not running:
        print(f"job {job.id} is over already ({job.status.stage})")
    return 0


def fetch(api: HfApi, job: JobInfo) -> int:
    """Fetch and check the run's adapter."""
    if job.status.stage not in TERMINAL:
        raise DataError(
            f"job {job.id}: is {job.status.stage}; `python -m jobs.launch resume {job.id}` waits"
        )
    folder = pull(api, ticket_of(job), _result_in_log(api, job))
    print(f"adapter in {folder}, checked")
    print(f"next: python -m evals.tool_accuracy --run {folder} --data TEST_FILES")
    return 0


def _result_in_log(api: HfApi, job: JobInfo) -> Result | None:
    """What the log says of the result; None where the service has the log no more."""
    try:
        return ending_of(api, job).findings.result
    except DataError as error:
        print(f"warning: no log ({error}); going by the tag of the run", file=sys.stderr)
        return None


def resume(api: HfApi, job: JobInfo, more_usd: float) -> int:
    """Come back to a run: follow it, or start its next attempt, until its adapter is here."""
    from jobs.launch import stay

    newest = jobs_of_run(api, job)[0]
    if newest.status.stage in TERMINAL:
        ending = ending_of(api, newest)
        if not ending.is_done:
            newest = next_attempt(api, newest, more_usd)
            print(f"job {newest.id} {newest.url}", flush=True)
    return stay(api, newest)
