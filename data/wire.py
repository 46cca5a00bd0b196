"""Read and write calls on the wire: text in, calls or text or an error out.

A call is one JSON-RPC 2.0 request in the Model Context Protocol's form, compact, on one line
(https://modelcontextprotocol.io/specification/2025-06-18/server/tools):

    {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_weather","arguments":{"city":"Paris"}}}

`read_strict` says what a server would say; `read_forgiving` finds the calls that a person would see.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Wire = Literal["jsonrpc", "hermes"]

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602

MAX_DEPTH = 64
MAX_VALUES = 1000

_THINK = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_TOOL_CALL = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_VALUE_START = re.compile(r"""\{\s*["']|\[\s*\{""")
_BRACKET_OR_QUOTE = re.compile(r"""\\.|["{}\[\]]""", re.DOTALL)
_REQUEST_LINE = re.compile(r'^\s*(?:\{\s*"jsonrpc"|<tool_call>)', re.MULTILINE)
_REQUEST_KEYS = {"jsonrpc", "id", "method", "params"}
_DEFINITION_KEYS = {"description", "inputSchema", "input_schema", "outputSchema"}


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
    """A tool's answer as one line of JSON-RPC; `is_error` is the tool's own failure, as MCP has it."""
    result = {"content": [{"type": "text", "text": text}], "isError": is_error}
    return compact({"jsonrpc": "2.0", "id": call_id, "result": result})


def error_text(call_id: int | str, code: int, message: str) -> str:
    """A protocol error (unknown tool, invalid params) as one line of JSON-RPC."""
    return compact({"jsonrpc": "2.0", "id": call_id, "error": {"code": code, "message": message}})


def compact(value: Any) -> str:
    """JSON without spaces, other scripts as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def read_strict(text: str, wire: Wire = "jsonrpc") -> Reading:
    """Read a reply as a server would: the whole of it is calls, or none of it is."""
    body = without_thinking(text).strip()
    try:
        if wire == "hermes":
            return _read_hermes(body)
        return _read_jsonrpc(body)
    except _Refused as refused:
        return Reading(error=refused.error)


def without_thinking(text: str) -> str:
    """The reply without its think blocks; one that never closes takes the rest of the reply along."""
    before, closed, after = text.partition("</think>")
    if closed and "<think>" not in before:
        text = after
    return _THINK.sub("", text)


def _read_jsonrpc(body: str) -> Reading:
    if not _starts_like_json(body):
        if read_forgiving(body):
            raise _Refused("mixed", "a call stands beside text or in another format", PARSE_ERROR)
        return Reading(text=body)
    lines = [line for line in body.split("\n") if line.strip()]
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
    return re.match(r'\{\s*["}]|\[\s*[\{\]]|\{\s*\Z', body) is not None


def _read_hermes(body: str) -> Reading:
    if "<tool_call>" not in body:
        if read_forgiving(body):
            raise _Refused("mixed", "a call outside <tool_call> tags", None)
        return Reading(text=body)
    if _TOOL_CALL.sub("", body).strip():
        raise _Refused("mixed", "text beside <tool_call> blocks, or a block without end", None)
    values = [_parse(block.strip()) for block in _TOOL_CALL.findall(body)]
    return Reading(calls=tuple(_named_call(value) for value in values))


def _parse(line: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            raise _Refused("invalid_request", "a key stands twice in one object", INVALID_REQUEST)
        return value

    def finite(constant: str) -> Any:
        raise _Refused("parse_error", f"{constant} is not JSON", PARSE_ERROR)

    try:
        return json.loads(line, object_pairs_hook=once, parse_constant=finite)
    except (ValueError, RecursionError) as error:
        raise _Refused("parse_error", _first_line(error), PARSE_ERROR) from None


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
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise _Refused("invalid_request", 'a call is {"name", "arguments"}', None)
    if not isinstance(value.get("arguments"), dict):
        raise _Refused("invalid_params", '"arguments" is no object', None)
    return ToolCall(value["name"], value["arguments"])


def read_forgiving(text: str) -> tuple[ToolCall, ...]:
    """The calls a person would see in a reply: any usual format, fenced or amid prose; () if none.

    A truncated value is never completed, and what stands inside another value (a string argument,
    an echoed tool definition) or a think block is never a call.
    """
    calls: list[ToolCall] = []
    for value in _json_values(without_thinking(text)):
        calls.extend(_calls_in(value))
    return tuple(calls)


def _json_values(text: str) -> Iterator[Any]:
    """Top-level JSON objects and arrays of a text, left to right."""
    position = 0
    for _ in range(MAX_VALUES):
        start = _VALUE_START.search(text, position)
        if start is None:
            return
        end = _closing(text, start.start())
        if end is None:
            later = _REQUEST_LINE.search(text, text.find("\n", start.start()) + 1)
            if later is None or "\n" not in text[start.start() :]:
                return
            position = later.start()
            continue
        position = end
        try:
            yield json.loads(text[start.start() : end])
        except (ValueError, RecursionError):
            continue


def _closing(text: str, start: int) -> int | None:
    """Index after the bracket that closes the one at `start`, or None."""
    depth, in_string = 0, False
    for match in _BRACKET_OR_QUOTE.finditer(text, start):
        mark = match[0]
        if mark == '"':
            in_string = not in_string
        elif in_string or mark[0] == "\\":
            continue
        elif mark in "{[":
            depth += 1
            if depth > MAX_DEPTH:
                return None
        else:
            depth -= 1
            if depth == 0:
                return match.end()
    return None


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
        if _DEFINITION_KEYS & set(value):
            return None
        arguments = next((value[k] for k in ("arguments", "parameters", "args") if k in value), None)
    name = value.get("name") or value.get("tool")
    if isinstance(arguments, str):
        arguments = _object_in(arguments)
    if not isinstance(name, str) or not isinstance(arguments, dict) or _is_schema(arguments):
        return None
    return ToolCall(name, arguments, call_id)


def _object_in(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_schema(arguments: dict[str, Any]) -> bool:
    return arguments.get("type") == "object" and isinstance(arguments.get("properties"), dict)
