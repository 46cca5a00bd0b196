r"""Glaive v2 (glaiveai/glaive-function-calling-v2): one text a conversation.

    {"system": "SYSTEM: You are ... with access to the following functions. ... {...}",
     "chat": "USER: ...\n\nASSISTANT: <functioncall> {"name": ..., "arguments": '{...}'}
     <|endoftext|>\n\nFUNCTION RESPONSE: ...\n\nASSISTANT: ... <|endoftext|>"}

The arguments are JSON in single quotes, which are not escaped inside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data.formats.parts.chat import calls_of
from data.formats.parts.conversation import Draft, assemble
from data.formats.parts.definitions import read_tools
from data.formats.parts.prompt_tools import tools_in_prompt
from data.formats.parts.reject import Place, Reject, RowError
from data.formats.parts.rows import convert_rows
from data.formats.parts.turns import Call, Turn
from data.record import Example

NAME = "glaive"
_SPEAKER = re.compile(r"(?:^|\n)[ \t]*(SYSTEM|USER|ASSISTANT|FUNCTION RESPONSE):[ \t]*")
_END = re.compile(r"\s*<\|endoftext\|>\s*")
_CALL = "<functioncall>"
_QUOTED = re.compile(r"""\A(\{.*?"arguments"\s*:\s*)'(.*)'(\s*\})\Z""", re.DOTALL)
_ROLES = {
    "SYSTEM": "system",
    "USER": "user",
    "ASSISTANT": "assistant",
    "FUNCTION RESPONSE": "tool",
}


def read(source: Path, answers: Path | None = None) -> Iterator[Example | Reject]:
    """A record or a reject a row."""
    return convert_rows(source, NAME, _example)


def _example(row: dict[str, Any], place: Place) -> Example:
    chat = row.get("chat")
    if not isinstance(chat, str):
        raise RowError("field_missing", "'chat' is missing or no text")
    system = row.get("system")
    prompt = tools_in_prompt(system if isinstance(system, str) else "")
    turns = list(_turns(chat))
    return assemble(Draft(place.id, NAME, read_tools(prompt.definitions), turns))


def _turns(chat: str) -> Iterator[Turn]:
    marks = list(_SPEAKER.finditer(chat))
    if not marks:
        raise RowError("field_type", "'chat' has no USER: or ASSISTANT:")
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        text = chat[mark.end() : following.start() if following else len(chat)]
        role = _ROLES[mark[1]]
        if role == "assistant":
            yield from _assistant(text)
        else:
            yield Turn(role, _END.sub("", text).strip())


def _assistant(text: str) -> Iterator[Turn]:
    for part in _END.split(text):
        before, called, body = part.partition(_CALL)
        if called:
            yield Turn("assistant", before.strip(), tuple(_call(one) for one in body.split(_CALL)))
        elif part.strip():
            yield Turn("assistant", part.strip())


def _call(body: str) -> Call:
    text = body.strip()
    if quoted := _QUOTED.match(text):
        text = f"{quoted[1]}{_inner(quoted[2])}{quoted[3]}"
    return calls_of(text)[0]


def _inner(text: str) -> str:
    """The arguments as plain JSON: a single quote inside may be escaped, as no JSON has it."""
    for candidate in (text, text.replace("\\'", "'")):
        try:
            return json.dumps(json.loads(candidate, strict=False))
        except (ValueError, RecursionError):
            continue
    return text
