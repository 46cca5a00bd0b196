"""Read and write calls on the wire: text in, calls or text or an error out.

A call is one JSON-RPC 2.0 request in the Model Context Protocol's form, compact, on one line
(https://modelcontextprotocol.io/specification/2025-06-18/server/tools):

    {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_weather","arguments":{"city":"Paris"}}}

`read_strict` says what a server would say; `read_forgiving` (data.forgiving) finds the calls that a
person would see.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from data.forgiving import read_forgiving
from data.json_text import MAX_DEPTH, SPACE, decode, finite, is_deeper, refuse_constant
from data.thinking import without_thinking
from data.tool_call import ToolCall, compact, error_text, is_id, request_text, result_text

__all__ = [
    "Reading",
    "ToolCall",
    "Wire",
    "WireError",
    "compact",
    "error_text",
    "read_forgiving",
    "read_strict",
    "request_text",
    "result_text",
    "without_thinking",
]

Wire = Literal["jsonrpc", "hermes"]

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602

_JSON_START = re.compile(r'\{\s*["}]|\[\s*[\{\]]|\{\s*\Z')
_REQUEST_KEYS = {"jsonrpc", "id", "method", "params"}


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


def read_strict(text: str, wire: Wire = "jsonrpc") -> Reading:
    """Read a reply as a server would: the whole of it is calls, or none of it is."""
    body = without_thinking(text).strip(SPACE)
    try:
        if wire == "hermes":
            return _read_hermes(body)
        return _read_jsonrpc(body)
    except _Refused as refused:
        return Reading(error=refused.error)


def _read_jsonrpc(body: str) -> Reading:
    if not _starts_like_json(body):
        if read_forgiving(body):
            raise _Refused("mixed", "a call stands beside text or in another format", PARSE_ERROR)
        return Reading(text=body)
    lines = [line for line in body.split("\n") if line.strip(SPACE)]
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
    values = [_parse(block.strip(SPACE)) for block in _tool_call_blocks(body)]
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
    if any(text.strip(SPACE) for text in outside):
        raise _Refused("mixed", "text beside <tool_call> blocks, or a block without end", None)
    return blocks


def _parse(line: str) -> Any:
    try:
        value = decode(_STRICT, line)
    except (ValueError, RecursionError) as error:
        raise _Refused("parse_error", _first_line(error), PARSE_ERROR) from None
    if line.count("{") + line.count("[") > MAX_DEPTH and is_deeper(value):
        raise _Refused("parse_error", f"nested deeper than {MAX_DEPTH}", PARSE_ERROR)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise _Refused("invalid_request", "a key stands twice in one object", INVALID_REQUEST)
    return value


# Made once: json.loads with options makes its decoder anew for every text.
_STRICT = json.JSONDecoder(
    object_pairs_hook=_once, parse_constant=refuse_constant, parse_float=finite
)


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
    if not is_id(value.get("id")):
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


def _named_call(value: Any) -> ToolCall:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str) or not value["name"]:
        raise _Refused("invalid_request", 'a call is {"name", "arguments"}', None)
    if not isinstance(value.get("arguments"), dict):
        raise _Refused("invalid_params", '"arguments" is no object', None)
    return ToolCall(value["name"], value["arguments"])
