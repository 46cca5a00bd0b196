"""Record messages as OpenAI's, and back: exactly, whatever they hold.

A turn of calls becomes `tool_calls`, and a plain result its text, only where the way back gives the
same characters; every other content stays as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from data.formats.parts.chat import arguments_of
from data.formats.parts.reject import RowError
from data.formats.parts.results import is_response, response_text
from data.record import Message
from data.wire import ToolCall, compact, read_strict, request_text, result_text

_PREFIX = "call_"
_OWN_ID = re.compile(r"call_([1-9]\d{0,17})\Z")


class Result(NamedTuple):
    """A tool's result: the call it answers, and its text."""

    call_id: int
    text: str


def to_openai(messages: Iterable[Message], arguments_as_text: bool = False) -> list[dict[str, Any]]:
    """Messages of a record as OpenAI has them."""
    return [_openai_message(message, arguments_as_text) for message in messages]


def _openai_message(message: Message, arguments_as_text: bool) -> dict[str, Any]:
    if calls := plain_calls(message):
        rows = []
        for call in calls:
            given = compact(call.arguments) if arguments_as_text else call.arguments
            function = {"name": call.name, "arguments": given}
            rows.append({"id": f"{_PREFIX}{call.id}", "type": "function", "function": function})
        return {"role": "assistant", "content": "", "tool_calls": rows}
    result = plain_result(message) or _whole_response(message)
    if result:
        key = f"{_PREFIX}{result.call_id}"
        return {"role": "tool", "tool_call_id": key, "content": result.text}
    return {"role": message.role, "content": message.content}


def plain_calls(message: Message) -> tuple[ToolCall, ...]:
    """The calls of an assistant turn that is exactly their wire form, or none."""
    if message.role != "assistant":
        return ()
    calls = read_strict(message.content).calls
    if not all(type(call.id) is int and call.id > 0 for call in calls):
        return ()
    return calls if "\n".join(map(request_text, calls)) == message.content else ()


def plain_result(message: Message) -> Result | None:
    """The result in a tool turn that is exactly its wire form, and no failure."""
    if message.role != "tool":
        return None
    try:
        value = json.loads(message.content)
        call_id, text = value["id"], value["result"]["content"][0]["text"]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None
    if type(call_id) is not int or call_id < 1 or not isinstance(text, str):
        return None
    is_exact = result_text(call_id, text) == message.content and not is_response(text, call_id)
    return Result(call_id, text) if is_exact else None


def _whole_response(message: Message) -> Result | None:
    """A failure, or another response that no plain text can stand for, as it is."""
    if message.role != "tool":
        return None
    try:
        call_id = json.loads(message.content)["id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if type(call_id) is not int or call_id < 1 or not is_response(message.content, call_id):
        return None
    return Result(call_id, message.content)


def from_openai(rows: Sequence[Any]) -> list[dict[str, str]]:
    """The messages of a record that `to_openai` made. Raises RowError."""
    return [{"role": role, "content": content} for role, content in map(_own_message, rows)]


def _own_message(row: Any) -> tuple[str, str]:
    if not isinstance(row, Mapping) or not isinstance(row.get("role"), str):
        raise RowError("field_type", "a message without a role")
    if row.get("tool_calls"):
        return row["role"], "\n".join(_own_call(call) for call in row["tool_calls"])
    content = row.get("content")
    if not isinstance(content, str):
        raise RowError("field_type", f"content is {type(content).__name__}")
    if row["role"] == "tool" and row.get("tool_call_id"):
        return "tool", response_text(_own_id(row["tool_call_id"]), content)
    return row["role"], content


def _own_call(call: Any) -> str:
    function = call["function"]
    arguments = arguments_of(function["arguments"])
    return request_text(ToolCall(function["name"], arguments, _own_id(call["id"])))


def _own_id(key: Any) -> int:
    match = _OWN_ID.match(key) if isinstance(key, str) else None
    if match is None:
        raise RowError("field_type", f"{str(key)[:40]!r} is no id of a call; call_1 is one")
    return int(match[1])
