"""Definitions in JSON: saved tools/list answers, MCP tools, OpenAI functions, other dialects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from data.tools.found import Found
from data.tools.mend import SCHEMA_KEYS

# Where lists of tools stand: a tools/list result, an OpenAI request, a catalogue of ours.
_LISTS = ("tools", "functions")


def is_definitions(value: Any) -> bool:
    """Whether a JSON value is one definition or holds some."""
    if isinstance(value, list):
        return any(map(is_definitions, value))
    if not isinstance(value, dict):
        return False
    return any(isinstance(value.get(key), list) for key in _LISTS) or _is_tool(value) or (
        "jsonrpc" in value or is_definitions(value.get("result"))
    )  # fmt: skip


def definitions(value: Any, server: str) -> Iterator[Found]:
    """Every definition in a JSON value; envelopes without tools, such as initialize, give none."""
    yield from _found(value, server, "")


def _found(value: Any, server: str, at: str) -> Iterator[Found]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, dict) and "serverInfo" in _result(item):
                server = str(_result(item)["serverInfo"].get("name", server))
            yield from _found(item, server, f"{at}/{index}")
        return
    lists = [key for key in _LISTS if isinstance(value, dict) and isinstance(value.get(key), list)]
    if lists and not _is_tool(value):
        for key in lists:
            for index, item in enumerate(value[key]):
                yield Found(_bare(item), server, f"{at}/{key}/{index}")
    elif isinstance(value, dict) and "jsonrpc" in value:
        yield from _found(value["result"], server, f"{at}/result") if _holds_tools(value) else ()
    elif isinstance(value, dict) and "result" in value and not _is_tool(value):
        yield from _found(value["result"], server, f"{at}/result")
    else:
        name = value.get("server") if isinstance(value, dict) else None
        yield Found(_bare(value), name if isinstance(name, str) else server, at)


def _result(answer: dict[str, Any]) -> dict[str, Any]:
    result = answer.get("result")
    is_hello = isinstance(result, dict) and isinstance(result.get("serverInfo"), dict)
    return result if is_hello and isinstance(result, dict) else {}


def _holds_tools(answer: dict[str, Any]) -> bool:
    result = answer.get("result")
    return isinstance(result, dict) and isinstance(result.get("tools"), list)


def _bare(item: Any) -> Any:
    """OpenAI's {"type": "function", "function": {...}} without its envelope."""
    is_wrapped = isinstance(item, dict) and isinstance(item.get("function"), dict)
    return item["function"] if is_wrapped else item


def _is_tool(value: dict[str, Any]) -> bool:
    if isinstance(value.get("function"), dict):
        return True
    return "name" in value and bool({*SCHEMA_KEYS, "description"} & set(value))
