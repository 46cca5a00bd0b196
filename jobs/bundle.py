"""What a job gets of this machine: the tracked files of the checkout, and a local dataset.

Each becomes a folder of the user's private bucket, named by the hash of its content. A folder is
never written over, so a job in the queue runs what was submitted, whatever is edited meanwhile.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from data.cli import DataError, UserError
from jobs.hub_calls import explained, retried, status_of
from jobs.secret_values import check_hidden

if TYPE_CHECKING:
    from huggingface_hub import HfApi

ROOT = Path(__file__).parent.parent
BUCKET = "jobs-artifacts"
FILES_AT_ONCE = 500


class Entry(NamedTuple):
    """A file to ship: where it lies, and its path in the bundle."""

    source: Path
    path: str


@dataclass(frozen=True)
class Bundle:
    """A snapshot of files. `name`: its folder in the bucket; `sha256`: of paths and contents."""

    folder: Path
    paths: tuple[str, ...]
    n_bytes: int
    sha256: str
    kind: str

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.sha256[:16]}"


def tracked_files(root: Path = ROOT) -> list[Entry]:
    """The files of the checkout that git tracks, as they are now, without any .env.

    Raises UserError outside of a checkout, and for a link, which a bucket cannot hold.
    """
    listed = _git(root, "ls-files", "-z").split("\0")
    kept = [path for path in listed if path and not _is_dotenv(path)]
    entries = [Entry(root / path, path) for path in kept if (root / path).exists()]
    for entry in entries:
        if entry.source.is_symlink():
            raise UserError(f"{entry.path}: a link, which cannot be shipped; put a file there")
    return [entry for entry in entries if entry.source.is_file()]


def untracked_files(root: Path = ROOT) -> list[str]:
    """Files that git neither tracks nor ignores, and which are therefore left behind."""
    return _git(root, "ls-files", "-o", "--exclude-standard", "-z").split("\0")[:-1]


def _is_dotenv(path: str) -> bool:
    names = PurePosixPath(path).parts
    return ".git" in names or any(name == ".env" or name.startswith(".env.") for name in names)


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        raise UserError("git: not found; install it: it says which files a job gets") from None
    if done.returncode:
        raise UserError(f"{root}: not a git checkout; a job gets its tracked files, so clone it")
    return done.stdout


@contextmanager
def bundles(
    sources: Mapping[str, Iterable[Entry]], secrets: Mapping[str, str]
) -> Iterator[dict[str, Bundle]]:
    """Snapshots by kind (`code`, `dataset`), for as long as they are needed."""
    with ExitStack() as stack:
        made = {}
        for kind, entries in sources.items():
            folder = Path(stack.enter_context(TemporaryDirectory(prefix=f"toolcall-sft-{kind}-")))
            made[kind] = _snapshot(kind, entries, folder, secrets)
        yield made


def _snapshot(
    kind: str, entries: Iterable[Entry], folder: Path, secrets: Mapping[str, str]
) -> Bundle:
    """Copy the files, then hash the copies: what is hashed is what is sent."""
    whole, n_bytes, paths = hashlib.sha256(), 0, []
    for entry in sorted(entries, key=lambda entry: entry.path):
        copy = folder / entry.path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(entry.source, copy)
        content = copy.read_bytes()
        check_hidden(entry.path, content, secrets)
        whole.update(f"{entry.path}\0{hashlib.sha256(content).hexdigest()}\n".encode())
        n_bytes += len(content)
        paths.append(entry.path)
    return Bundle(folder, tuple(paths), n_bytes, whole.hexdigest(), kind)


def upload(api: HfApi, owner: str, bundle: Bundle) -> None:
    """Send what the bucket lacks of a bundle. Raises DataError, also for a public bucket."""
    bucket = f"{owner}/{BUCKET}"
    with explained(f"upload to {bucket}"):
        retried(api.create_bucket, bucket, private=True, exist_ok=True)
        if not retried(api.bucket_info, bucket).private:
            raise DataError(f"{bucket}: is public, and would show your code; make it private")
        missing = _missing(api, bucket, bundle)
        for start in range(0, len(missing), FILES_AT_ONCE):
            part = missing[start : start + FILES_AT_ONCE]
            add: list[tuple[str | Path | bytes, str]] = [
                (bundle.folder / path, f"{bundle.name}/{path}") for path in part
            ]
            retried(api.batch_bucket_files, bucket, add=add)
        if _missing(api, bucket, bundle):
            raise DataError(f"upload to {bucket}: {bundle.name} is not whole there; try again")


def _missing(api: HfApi, bucket: str, bundle: Bundle) -> list[str]:
    present = retried(_sizes, api, bucket, bundle.name)
    sizes = {path: (bundle.folder / path).stat().st_size for path in bundle.paths}
    return [path for path in bundle.paths if present.get(path) != sizes[path]]


def _sizes(api: HfApi, bucket: str, folder: str) -> dict[str, int]:
    """Bytes by path in a folder of the bucket; none of a folder that is not there."""
    from huggingface_hub import BucketFile

    try:
        rows = list(api.list_bucket_tree(bucket, prefix=folder, recursive=True))
    except Exception as error:
        if status_of(error) == 404:
            return {}
        raise
    files = [row for row in rows if isinstance(row, BucketFile)]
    return {row.path.removeprefix(f"{folder}/"): row.size for row in files}
