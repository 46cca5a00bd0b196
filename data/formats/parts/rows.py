"""Rows of a published set, one after another: JSON lines, a JSON array, Parquet; a file or several.

Byte order marks, CRLF, blank lines and a missing last newline are read as they are found. A row
that cannot be read is given with its problem, and the next rows are read all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, Any

from data.cli import DataError, UserError
from data.formats.parts.reject import Place, Reject, RowError, attempt
from data.record import Example

SUFFIXES = (".jsonl", ".json", ".ndjson", ".parquet")
ROWS_AT_ONCE = 256
PARQUET_BUFFER_BYTES = 2**20
READ_CHARS = 2**20
MAX_VALUE_CHARS = 2**27
_BOM = b"\xef\xbb\xbf"
_BETWEEN = re.compile(r"[\s,]*")


@dataclass(frozen=True)
class Row:
    """One row: its number, from 1 through all files, and its value, or the problem with it."""

    number: int
    value: Any = None
    problem: str | None = None


def convert_rows(
    source: Path, name: str, convert: Callable[[dict[str, Any], Place], Example]
) -> Iterator[Example | Reject]:
    """A record or a reject for each row; `convert` may raise RowError."""
    for row in read_rows(source):
        place = Place(row.number, id_of(row.value, name, row.number))
        yield attempt(place, lambda row=row, place=place: convert(object_of(row), place))  # type: ignore[misc]


def object_of(row: Row) -> dict[str, Any]:
    """The value of a row that is an object. Raises RowError."""
    if row.problem is not None:
        raise RowError("not_json", row.problem)
    if not isinstance(row.value, dict):
        raise RowError("not_object", f"{type(row.value).__name__} instead of an object")
    return row.value


def id_of(value: Any, name: str, number: int) -> str:
    """The row's own id, or its number with the format's name."""
    if isinstance(value, dict):
        for key in ("id", "uuid", "sample_id"):
            own = value.get(key)
            if isinstance(own, str) and own.strip():
                return own
            if isinstance(own, int) and not isinstance(own, bool) and -(2**63) <= own < 2**63:
                return f"{name}-{own}"
    return f"{name}-{number:06d}"


def read_rows(source: Path) -> Iterator[Row]:
    """The rows of a file, of all files of a folder, or of those that a pattern names.

    Raises UserError where there is none, DataError where a Parquet file is broken.
    """
    numbers = count(1)
    for file in files_of(source):
        for value, problem in _values_of(file):
            yield Row(next(numbers), value, problem)


def files_of(source: Path) -> list[Path]:
    """The data files that a path names, sorted. Raises UserError."""
    if source.is_file():
        return [source]
    if source.is_dir():
        found = [f for f in sorted(source.rglob("*")) if f.suffix in SUFFIXES and f.is_file()]
    else:
        found = sorted(source.parent.glob(source.name)) if source.name else []
    if not found:
        raise UserError(
            f"{source}: no such file; give a file, a folder or a pattern of {', '.join(SUFFIXES)}"
        )
    return found


def _values_of(file: Path) -> Iterator[tuple[Any, str | None]]:
    if file.suffix == ".parquet":
        return _parquet(file)
    try:
        with open(file, "rb") as opened:
            start = opened.read(READ_CHARS).removeprefix(_BOM).lstrip()
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}; give a file that can be read") from None
    return _json_values(file) if _is_one_value(start) else _json_lines(file)


def _is_one_value(start: bytes) -> bool:
    """Does a file begin with an array, or with an object over several lines?"""
    first_line = start.split(b"\n", 1)[0].rstrip()
    return start[:1] == b"[" or (b"\n" in start and first_line[-1:] in b"{[,:")


def _json_lines(file: Path) -> Iterator[tuple[Any, str | None]]:
    with open(file, "rb") as lines:
        for number, line in enumerate(lines):
            text = (line.removeprefix(_BOM) if number == 0 else line).strip()
            if not text:
                continue
            try:
                yield _DECODER.decode(text.decode("utf-8")), None
            except UnicodeDecodeError as error:
                yield None, f"not UTF-8: {error.reason} at byte {error.start}"
            except (ValueError, RecursionError) as error:
                yield None, str(error).split("\n")[0][:200]


def _json_values(file: Path) -> Iterator[tuple[Any, str | None]]:
    """The items of an array, or objects that span lines; what follows a broken one is not read."""
    with open(file, encoding="utf-8-sig") as text:
        try:
            for value in _stream(text):
                yield value, None
        except UnicodeDecodeError as error:
            yield None, f"not UTF-8: {error.reason}; the rest of the file is not read"
        except (ValueError, RecursionError) as error:
            reason = str(error).split("\n")[0][:160]
            yield None, f"{reason}; the rest of the file is not read"


def _stream(text: IO[str]) -> Iterator[Any]:
    """Values of a text, of which no more is held than the value that is read."""
    buffer = text.read(READ_CHARS).lstrip()
    position = 1 if buffer[:1] == "[" else 0
    while True:
        position = _BETWEEN.match(buffer, position).end()  # type: ignore[union-attr]
        if buffer[position : position + 1] == "]":
            position += 1
            continue
        try:
            value, end = _DECODER.raw_decode(buffer, position)
        except json.JSONDecodeError as error:
            more = text.read(max(READ_CHARS, len(buffer) - position))
            if not more and position == len(buffer):
                return
            if not more or len(buffer) - position > MAX_VALUE_CHARS:
                raise error
            buffer, position = buffer[position:] + more, 0
            continue
        yield value
        position = end


def _not_finite(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_not_finite)


def _parquet(file: Path) -> Iterator[tuple[Any, str | None]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        opened = pq.ParquetFile(file, buffer_size=PARQUET_BUFFER_BYTES)
        batches: Iterable[Any] = opened.iter_batches(ROWS_AT_ONCE)
        for batch in batches:
            for row in batch.to_pylist():
                yield row, None
    except (pa.ArrowException, OSError) as error:
        reason = str(error).strip().split("\n")[0][:160]
        raise DataError(f"{file}: not Parquet ({reason}); download it again") from None
