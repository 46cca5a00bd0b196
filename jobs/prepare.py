"""From a spec to a request that is ready to send, with all that can be checked before it costs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobs.account import account_of, check_result_repo
from jobs.bundle import Bundle, Entry, bundles, tracked_files, untracked_files, upload
from jobs.local_checks import Dataset, forecast, open_dataset, validate
from jobs.plan import Budget, Plan
from jobs.prices import offer_of
from jobs.run_ticket import Ticket, new_run_id
from jobs.secret_values import check_hidden, secret_values
from jobs.spec import JobSpec
from jobs.submit import JobRequest, folders_of, submit_once

if TYPE_CHECKING:
    from huggingface_hub import HfApi, JobInfo

# Packages of which an untracked file is likely one that was forgotten.
SHIPPED = ("data/", "evals/", "jobs/", "recipe/")


@dataclass(frozen=True)
class Prepared:
    """A run that may be submitted. `sent`: what is uploaded first, by kind."""

    plan: Plan
    request: JobRequest
    sent: dict[str, Bundle]
    secrets: dict[str, str]

    def start(self, api: HfApi) -> JobInfo:
        """Upload what the bucket lacks, and submit. Raises DataError."""
        for bundle in self.sent.values():
            upload(api, self.request.owner, bundle)
        return submit_once(api, self.request, self.secrets)


@contextmanager
def prepared(spec: JobSpec, api: HfApi) -> Iterator[Prepared]:
    """Check a spec as far as that costs nothing. Raises UserError, DataError.

    Of the service only the account and the prices are read, and a dataset that it keeps.
    """
    secrets = secret_values(spec.secrets)
    code = tracked_files()
    _warn_of_untracked()
    dataset = open_dataset(spec)
    validate(dataset)
    hours = forecast(spec, dataset)
    account = account_of(api)
    repo = account.result_repo(spec.result.repo)
    check_result_repo(api, repo)
    offer = offer_of(api, spec.flavor)
    with bundles(_sources(code, dataset), secrets) as sent:
        ticket = Ticket(
            run_id=new_run_id(spec.name),
            spec=spec,
            dollars_per_hour=offer.dollars_per_hour,
            timeout_s=_timeout_s(spec, offer.dollars_per_hour),
            dataset=dataset.for_job,
            code_sha256=sent["code"].sha256,
            dataset_sha256=sent["dataset"].sha256 if "dataset" in sent else None,
            result_repo=repo,
        )
        request = JobRequest(ticket, account.name, folders_of(sent), 1, spec.attempts)
        check_hidden("the request", json.dumps(request.shown()), secrets)
        plan = Plan(ticket, account.name, hours, tuple(sent.values()), offer.ram_gb)
        plan.check()
        yield Prepared(plan, request, sent, secrets)


def _sources(code: list[Entry], dataset: Dataset) -> dict[str, Iterable[Entry]]:
    return {"code": code, **({"dataset": dataset.entries} if dataset.entries else {})}


def _timeout_s(spec: JobSpec, price: float) -> int:
    return Budget(spec.max_cost_usd, spec.attempts, price).timeout_s(spec.timeout_s)


def _warn_of_untracked() -> None:
    left = [path for path in untracked_files() if path.startswith(SHIPPED)]
    if left:
        print(
            f"warning: {len(left)} untracked files stay here, such as {left[0]}; the job gets what "
            "git tracks, so `git add` what it needs",
            file=sys.stderr,
        )
