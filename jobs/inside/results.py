"""A finished run on the Hub: one commit on main, and a tag on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.hub_calls import explained, retried
from jobs.inside.request import Request
from jobs.log_lines import Result

if TYPE_CHECKING:
    from huggingface_hub import HfApi

RUN_RECORD = "run.json"
CARD = "README.md"


def find_result(request: Request) -> Result | None:
    """What an earlier attempt of the run has pushed, tagged now if it was cut off before."""
    from huggingface_hub import HfApi

    api, repo = HfApi(), request.result_repo
    with explained(repo):
        refs = retried(api.list_repo_refs, repo)
        tagged = [tag.target_commit for tag in refs.tags if tag.name == request.tag]
        pushed = [c.commit_id for c in retried(api.list_repo_commits, repo) if _is_of(c, request)]
        commit = next(iter([*tagged, *pushed]), None)
        return _tagged(api, request, commit) if commit else None


def push_result(request: Request, out: Path, facts: Mapping[str, Any]) -> Result:
    """Push all files of a run folder; `facts` go into its run.json, as `job`. Raises DataError."""
    from huggingface_hub import HfApi

    record = _read_record(out / RUN_RECORD)
    record["job"] = dict(facts)
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    (out / RUN_RECORD).write_text(text, encoding="utf-8")
    card = (out / CARD).read_text(encoding="utf-8")
    (out / CARD).write_text(card + of_this_run(record), encoding="utf-8")
    with explained(request.result_repo):
        commit = retried(_commit, request, out)
        return _tagged(HfApi(), request, commit)


def remove_branch(request: Request) -> None:
    """Checkpoints have no use once the result is there; what cannot be removed stays."""
    from huggingface_hub import HfApi

    try:
        retried(HfApi().delete_branch, request.result_repo, branch=request.branch)
    except OSError as error:
        print(f"warning: branch {request.branch} is not removed: {error}", flush=True)


def of_this_run(record: Mapping[str, Any]) -> str:
    """What the card adds: where, for how long and on what the adapter was trained."""
    job, dataset = record["job"], record["dataset"]
    return f"""
## This run
| | |
| --- | --- |
| run | `{job["run_id"]}` |
| machine | {job["flavor"]}, {record["processes"]} process(es) |
| time | {job["hours"]:.2f} h, ${job["dollars"]:.2f} |
| steps | {record["steps"]}, mean loss {record["train_loss"]:.3f} |
| dataset | {job["dataset"]}: {dataset["examples"]} records, {dataset["tokens"]} tokens |
| dataset sha256 | `{dataset["sha256"]}` |
| adapter sha256 | `{record["adapter_sha256"]}` |
"""


def _title(request: Request) -> str:
    return f"Run {request.run_id}"


def _is_of(commit: Any, request: Request) -> bool:
    return bool(commit.title == _title(request))


def _commit(request: Request, out: Path) -> str:
    from huggingface_hub import CommitOperationAdd, HfApi

    files = sorted(path for path in out.rglob("*") if path.is_file())
    commit = HfApi().create_commit(
        request.result_repo,
        [CommitOperationAdd(path.relative_to(out).as_posix(), path) for path in files],
        commit_message=_title(request),
    )
    return str(commit.oid)


def _tagged(api: HfApi, request: Request, commit: str) -> Result:
    """Tag the commit; what it says of its adapter."""
    repo = request.result_repo
    retried(api.create_tag, repo, tag=request.tag, revision=commit, exist_ok=True)
    file = retried(api.hf_hub_download, repo, RUN_RECORD, revision=commit)
    return Result(repo, commit, request.tag, _read_record(Path(file))["adapter_sha256"])


def _read_record(file: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return record
