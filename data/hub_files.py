"""Files of dataset repositories of the Hub at one revision: `hub:ID@REVISION[:FILE]`.

FILE may be a pattern (`data/train-*.parquet`). Without it the repository must have one data file,
or the numbered parts of one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import TypeVar

from data.cli import UserError

HUB = "hub:"
SUFFIXES = (".jsonl", ".json", ".ndjson", ".parquet")
Got = TypeVar("Got")

_PART = re.compile(r"-\d{5}-of-(\d{5})(?=\.\w+\Z)")
_NO_DATA = ("dataset_infos.json", "dataset_dict.json", "state.json", "dataset_info.json")
_N_SHOWN = 8


@dataclass(frozen=True)
class HubPlace:
    """A dataset repository at a revision, and the file or pattern that is meant in it."""

    repo: str
    revision: str
    pattern: str | None = None

    def __str__(self) -> str:
        return f"{HUB}{self.repo}@{self.revision}"


@dataclass(frozen=True)
class Fetched:
    """What was downloaded: a path, which may be a pattern of several files, and its commit."""

    path: Path
    commit: str


def read_place(text: str) -> HubPlace:
    """The place that a text names. Raises UserError."""
    repo, _, rest = text.removeprefix(HUB).partition("@")
    revision, _, pattern = rest.partition(":")
    if not revision:
        raise UserError(
            f"{text}: no revision, and a repository may change between runs; write "
            f"{HUB}{repo}@REVISION with a commit, a tag or a branch"
        )
    return HubPlace(repo, revision, pattern or None)


def fetch(place: HubPlace) -> Fetched:
    """Download the data file of a place to huggingface_hub's cache. Raises UserError."""
    from huggingface_hub import HfApi, constants, snapshot_download

    wanted, revision = [place.pattern] if place.pattern else [f"*{s}" for s in SUFFIXES], None
    if not constants.HF_HUB_OFFLINE:
        info = ask(lambda: HfApi().dataset_info(place.repo, revision=place.revision), place)
        wanted = [chosen(place, [sibling.rfilename for sibling in info.siblings or ()])]
        revision = info.sha
    folder = ask(
        lambda: snapshot_download(
            place.repo,
            repo_type="dataset",
            revision=revision or place.revision,
            allow_patterns=wanted,
        ),
        place,
    )
    root = Path(folder)
    here = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]
    pattern = wanted[0] if revision else chosen(place, sorted(here))
    return Fetched(root / pattern, root.name)


def chosen(place: HubPlace, names: Sequence[str]) -> str:
    """The file or pattern to read among the files of a repository. Raises UserError."""
    data = [n for n in names if n.endswith(SUFFIXES) and PurePosixPath(n).name not in _NO_DATA]
    if place.pattern:
        found = [n for n in data if fnmatch(n, place.pattern)]
        if found and len({PurePosixPath(n).parent for n in found}) == 1:
            return place.pattern
        problem = (
            f"has no file {place.pattern!r}" if not found else "has such files in many folders"
        )
    else:
        groups = sorted({_PART.sub(r"-*-of-\1", name) for name in data})
        if len(groups) == 1:
            return groups[0]
        data = groups
        problem = (
            f"has {len(groups)} data files, and one must be meant" if groups else "has no data"
        )
    shown = ", ".join(data[:_N_SHOWN]) or "none"
    raise UserError(f"{place}: {problem}; write {place}:FILE; data files there: {shown}")


def ask(question: Callable[[], Got], place: HubPlace) -> Got:
    """What the Hub answers. Raises UserError: what is wrong with the place, and what to do."""
    from httpx2 import HTTPError
    from huggingface_hub import errors

    try:
        return question()
    except errors.GatedRepoError:
        problem = "is gated; accept its terms on its page, then `hf auth login` or set HF_TOKEN"
    except errors.RepositoryNotFoundError:
        problem = "is no dataset that this login can see; check the id, `hf auth login` or HF_TOKEN"
    except errors.RevisionNotFoundError:
        problem = f"has no revision {place.revision!r}; give a commit, a tag or a branch of it"
    except errors.HFValidationError:
        problem = f"is no id of a repository; write {HUB}OWNER/NAME@REVISION"
    except errors.LocalEntryNotFoundError:
        problem = (
            "is not whole in huggingface_hub's cache and the Hub cannot be reached; go online "
            "(HF_HUB_OFFLINE unset), or download it and give its folder"
        )
    except (HTTPError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).split("\n")[0]
        problem = f"cannot be read ({reason}); try again, or check HF_TOKEN"
    raise UserError(f"{place}: {place.repo} {problem}")
