"""A reply without what a reasoning model thinks aloud."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from data.json_text import SPACE, parsed

_THINK_TAG = re.compile(r"</?think>")


@lru_cache(maxsize=4)
def without_thinking(text: str) -> str:
    """The reply without its think blocks; one that never closes takes the rest of the reply along.

    A close without an open ends a block that the prompt opened. Tags inside a call's arguments are
    no tags.
    """
    if "think>" not in text:
        return text
    kept: list[str] = []
    position, thinking = 0, False
    for tag, start, end in _think_tags(text):
        if tag == "</think>":
            if not thinking:
                kept.clear()
            position, thinking = end, False
        elif not thinking:
            kept.append(text[position:start])
            thinking = True
    if not thinking:
        kept.append(text[position:])
    return "".join(kept)


def _think_tags(text: str) -> Iterator[tuple[str, int, int]]:
    """Tag, start and end of each think tag that does not stand in the strings of a JSON line."""
    offset = 0
    for line in text.split("\n"):
        if "think>" in line and not _is_json_line(line):
            for match in _THINK_TAG.finditer(line):
                yield match[0], offset + match.start(), offset + match.end()
        offset += len(line) + 1


def _is_json_line(line: str) -> bool:
    value = line.strip(SPACE).removeprefix("<tool_call>").removesuffix("</tool_call>")
    return value.lstrip(SPACE)[:1] in ("{", "[") and parsed(value) is not None
