"""The shape of a record: fields, messages, roles and their order, accepted calls."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any

from data.checks.rules import Problem
from data.checks.schemas import ToolEntry
from data.record import KINDS, ROLES

FIELDS = ("id", "kind", "source", "tools", "messages", "accepted")
# What may follow a role; "" is the start.
NEXT_ROLES = {
    "": ("system", "user"),
    "system": ("user",),
    "user": ("assistant",),
    "assistant": ("user", "tool"),
    "tool": ("tool", "assistant"),
}
CONTROL_TOKEN = re.compile(
    r"<\|[a-z_]+\|>|</?think>|</?tool_call>|</?tool_response>|[\ufdd0\ufdd1]"
)


def check_shape(row: Any) -> Iterator[Problem]:
    """Problems of the record's fields and messages."""
    if not isinstance(row, dict):
        yield Problem("record_type", "", f"{type(row).__name__} instead of an object")
        return
    for name in ("id", "kind", "source"):
        yield from _text_field(row, name)
    if isinstance(row.get("kind"), str) and row["kind"] not in KINDS:
        yield Problem("kind_unknown", "/kind", f"{row['kind'][:80]!r}; allowed: {', '.join(KINDS)}")
    if "tools" not in row:
        yield Problem("field_missing", "/tools", "'tools' is missing; an empty list is allowed")
    elif not isinstance(row["tools"], list):
        yield Problem("field_type", "/tools", "neither a list nor a JSON string of one")
    for name in row:
        if name not in FIELDS:
            yield Problem("field_unknown", "", f"{name[:80]!r}; known: {', '.join(FIELDS)}")
    yield from _messages(row)


def _text_field(row: dict[str, Any], name: str) -> Iterator[Problem]:
    if name not in row:
        yield Problem("field_missing", f"/{name}", f"{name!r} is missing")
    elif not isinstance(row[name], str) or not row[name].strip():
        yield Problem("field_type", f"/{name}", f"{name!r} is empty or no text")


def _messages(row: dict[str, Any]) -> Iterator[Problem]:
    messages = row.get("messages")
    if "messages" not in row:
        yield Problem("field_missing", "/messages", "'messages' is missing")
    elif not isinstance(messages, list):
        yield Problem("field_type", "/messages", f"{type(messages).__name__} instead of a list")
    elif not messages:
        yield Problem("messages_empty", "/messages", "an empty list")
    else:
        for index, message in enumerate(messages):
            yield from _message(message, f"/messages/{index}")
        yield from _order(messages)
        yield from _end(messages, row)


def _message(message: Any, pointer: str) -> Iterator[Problem]:
    if not isinstance(message, dict):
        yield Problem("message_type", pointer, f"{type(message).__name__} instead of an object")
        return
    role, content = message.get("role"), message.get("content")
    if role not in ROLES:
        yield Problem(
            "role_unknown", f"{pointer}/role", f"{str(role)[:80]!r}; allowed: {', '.join(ROLES)}"
        )
    if not isinstance(content, str):
        yield Problem(
            "message_type", f"{pointer}/content", f"{type(content).__name__} instead of text"
        )
    elif not content.strip():
        yield Problem("content_empty", f"{pointer}/content", "no text")
    elif ("<" in content or "\ufdd0" in content or "\ufdd1" in content) and (
        token := CONTROL_TOKEN.search(content)
    ):
        yield Problem("control_token", f"{pointer}/content", f"{token[0]!r}")
    if len(message) > 2:
        for name in sorted(set(message) - {"role", "content"}):
            yield Problem(
                "message_field", pointer, f"{name[:80]!r} is dropped when the record is read"
            )


def _order(messages: list[Any]) -> Iterator[Problem]:
    before = ""
    for index, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if not isinstance(role, str) or role not in ROLES:
            before = role = "?"
        elif before != "?" and role not in NEXT_ROLES[before]:
            after = f"after {before}" if before else "at the start"
            allowed = " or ".join(NEXT_ROLES[before])
            yield Problem(
                "role_order", f"/messages/{index}/role", f"{role} {after}; allowed: {allowed}"
            )
        before = role


def _end(messages: list[Any], row: dict[str, Any]) -> Iterator[Problem]:
    last = messages[-1]
    role = last.get("role") if isinstance(last, dict) else None
    if role in ("user", "tool", "system") and not row.get("accepted"):
        where = f"/messages/{len(messages) - 1}"
        yield Problem(
            "gold_missing", where, f"ends with {role}, and no 'accepted' says what is right"
        )


def check_accepted(row: Any, tools: Collection[ToolEntry]) -> Iterator[Problem]:
    """Problems of the accepted calls: their shape, tools and parameters."""
    accepted = row.get("accepted") if isinstance(row, dict) else None
    if isinstance(accepted, str):
        with suppress(ValueError, RecursionError):
            accepted = json.loads(accepted)
    if accepted is None:
        return
    if not isinstance(accepted, list):
        yield Problem("accepted_invalid", "/accepted", "no list")
        return
    by_name = {entry.name: entry for entry in tools if entry.name}
    for index, call in enumerate(accepted):
        for message in _accepted_call(call, by_name):
            yield Problem("accepted_invalid", f"/accepted/{index}", message)


def _accepted_call(call: Any, by_name: dict[str, ToolEntry]) -> Iterator[str]:
    if not isinstance(call, dict) or not isinstance(call.get("arguments"), dict):
        yield "not name and arguments"
        return
    entry = by_name.get(str(call.get("name")))
    if entry is None:
        offered = ", ".join(by_name)[:200]
        yield f"tool {str(call.get('name'))[:80]!r} is not offered; tools here: {offered}"
    for name, values in call["arguments"].items():
        if not isinstance(values, list) or not values:
            yield f"{name[:80]!r} is no list of accepted values"
        elif entry and entry.declared is not None and name not in entry.declared:
            yield f"{name[:80]!r} is not declared by {entry.name}"
    if not isinstance(call.get("optional", []), list):
        yield "'optional' is no list of names"
