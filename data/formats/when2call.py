"""When2Call (NVIDIA/When2Call, test files): is a call, a question, a refusal or an answer right?

A row has question, tools (a list of JSON texts), correct_answer (one of ANSWERS) and, in answers,
a text or call for each of them, of which the one of correct_answer is right.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from data.formats.parts.reject import Place, Reject
from data.formats.parts.rows import convert_rows
from data.formats.schema import mended
from data.record import Example, Message
from data.wire import ToolCall, request_text

NAME = "when2call"
# When2Call's name of an answer: the kind of a record and the decision.
ANSWERS = {
    "tool_call": ("tool_call", "call"),
    "request_for_info": ("clarification", "clarify"),
    "cannot_answer": ("irrelevance", "refuse"),
    "direct": ("answer", "answer"),
}


class Labelled(NamedTuple):
    """A text reply and the decision that it takes."""

    text: str
    decision: str


def read(source: Path, answers: Path | None = None) -> Iterator[Example | Reject]:
    """A record or a reject a row; the answers stand in the rows themselves."""
    return convert_rows(source, NAME, _example)


def labelled_texts(row: Mapping[str, Any]) -> list[Labelled]:
    """The texts of a row, right or wrong for it, with what each of them does."""
    return [
        Labelled(row["answers"][name], decision)
        for name, (_, decision) in ANSWERS.items()
        if decision != "call" and isinstance(row["answers"].get(name), str)
    ]


def _example(row: dict[str, Any], place: Place) -> Example:
    kind, decision = ANSWERS[row["correct_answer"]]
    gold = row["answers"][row["correct_answer"]]
    if decision == "call":
        call = json.loads(gold)
        gold = request_text(ToolCall(call["name"], call["arguments"], 1))
    messages = (Message("user", row["question"]), Message("assistant", gold))
    return Example(row["uuid"], kind, "when2call", tuple(map(_tool, row["tools"])), messages)


def _tool(text: str) -> dict[str, Any]:
    tool = json.loads(text)
    return {
        "name": tool["name"],
        "description": tool.get("description", ""),
        "inputSchema": mended(tool.get("parameters") or {"type": "object", "properties": {}}),
    }
