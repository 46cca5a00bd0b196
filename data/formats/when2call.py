"""When2Call (NVIDIA/When2Call, test files): is a call, a question, a refusal or an answer right?

A row has question, tools (a list of JSON texts), correct_answer (one of ANSWERS) and, in answers,
a text or call for each of them, of which the one of correct_answer is right.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from data.formats.schema import mended
from data.record import Example, Message, read_rows
from data.wire import ToolCall, request_text

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


def read(source: Path, answers: Path | None = None) -> Iterator[Example | dict[str, Any]]:
    """A record or a reject with its reason a row; the answers stand in the rows themselves."""
    for number, row in read_rows(source):
        try:
            yield _example(row)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            yield {
                "line": number,
                "id": str(row.get("uuid")) if isinstance(row, dict) else "None",
                "reason": f"{type(error).__name__}: {error}",
            }


def labelled_texts(row: Mapping[str, Any]) -> list[Labelled]:
    """The texts of a row, right or wrong for it, with what each of them does."""
    return [
        Labelled(row["answers"][name], decision)
        for name, (_, decision) in ANSWERS.items()
        if decision != "call" and isinstance(row["answers"].get(name), str)
    ]


def _example(row: Mapping[str, Any]) -> Example:
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
