"""Token ids of record files: made once, and kept by the hash of what they were made from.

    out/cache/HASH/tokens.arrow    columns input_ids, labels, length, id; a row a record
    out/cache/HASH/facts.json      bytes, records and file; written last

The Arrow file is mapped into memory. Between runs the folder may be removed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from tqdm import tqdm

import data.forgiving
import data.json_text
import data.record
import data.render
import data.thinking
import data.tool_call
import data.wire
from data.cli import DataError, UserError
from data.record import Example
from data.render import Encoded, Rendered, Tokenizer, chat_template, render_example
from data.wire import Wire
from recipe.config import DataArgs
from recipe.sources import Source, count_records, read_split, sha256_of

if TYPE_CHECKING:
    from datasets import Dataset

TOKENS_FILE, FACTS_FILE = "tokens.arrow", "facts.json"
# What decides the text of a record, beside the template; this file's own bytes count, too.
CODE = (
    data.record,
    data.render,
    data.wire,
    data.tool_call,
    data.forgiving,
    data.thinking,
    data.json_text,
)
RECORDS_AT_ONCE = 256
STALE_S = 24 * 3600
Record = tuple[Example, Encoded]
Stamp = tuple[int, int]


class Tokens(NamedTuple):
    """The token ids of all records of a file, in its order, and the file's sha256."""

    dataset: Dataset
    sha256: str


def tokens_of(source: Source, split: str, tokenizer: Tokenizer, args: DataArgs) -> Tokens:
    """The token ids of a split, from the cache or made for it. Raises UserError, DataError."""
    files = source.split_files(split)
    stamps, sha256 = _stamps(files), sha256_of(files)
    folder = Path(args.cache) / _key(sha256, tokenizer, args.wire)
    dataset = _kept(folder)
    if dataset is None:
        print(f"encoding {files[0]}; its token ids are kept in {folder}", file=sys.stderr)
        _keep(folder, _encoded(source, split, tokenizer, args.wire), files, stamps)
        dataset = _kept(folder)
    if dataset is None:
        raise DataError(f"{folder}: removed while it was written; start again")
    return Tokens(dataset, sha256)


def _key(sha256: str, tokenizer: Tokenizer, wire: Wire) -> str:
    """Of all that decides the token ids of a file; not of what is drawn from them."""
    code = [Path(str(module.__file__)).read_bytes() for module in CODE]
    parts = [sha256.encode(), chat_template(wire).encode(), _state(tokenizer).encode(), *code]
    digests = [hashlib.sha256(part).digest() for part in [*parts, Path(__file__).read_bytes()]]
    return hashlib.sha256(b"".join(digests)).hexdigest()


def _state(tokenizer: Any) -> str:
    """What decides a tokenizer's ids: its vocabulary, merges and rules."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:  # one written in Python
        return f"{type(tokenizer)} {sorted(tokenizer.get_vocab().items())} {tokenizer!r}"
    # Padding and truncation change with the tokenizer's last call; ours asks for neither.
    state = {**json.loads(backend.to_str()), "padding": None, "truncation": None}
    return json.dumps(state)


def _kept(folder: Path) -> Dataset | None:
    """The token ids in a folder of the cache; None if there are none, or they are not whole."""
    from datasets import Dataset

    if not folder.exists():
        return None
    try:
        facts = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
        # Arrow itself takes a stream that was cut between two batches for whole.
        if (folder / TOKENS_FILE).stat().st_size == facts["bytes"]:
            return Dataset.from_file(str(folder / TOKENS_FILE))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    print(f"{folder}: token ids are not whole; encoding again", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    return None


def _keep(
    folder: Path, records: Iterator[Record], files: Sequence[Path], stamps: Sequence[Stamp]
) -> None:
    """Write token ids to a folder of the cache, whole or not at all. Raises UserError, DataError.

    Of two processes that write the same, the second finds the folder there and leaves it.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(folder.parent)
        with TemporaryDirectory(dir=folder.parent, suffix=".partial") as place:
            written = Path(place) / "tokens"
            written.mkdir()
            n_records = _write(written / TOKENS_FILE, records)
            if not n_records:
                raise DataError(f"{files[0]}: no records; python -m data.build makes some")
            if _stamps(files) != stamps:
                raise DataError(f"{files[0]}: changed while it was read; start again")
            n_bytes = (written / TOKENS_FILE).stat().st_size
            facts = {"bytes": n_bytes, "records": n_records, "file": str(files[0])}
            (written / FACTS_FILE).write_text(json.dumps(facts), encoding="utf-8")
            written.rename(folder)
    except OSError as error:
        if not folder.exists():
            raise UserError(
                f"--data.cache {folder.parent}: {error.strerror or error}; give a folder with room"
            ) from None


