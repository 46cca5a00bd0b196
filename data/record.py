"""The record: one training or test example, a line of JSON.

    {"id": "tool_call-000017", "kind": "tool_call", "source": "catalogue",
     "tools": [{"name", "description", "inputSchema"}], "messages": [{"role", "content"}],
     "accepted": [{"name", "arguments": {param: [accepted values]}, "optional": [param]}]}

Message contents are strings only: what is checked is the text that is trained.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.cli import DataError, UserError
from data.wire import read_strict

KINDS = (
    "tool_call",
    "parallel",
    "multi_step",
    "clarification",
    "refusal",
    "irrelevance",
    "answer",
)
DECISIONS = ("call", "clarify", "refuse", "answer")
ROLES = ("system", "user", "assistant", "tool")
_TEXT_DECISION = {"clarification": "clarify", "refusal": "refuse", "irrelevance": "refuse"}
_STRING_FIELDS = ("id", "kind", "source")


@dataclass(frozen=True)
class Message:
    """One turn: a role of ROLES and its text."""

    role: str
    content: str


@dataclass(frozen=True)
class Example:
    """One record. `accepted` is None where the last assistant message is the gold."""

    id: str
    kind: str
    source: str
    tools: tuple[dict[str, Any], ...]
    messages: tuple[Message, ...]
    accepted: tuple[dict[str, Any], ...] | None = None

    @property
    def prompt(self) -> tuple[Message, ...]:
        """The messages before the turn that is scored."""
        return self.messages[:-1] if self.ends_with_gold else self.messages

    @property
    def gold(self) -> str | None:
        """The last assistant message, or None where the record ends with the user."""
        return self.messages[-1].content if self.ends_with_gold else None

    @property
    def ends_with_gold(self) -> bool:
        return bool(self.messages) and self.messages[-1].role == "assistant"

    @property
    def decision(self) -> str:
        """What the scored turn should do: one of DECISIONS."""
        if self.kind in _TEXT_DECISION:
            return _TEXT_DECISION[self.kind]
        if self.gold is None:
            return "call" if self.accepted else "answer"
        return "call" if read_strict(self.gold).calls else "answer"


def example_from(row: dict[str, Any]) -> Example:
    """An Example from parsed JSON. Raises ValueError naming the field that is wrong."""
    for name in _STRING_FIELDS:
        if not isinstance(row.get(name), str) or not row[name]:
            raise ValueError(f"{name!r} is missing or no text")
    if row["kind"] not in KINDS:
        raise ValueError(f"kind {row['kind']!r}; allowed: {', '.join(KINDS)}")
    tools = _json_or_list(row, "tools")
    if not all(isinstance(t, dict) and isinstance(t.get("name"), str) for t in tools):
        raise ValueError("'tools' holds something that is no MCP tool with a name")
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        raise ValueError("'messages' is missing or empty")
    accepted = None if row.get("accepted") is None else tuple(_json_or_list(row, "accepted"))
    return Example(
        id=row["id"],
        kind=row["kind"],
        source=row["source"],
        tools=tuple(tools),
        messages=tuple(_message(index, message) for index, message in enumerate(messages)),
        accepted=accepted,
    )


def _json_or_list(row: dict[str, Any], name: str) -> list[Any]:
    """A list, or the JSON string that stands for it in Parquet and on the Hub."""
    value = row.get(name, [])
    if isinstance(value, str):
        value = json.loads(value)
    if not isinstance(value, list):
        raise ValueError(f"{name!r} is no list")
    return value


def _message(index: int, message: Any) -> Message:
    if not isinstance(message, dict) or message.get("role") not in ROLES:
        raise ValueError(f"messages[{index}] has no role of {', '.join(ROLES)}")
    if not isinstance(message.get("content"), str):
        raise ValueError(f"messages[{index}].content is no text")
    return Message(message["role"], message["content"])


def row_of(example: Example) -> dict[str, Any]:
    """The record as it is written."""
    row: dict[str, Any] = {name: getattr(example, name) for name in _STRING_FIELDS}
    row["tools"] = list(example.tools)
    row["messages"] = [{"role": m.role, "content": m.content} for m in example.messages]
    if example.accepted is not None:
        row["accepted"] = list(example.accepted)
    return row


def read_rows(path: Path) -> Iterator[tuple[int, Any]]:
    """Line number and parsed JSON of each line that is not blank. Raises UserError, DataError."""
    try:
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, json.loads(line)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give an existing JSONL file") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from None
    except (ValueError, RecursionError) as error:
        reason = str(error).split(": line")[0]
        raise DataError(
            f"{path}:{number}: not JSON: {reason}; python -m data.validate lists all"
        ) from None


def read_examples(path: Path) -> Iterator[Example]:
    """The records of a JSONL file. Raises DataError at the first line that is none."""
    for number, row in read_rows(path):
        try:
            if not isinstance(row, dict):
                raise ValueError("not a JSON object")
            yield example_from(row)
        except ValueError as error:
            raise DataError(
                f"{path}:{number}: {error}; python -m data.validate lists all"
            ) from None


def json_line(row: Any) -> str:
    """JSON on one line; escaped only where UTF-8 cannot carry it (a lone surrogate)."""
    line = json.dumps(row, ensure_ascii=False)
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(row)
    return line


def write_rows(path: Path, rows: Iterable[Any]) -> int:
    """Write a JSONL file whole or not at all; returns the number of rows."""
    count = 0
    partial = path.with_name(path.name + ".partial")
    with open(partial, "w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json_line(row) + "\n")
            count += 1
    os.replace(partial, path)
    return count


def write_examples(path: Path, examples: Iterable[Example]) -> int:
    """Write records to a JSONL file; returns their number."""
    return write_rows(path, (row_of(example) for example in examples))
