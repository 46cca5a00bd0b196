"""Tool results: which call each of them answers, and how they stand in a record."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from data.formats.parts.literals import is_json
from data.formats.parts.reject import RowError
from data.formats.parts.turns import Call, Turn
from data.wire import compact, result_text

_RESULT_KEYS = ("content", "results", "result", "output", "response")


def shared_out(turns: Iterable[Turn]) -> Iterator[Turn]:
    """The turns, with one result for each call: a list of results for several calls is split."""
    waiting: list[Turn] = []
    calls: tuple[Call, ...] = ()
    for turn in turns:
        if turn.role == "tool":
            waiting.append(turn)
            continue
        yield from _matched(calls, waiting)
        if turn.role == "assistant":
            calls = (*calls, *turn.calls) if calls and not waiting else turn.calls
        elif turn.role == "user":
            calls = ()
        waiting = []
        yield turn
    yield from _matched(calls, waiting)


def _matched(calls: Sequence[Call], results: Sequence[Turn]) -> list[Turn]:
    """Results whose keys are the places of their calls, from 0; none where some are missing."""
    if not results or not calls:
        return list(results)
    if len(results) == 1 and len(calls) > 1:
        results = _split(results[0], len(calls))
    if len(results) > len(calls):
        raise RowError("results_unmatched", f"{len(results)} results of {len(calls)} calls")
    if len(results) < len(calls):
        return []
    keys = [call.key for call in calls]
    own = [result.key for result in results]
    by_key = None not in own and len(set(keys)) == len(keys) and sorted(map(str, own)) == sorted(
        map(str, keys)
    )  # fmt: skip
    places = [keys.index(key) for key in own] if by_key else range(len(calls))
    return [
        Turn("tool", result.text, key=str(place))
        for place, result in zip(places, results, strict=True)
    ]


def _split(result: Turn, n_calls: int) -> list[Turn]:
    """The results of several calls in one text, which is a JSON list of them."""
    try:
        parts = json.loads(result.text)
    except (ValueError, RecursionError):
        return [result]
    if not isinstance(parts, list) or len(parts) != n_calls:
        return [result]
    return [Turn("tool", text_of_result(part)) for part in parts]


def text_of_result(value: Any) -> str:
    """A result's text; of an object that names its tool the part that is the result."""
    if isinstance(value, dict) and ("name" in value or "tool_call_id" in value):
        value = next((value[key] for key in _RESULT_KEYS if key in value), value)
    if isinstance(value, str):
        return value
    if not is_json(value):
        raise RowError("value_not_json", "a tool result")
    return compact(value)


def response_text(call_id: int, text: str) -> str:
    """The result of a call as a JSON-RPC response; a text that is one already stays."""
    return text if is_response(text, call_id) else result_text(call_id, text)


def is_response(text: str, call_id: int) -> bool:
    """Is a text the JSON-RPC response to a call?"""
    if '"jsonrpc"' not in text:
        return False
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(value, dict)
        and value.get("jsonrpc") == "2.0"
        and value.get("id") == call_id
        and ("result" in value or "error" in value)
    )
