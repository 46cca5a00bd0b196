"""The ticket of a run that `hf jobs uv run` started: made in the job, not by the launcher."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

from jobs.account import account_of
from jobs.plan import Budget
from jobs.prices import offer_of
from jobs.run_ticket import Ticket
from jobs.spec import PAYLOAD_VARIABLE, load_spec


def uv_environment(spec_file: Path) -> dict[str, str]:
    """The variables that python -m jobs.inside needs beside those of the job. Raises UserError.

    The service's own id of the job names the run, so an attempt that it starts again goes on.
    """
    from huggingface_hub import HfApi

    spec, api = load_spec(spec_file), HfApi()
    price = offer_of(api, spec.flavor).dollars_per_hour
    job_id = os.environ.get("JOB_ID", f"{datetime.now(UTC):%Y%m%d%H%M%S}")
    ticket = Ticket(
        run_id=f"{spec.name}-{job_id[-12:]}",
        spec=spec,
        dollars_per_hour=price,
        timeout_s=Budget(spec.max_cost_usd, spec.attempts, price).timeout_s(spec.timeout_s),
        dataset=spec.dataset.path,
        code_sha256=hashlib.sha256(spec_file.read_bytes()).hexdigest(),
        dataset_sha256=None,
        result_repo=account_of(api).result_repo(spec.result.repo),
    )
    return {**spec.env, PAYLOAD_VARIABLE: ticket.as_json()}
