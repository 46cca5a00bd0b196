"""One line of a file: bytes in, the parsed record and what is wrong with the text out.

Tool definitions repeat from line to line, so their text is cut out, looked up, and only the rest of
the line is parsed. That is sound: JSON with a value in place of another value is JSON, and each
part is parsed once by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from data.checks.rules import Problem
from data.checks.schemas import ToolBook, ToolEntry
from data.json_text import decode

MAX_LINE_BYTES = 4 << 20
MAX_DEPTH = 64
BOM = b"\xef\xbb\xbf"
UNREADABLE = object()

_STAND_IN = "@@tools@@"
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Line(NamedTuple):
    """A parsed line; `row` is UNREADABLE where there is no value."""

    row: Any
    tools: tuple[ToolEntry, ...]
    problems: list[Problem]


class LineReader:
    """Parses lines; keeps what it learnt about tools in `book`."""

    def __init__(self, book: ToolBook) -> None:
        self.book = book
        self._noted: list[Problem] = []
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._once,
            parse_constant=self._not_finite,
            parse_float=self._float,
        )

    def read(self, raw: bytes) -> Line:
        """The record of a line without its line end, and every problem of its text."""
        self._noted = []
        if raw.startswith(BOM):
            self._note("encoding_bom", "starts with a byte order mark")
            raw = raw[len(BOM) :]
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            self._note("encoding_utf8", f"byte {error.start}: {error.reason}")
            text = raw.decode("utf-8", "replace")
        cut = self._cut(text)
        if cut is None:
            row = self._parse(text)
            return Line(row, self._entries(row), self._noted)
        return cut

    def _cut(self, text: str) -> Line | None:
        """The line with its tools looked up, or None where that cannot be done."""
        space = " " if '"tools": [' in text else ""
        start = text.find(f'"tools":{space}[{{"name":')
        end = text.find(f'}}],{space}"messages":', start)
        if start < 0 or end < 0 or _STAND_IN in text:
            return None
        start += len('"tools":') + len(space)
        parts = text[start + len('[{"name":') : end].split(f'}},{space}{{"name":')
        entries = [self.book.known.get(part) for part in parts]
        if None in entries:
            entries = [self.book.by_text(part, self._parse_clean) for part in parts]
        tools = [entry for entry in entries if entry is not None]
        if len(tools) < len(parts):
            return None
        short = f'{text[:start]}"{_STAND_IN}"{text[end + 2 :]}'
        n_before = len(self._noted)
        row = self._parse(short)
        if not isinstance(row, dict) or row.get("tools") != _STAND_IN:
            del self._noted[n_before:]
            return None
        row["tools"] = [entry.definition for entry in tools]
        return Line(row, tuple(tools), self._noted)

    def _parse_clean(self, text: str) -> Any:
        """The value of a text, or UNREADABLE where anything at all is wrong with it."""
        n_before = len(self._noted)
        value = self._parse(text)
        if len(self._noted) > n_before:
            del self._noted[n_before:]
            return UNREADABLE
        return value

    def _parse(self, text: str) -> Any:
        try:
            value = decode(self._decoder, text)
        except RecursionError:
            self._note("json_too_deep", "deeper than the parser can go")
            return UNREADABLE
        except ValueError as error:
            self._note("json_invalid", str(error).split("\n")[0][:200])
            return UNREADABLE
        if text.count("{") + text.count("[") > MAX_DEPTH and depth(value) > MAX_DEPTH:
            self._note("json_too_deep", f"more than {MAX_DEPTH} levels")
            return UNREADABLE
        if "\\u" in text and _ESCAPED_SURROGATE.search(text):
            self._noted.extend(_surrogates(value, ""))
        return value

    def _entries(self, row: Any) -> tuple[ToolEntry, ...]:
        tools = row.get("tools") if isinstance(row, dict) else None
        if isinstance(tools, str):
            row["tools"] = tools = self._parse_clean(tools)
        if not isinstance(tools, list):
            return ()
        return tuple(self.book.by_value(tool) for tool in tools)

    def _once(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = (
                sorted({key for key in value if keys.count(key) > 1})
                if len(keys) < 1000
                else keys[:1]
            )
            self._note(
                "json_duplicate_key", f"twice in one object: {', '.join(map(repr, twice))[:200]}"
            )
        return value

    def _not_finite(self, constant: str) -> float:
        self._note("json_not_finite", f"{constant} is not JSON")
        return float(constant.replace("Infinity", "inf"))

    def _float(self, text: str) -> float:
        value = float(text)
        if value in (float("inf"), float("-inf")):
            self._note("json_not_finite", f"{text[:40]} is beyond a float")
        return value

    def _note(self, code: str, message: str) -> None:
        self._noted.append(Problem(code, "", message))


def depth(value: Any) -> int:
    """How many objects and arrays stand inside one another."""
    level, deepest = [value], 0
    while level:
        level = [
            item
            for outer in level
            if isinstance(outer, dict | list)
            for item in (outer.values() if isinstance(outer, dict) else outer)
        ]
        deepest += bool(level)
    return deepest


def _surrogates(value: Any, pointer: str) -> Iterator[Problem]:
    """Lone surrogates in the strings of a value."""
    if isinstance(value, str):
        if _SURROGATE.search(value):
            yield Problem("json_surrogate", pointer, "a lone surrogate, which UTF-8 cannot carry")
    elif isinstance(value, dict):
        for key, item in value.items():
            if _SURROGATE.search(key):
                yield Problem("json_surrogate", pointer, "a lone surrogate in a key")
            else:
                yield from _surrogates(item, f"{pointer}/{escaped(key)}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _surrogates(item, f"{pointer}/{index}")


def escaped(key: str) -> str:
    """A key as a JSON pointer holds it."""
    return key.replace("~", "~0").replace("/", "~1")
