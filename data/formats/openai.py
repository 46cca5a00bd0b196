"""OpenAI's chat messages, as TRL trains them: `messages` with `tool_calls`, and `tools`.

    {"messages": [{"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function",
     "function": {"name": "get_weather", "arguments": {"city": "Paris"}}}]},
     {"role": "tool", "tool_call_id": "call_1", "content": "18 C"}], "tools": [...]}

Arguments are objects or JSON texts. `write` adds id, kind, source and accepted; a row that has them
is read back without any change, so that a round trip loses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from data.formats.parts import wire_messages
from data.formats.parts.chat import messages_of, tools_column, turns_of
from data.formats.parts.conversation import Draft, assemble
from data.formats.parts.definitions import as_function, read_tools
from data.formats.parts.nulls import without_padding
from data.formats.parts.reject import Place, Reject
from data.formats.parts.replies import read_tagged
from data.formats.parts.rows import convert_rows
from data.record import KINDS, Example, example_from

NAME = "openai"


def read(source: Path, answers: Path | None = None) -> Iterator[Example | Reject]:
    """A record or a reject a row."""
    return convert_rows(source, NAME, _example)


def write(examples: Iterable[Example], arguments_as_text: bool = False) -> Iterator[dict[str, Any]]:
    """A row a record; arguments as JSON texts where OpenAI's own API is meant."""
    for example in examples:
        row: dict[str, Any] = {"id": example.id, "kind": example.kind, "source": example.source}
        row["messages"] = wire_messages.to_openai(example.messages, arguments_as_text)
        row["tools"] = [
            {"type": "function", "function": as_function(tool)} for tool in example.tools
        ]
        if example.accepted is not None:
            row["accepted"] = list(example.accepted)
        yield row


def _example(row: dict[str, Any], place: Place) -> Example:
    if row.get("kind") in KINDS and isinstance(row.get("source"), str):
        # Another set may have such columns, too: then the way back fails.
        with suppress(ValueError, KeyError, TypeError):
            return _read_back(row, place)
    tools = read_tools(tools_column(row))
    turns, notes = without_padding(list(turns_of(messages_of(row), read_tagged)), tools.tools)
    return assemble(Draft(place.id, NAME, tools, turns, notes=notes))


def _read_back(row: Mapping[str, Any], place: Place) -> Example:
    """The record that `write` made a row of. Raises ValueError where it did not."""
    tools = row["tools"]
    own = {
        "id": place.id,
        "kind": row["kind"],
        "source": row["source"],
        "tools": [_own_tool(t) for t in (json.loads(tools) if isinstance(tools, str) else tools)],
        "messages": wire_messages.from_openai(row["messages"]),
        "accepted": row.get("accepted"),
    }
    return example_from(own)


def _own_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    return {("inputSchema" if k == "parameters" else k): v for k, v in tool["function"].items()}
