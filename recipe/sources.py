"""Where the records of a run come from: built-in, a folder, one file, or a repository of the Hub.

Records are read one after another: no split is held in memory.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import data
from data.build import build
from data.cli import DataError, UserError
from data.embedded import DATASET_SEED
from data.hub_files import HUB, ask, read_place
from data.record import Example, example_from, read_examples
from recipe.config import BUILTIN

BUILTIN_ROOT = Path("out")
SPLITS = ("train", "validation", "test_seen", "test_unseen")
# Where a split may lie in a folder; the first that is there is read. The last two are how the Hub
# keeps what `push_to_hub` of datasets wrote: one or several numbered files.
LAYOUTS = (
    "{split}.jsonl",
    "{split}.parquet",
    "parquet/{split}.parquet",
    "{split}-*-of-*.parquet",
    "data/{split}-*-of-*.parquet",
)
SUFFIXES = (".jsonl", ".parquet")
ROWS_AT_ONCE = 256
PARQUET_BUFFER_BYTES = 2**20  # without one, a column of a row group is read in one piece


@dataclass(frozen=True)
class Source:
    """A folder of splits, or one file that is the train split. `repo`, `commit`: of the Hub."""

    folder: Path
    file: Path | None = None
    repo: str | None = None
    commit: str | None = None

    def split_file(self, split: str) -> Path:
        """The file of a split, of several the first. Raises UserError if there is none."""
        return self.split_files(split)[0]

    def split_files(self, split: str) -> tuple[Path, ...]:
        """The files of a split, in order. Raises UserError if there is none, or one is missing."""
        if self.file is not None and split == "train":
            return (self.file,)
        if self.file is not None:
            raise UserError(
                f"{self.file}: one file is the train split, and {split} is needed, too; say "
                "--train.eval_steps 0, or give --data.path a folder that has both"
            )
        layouts = (layout.format(split=split) for layout in LAYOUTS)
        found = (tuple(sorted(self.folder.glob(layout))) for layout in layouts)
        files = next(filter(None, found), ())
        if not files:
            without = " (or say --train.eval_steps 0)" if split == "validation" else ""
            raise UserError(
                f"{self.folder / split}.jsonl: no such file, and no .parquet in its place; "
                "--data.path takes a folder that python -m data.build wrote, or one laid out like "
                f"it{without}"
            )
        _check_all_there(files)
        return files


def open_source(path: str) -> Source:
    """The source that --data.path names; a folder is looked into later. Raises UserError.

    `builtin` is built on first use under out/; `hub:` is downloaded to huggingface_hub's cache.
    """
    if path == BUILTIN:
        return Source(_builtin_folder())
    if path.startswith(HUB):
        return _from_hub(path)
    file = Path(path)
    if not file.is_file() and file.suffix in SUFFIXES:
        raise UserError(f"--data.path {path}: no such file; give an existing one, or a folder")
    if not file.is_file():
        return Source(file)
    if file.suffix not in SUFFIXES:
        raise UserError(
            f"--data.path {path}: neither {' nor '.join(SUFFIXES)}; give a file of records that "
            "ends in one of these, or a folder"
        )
    return Source(file.parent, file)


def _check_all_there(files: tuple[Path, ...]) -> None:
    """Of numbered files, as many as their names say. Raises UserError."""
    _, of, n_files = files[0].stem.rpartition("-of-")
    if of and n_files.isdigit() and len(files) != int(n_files):
        raise UserError(f"{files[0]}: one of {int(n_files)} files, {len(files)} are here; add them")


def as_source(place: Source | Path) -> Source:
    """The source itself, or the one of a folder or file."""
    return open_source(str(place)) if isinstance(place, Path) else place


def _builtin_folder() -> Path:
    folder = BUILTIN_ROOT / f"dataset-{_source_fingerprint()[:8]}"
    if not (folder / "manifest.json").is_file():
        print(f"building the dataset in {folder}", file=sys.stderr)
        build(folder, seed=DATASET_SEED)
    return folder


@cache
def _source_fingerprint() -> str:
    """Of everything that decides the built dataset: the catalogue and the code of `data`."""
    root = Path(data.__file__).parent
    files = sorted([*root.glob("*.py"), *root.glob("catalogue/*.yaml")])
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _from_hub(path: str) -> Source:
    """A dataset repository at one revision; its token is the one of the environment or login."""
    from huggingface_hub import snapshot_download

    place = read_place(path)
    if place.pattern:
        raise UserError(
            f"--data.path {path}: a whole repository is read, not {place.pattern!r} alone; write "
            f"{place}, or turn the file into records with python -m data.convert"
        )
    wanted = [layout.format(split=split) for layout in LAYOUTS for split in SPLITS]
    folder = ask(
        lambda: snapshot_download(
            place.repo, repo_type="dataset", revision=place.revision, allow_patterns=wanted
        ),
        place,
    )
    return Source(Path(folder), repo=place.repo, commit=Path(folder).name)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0]


def read_split(source: Source, split: str) -> Iterator[Example]:
    """The records of a split, in the order of its file. Raises UserError, DataError."""
    for file in source.split_files(split):
        yield from _read_parquet(file) if file.suffix == ".parquet" else read_examples(file)


def sha256_of(files: Sequence[Path]) -> str:
    """The hash of a file's bytes; of several files, that of their hashes. Raises UserError."""
    if len(files) > 1:
        return hashlib.sha256("".join(sha256_of([file]) for file in files).encode()).hexdigest()
    try:
        with open(files[0], "rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{files[0]}: {error.strerror}; give a file that can be read") from None


def count_records(file: Path) -> int:
    """How many records a file has; of JSONL its lines, blank ones included."""
    if file.suffix == ".parquet":
        return int(_open_parquet(file).metadata.num_rows)
    with open(file, "rb") as lines:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: lines.read(2**20), b""))


def _open_parquet(file: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(file, buffer_size=PARQUET_BUFFER_BYTES)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file}: not Parquet ({_first_line(error)}); write it again") from None


def _read_parquet(file: Path) -> Iterator[Example]:
    """The records of a Parquet file; `tools` and `accepted` are lists or JSON strings."""
    import pyarrow as pa

    batches = _open_parquet(file).iter_batches(ROWS_AT_ONCE)
    rows = (row for batch in batches for row in batch.to_pylist())
    number = 0
    try:
        for row in rows:
            number += 1
            yield example_from(row)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{file}: cannot be read after row {number} ({_first_line(error)}); write it again"
        ) from None
    except ValueError as error:
        raise DataError(
            f"{file}: row {number}: {error}; docs/dataset.md has the format of a record"
        ) from None
