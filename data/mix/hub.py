"""Repositories of the Hub at a fixed commit: resolving, locking, fetching.

A mix names a branch, a tag or a commit; the lock file beside it (NAME.lock.yaml) has the commit of
each, so that the same mix gives the same rows on another day. Nothing is read without one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

import yaml

from data.cli import UserError
from data.hub_files import HubPlace, ask
from data.mix.plan import Place

Got = TypeVar("Got")

_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_HEADING = "# Commits of the revisions that the mix beside this file names; written by --pin.\n"


class NoAccess(UserError):
    """A repository that this login may not read: its terms are not accepted, or it is private."""


def lock_path(mix: Path) -> Path:
    """Where the commits of a mix are kept."""
    return mix.with_name(mix.name.removesuffix(".yaml") + ".lock.yaml")


def read_lock(mix: Path) -> dict[str, str]:
    """ID@REVISION to commit; empty where nothing was pinned yet. Raises UserError."""
    path = lock_path(mix)
    if not path.is_file():
        return {}
    try:
        lock = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        lock = None
    if not isinstance(lock, dict) or not all(_is_commit(commit) for commit in lock.values()):
        raise UserError(f"{path}: not ID@REVISION: COMMIT; remove it and say --pin")
    return lock


def _is_commit(revision: object) -> bool:
    return isinstance(revision, str) and _COMMIT.match(revision) is not None


def commit_of(place: Place, lock: dict[str, str]) -> str:
    """The commit that a repository is read at. Raises UserError where it is not pinned."""
    if _is_commit(place.revision):
        return place.revision
    commit = lock.get(f"{place.repo}@{place.revision}")
    if commit is None:
        raise UserError(
            f"{place.name}: {place.place} may change between runs and is not pinned; say --pin, "
            "which writes its commit into the lock file, or write a commit instead"
        )
    return commit


def pin(mix: Path, places: Iterable[Place]) -> dict[str, str]:
    """Resolve what is not pinned yet and write the lock file; what is pinned stays."""
    from huggingface_hub import HfApi

    lock = read_lock(mix)
    for place in places:
        key = f"{place.repo}@{place.revision}"
        if place.is_hub and not _is_commit(place.revision) and key not in lock:
            lock[key] = _asked(place, partial(_resolved, HfApi(), place))
    if lock:
        _write(lock_path(mix), lock)
    return lock


def _resolved(api: object, place: Place) -> str:
    sha = api.dataset_info(place.repo, revision=place.revision).sha  # type: ignore[attr-defined]
    if not _is_commit(sha):
        raise OSError(f"no commit of {place.revision} was told")
    return str(sha)


def _write(path: Path, lock: dict[str, str]) -> None:
    unfinished = path.with_name(path.name + ".partial")
    try:
        unfinished.write_text(_HEADING + yaml.safe_dump(lock), encoding="utf-8")
        os.replace(unfinished, path)
    except OSError as error:
        raise UserError(
            f"{path}: {error.strerror}; copy the mix to a folder of yours and pin it there"
        ) from None


def fetch(place: Place, commit: str) -> list[Path]:
    """The files of a repository at a commit, in huggingface_hub's cache. Raises UserError."""
    from huggingface_hub import snapshot_download

    wanted = [*place.files, *([place.answers] if place.answers else [])]
    folder = Path(
        _asked(
            place,
            lambda: snapshot_download(
                place.repo, repo_type="dataset", revision=commit, allow_patterns=wanted
            ),
        )
    )
    if missing := [name for name in wanted if not (folder / name).is_file()]:
        raise UserError(
            f"{place.name}: {place.repo} has no file {missing[0]!r} at {commit[:12]}; correct files"
        )
    return [folder / name for name in place.files]


def _asked(place: Place, question: Callable[[], Got]) -> Got:
    """What the Hub answers. Raises NoAccess, UserError."""

    def asked() -> Got:
        from huggingface_hub import errors

        try:
            return question()
        except (errors.GatedRepoError, errors.RepositoryNotFoundError):
            raise NoAccess(
                f"{place.name}: {place.repo} is gated, private or not there; accept its terms on "
                "its page, then `hf auth login` or set HF_TOKEN"
            ) from None

    return ask(asked, HubPlace(place.repo, place.revision))
