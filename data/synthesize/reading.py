"""The teacher's text as an example of our own form, or the reason why it is none."""

from __future__ import annotations

import json
import re
from typing import Any

from data.record import Example, Message
from data.synthesize.tasks import Task
from data.wire import ToolCall, compact, request_text, result_text, without_thinking

SOURCE = "synthetic"
MAX_TEXT_CHARS = 100_000
MAX_SAID_CHARS = 4000
_OBJECT = re.compile(r"\{")
_FENCE = re.compile(r"```(?:json)?\s*(\{.*\})\s*```", re.DOTALL)


class Rejected(Exception):
    """An answer that is no example; `code` is one of docs/synthesize.md."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def read_object(text: str, finish: str) -> dict[str, Any]:
    """The JSON object of an answer, fenced or amid prose. Raises Rejected."""
    if finish == "length":
        raise Rejected("truncated", "cut off at --max_reply_tokens")
    if len(text) > MAX_TEXT_CHARS:
        raise Rejected("too_long", f"{len(text):,} characters")
    body = without_thinking(text).strip()
    if fenced := _FENCE.search(body):
        body = fenced[1]
    start = _OBJECT.search(body)
    if start is None and finish == "tool_calls":
        raise Rejected("no_json", "a call of the teacher's own instead of text")
    if start is None:
        raise Rejected("no_json", repr(body[:80]))
    try:
        value, _ = _DECODER.raw_decode(body, start.start())
    except (ValueError, RecursionError) as error:
        raise Rejected("no_json", str(error).split("\n")[0][:80]) from None
    if not isinstance(value, dict):
        raise Rejected("no_json", "not an object")
    return value


def _no_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def example_of(task: Task, answer: dict[str, Any]) -> Example:
    """The example that an answer describes. Raises Rejected where a part is missing."""
    messages = [Message("user", _said(answer, "request"))]
    if task.kind == "multi_step":
        _add_steps(messages, answer)
    n_before = sum(message.role == "tool" for message in messages)
    if task.kind in ("tool_call", "parallel") or task.ends_in_call:
        calls = [_call(call, n_before + n) for n, call in enumerate(_entries(answer, "calls"), 1)]
        messages.append(Message("assistant", "\n".join(calls)))
    else:
        field = "answer" if task.kind == "multi_step" else "reply"
        messages.append(Message("assistant", _said(answer, field)))
    return Example(task.id, task.kind, SOURCE, task.tools, tuple(messages))


def _add_steps(messages: list[Message], answer: dict[str, Any]) -> None:
    for number, step in enumerate(_entries(answer, "steps"), 1):
        result = step.get("result")
        text = result if isinstance(result, str) else compact(result)
        if not text.strip() or result is None:
            raise Rejected("shape", f"steps[{number - 1}].result: missing")
        messages.append(Message("assistant", _call(step, number)))
        messages.append(Message("tool", result_text(number, text)))


def _said(answer: dict[str, Any], field: str) -> str:
    text = answer.get(field)
    if not isinstance(text, str) or not text.strip():
        raise Rejected("shape", f"{field}: missing or no text")
    if len(text) > MAX_SAID_CHARS:
        raise Rejected("too_long", f"{field}: {len(text):,} characters")
    return text.strip()


def _entries(answer: dict[str, Any], field: str) -> list[dict[str, Any]]:
    entries = answer.get(field)
    if not isinstance(entries, list) or not entries:
        raise Rejected("shape", f"{field}: missing or no list")
    if len(entries) > 8 or not all(isinstance(entry, dict) for entry in entries):
        raise Rejected("shape", f"{field}: not a short list of objects")
    return entries


def _call(call: dict[str, Any], number: int) -> str:
    name, arguments = call.get("name"), call.get("arguments")
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise Rejected("shape", f"call {number}: no name and arguments")
    return request_text(ToolCall(name, arguments, number))
