"""The calls that a person would see in a reply, whatever its format and whatever stands beside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from data.json_text import LENIENT, MAX_DEPTH, SPACE, is_deeper, parsed
from data.thinking import without_thinking
from data.tool_call import ToolCall, is_id

MAX_VALUES = 1000
# Characters that unclosed values may cost, beside twice the reply: without a bound, 1 MB of them
# took 8 s.
RESCAN_CHARS = 100_000

_VALUE_START = re.compile(r"""\{\s*["']|\[\s*\{""")
# Up to the next bracket outside strings, or the end: character by character, 1 MB took 0.4 s.
_TO_BRACKET = re.compile(
    r"""(?:[^"\\{}\[\]]++|"(?:[^"\\]++|\\.?)*+"?|\\.?)*+([{}\[\]]?)""", re.DOTALL
)
_REQUEST_LINE = re.compile(r'^[ \t]*(?:\{\s*"jsonrpc"|<tool_call>)', re.MULTILINE)
_DEFINITION_KEYS = {"description", "inputSchema", "input_schema", "outputSchema", "strict"}
_SCHEMA_KEYS = {"$schema", "$defs", "type", "properties", "required", "additionalProperties"}


def read_forgiving(text: str) -> tuple[ToolCall, ...]:
    """The calls a person would see in a reply: any usual format, fenced or amid prose; () if none.

    A truncated value is never completed, and what stands inside another value (a string argument,
    an echoed tool definition) or a think block is never a call.
    """
    return _calls_amid(without_thinking(text).strip(SPACE)) if "{" in text else ()


@lru_cache(maxsize=4)
def _calls_amid(text: str) -> tuple[ToolCall, ...]:
    """The calls in a reply without its thinking; kept, as both readers ask for it."""
    return tuple(call for value in _json_values(text) for call in _calls_in(value))


def _json_values(text: str) -> Iterator[Any]:
    """Top-level JSON objects and arrays of a text, left to right."""
    position, rescans = 0, RESCAN_CHARS + 2 * len(text)
    for _ in range(MAX_VALUES):
        start = _VALUE_START.search(text, position)
        if start is None:
            return
        value, end, position = _value_at(text, start.start())
        if end is not None:
            if value is not None:
                yield value
            continue
        rescans -= position - start.start()
        newline = text.find("\n", start.start())
        later = _REQUEST_LINE.search(text, newline + 1) if newline >= 0 else None
        if later is None or rescans < 0:
            return
        position = later.start()


def _value_at(text: str, start: int) -> tuple[Any, int | None, int]:
    """The value whose bracket is at `start` (None if broken), its end, and how far was read.

    The end is None where the bracket is not closed within MAX_DEPTH.
    """
    try:
        value, end = LENIENT.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, *_closing(text, start)
    n_brackets = text.count("{", start, end) + text.count("[", start, end)
    if n_brackets > MAX_DEPTH and is_deeper(value):
        return None, *_closing(text, start)
    return value, end, end


def _closing(text: str, start: int) -> tuple[int | None, int]:
    """Where the bracket at `start` is closed (or None), and how far the text was read for it."""
    depth = 0
    for match in _TO_BRACKET.finditer(text, start):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(match[1], 0)
        if depth == 0:
            return match.end(), match.end()
        if depth > MAX_DEPTH:
            return None, match.end()
    return None, len(text)


def _calls_in(value: Any) -> Iterator[ToolCall]:
    if isinstance(value, list):
        for item in value:
            yield from _calls_in(item)
    elif isinstance(value, dict):
        wrapped = value.get("tool_calls") or value.get("tool_call")
        if isinstance(wrapped, list | dict):
            yield from _calls_in(wrapped)
        elif (call := _call_in(value)) is not None:
            yield call


def _call_in(value: dict[str, Any]) -> ToolCall | None:
    call_id = value["id"] if is_id(value.get("id")) else None
    if "method" in value or "jsonrpc" in value:
        if value.get("method") != "tools/call" or not isinstance(value.get("params"), dict):
            return None
        value = value["params"]
        arguments = value.get("arguments", {})
    else:
        if isinstance(value.get("function"), dict):
            value = value["function"]
            if value.get("parameters") == {}:
                return None
        if _DEFINITION_KEYS & set(value) or _is_schema(value.get("parameters")):
            return None
        keys = ("arguments", "parameters", "args")
        arguments = next((value[key] for key in keys if key in value), None)
    name = value.get("name") or value.get("tool")
    if isinstance(arguments, str):
        arguments = parsed(arguments)
    if not isinstance(name, str) or not isinstance(arguments, dict):
        return None
    return None if is_deeper(arguments) else ToolCall(name, arguments, call_id)


def _is_schema(parameters: Any) -> bool:
    """Are these a definition's `parameters` (a JSON Schema) and not a call's?"""
    if not isinstance(parameters, dict):
        return False
    is_object, has_properties = parameters.get("type") == "object", "properties" in parameters
    return (is_object and has_properties) or (
        (is_object or has_properties) and set(parameters) <= _SCHEMA_KEYS
    )
