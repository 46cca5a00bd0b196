"""Calls and results inside texts: in tags such as <tool_call>, or in Python's notation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from data.formats.parts.chat import Reply, calls_of
from data.formats.parts.python_calls import looks_like_calls, read_calls
from data.formats.parts.reject import RowError
from data.formats.parts.turns import Call, Turn

_TAG = r"(?:tool_?calls?|function_?call)"
_OPEN = re.compile(f"<{_TAG}>", re.IGNORECASE)
_CLOSE = re.compile(f"</{_TAG}>", re.IGNORECASE)
_ENDS = re.compile(r"<\|(?:endoftext|im_end|eot_id)\|>|</s>")


def read_tagged(text: str) -> Reply:
    """The calls of a text and the words beside them; text alone where it has no tags.

    Raises RowError where what stands in a tag is no call.
    """
    first = _OPEN.search(text)
    if first is None:
        return Reply(text=text)
    calls: list[Call] = []
    beside = [text[: first.start()]]
    position: re.Match[str] | None = first
    while position is not None:
        body, rest = _cut(text, position)
        calls.extend(calls_of(body))
        following = _OPEN.search(text, rest)
        beside.append(text[rest : following.start() if following else len(text)])
        position = following
    return Reply(tuple(calls), "".join(beside).strip())


def _cut(text: str, opened: re.Match[str]) -> tuple[str, int]:
    """What stands in a tag, and where the text goes on; an open end is the end of the text."""
    following = _OPEN.search(text, opened.end())
    limit = following.start() if following else len(text)
    closed = _CLOSE.search(text, opened.end(), limit)
    body = text[opened.end() : closed.start() if closed else limit]
    body = _ENDS.sub("", body).strip()
    if not body:
        raise RowError("call_unreadable", f"an empty {opened[0]}")
    return body, closed.end() if closed else limit


def results_in(text: str) -> list[str]:
    """The results of a tool message, one for each <tool_response>; itself where it has none."""
    parts = [part.partition("</tool_response>") for part in text.split("<tool_response>")[1:]]
    found = [body.strip() for body, closed, _ in parts if closed]
    return found or [text]


def single_results(turns: Iterable[Turn]) -> Iterator[Turn]:
    """The turns with a tool turn for each <tool_response>, also where a user message holds it."""
    for turn in turns:
        if turn.role == "tool":
            yield from (Turn("tool", text, key=turn.key) for text in results_in(turn.text))
        elif turn.role == "user" and turn.text.strip().startswith("<tool_response>"):
            yield from (Turn("tool", text) for text in results_in(turn.text))
        else:
            yield turn


def read_bracketed(text: str, names: Sequence[str] = ()) -> Reply:
    """The calls of a text that is `[name(argument=value), ...]`; else the text.

    Raises RowError where it looks like calls and cannot be read.
    """
    stripped = text.strip()
    if not looks_like_calls(stripped):
        return read_tagged(text)
    try:
        calls = read_calls(stripped, names)
    except ValueError as error:
        raise RowError("call_unreadable", str(error)) from None
    return Reply(tuple(Call(name, arguments) for name, arguments in calls))
