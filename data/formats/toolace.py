"""ToolACE (Team-ACE/ToolACE): tools as JSON in the system prompt, calls in Python's notation.

{"system": "You are an expert in composing functions. ... [{"name": ...}] ...",
 "conversations": [{"from": "user", "value": "..."},
 {"from": "assistant", "value": "[Market Trends(region="us", top=3)]"},
 {"from": "tool", "value": "[{"name": ..., "results": ...}]"}]}
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from data.formats.parts.chat import messages_of, tools_column, turns_of
from data.formats.parts.conversation import Draft, assemble
from data.formats.parts.definitions import read_tools
from data.formats.parts.prompt_tools import without_explanation
from data.formats.parts.reject import Place, Reject
from data.formats.parts.replies import read_bracketed
from data.formats.parts.rows import convert_rows
from data.record import Example

NAME = "toolace"


def read(source: Path, answers: Path | None = None) -> Iterator[Example | Reject]:
    """A record or a reject a row."""
    return convert_rows(source, NAME, _example)


def _example(row: dict[str, Any], place: Place) -> Example:
    messages = messages_of(row)
    turns, found = without_explanation(list(turns_of(messages)))
    tools = read_tools(found if found else tools_column(row))
    names = [tool["name"] for tool in tools.tools]
    read_reply = partial(read_bracketed, names=[*names, *tools.left_out])
    turns, _ = without_explanation(list(turns_of(messages, read_reply)))
    return assemble(Draft(place.id, NAME, tools, turns))
