"""The set that this recipe grew from (muhammadtlha944/mcp-agent-training-data on the Hub).

    {"messages": [{"role": "system", "content": "... tools in one of several styles ..."},
     {"role": "user", "content": "..."},
     {"role": "assistant", "content": "{"tool": "search", "arguments": {...}}"}]}

The system prompts are those of several sets: JSON or Python lists of tools, <tools> tags,
signatures line by line, or a JSON Schema that the reply shall follow, which is an answer and no
call. Its licence is not stated: data.convert reads it only with --accept-unstated-licence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from data.formats.parts.chat import Reply, calls_of, messages_of, tools_column, turns_of
from data.formats.parts.conversation import Draft, assemble
from data.formats.parts.definitions import read_tools
from data.formats.parts.literals import read_value
from data.formats.parts.prompt_tools import without_explanation
from data.formats.parts.reject import Place, Reject, RowError
from data.formats.parts.replies import read_bracketed, single_results
from data.formats.parts.rows import convert_rows
from data.formats.parts.signatures import definitions_in_lines
from data.record import Example

NAME = "mcp_agent"
REPOSITORY = "muhammadtlha944/mcp-agent-training-data"
_FENCE = re.compile(r"\A```(?:json|tool_call)?\s*\n(.*?)\n?```\Z", re.DOTALL)
_NAME_KEYS = ("tool", "name", "tool_name", "function")
_ARGUMENT_KEYS = ("arguments", "parameters", "args", "input")


def read(source: Path, answers: Path | None = None) -> Iterator[Example | Reject]:
    """A record or a reject a row."""
    return convert_rows(source, NAME, _example)


def _example(row: dict[str, Any], place: Place) -> Example:
    messages = messages_of(row)
    turns, found = without_explanation(list(turns_of(messages)))
    if not found:
        prompt = "\n".join(turn.text for turn in turns if turn.role == "system")
        found = definitions_in_lines(prompt)
    tools = read_tools(found if found else tools_column(row))
    names = [*(tool["name"] for tool in tools.tools), *tools.left_out]
    read_reply = partial(_read_reply, names=names)
    turns, _ = without_explanation(list(turns_of(messages, read_reply)))
    return assemble(Draft(place.id, NAME, tools, list(single_results(turns))))


def _read_reply(text: str, names: Sequence[str] = ()) -> Reply:
    """The calls of a reply in any of the set's notations, or its text."""
    body = text.strip()
    if fenced := _FENCE.match(body):
        body = fenced[1].strip()
    values = _values(body) if body[:1] in ("{", "[") else []
    if values and all(_is_call(value) for value in values):
        return Reply(calls_of(values))
    if values:
        return Reply(text=text)
    try:
        return read_bracketed(text, names)
    except RowError:
        if body.startswith("[") and names and any(f"{name}(" in body for name in names):
            raise
        return Reply(text=text)


def _values(body: str) -> list[Any]:
    """The value of a text, or those of its lines; none where it is neither."""
    for parts in ([body], [line for line in body.split("\n") if line.strip()]):
        try:
            values = [read_value(part) for part in parts]
        except ValueError:
            continue
        return values[0] if len(values) == 1 and isinstance(values[0], list) else values
    return []


def _is_call(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    if isinstance(value.get("function"), Mapping):
        value = value["function"]
    has_name = any(isinstance(value.get(key), str) for key in _NAME_KEYS)
    return has_name and any(isinstance(value.get(key), Mapping | str) for key in _ARGUMENT_KEYS)
