"""The rows of a source or a benchmark as examples, in whatever format they are published."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from data.build import SPLIT_SIZES, examples_by_split
from data.cli import DataError, UserError
from data.domains import CATALOGUE_DIR, CatalogError, load_catalogue
from data.mix import hub
from data.mix.plan import CATALOGUE, RECORDS, Place, Plan
from data.record import Example, read_examples

Reader = Callable[[Path, Path | None], Iterator[Any]]
# Rows to spare: some of the generated ones repeat, or stand in a benchmark.
SPARE = 1.15
MIN_SCALE = 0.005


class Row(NamedTuple):
    """An example, or the reason why the row is none. `split`: of a source that has its own."""

    example: Example | None
    reason: str = ""
    id: str = ""
    split: str | None = None


def reader_of(place: Place) -> Reader:
    """The reader of a format of python -m data.convert. Raises UserError."""
    if place.format == RECORDS:
        return lambda path, _: read_examples(path)
    name = f"data.formats.{place.format}"
    read = getattr(import_module(name), "read", None) if find_spec(name) else None
    if read is None:
        raise UserError(
            f"{place.name}: format {place.format!r} is unknown; give one of "
            "python -m data.convert, or records"
        )
    reader: Reader = read
    return reader


def read_place(place: Place, files: list[Path]) -> Iterator[Row]:
    """The rows of files, in order; `files` are those of `files_of`."""
    read = reader_of(place)
    for file in files:
        answers = _beside(file, place) if place.answers else None
        for item in read(file, answers):
            yield Row(item) if isinstance(item, Example) else _rejected(item)


def _rejected(item: Any) -> Row:
    """A reader's reject: an object with a code or a reason, or a mapping with a reason."""
    fields = item if isinstance(item, dict) else vars(item)
    reason = fields.get("code") or fields.get("reason") or "rejected"
    return Row(None, f"format: {str(reason)[:80]}", str(fields.get("id")))


def _beside(file: Path, place: Place) -> Path:
    """The file of answers: of the repository, or beside the questions."""
    root = file
    for _ in Path(place.files[0]).parts if place.files else "1":
        root = root.parent
    return root / str(place.answers)


def files_of(place: Place, mix: Path, lock: dict[str, str]) -> list[Path]:
    """The files of a place on this machine; relative ones lie beside the mix. Raises UserError."""
    if place.is_hub:
        return hub.fetch(place, hub.commit_of(place, lock))
    path = mix.parent / place.place
    if not path.is_file():
        raise UserError(f"{place.name}: {path}: no such file; paths are relative to {mix}")
    return [path]


def is_catalogue(place: Place) -> bool:
    """Whether a source is the built-in catalogue or a folder like it (catalogue:FOLDER)."""
    return place.place.partition(":")[0] == CATALOGUE


def catalogue_rows(place: Place, plan: Plan, seed: int) -> Iterator[Row]:
    """What the catalogue gives, a little more than the mix could need, by its own splits."""
    folder = place.place.partition(":")[2]
    root = plan.path.parent / folder if folder else CATALOGUE_DIR
    needed = max(size / SPLIT_SIZES[split] for split, size in plan.sizes.items())
    try:
        splits = examples_by_split(load_catalogue(root), seed, max(needed * SPARE, MIN_SCALE))
    except CatalogError as error:
        raise DataError(f"{place.name}: {error}") from None
    for split, examples in splits.items():
        for example in examples:
            yield Row(example, split=split)
