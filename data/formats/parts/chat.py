"""Rows that hold a conversation: role and content, or from and value, in all their spellings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from data.formats.parts.literals import read_value
from data.formats.parts.reject import RowError
from data.formats.parts.results import text_of_result
from data.formats.parts.turns import Call, Turn
from data.record import KINDS

MESSAGE_COLUMNS = ("messages", "conversations", "conversation")
_ROLES = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user", "usr": "user",
    "assistant": "assistant", "gpt": "assistant", "model": "assistant", "bot": "assistant",
    "chatgpt": "assistant", "bing": "assistant", "bard": "assistant", "ai": "assistant",
    "tool": "tool", "function": "tool", "observation": "tool", "ipython": "tool",
    "tool_response": "tool", "function_response": "tool", "tool_result": "tool",
    "tool_results": "tool", "environment": "tool",
    "function_call": "call", "tool_call": "call", "tool_calls": "call", "function_calls": "call",
}  # fmt: skip
_NAMES = ("name", "tool", "tool_name", "api", "function", "function_name", "action", "Action")
_ARGUMENTS = (
    "arguments", "parameters", "args", "kwargs", "params", "input", "tool_input", "action_input",
    "Action_Input",
)  # fmt: skip
_THINKING_PARTS = ("reasoning", "thinking", "thought")


class Reply(NamedTuple):
    """What an assistant's text says: calls, and the text beside them."""

    calls: tuple[Call, ...] = ()
    text: str = ""


class Label(NamedTuple):
    """What a row says of itself."""

    kind: str | None
    source: str


ReadReply = Callable[[str], Reply]


def plain(text: str) -> Reply:
    """A reply that is text, whatever it holds."""
    return Reply(text=text)


def messages_of(row: Mapping[str, Any]) -> list[Any]:
    """The row's messages, a system column before them. Raises RowError."""
    found = next((row[key] for key in MESSAGE_COLUMNS if row.get(key) is not None), None)
    if found is None and isinstance(row.get("prompt"), list):
        completion = row.get("completion") or []
        found = [*row["prompt"], *(completion if isinstance(completion, list) else [])]
    if isinstance(found, str):
        found = value_of(found, "field_type")
    if found is None:
        raise RowError("field_missing", f"none of {', '.join(MESSAGE_COLUMNS)}")
    if not isinstance(found, list):
        raise RowError("field_type", f"messages are {type(found).__name__} instead of a list")
    system = row.get("system")
    if isinstance(system, str) and system.strip():
        return [{"role": "system", "content": system}, *found]
    return found


def tools_column(row: Mapping[str, Any]) -> Any:
    """What the row says about its tools beside the messages, or None."""
    return next((row[key] for key in ("tools", "functions") if row.get(key) is not None), None)


def label_of(row: Mapping[str, Any], name: str) -> Label:
    """Kind and source of a row that data.convert wrote; of others none, and the format's name."""
    source = row.get("source")
    if row.get("kind") not in KINDS or not isinstance(source, str) or not source:
        return Label(None, name)
    return Label(row["kind"], source)


def turns_of(messages: Sequence[Any], read_reply: ReadReply = plain) -> Iterator[Turn]:
    """The messages as turns. Raises RowError."""
    for message in messages:
        if not isinstance(message, Mapping):
            raise RowError("field_type", f"a message is {type(message).__name__}")
        given = message.get("role", message.get("from"))
        role = _ROLES.get(str(given).strip().lower().replace("-", "_"))
        if role is None:
            raise RowError("role_unknown", f"{str(given)[:80]!r}")
        content = next((message[k] for k in ("content", "value", "text") if k in message), None)
        if role == "tool":
            yield Turn("tool", _result(content), key=_key(message.get("tool_call_id")))
        elif role == "call":
            yield Turn("assistant", calls=calls_of(content))
        elif role == "assistant":
            yield _assistant(message, content, read_reply)
        else:
            yield Turn(role, "".join(text for _, text in _parts(content)))


def _assistant(message: Mapping[str, Any], content: Any, read_reply: ReadReply) -> Turn:
    parts = list(_parts(content))
    text = "".join(text for kind, text in parts if kind == "text")
    if any(kind in _THINKING_PARTS for kind, _ in parts) or message.get("reasoning_content"):
        text = f"<think>...</think>{text}"  # dropped, and noted, where the record is written
    calls = [call for kind, value in parts if kind == "tool_call" for call in calls_of(value)]
    if message.get("tool_calls"):
        calls.extend(calls_of(message["tool_calls"]))
    elif isinstance(message.get("function_call"), Mapping):
        calls.extend(calls_of(message["function_call"]))
    if calls:
        return Turn("assistant", text, tuple(calls))
    reply = read_reply(text)
    return Turn("assistant", reply.text, reply.calls)


def _parts(content: Any) -> Iterator[tuple[str, str]]:
    """Kind and text of each part of a content. Raises RowError."""
    if content is None:
        return
    if isinstance(content, str):
        yield "text", content
        return
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str):
            yield "text", part
            continue
        if not isinstance(part, Mapping):
            raise RowError("field_type", f"content is {type(part).__name__}")
        kind = str(part.get("type", "text"))
        text = next((part[k] for k in ("text", "value", "content") if part.get(k) is not None), "")
        if kind not in ("text", "tool_call", *_THINKING_PARTS) or not isinstance(text, str):
            raise RowError("unsupported", f"content of type {kind[:40]!r}")
        yield kind, text


def _result(content: Any) -> str:
    if isinstance(content, list) and all(_is_text_part(part) for part in content):
        return "".join(text for _, text in _parts(content))
    return text_of_result("" if content is None else content)


def _is_text_part(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type") == "text"


def value_of(text: str, code: str) -> Any:
    """The value of a text. Raises RowError with the code."""
    try:
        return read_value(text)
    except ValueError as error:
        raise RowError(code, f"{error}: {text[:60]!r}") from None


def calls_of(value: Any) -> tuple[Call, ...]:
    """The calls in a value or its text: one object, or a list. Raises RowError."""
    if isinstance(value, str):
        value = value_of(value, "call_unreadable")
    items = value if isinstance(value, list) else [value]
    if not items:
        raise RowError("call_unreadable", "an empty list of calls")
    return tuple(call_of(item) for item in items)


def call_of(value: Any) -> Call:
    """The call in an object, however its parts are named. Raises RowError."""
    if isinstance(value, str):
        value = value_of(value, "call_unreadable")
    if not isinstance(value, Mapping):
        raise RowError("call_unreadable", f"a call is {type(value).__name__}")
    key = _key(value.get("id"))
    inner = value["function"] if isinstance(value.get("function"), Mapping) else value
    name = next((inner[k] for k in _NAMES if isinstance(inner.get(k), str)), "")
    if not name.strip():
        raise RowError("call_unreadable", f"a call without a name: {str(dict(value))[:60]}")
    given: Any = next((inner[k] for k in _ARGUMENTS if inner.get(k) is not None), {})
    return Call(name.strip(), arguments_of(given), key)


def arguments_of(given: Any) -> dict[str, Any]:
    """Arguments from an object or its text. Raises RowError."""
    if isinstance(given, str):
        given = value_of(given, "call_unreadable") if given.strip() else {}
    if not isinstance(given, Mapping):
        raise RowError("arguments_type", f"arguments are {type(given).__name__}")
    return dict(given)


def _key(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int) else None
