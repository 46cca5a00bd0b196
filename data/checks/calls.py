"""Calls and results: JSON-RPC envelopes, ids, and arguments against each tool's inputSchema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from data.checks import engines
from data.checks.formats import lacks_offset
from data.checks.patterns import PatternTooSlow
from data.checks.rules import Problem
from data.checks.schemas import ToolEntry
from data.wire import ToolCall, read_strict, request_text

REQUEST_MEMBERS = ("jsonrpc", "id", "method", "params")


@dataclass
class Conversation:
    """What was read of a record: calls by message index, problems, the ids still open."""

    calls: dict[int, tuple[ToolCall, ...]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    open: dict[str, int] = field(default_factory=dict)
    n_results: int = 0

    def note(self, code: str, pointer: str, message: str) -> None:
        self.problems.append(Problem(code, pointer, message))


def read_conversation(messages: Sequence[Any], tools: Sequence[ToolEntry]) -> Conversation:
    """Read and check every assistant and tool turn."""
    said = Conversation()
    by_name = {entry.name: entry for entry in tools if entry.name}
    for index, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        content = message.get("content") if isinstance(message, dict) else None
        if not isinstance(content, str):
            continue
        if role == "tool":
            _read_result(said, content, index)
        elif said.open and role in ("assistant", "user"):
            _close(said)
        if role == "assistant":
            _read_turn(said, content, index, by_name)
    if messages and isinstance(messages[-1], dict) and messages[-1].get("role") != "assistant":
        _close(said)
    return said


def _close(said: Conversation) -> None:
    """The conversation goes on: every call should have its result by now."""
    for call_id, index in said.open.items():
        said.note("call_no_result", f"/messages/{index}/content", f"no result for id {call_id}")
    said.open.clear()


def _read_turn(said: Conversation, content: str, index: int, by_name: dict[str, ToolEntry]) -> None:
    pointer = f"/messages/{index}/content"
    reading = read_strict(content)
    calls = reading.calls
    if reading.error is not None:
        n_before = len(said.problems)
        if reading.error.kind == "mixed":
            said.note("call_mixed", pointer, reading.error.message)
        else:
            calls = tuple(_lenient_calls(said, content, pointer))
        if len(said.problems) == n_before:
            said.note("call_not_json", pointer, reading.error.message[:200])
    elif calls:
        if content.lstrip().startswith("["):
            said.note("call_batch", pointer, "a JSON array of requests")
        elif content != "\n".join(map(request_text, calls)):
            said.note("call_spacing", pointer, "not the compact form that data.wire writes")
    if calls:
        said.calls[index] = calls
    for number, call in enumerate(calls, 1):
        where = f"call {number}: " if len(calls) > 1 else ""
        _check_id(said, call, index, where)
        said.problems.extend(_arguments(call, by_name, pointer, where))


def _lenient_calls(said: Conversation, content: str, pointer: str) -> Iterator[ToolCall]:
    """Every envelope problem of a turn; yields what can still be taken as calls."""
    values: list[Any] = []
    for number, line in enumerate(filter(str.strip, content.split("\n")), 1):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = str(error).split("\n")[0][:120] or type(error).__name__
            said.note("call_not_json", pointer, f"line {number}: {reason}")
            continue
        values.extend(value if isinstance(value, list) else [value])
    for number, value in enumerate(values, 1):
        where = f"call {number}: " if len(values) > 1 else ""
        if not isinstance(value, dict):
            said.note("call_not_json", pointer, f"{where}a request is an object")
            continue
        call = _lenient_call(said, value, pointer, where)
        if call is not None:
            yield call


def _lenient_call(
    said: Conversation, value: dict[str, Any], pointer: str, where: str
) -> ToolCall | None:
    if value.get("jsonrpc") != "2.0":
        said.note("rpc_version", pointer, f"{where}jsonrpc is {_short(value.get('jsonrpc'))}")
    if value.get("method") != "tools/call":
        said.note("rpc_method", pointer, f"{where}method is {_short(value.get('method'))}")
    for member in value:
        if member not in REQUEST_MEMBERS:
            said.note("rpc_member", pointer, f"{where}{member[:80]!r}")
    params = value.get("params")
    if not isinstance(params, dict):
        said.note("rpc_params", pointer, f"{where}params is missing or no object")
        params = {}
    elif unknown := set(params) - {"name", "arguments", "_meta"}:
        said.note("rpc_params", pointer, f"{where}unknown member {min(unknown)[:80]!r}")
    name, arguments = params.get("name"), params.get("arguments", {})
    if params and (not isinstance(name, str) or not name):
        said.note("rpc_params", pointer, f"{where}name is missing or no text")
    if not isinstance(arguments, dict):
        said.note("rpc_params", pointer, f"{where}arguments is no object")
    call_id = value.get("id")
    known_id = call_id if isinstance(call_id, int | str) and not isinstance(call_id, bool) else None
    if known_id is None:
        said.note("rpc_id", pointer, f"{where}id is {_short(call_id)}")
    if isinstance(name, str) and name and isinstance(arguments, dict):
        return ToolCall(name, arguments, known_id)
    return None


def _short(value: Any) -> str:
    return str(value) if type(value) is int else json.dumps(value)[:80]


def _check_id(said: Conversation, call: ToolCall, index: int, where: str) -> None:
    if call.id is None:
        return
    pointer, key, expected = f"/messages/{index}/content", _short(call.id), len(said.seen) + 1
    if key in said.seen:
        said.note("rpc_id_reused", pointer, f"{where}id {key} was used before")
    elif call.id != expected:
        said.note("rpc_id_order", pointer, f"{where}id {key}; {expected} comes next")
    said.seen.add(key if key not in said.seen else f"again {len(said.seen)}")
    said.open[key] = index


def _arguments(
    call: ToolCall, by_name: dict[str, ToolEntry], pointer: str, where: str
) -> Iterator[Problem]:
    entry = by_name.get(call.name)
    if entry is None:
        offered = ", ".join(map(str, by_name))[:200] or "none"
        yield Problem(
            "call_unknown_tool", pointer, f"{where}{call.name[:80]!r}; tools here: {offered}"
        )
        return
    if entry.schema is None:
        return
    try:
        for error in entry.schema.errors(call.arguments):
            yield _argument_problem(error, pointer, f"{where}{call.name}")
    except PatternTooSlow as slow:
        yield Problem("schema_pattern_slow", pointer, f"{where}{call.name}: {str(slow)[:80]!r}")
    except engines.SchemaError as error:
        yield Problem("schema_unusable", pointer, f"{where}{call.name}: {error}")
    if (
        entry.declared is not None
        and entry.definition["inputSchema"].get("additionalProperties") is not False
    ):
        for name in call.arguments:
            if name not in entry.declared:
                yield Problem("argument_undeclared", pointer, f"{where}{call.name}: {name[:80]!r}")


def _argument_problem(error: Any, pointer: str, where: str) -> Problem:
    code = {"required": "argument_missing", "format": "argument_format"}.get(
        error.validator, "argument_invalid"
    )
    if any(_lacks_offset(inner) for inner in (error, *error.context)):
        code = "argument_offset"
    path = "".join(f"/{part}" for part in error.absolute_path)
    return Problem(code, pointer, f"{where}: arguments{path}: {error.message[:200]}")


def _lacks_offset(error: Any) -> bool:
    return error.validator == "format" and lacks_offset(error.validator_value, error.instance)


def _read_result(said: Conversation, content: str, index: int) -> None:
    pointer = f"/messages/{index}/content"
    said.n_results += 1
    try:
        response = json.loads(content)
    except (ValueError, RecursionError) as error:
        said.note("result_not_json", pointer, str(error).split("\n")[0][:120] or "too deep")
        return
    if not isinstance(response, dict) or "jsonrpc" not in response:
        said.note("result_not_json", pointer, "no JSON-RPC response")
        return
    said.problems.extend(_response_problems(response, pointer))
    key = _short(response.get("id"))
    if said.open.pop(key, None) is None:
        waiting = ", ".join(said.open) or "none"
        said.note("result_no_call", pointer, f"id {key}; open calls: {waiting[:120]}")


def _response_problems(response: dict[str, Any], pointer: str) -> Iterator[Problem]:
    if response["jsonrpc"] != "2.0":
        yield Problem("rpc_version", pointer, f"jsonrpc is {_short(response['jsonrpc'])}")
    for name in response:
        if name not in ("jsonrpc", "id", "result", "error"):
            yield Problem("rpc_member", pointer, f"{name[:80]!r}")
    if ("result" in response) == ("error" in response):
        yield Problem("result_shape", pointer, "needs either result or error")
    if "result" in response and (reason := _result_reason(response["result"])):
        yield Problem("result_shape", pointer, reason)
    if "error" in response:
        error = response["error"]
        code = error.get("code") if isinstance(error, dict) else None
        if (
            not isinstance(code, int)
            or isinstance(code, bool)
            or not isinstance(error.get("message"), str)
        ):
            yield Problem("result_error", pointer, "needs an integer code and a message")


def _result_reason(result: Any) -> str | None:
    if not isinstance(result, dict) or not isinstance(result.get("content"), list):
        return "result.content is no list"
    for part in result["content"]:
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            return "a part of result.content has no type"
        if part["type"] == "text" and not isinstance(part.get("text"), str):
            return "a text part without text"
    if not isinstance(result.get("isError", False), bool):
        return "isError is not true or false"
    return None
