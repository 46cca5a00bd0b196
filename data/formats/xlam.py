"""xLAM and APIGen (Salesforce/xlam-function-calling-60k): query, tools, answers.

    {"id": 0, "query": "...",
     "tools": "[{"name": ..., "parameters": {"city": {"type": "str"}}}]",
     "answers": "[{"name": ..., "arguments": {...}}]"}

`tools` and `answers` are JSON texts or values. A parameter is required unless its type says
"optional" or it has a default. No answers at all: no tool fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from data.formats.parts.chat import calls_of, value_of
from data.formats.parts.conversation import Draft, assemble
from data.formats.parts.definitions import as_function, read_tools
from data.formats.parts.reject import Place, Reject, RowError
from data.formats.parts.rows import convert_rows
from data.formats.parts.turns import Turn
from data.formats.parts.wire_messages import plain_calls
from data.record import Example, Message
from data.wire import compact

NAME = "xlam"
NO_CALL = ("", "[]", "null", "none")


def read(source: Path, answers: Path | None = None) -> Iterator[Example | Reject]:
    """A record or a reject a row."""
    return convert_rows(source, NAME, _example)


def _example(row: dict[str, Any], place: Place) -> Example:
    request = row.get("query", row.get("instruction"))
    if not isinstance(request, str):
        raise RowError("field_missing", "'query' is missing or no text")
    given = row.get("answers", row.get("answer"))
    if given is None:
        raise RowError("field_missing", "'answers' is missing")
    tools = read_tools(row.get("tools"))
    if isinstance(given, str):
        given = [] if given.strip().lower() in NO_CALL else value_of(given, "call_unreadable")
    if not given:
        if not request.strip():
            raise RowError("request_missing", "an empty query")
        message = Message("user", request.strip())
        return Example(place.id, "irrelevance", NAME, tools.tools, (message,))
    turns = [Turn("user", request), Turn("assistant", calls=calls_of(given))]
    return assemble(Draft(place.id, NAME, tools, turns))


def write(examples: Iterable[Example]) -> Iterator[dict[str, Any]]:
    """A row for each record that is one request and its calls; others the format cannot hold."""
    for example in examples:
        said = example.messages
        if [message.role for message in said] != ["user", "assistant"]:
            continue
        if calls := plain_calls(said[1]):
            answers = [{"name": call.name, "arguments": call.arguments} for call in calls]
            tools = [as_function(tool) for tool in example.tools]
            row = {"id": example.id, "query": said[0].content}
            yield {**row, "tools": compact(tools), "answers": compact(answers)}
