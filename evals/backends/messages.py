"""Records as the messages of an OpenAI-compatible server, and its answers as text of the wire."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from data.record import Example
from data.render import to_messages
from data.wire import Wire, compact, read_strict


def chat_messages(example: Example) -> list[dict[str, Any]]:
    """The prompt's messages; calls and their results share ids, arguments are JSON strings."""
    messages = to_messages(example.prompt, "hermes")
    open_calls: list[str] = []
    for original, message in zip(example.prompt, messages, strict=True):
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = compact(call["function"]["arguments"])
            open_calls.append(call["id"])
        if message["role"] == "tool":
            message["tool_call_id"] = _answered_call(original.content, open_calls)
    return messages


def _answered_call(result: str, open_calls: list[str]) -> str:
    """The call that a result answers: the one it names, else the first without a result."""
    try:
        named = str(json.loads(result)["id"])
    except (ValueError, KeyError, TypeError):
        named = ""
    if named not in open_calls:
        named = open_calls[0] if open_calls else "1"
    if named in open_calls:
        open_calls.remove(named)
    return named


def as_wire(example: Example, wire: Wire, content: str | None, tool_calls: Sequence[Any]) -> str:
    """An answer as the text that the wire's reader takes; what the server sent is not mended.

    A server's ids are its own: calls count on from those of the conversation.
    """
    n_before = sum(len(read_strict(m.content).calls) for m in example.prompt if m.role != "user")
    parts = [content] if content else []
    for number, call in enumerate(tool_calls, n_before + 1):
        name, arguments = compact(call.function.name), call.function.arguments
        if wire == "hermes":
            text = f'<tool_call>\n{{"name": {name}, "arguments": {arguments}}}\n</tool_call>'
        else:
            params = f'{{"name":{name},"arguments":{arguments}}}'
            text = f'{{"jsonrpc":"2.0","id":{number},"method":"tools/call","params":{params}}}'
        parts.append(text)
    return "\n".join(parts)