def _remove_stale(cache: Path) -> None:
    """What killed runs left behind: no run encodes for a day."""
    for place in cache.glob("*.partial"):
        with suppress(OSError):  # another run may be removing it, too
            if time.time() - place.stat().st_mtime > STALE_S:
                shutil.rmtree(place, ignore_errors=True)


def _stamps(files: Sequence[Path]) -> list[Stamp]:
    found = [file.stat() for file in files]
    return [(one.st_mtime_ns, one.st_size) for one in found]


def _write(path: Path, records: Iterator[Record]) -> int:
    """Write an Arrow stream; returns the number of records."""
    import pyarrow as pa

    ids = pa.list_(pa.int32())
    schema = pa.schema(
        [("input_ids", ids), ("labels", ids), ("length", pa.int32()), ("id", pa.string())]
    )
    n_records = 0
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema) as stream:
        while batch := list(islice(records, RECORDS_AT_ONCE)):
            n_records += len(batch)
            columns = [
                [encoded.input_ids for _, encoded in batch],
                [encoded.labels for _, encoded in batch],
                [len(encoded.input_ids) for _, encoded in batch],
                [example.id for example, _ in batch],
            ]
            arrays = [pa.array(c, type=f.type) for c, f in zip(columns, schema, strict=True)]
            stream.write_batch(pa.record_batch(arrays, schema=schema))
    return n_records


def _encoded(source: Source, split: str, tokenizer: Tokenizer, wire: Wire) -> Iterator[Record]:
    """Records and their token ids, in the file's order."""
    files = source.split_files(split)
    with tqdm(
        total=sum(map(count_records, files)),
        desc=f"encoding {split}",
        unit="record",
        disable=None,
        leave=False,
    ) as bar:
        records = read_split(source, split)
        while batch := list(islice(records, RECORDS_AT_ONCE)):
            rendered = [_render(example, wire, files[0]) for example in batch]
            yield from zip(batch, encode_all(tokenizer, rendered), strict=True)
            bar.update(len(batch))


def _render(example: Example, wire: Wire, file: Path) -> Rendered:
    rendered = render_example(example, wire)
    try:
        f"{example.id}{rendered.text}".encode()
    except UnicodeEncodeError:
        raise DataError(
            f"{file}: record {example.id!a} holds half a surrogate pair, which no tokenizer "
            "takes; python -m data.validate names the place"
        ) from None
    return rendered


def encode_all(tokenizer: Tokenizer, rendered: Sequence[Rendered]) -> Iterator[Encoded]:
    """What data.render.encode gives of each, with one call of the tokenizer for all of them."""
    pieces = [piece for one in rendered for piece in one.pieces]
    tokenised = iter(tokenizer(pieces, add_special_tokens=False)["input_ids"])
    for one in rendered:
        ids: list[int] = []
        labels: list[int] = []
        for trained in one.trained:
            piece = next(tokenised)
            ids.extend(piece)
            labels.extend(piece if trained else [-100] * len(piece))
        yield Encoded(ids, labels)
