"""Tool definitions in the ways that published sets write them, as MCP tools.

data.tools.mend mends a single definition; here the names of its parts are read, and lists of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from data.formats.parts.literals import read_value
from data.formats.parts.reject import RowError
from data.tools.codes import CODES, MENDED, Rejected
from data.tools.mend import mend_tool

MAX_TOOLS_KEPT = 20_000
_NAMES = ("name", "api_name", "tool_name", "tool")
_DESCRIPTIONS = ("description", "api_description", "desc")
_SCHEMAS = (
    "inputSchema",
    "input_schema",
    "parameters",
    "arguments",
    "query_parameters",
    "args",
    "params",
)
_EMPTY = ("", "[]", "{}", "none", "null")


class Tools(NamedTuple):
    """MCP tools, the notes of what was changed, and why some are left out, by their names."""

    tools: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, str] = {}


class _Definition(NamedTuple):
    name: str
    tool: dict[str, Any] | None
    is_mended: bool = False
    problem: str = ""


def read_tools(value: Any) -> Tools:
    """MCP tools from a list of definitions, one definition, or the text of either.

    A definition that cannot be mended is left out. Raises RowError where there is no definition.
    """
    try:
        texts = [json.dumps(_parts_of(item), allow_nan=False) for item in definitions(value)]
    except (TypeError, ValueError) as error:
        if isinstance(error, RowError):
            raise
        raise RowError("value_not_json", f"a tool definition: {error}") from None
    found = [_mended(text) for text in dict.fromkeys(texts)]
    notes = ["schemas_mended"] if any(one.is_mended for one in found) else []
    if len(found) < len(texts):
        notes.append("tool_repeated")
    tools = tuple(one.tool for one in found if one.tool is not None)
    return Tools(tools, tuple(notes), {one.name: one.problem for one in found if not one.tool})


def definitions(value: Any) -> list[Any]:
    """The definitions in a value or its text. Raises RowError."""
    if isinstance(value, str):
        return [] if value.strip().lower() in _EMPTY else definitions(_parsed(value))
    if value is None:
        return []
    if isinstance(value, Mapping):
        for key in ("tools", "functions"):
            if isinstance(value.get(key), list):
                return definitions(value[key])
        return [value] if is_definition(value) else _by_name(value)
    if not isinstance(value, list):
        raise RowError("tools_unreadable", f"{type(value).__name__} instead of a list of tools")
    return [_parsed(item) if isinstance(item, str) else item for item in value]


def _by_name(value: Mapping[str, Any]) -> list[Any]:
    """Definitions of an object that has them by their names."""
    if not all(isinstance(part, Mapping) for part in value.values()):
        raise RowError("tools_unreadable", f"no tool definition: {str(dict(value))[:80]}")
    return [{"name": name, **part} for name, part in value.items()]


def _parsed(text: str) -> Any:
    try:
        return read_value(text)
    except ValueError as error:
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) < 2:
            raise RowError("tools_unreadable", str(error)) from None
        return [_parsed(line) for line in lines]


def is_definition(value: Any) -> bool:
    """Does a value look like the definition of one tool?"""
    if not isinstance(value, Mapping):
        return False
    inner = value["function"] if isinstance(value.get("function"), Mapping) else value
    if not any(isinstance(inner.get(key), str) for key in _NAMES):
        return False
    has_schema = any(isinstance(inner.get(key), Mapping | list) for key in _SCHEMAS)
    return has_schema or any(isinstance(inner.get(key), str) for key in _DESCRIPTIONS)


def _parts_of(value: Any) -> dict[str, Any]:
    """Name, description and schema of a definition, under MCP's names."""
    if not isinstance(value, Mapping):
        raise RowError("tools_unreadable", f"{type(value).__name__} instead of a definition")
    inner = value["function"] if isinstance(value.get("function"), Mapping) else value
    schema = next((inner[key] for key in _SCHEMAS if inner.get(key) is not None), None)
    if isinstance(schema, str):
        schema = {} if schema.strip().lower() in _EMPTY else _parsed(schema)
    required = next((v["required"] for v in (inner, value) if "required" in v), None)
    return {
        "name": next((inner[key] for key in _NAMES if isinstance(inner.get(key), str)), None),
        "description": next((inner[key] for key in _DESCRIPTIONS if key in inner), None),
        "inputSchema": _with_required(schema, required),
    }


def _with_required(schema: Any, required: Any) -> Any:
    """The schema with the list of required names that stands beside it."""
    if not isinstance(required, list) or not isinstance(schema, Mapping):
        return schema
    if isinstance(schema.get("required"), list):
        return schema
    is_whole = "properties" in schema and isinstance(schema.get("type", "object"), str)
    properties = schema["properties"] if is_whole else schema
    rest = schema if is_whole else {"type": "object"}
    return {**rest, "properties": properties, "required": required}


def as_function(tool: Mapping[str, Any]) -> dict[str, Any]:
    """An MCP tool as OpenAI's function: the schema is called parameters."""
    return {("parameters" if key == "inputSchema" else key): part for key, part in tool.items()}


@lru_cache(maxsize=MAX_TOOLS_KEPT)
def _mended(text: str) -> _Definition:
    given = json.loads(text)
    name = given["name"] or ""
    try:
        tool, notes = mend_tool(given, name)
    except Rejected as error:
        return _Definition(name, None, problem=f"{error.code}: {error}"[:200])
    return _Definition(name, tool, any(CODES[note.code].outcome == MENDED for note in notes))
