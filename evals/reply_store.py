"""The replies of one arm on disk, kept as they come: a run that was stopped goes on.

    OUT/ARM/replies.jsonl    {"arm", "key"}, then {"id", "reply"} a line

`key` stands for all that decides over the replies. A file of another key is never added to.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from data.cli import UserError
from data.record import Example, json_line
from evals.backends.backend import Backend, Reply

FILE = "replies.jsonl"


class ReplyStore:
    """An arm's replies: those that are there, and room for more."""

    def __init__(self, folder: Path, arm: str, key: str) -> None:
        self.path = folder / arm / FILE
        self.arm = arm
        self.key = key

    def read(self) -> dict[str, str]:
        """The replies so far, by id. Raises UserError for a file of another key."""
        if not self.path.exists():
            return {}
        rows = list(_whole_lines(self.path))
        if rows and rows[0].get("key") != self.key:
            raise UserError(
                f"{self.path}: holds replies of another model, template, decoding or data; "
                "choose another --out or remove the file"
            )
        return {row["id"]: row["reply"] for row in rows[1:]}

    def add(self, replies: Iterator[Reply]) -> Iterator[Reply]:
        """Write each reply as it comes, and hand it on."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _drop_torn_line(self.path)
        with open(self.path, "a", encoding="utf-8", newline="\n") as file:
            if not file.tell():
                _write(file.fileno(), {"arm": self.arm, "key": self.key})
            for reply in replies:
                _write(file.fileno(), {"id": reply.id, "reply": reply.text})
                yield reply


def collect(backend: Backend, examples: Sequence[Example], store: ReplyStore) -> dict[str, str]:
    """A reply to each example, by id: those in the store, and the missing ones, made now."""
    found = store.read()
    missing = [example for example in examples if example.id not in found]
    n_there = len(examples) - len(missing)
    with tqdm(
        total=len(examples), initial=n_there, desc=backend.name, unit="reply", disable=None
    ) as bar:
        for reply in store.add(backend.replies(missing)) if missing else ():
            found[reply.id] = reply.text
            bar.update()
    return {example.id: found[example.id] for example in examples}


def _whole_lines(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a file; a last line without its end was torn off and does not count."""
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or not row.keys() >= (
            {"id", "reply"} if number > 1 else {"key"}
        ):
            raise UserError(f"{path}:{number}: no line of replies.jsonl; remove the file")
        yield row


def _drop_torn_line(path: Path) -> None:
    if path.exists():
        content = path.read_bytes()
        os.truncate(path, content.rfind(b"\n") + 1)


def _write(descriptor: int, row: dict[str, str]) -> None:
    """One line in one write, so that a killed run tears at most the last."""
    os.write(descriptor, json_line(row).encode() + b"\n")
