"""May this job read its base model and write its result? Asked before anything is downloaded."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.cli import DataError
from data.embedded import NAME as EMBEDDED
from jobs.hub_calls import explained, retried
from jobs.inside.request import Request

if TYPE_CHECKING:
    from recipe.config import ModelArgs

GIB = 2**30
# Checkpoints, the result, token ids and what pip keeps.
SPACE_GIB = 3.0
WEIGHTS = (".safetensors", ".bin", ".json", ".txt")


def check_rights(request: Request) -> None:
    """The token may write to the result repository, which exists afterwards. Raises DataError."""
    from huggingface_hub import HfApi

    token, repo = os.environ.get("HF_TOKEN"), request.result_repo
    if not token:
        raise DataError(
            "HF_TOKEN: not set, so nothing can be pushed; list it in the spec's secrets"
        )
    api = HfApi()
    with explained("HF_TOKEN"):
        login = retried(api.whoami)
    _check_owner(login, repo)
    with explained(repo):
        retried(api.create_repo, repo, private=request.spec.result.private, exist_ok=True)
        retried(api.auth_check, repo, write=True)
        is_private = retried(api.repo_info, repo).private
    if request.spec.result.private and not is_private:
        raise DataError(
            f"{repo}: is public, and result.private is true; make it private, or choose another"
        )


def _check_owner(login: dict[str, Any], repo: str) -> None:
    """What a login says of itself rules out most wrong tokens without making anything."""
    user, owner = login["name"], repo.split("/")[0]
    token = login.get("auth", {}).get("accessToken", {})
    if token.get("role") == "read":
        raise DataError(
            f"HF_TOKEN: may only read, and results are written to {repo}; make a token with write "
            "access and submit again"
        )
    owners = [user, *(org["name"] for org in login.get("orgs", ()))]
    if owner not in owners:
        raise DataError(
            f"{repo}: the token is of {user}, who may write for {', '.join(owners)}; set "
            "result.repo to one of these"
        )


def check_space(model: ModelArgs, work: Path) -> None:
    """The base model can be read, and there is room for it. Raises DataError."""
    needed = SPACE_GIB + model_gib(model)
    free = shutil.disk_usage(work).free / GIB
    if free < needed:
        raise DataError(
            f"{work}: {free:.1f} GiB free, {needed:.1f} needed for {model.name} and checkpoints; "
            "choose a flavor with more disk"
        )


def model_gib(model: ModelArgs) -> float:
    """What a model of the Hub takes on disk; 0 for one that is here. Raises DataError."""
    from huggingface_hub import HfApi

    if model.name == EMBEDDED or Path(model.name).is_dir():
        return 0.0
    api = HfApi()
    with explained(f"--model.name {model.name}"):
        info = retried(api.model_info, model.name, revision=model.revision, files_metadata=True)
    sizes = [file.size or 0 for file in info.siblings or () if file.rfilename.endswith(WEIGHTS)]
    return sum(sizes) / GIB
