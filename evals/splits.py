"""What is scored: the examples of record files and suites, and what examples have in common."""

from __future__ import annotations

import hashlib
import importlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from data.cli import DataError, UserError
from data.record import Example, json_line, read_examples, read_rows, row_of
from data.wire import Wire, read_strict

TEST_SPLITS = ("test_seen", "test_unseen")
TRAIN_FILE = "train.jsonl"
SUITES = ("bfcl", "when2call")
_SPELLING = re.compile(r"[^a-z0-9]")


@dataclass(frozen=True)
class Split:
    """The examples of one file or suite that are scored, and how many it holds.

    `sha256`: of the file's bytes; of a suite, of its records.
    """

    name: str
    examples: tuple[Example, ...]
    n_in_file: int
    sha256: str
    suite: str | None = None

    def facts(self) -> dict[str, Any]:
        """What must be the same for two runs to be compared."""
        return {"sha256": self.sha256, "n": len(self.examples), "n_in_file": self.n_in_file}


def files_of(path: Path) -> list[Path]:
    """A file, or the test splits of a dataset folder. Raises UserError if it has none."""
    if not path.is_dir():
        return [path]
    files = [path / f"{split}.jsonl" for split in TEST_SPLITS]
    found = [file for file in files if file.is_file()]
    if not found:
        raise UserError(
            f"{path}: holds no {' or '.join(file.name for file in files)}; name record files"
        )
    return found


def read_split(path: Path, limit: int | None = None) -> Split:
    """The examples of a file. Raises UserError, or DataError for a file without any."""
    examples = tuple(read_examples(path))
    if not examples:
        raise DataError(f"{path}: no records; python -m data.build makes some")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Split(path.stem, examples[:limit], len(examples), sha256)


def read_suite(suite: str, path: Path, limit: int | None = None) -> Split:
    """The examples of a published benchmark, in its own files. Raises UserError, DataError."""
    examples = suite_module(suite).load(path)
    if not examples:
        raise DataError(f"{path}: no items of {suite}")
    digest = hashlib.sha256()
    for example in examples:
        digest.update(json_line(row_of(example)).encode("utf-8"))
    return Split(suite, tuple(examples[:limit]), len(examples), digest.hexdigest(), suite)


def suite_module(suite: str) -> Any:
    """The module that reads a suite (`load`) and sums up by its own names (`summarize`)."""
    return importlib.import_module(f"evals.suites.{suite}")


def check_ids(splits: Sequence[Split]) -> None:
    """Raise DataError where two records have one id: a reply would belong to both."""
    counted = Counter(example.id for split in splits for example in split.examples)
    name, count = counted.most_common(1)[0]
    if count > 1:
        where = ", ".join(dict.fromkeys(s.name for s in splits for e in s.examples if e.id == name))
        raise DataError(f"{where}: {count} records have the id {name!r}; ids must be unique")


def fitting(split: Split, tokenizer: Any, wire: Wire, max_length: int) -> Split:
    """The examples of at most `max_length` tokens, gold reply included. Raises DataError."""
    from data.render import encode, render_example

    kept = tuple(
        example
        for example in split.examples
        if len(encode(tokenizer, render_example(example, wire)).input_ids) <= max_length
    )
    if not kept:
        raise DataError(
            f"{split.name}: no record has at most {max_length} tokens; raise --max_length"
        )
    return replace(split, examples=kept)


def cluster_of(example: Example) -> str:
    """What an example shares with others: the tool that its gold calls, in any spelling of the
    name; where none is called, the tools on offer."""
    called = [want["name"] for want in example.accepted or ()] or list(_called(example))
    names = called[:1] or [tool["name"] for tool in example.tools]
    return " ".join(sorted(map(_plain, names)))


def _called(example: Example) -> Iterator[str]:
    """Tools called in the record, the last turn first."""
    for message in reversed(example.messages):
        if message.role == "assistant":
            yield from (call.name for call in read_strict(message.content).calls)


def _plain(name: str) -> str:
    return _SPELLING.sub("", name.lower())


def trained_tools(train: Path) -> frozenset[str]:
    """Names of the tools of a train split, without regard to spelling."""
    rows = (row for _, row in read_rows(train) if isinstance(row, dict))
    return frozenset(_plain(tool["name"]) for row in rows for tool in _tools(row))


def _tools(row: dict[str, Any]) -> Iterable[dict[str, Any]]:
    tools = row.get("tools")
    return [t for t in tools if isinstance(t, dict) and "name" in t] if tools else []


def offers_trained(example: Example, trained: frozenset[str]) -> bool:
    """Was any tool on offer seen in training?"""
    return any(_plain(tool["name"]) in trained for tool in example.tools)
