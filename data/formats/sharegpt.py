"""ShareGPT as LLaMA-Factory has it: from and value, function_call and observation.

    {"conversations": [{"from": "human", "value": "..."},
     {"from": "function_call", "value": "{"name": ..., "arguments": {...}}"},
     {"from": "observation", "value": "..."}, {"from": "gpt", "value": "..."}],
     "system": "...", "tools": "[{...}]"}

Typed parts of a content (text, reasoning, tool_call) are read too. Several calls of a turn are a
list in one function_call, and their results a list in one observation.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from data.formats.parts.chat import label_of, messages_of, tools_column, turns_of
from data.formats.parts.conversation import Draft, assemble
from data.formats.parts.definitions import as_function, read_tools
from data.formats.parts.nulls import without_padding
from data.formats.parts.reject import Place, Reject
from data.formats.parts.replies import read_tagged
from data.formats.parts.rows import convert_rows
from data.formats.parts.wire_messages import plain_calls, plain_result
from data.record import Example, Message
from data.wire import compact

NAME = "sharegpt"


def read(source: Path, answers: Path | None = None) -> Iterator[Example | Reject]:
    """A record or a reject a row."""
    return convert_rows(source, NAME, _example)


def _example(row: dict[str, Any], place: Place) -> Example:
    tools = read_tools(tools_column(row))
    turns, notes = without_padding(list(turns_of(messages_of(row), read_tagged)), tools.tools)
    label = label_of(row, NAME)
    return assemble(Draft(place.id, label.source, tools, turns, kind=label.kind, notes=notes))


def write(examples: Iterable[Example]) -> Iterator[dict[str, Any]]:
    """A row a record."""
    for example in examples:
        messages = list(example.messages)
        row: dict[str, Any] = {"id": example.id, "kind": example.kind, "source": example.source}
        if messages and messages[0].role == "system":
            row["system"] = messages.pop(0).content
        row["conversations"] = list(_said(messages))
        row["tools"] = compact([as_function(tool) for tool in example.tools])
        yield row


def _said(messages: Iterable[Message]) -> Iterator[dict[str, str]]:
    for role, group in groupby(messages, key=lambda message: message.role):
        if role == "tool":
            yield {"from": "observation", "value": _observation(list(group))}
            continue
        for message in group:
            if calls := plain_calls(message):
                given = [{"name": call.name, "arguments": call.arguments} for call in calls]
                yield {
                    "from": "function_call",
                    "value": compact(given if len(given) > 1 else given[0]),
                }
            else:
                yield {
                    "from": {"user": "human", "assistant": "gpt"}.get(role, role),
                    "value": message.content,
                }


def _observation(messages: list[Message]) -> str:
    """The result, or a JSON list of the results in the order of their calls."""
    results = sorted((r for m in messages if (r := plain_result(m))), key=lambda r: r.call_id)
    texts = (
        [r.text for r in results]
        if len(results) == len(messages)
        else [m.content for m in messages]
    )
    return texts[0] if len(texts) == 1 else json.dumps(texts, ensure_ascii=False)
