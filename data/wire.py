"""Read and write calls on the wire: text in, calls or text or an error out.

A call is one JSON-RPC 2.0 request in the Model Context Protocol's form, compact, on one line
(https://modelcontextprotocol.io/specification/2025-06-18/server/tools):

    {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_weather","arguments":{"city":"Paris"}}}

`read_strict` says what a server would say; `read_forgiving` finds the calls that a person would
see.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

Wire = Literal["jsonrpc", "hermes"]

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602

MAX_DEPTH = 64
MAX_VALUES = 1000
# Characters that unclosed values may cost, beside twice the reply: without a bound, 1 MB of them
# took 8 s.
RESCAN_CHARS = 100_000

_JSON_SPACE = " \t\r\n"
_THINK_TAG = re.compile(r"</?think>")
_VALUE_START = re.compile(r"""\{\s*["']|\[\s*\{""")
_JSON_START = re.compile(r'\{\s*["}]|\[\s*[\{\]]|\{\s*\Z')
# Up to the next bracket outside strings, or the end: character by character, 1 MB took 0.4 s.
_TO_BRACKET = re.compile(
    r"""(?:[^"\\{}\[\]]++|"(?:[^"\\]++|\\.?)*+"?|\\.?)*+([{}\[\]]?)""", re.DOTALL
)
_REQUEST_LINE = re.compile(r'^[ \t]*(?:\{\s*"jsonrpc"|<tool_call>)', re.MULTILINE)
_REQUEST_KEYS = {"jsonrpc", "id", "method", "params"}
_DEFINITION_KEYS = {"description", "inputSchema", "input_schema", "outputSchema", "strict"}
_SCHEMA_KEYS = {"$schema", "$defs", "type", "properties", "required", "additionalProperties"}


@dataclass(frozen=True)
class ToolCall:
    """One call. `id` is None where the text carries none (the hermes wire)."""

    name: str
    arguments: dict[str, Any]
    id: int | str | None = None


@dataclass(frozen=True)
class WireError:
    """Why a reply is neither calls nor text. `code` is JSON-RPC's own where one applies."""

    kind: str
    message: str
    code: int | None = None


@dataclass(frozen=True)
class Reading:
    """A reply as it was read: `calls`, or `text`, or an `error`; never two of them."""

    calls: tuple[ToolCall, ...] = ()
    text: str | None = None
    error: WireError | None = None


class _Refused(Exception):
    def __init__(self, kind: str, message: str, code: int | None) -> None:
        super().__init__(message)
        self.error = WireError(kind, message, code)


def request_text(call: ToolCall) -> str:
    """The call as one line of JSON-RPC."""
    params = {"name": call.name, "arguments": call.arguments}
    return compact({"jsonrpc": "2.0", "id": call.id, "method": "tools/call", "params": params})


def result_text(call_id: int | str, text: str, is_error: bool = False) -> str:
    """A tool's answer as one line of JSON-RPC; `is_error` is the tool's own failure in MCP."""
    result = {"content": [{"type": "text", "text": text}], "isError": is_error}
    return compact({"jsonrpc": "2.0", "id": call_id, "result": result})


def error_text(call_id: int | str, code: int, message: str) -> str:
    """A protocol error (unknown tool, invalid params) as one line of JSON-RPC."""
    return compact({"jsonrpc": "2.0", "id": call_id, "error": {"code": code, "message": message}})


def compact(value: Any) -> str:
    """JSON without spaces, other scripts as they are."""
    return _COMPACT.encode(value)


def read_strict(text: str, wire: Wire = "jsonrpc") -> Reading:
    """Read a reply as a server would: the whole of it is calls, or none of it is."""
    body = without_thinking(text).strip(_JSON_SPACE)
    try:
        if wire == "hermes":
            return _read_hermes(body)
        return _read_jsonrpc(body)
    except _Refused as refused:
        return Reading(error=refused.error)


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
    value = line.strip(_JSON_SPACE).removeprefix("<tool_call>").removesuffix("</tool_call>")
    return value.lstrip(_JSON_SPACE)[:1] in ("{", "[") and _parsed(value) is not None


def _read_jsonrpc(body: str) -> Reading:
    if not _starts_like_json(body):
        if read_forgiving(body):
            raise _Refused("mixed", "a call stands beside text or in another format", PARSE_ERROR)
        return Reading(text=body)
    lines = [line for line in body.split("\n") if line.strip(_JSON_SPACE)]
    values = [_parse(line) for line in lines]
    if len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    if not values:
        raise _Refused("invalid_request", "an empty batch", INVALID_REQUEST)
    calls = tuple(_request(value) for value in values)
    if len({(type(call.id), call.id) for call in calls}) < len(calls):
        raise _Refused("invalid_request", "two requests share an id", INVALID_REQUEST)
    return Reading(calls=calls)


def _starts_like_json(body: str) -> bool:
    return _JSON_START.match(body) is not None


def _read_hermes(body: str) -> Reading:
    if "<tool_call>" not in body:
        if read_forgiving(body):
            raise _Refused("mixed", "a call outside <tool_call> tags", None)
        return Reading(text=body)
    values = [_parse(block.strip(_JSON_SPACE)) for block in _tool_call_blocks(body)]
    return Reading(calls=tuple(_named_call(value) for value in values))


def _tool_call_blocks(body: str) -> list[str]:
    """What stands in each <tool_call> block."""
    blocks: list[str] = []
    before, *parts = body.split("<tool_call>")
    outside = [before]
    for part in parts:
        block, closed, after = part.partition("</tool_call>")
        blocks.append(block)
        outside.append(after if closed else "unclosed")
    if any(text.strip(_JSON_SPACE) for text in outside):
        raise _Refused("mixed", "text beside <tool_call> blocks, or a block without end", None)
    return blocks


def _parse(line: str) -> Any:
    try:
        value = _STRICT.decode(line)
    except (ValueError, RecursionError) as error:
        raise _Refused("parse_error", _first_line(error), PARSE_ERROR) from None
    if line.count("{") + line.count("[") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
        raise _Refused("parse_error", f"nested deeper than {MAX_DEPTH}", PARSE_ERROR)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise _Refused("invalid_request", "a key stands twice in one object", INVALID_REQUEST)
    return value


def _refuse_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError("a number is out of range")
    return value


# Made once: json.loads and json.dumps with options make theirs anew for every text.
_STRICT = json.JSONDecoder(
    object_pairs_hook=_once, parse_constant=_refuse_constant, parse_float=_finite
)
_LENIENT = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _is_deeper(value: Any, limit: int) -> bool:
    """Are objects and arrays nested more than `limit` deep? Level by level, without recursion."""
    level = [value]
    for _ in range(limit + 1):
        parts = [part for part in level if isinstance(part, dict | list)]
        level = [item for p in parts for item in (p.values() if isinstance(p, dict) else p)]
        if not parts:
            return False
    return True


def _parsed(text: str) -> Any:
    """The JSON value of a text, or None; of a key that stands twice the last."""
    try:
        return _LENIENT.decode(text)
    except (ValueError, RecursionError):
        return None


def _first_line(error: Exception) -> str:
    return str(error).split("\n")[0] or type(error).__name__


def _request(value: Any) -> ToolCall:
    if not isinstance(value, dict):
        raise _Refused("invalid_request", "a request is an object", INVALID_REQUEST)
    if value.get("jsonrpc") != "2.0":
        raise _Refused("invalid_request", '"jsonrpc" is not "2.0"', INVALID_REQUEST)
    if not isinstance(value.get("method"), str):
        raise _Refused("invalid_request", '"method" is missing or no string', INVALID_REQUEST)
    if unknown := set(value) - _REQUEST_KEYS:
        raise _Refused("invalid_request", f"unknown member {min(unknown)!r}", INVALID_REQUEST)
    if not _is_id(value.get("id")):
        raise _Refused("invalid_request", '"id" is no integer and no string', INVALID_REQUEST)
    if value["method"] != "tools/call":
        raise _Refused("method_not_found", f"method {value['method']!r}", METHOD_NOT_FOUND)
    params = value.get("params")
    if not isinstance(params, dict):
        raise _Refused("invalid_params", '"params" is no object', INVALID_PARAMS)
    name, arguments = params.get("name"), params.get("arguments", {})
    if not isinstance(name, str) or not name:
        raise _Refused("invalid_params", '"params.name" is missing or no string', INVALID_PARAMS)
    if not isinstance(arguments, dict):
        raise _Refused("invalid_params", '"params.arguments" is no object', INVALID_PARAMS)
    if unknown := set(params) - {"name", "arguments", "_meta"}:
        raise _Refused("invalid_params", f"unknown member {min(unknown)!r}", INVALID_PARAMS)
    return ToolCall(name, arguments, value["id"])


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _named_call(value: Any) -> ToolCall:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str) or not value["name"]:
        raise _Refused("invalid_request", 'a call is {"name", "arguments"}', None)
    if not isinstance(value.get("arguments"), dict):
        raise _Refused("invalid_params", '"arguments" is no object', None)
    return ToolCall(value["name"], value["arguments"])


def read_forgiving(text: str) -> tuple[ToolCall, ...]:
    """The calls a person would see in a reply: any usual format, fenced or amid prose; () if none.

    A truncated value is never completed, and what stands inside another value (a string argument,
    an echoed tool definition) or a think block is never a call.
    """
    return _calls_amid(without_thinking(text).strip(_JSON_SPACE)) if "{" in text else ()


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
        value, end = _LENIENT.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, *_closing(text, start)
    n_brackets = text.count("{", start, end) + text.count("[", start, end)
    if n_brackets > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
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
    call_id = value["id"] if _is_id(value.get("id")) else None
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
        arguments = _parsed(arguments)
    if not isinstance(name, str) or not isinstance(arguments, dict):
        return None
    return None if _is_deeper(arguments, MAX_DEPTH) else ToolCall(name, arguments, call_id)


def _is_schema(parameters: Any) -> bool:
    """Are these a definition's `parameters` (a JSON Schema) and not a call's?"""
    if not isinstance(parameters, dict):
        return False
    is_object, has_properties = parameters.get("type") == "object", "properties" in parameters
    return (is_object and has_properties) or (
        (is_object or has_properties) and set(parameters) <= _SCHEMA_KEYS
    )
