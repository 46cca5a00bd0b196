"""Fetch what a run made, at the exact commit that its job named, and check that it is that.

The adapter's sha256 must be the one of the job's run.json and of the job's log; its tensors must be
readable, finite and trained. The folder appears when all of this holds.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.cli import DataError
from jobs.adapter_tensors import check_adapter
from jobs.hub_calls import explained, retried, status_of
from jobs.log_lines import Result
from jobs.run_ticket import Ticket
from recipe.config import BUILTIN

if TYPE_CHECKING:
    from huggingface_hub import HfApi

ADAPTER, RECORD = "adapter_model.safetensors", "run.json"
PARTIAL = ".partial"
TEST_SPLITS = ("test_seen", "test_unseen")


def commit_of_tag(api: HfApi, ticket: Ticket) -> str:
    """The commit that holds a run's result, by its tag. Raises DataError if there is none."""
    repo = ticket.result_repo
    with explained(f"result of {ticket.run_id}"):
        try:
            found = retried(api.repo_info, repo, revision=ticket.tag).sha
        except Exception as error:
            if status_of(error) != 404:
                raise
            raise DataError(
                f"{repo}: has no tag {ticket.tag}, so the run did not finish; "
                "python -m jobs.launch resume ID goes on with it"
            ) from None
    return str(found)


def pull(api: HfApi, ticket: Ticket, result: Result | None) -> Path:
    """The folder with the run's adapter, fetched and checked. Raises DataError.

    `result`: what the job's log said; without it, the run's tag says which commit it is.
    """
    out = Path(ticket.spec.pull.out) / ticket.run_id
    if not out.exists():
        partial = out.with_name(out.name + PARTIAL)
        fetch(api, ticket, result.commit if result else commit_of_tag(api, ticket), partial)
        check_run(partial, result.adapter_sha256 if result else None)
        os.replace(partial, out)
    else:
        check_run(out, result.adapter_sha256 if result else None)
    return out


def fetch(api: HfApi, ticket: Ticket, commit: str, folder: Path) -> None:
    """Download a commit; what is there of an earlier try is kept and completed."""
    folder.mkdir(parents=True, exist_ok=True)
    with explained(f"download of {ticket.result_repo} at {commit[:12]}"):
        retried(api.snapshot_download, ticket.result_repo, revision=commit, local_dir=folder)
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    (folder / ".gitattributes").unlink(missing_ok=True)


def check_run(folder: Path, told_sha256: str | None) -> None:
    """Check the adapter against run.json and the log. Raises DataError."""
    record = _record(folder)
    adapter = folder / ADAPTER
    if not adapter.is_file():
        raise DataError(f"{adapter}: missing in what was pulled; pull again")
    with open(adapter, "rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    for source, wanted in ((RECORD, record.get("adapter_sha256")), ("the job's log", told_sha256)):
        if wanted is not None and wanted != found:
            raise DataError(
                f"{adapter}: its sha256 is {found[:16]}, and {source} says {str(wanted)[:16]}; "
                f"it is not what the job trained; remove {folder} and pull again"
            )
    check_adapter(folder)


def _record(folder: Path) -> dict[str, Any]:
    path = folder / RECORD
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {error}; remove {folder} and pull again") from None
    return record


def evaluate(folder: Path, dataset: str) -> int:
    """Score base and adapter with python -m evals.tool_accuracy; returns its exit code.

    `dataset`: as a spec's dataset.path. Raises DataError where it is not on this machine.
    """
    files = _test_files(dataset)
    command = ["evals.tool_accuracy", "--run", str(folder), "--data", *map(str, files)]
    return subprocess.run([sys.executable, "-m", *command]).returncode


def _test_files(dataset: str) -> list[Path]:
    """The test splits, or validation where there are none."""
    from data.hub_files import HUB
    from recipe.sources import open_source

    if dataset != BUILTIN and not dataset.startswith(HUB) and not Path(dataset).exists():
        raise DataError(f"evaluate: {dataset} is not on this machine; run it where the dataset is")
    folder = open_source(dataset).folder
    for splits in (TEST_SPLITS, ("validation",)):
        files = [folder / f"{split}.jsonl" for split in splits]
        if found := [file for file in files if file.is_file()]:
            return found
    raise DataError(f"evaluate: {dataset} has no test or validation split in JSONL to score on")
