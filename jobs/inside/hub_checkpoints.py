"""Checkpoints of a run on the Hub, from which its next attempt goes on.

They lie on a branch of the result repository. Files come first; manifest.json, with their hashes,
comes in a later commit, so half an upload is never taken for a whole one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jobs.hub_calls import retried
from recipe.checkpoints import LAST_WRITTEN, RUN_CONFIG

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MANIFEST = "manifest.json"
KEPT = 3
_NAME = re.compile(r"checkpoint-(\d+)")


class Place(NamedTuple):
    """A branch of a repository."""

    repo: str
    branch: str


class Restored(NamedTuple):
    """The step of a checkpoint, and the seconds that jobs had spent on the run by then."""

    step: int
    spent_s: float


def step_of(name: str) -> int:
    """500 of checkpoint-500, -1 of any other name."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else -1


def best_of(checkpoint: Path) -> str | None:
    """The name of the checkpoint that the run would end with; without it none can go on."""
    state = json.loads((checkpoint / LAST_WRITTEN).read_text(encoding="utf-8"))
    best = state.get("best_model_checkpoint")
    return Path(best).name if best else None


def open_branch(place: Place) -> None:
    """Make the branch if there is none."""
    from huggingface_hub import HfApi

    retried(HfApi().create_branch, place.repo, branch=place.branch, exist_ok=True)


def push(place: Place, checkpoint: Path, spent_s: float) -> None:
    """Upload a whole checkpoint-N folder that nobody writes to, then its manifest.

    The manifest's commit also removes checkpoints that are no longer needed.
    """
    from huggingface_hub import HfApi

    api, name = HfApi(), checkpoint.name
    hashes = _hashes(checkpoint)
    manifest = {"step": step_of(name), "spent_s": round(spent_s, 1), "files": hashes}
    retried(
        api.upload_folder,
        repo_id=place.repo,
        revision=place.branch,
        folder_path=checkpoint,
        path_in_repo=name,
        commit_message=f"{name}: files",
    )
    there = _names(api, place)
    unneeded = [old for old in there[KEPT:] if old not in (name, best_of(checkpoint))]
    retried(_commit_manifest, place, name, manifest, unneeded)


def _commit_manifest(
    place: Place, name: str, manifest: dict[str, Any], unneeded: list[str]
) -> None:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    content = (json.dumps(manifest, indent=2) + "\n").encode()
    HfApi().create_commit(
        place.repo,
        revision=place.branch,
        operations=[
            CommitOperationAdd(f"{name}/{MANIFEST}", content),
            *(CommitOperationDelete(f"{old}/", is_folder=True) for old in unneeded),
        ],
        commit_message=f"{name}: whole",
    )


def restore(place: Place, partial: Path, staging: Path) -> Restored | None:
    """Put the newest whole checkpoint, and the best that it names, where a run looks for them.

    `partial`: the run's unfinished folder. None where the branch has no whole checkpoint.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    for name in _names(api, place):
        manifest = _fetch(api, place, name, staging)
        best = best_of(staging / name) if manifest else None
        if manifest is None or (best and best != name and not _fetch(api, place, best, staging)):
            print(f"{name} on the Hub is not whole; looking for an older one", flush=True)
            continue
        partial.mkdir(parents=True, exist_ok=True)
        (staging / name / RUN_CONFIG).replace(partial / RUN_CONFIG)
        for moved in {name, best or name}:
            _settle(staging / moved, partial / moved)
        shutil.rmtree(staging)
        return Restored(manifest["step"], manifest["spent_s"])
    return None


def _settle(fetched: Path, checkpoint: Path) -> None:
    """As Trainer left it: it removes its oldest checkpoints by the time of their folders."""
    (fetched / MANIFEST).unlink()
    (fetched / RUN_CONFIG).unlink(missing_ok=True)
    fetched.replace(checkpoint)
    os.utime(checkpoint, (step_of(checkpoint.name),) * 2)


def _names(api: HfApi, place: Place) -> list[str]:
    """The checkpoints of the branch, whole or not, newest first."""
    entries = retried(_listed, api, place)
    return sorted((e for e in entries if step_of(e) >= 0), key=step_of, reverse=True)


def _listed(api: HfApi, place: Place) -> list[str]:
    return [entry.path for entry in api.list_repo_tree(place.repo, revision=place.branch)]


def _fetch(api: HfApi, place: Place, name: str, staging: Path) -> dict[str, Any] | None:
    """Download a checkpoint; its manifest if all files are as it says, else None."""
    retried(
        api.snapshot_download,
        place.repo,
        revision=place.branch,
        allow_patterns=f"{name}/*",
        local_dir=staging,
    )
    try:
        manifest: dict[str, Any] = json.loads((staging / name / MANIFEST).read_text("utf-8"))
        is_whole = manifest["files"] == _hashes(staging / name) and manifest["spent_s"] >= 0
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return manifest if is_whole else None


def _hashes(folder: Path) -> dict[str, str]:
    """sha256 of each file but the manifest, by its path in the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): _sha256(path)
        for path in files
        if path != folder / MANIFEST
    }


def _sha256(file: Path) -> str:
    with open(file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
