"""Calls in Python's notation: `[get_weather(city="Paris"), Market Trends API(top=3)]`.

Read piece by piece, since names may hold blanks and parameters may be Python keywords; the values
are literals, and nothing is evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from data.formats.parts.literals import read_value

_PIECE = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[()\[\]{},=]""", re.DOTALL)
_NAME = re.compile(r"""[^()\[\]{}'"=,\n]+""")
_BETWEEN = re.compile(r"[\s,;]*")
_CLOSE = {"(": ")", "[": "]", "{": "}"}


def looks_like_calls(text: str) -> bool:
    """Is a text, as a whole, a bracketed list that begins with a call?"""
    return re.match(r"""\[\s*[^()\[\]{}'"=,\n]+\(.*\)\s*,?\s*\]\Z""", text, re.DOTALL) is not None


def read_calls(text: str, names: Sequence[str] = ()) -> list[tuple[str, dict[str, Any]]]:
    """Name and arguments of each call; `names` are those of the offered tools.

    Raises ValueError where anything but calls with named arguments stands there.
    """
    body = text.strip()
    if body.startswith("[") and body.endswith("]"):
        body = body[1:-1]
    calls: list[tuple[str, dict[str, Any]]] = []
    position = 0
    while (position := _BETWEEN.match(body, position).end()) < len(body):  # type: ignore[union-attr]
        name, opened = _name_at(body, position, names)
        closed = _closing(body, opened)
        calls.append((name, dict(_arguments(body[opened + 1 : closed]))))
        position = closed + 1
    if not calls:
        raise ValueError("no call")
    return calls


def _name_at(body: str, position: int, names: Sequence[str]) -> tuple[str, int]:
    """The name that starts here, and where its arguments open."""
    offered = [name for name in names if body.startswith(f"{name}(", position)]
    if offered:
        name = max(offered, key=len)
        return name, position + len(name)
    match = _NAME.match(body, position)
    if match is None or body[match.end() : match.end() + 1] != "(":
        raise ValueError(f"no call at {body[position : position + 40]!r}")
    return match[0].strip(), match.end()


def _closing(body: str, opened: int) -> int:
    """Where the bracket that stands at `opened` is closed."""
    waiting: list[str] = []
    for match in _PIECE.finditer(body, opened):
        mark = match[0]
        if mark in _CLOSE:
            waiting.append(_CLOSE[mark])
        elif mark in (")", "]", "}"):
            if not waiting or waiting.pop() != mark:
                raise ValueError(f"a {mark!r} that closes nothing")
            if not waiting:
                return match.start()
    raise ValueError("a bracket that is never closed")


def _arguments(text: str) -> Iterator[tuple[str, Any]]:
    for part in _parts(text):
        key, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"an argument without a name: {part.strip()[:40]!r}")
        yield key.strip().strip("'\""), read_value(value.strip())


def _parts(text: str) -> Iterator[str]:
    """The pieces between the commas that stand in no bracket."""
    depth, start = 0, 0
    for match in _PIECE.finditer(text):
        if match[0] in _CLOSE:
            depth += 1
        elif match[0] in (")", "]", "}"):
            depth -= 1
        elif match[0] == "," and depth == 0:
            yield text[start : match.start()]
            start = match.end()
    if text[start:].strip():
        yield text[start:]
