"""The rows that may be chosen: filtered, valid, each once, none of a benchmark.

They wait in a file; of each there is only an Entry in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from data.checks.checker import Options
from data.checks.duplicates import Index, repeats
from data.checks.rules import ERROR
from data.checks.scan import Scanner, n_workers_for
from data.mix.leaks import Benchmark, texts_of
from data.mix.ledger import Ledger
from data.mix.plan import Plan, Source
from data.mix.rows import Row
from data.record import Example, example_from, json_line, row_of

# Problems of a set, which `repeats` tells with the line that came first.
_NEAR = "duplicate_near"


class Entry(NamedTuple):
    """A row that may be chosen. `marks`: names and schemas of its tools, as numbers."""

    source: str
    kind: str
    split: str | None
    id: str
    offset: int
    marks: frozenset[int]


class Pool:
    """Rows in a file, written once, then read at their places."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[Entry] = []
        self._numbers: dict[str, int] = {}

    def fill(self, rows: Iterator[tuple[Example, str | None]]) -> None:
        """Write rows to the file, in order."""
        with open(self.path, "wb") as file:
            for example, split in rows:
                offset = file.tell()
                file.write(json_line(row_of(example)).encode("utf-8") + b"\n")
                marks = frozenset(map(self._number, marks_of(example.tools)))
                self.entries.append(
                    Entry(example.source, example.kind, split, example.id, offset, marks)
                )

    def _number(self, mark: str) -> int:
        return self._numbers.setdefault(mark, len(self._numbers))

    def read(self, entry: Entry) -> Example:
        """The example of an entry."""
        with open(self.path, "rb") as file:
            file.seek(entry.offset)
            return example_from(json.loads(file.readline()))


def marks_of(tools: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What a tool that was never trained may share with no trained one: its name, its schema."""
    for tool in tools:
        yield f"name {tool['name']}"
        yield f"schema {json.dumps(tool.get('inputSchema'), sort_keys=True)}"


@dataclass(frozen=True)
class Intake:
    """What decides whether a row may come in, and where it is noted that it may not."""

    plan: Plan
    benchmarks: Sequence[Benchmark]
    ledger: Ledger

    def admitted(self, source: Source, rows: Iterator[Row]) -> Iterator[tuple[Example, str | None]]:
        """Rows that pass the filters and stand in no benchmark, under ids of the mix."""
        for number, row in enumerate(tqdm(rows, desc=source.name, unit="row", disable=None), 1):
            self.ledger.read[source.name] += 1
            example = row.example
            if example is None:
                self.ledger.leave_out(source.name, row.id or str(number), row.reason)
            elif reason := self._refused(example, source):
                self.ledger.leave_out(source.name, example.id, reason)
            else:
                name = f"{source.name}-{number:06d}"
                yield replace(example, id=name, source=source.name), row.split

    def _refused(self, example: Example, source: Source) -> str | None:
        texts = texts_of(example)
        leaked = next((b.name for b in self.benchmarks if b.has(texts)), None)
        return f"leak: {leaked}" if leaked else _unwanted(example, source, self.plan)


def _unwanted(example: Example, source: Source, plan: Plan) -> str | None:
    if example.kind not in source.kinds or example.kind not in plan.shares:
        return f"kind: {example.kind} is not wanted"
    if source.max_tools and len(example.tools) > source.max_tools:
        return "filter: more than max_tools"
    if source.max_messages and len(example.messages) > source.max_messages:
        return "filter: more than max_messages"
    # Other scripts count as their escapes: their characters are more tokens than English ones.
    texts = (len(json.dumps(message.content)) for message in example.messages)
    if len(json.dumps(example.tools)) + sum(texts) > plan.max_characters:
        return "filter: more than max_characters"
    return None if example.ends_with_gold else "no reply: it does not end with the assistant"


def keep_valid_once(pool: Pool, ledger: Ledger) -> None:
    """Strike out rows with an error of python -m data.validate, and repeated rows."""
    index, reasons = Index(pool.path), dict[int, str]()
    with Scanner(Options(), n_workers_for([pool.path])) as scanner:
        for _, block in scanner.scan(pool.path):
            index.add(block.prints)
            for found in block.findings:
                if found.severity == ERROR:
                    reasons.setdefault(found.line, f"invalid: {found.code}")
    for repeat in repeats(index):
        what = "nearly" if repeat.problem.code == _NEAR else "exactly"
        reasons.setdefault(repeat.line, f"duplicate: {what} a row before")
    for line, entry in enumerate(pool.entries, 1):
        if line in reasons:
            ledger.leave_out(entry.source, entry.id, reasons[line])
    pool.entries = [e for line, e in enumerate(pool.entries, 1) if line not in reasons]
