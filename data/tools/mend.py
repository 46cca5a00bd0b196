"""One tool definition of any family as an MCP tool: mended where there is one right way.

What comes out passes the validator's checks of tools (data.checks.schemas), or it does not come
out.
"""

from __future__ import annotations

import json
from typing import Any

from data.checks.lines import MAX_DEPTH, depth
from data.checks.rules import Problem
from data.names import words_of
from data.tools.checked import problems_of
from data.tools.codes import Note, Notes, Rejected
from data.tools.references import endless_reference
from data.tools.schema_mends import SchemaMender, pointer
from data.tools.texts import cleaned, is_clean_name
from data.tools.type_names import JSON_TYPES, read_type

Tool = dict[str, Any]
SCHEMA_KEYS = ("inputSchema", "input_schema", "parameters", "schema", "arguments")
_WRAPPERS = {*SCHEMA_KEYS, "json", "jsonSchema", "json_schema", "function"}
_SCHEMA_WORDS = {"type", "properties", "required", "$ref", "allOf", "anyOf", "oneOf", "$defs"}
_KEPT_DIALECTS = ("draft-06/", "draft-07/", "2019-09/", "2020-12/")
_AT = "/inputSchema"
# A tool beyond this leaves no room for a conversation in 2,048 tokens of 3.7 characters.
MAX_CHARACTERS = 6000
# The validator measures whole records; a tool stands three levels deep in one.
MAX_TOOL_DEPTH = MAX_DEPTH - 4
_REJECTIONS = {
    "schema_invalid": "schema_invalid",
    "schema_type": "schema_not_object",
    "schema_ref": "ref_missing",
    "schema_ref_remote": "ref_remote",
    "schema_pattern": "schema_invalid",
    "secret": "value_unusable",
}
_KEPT = {"tool_name_chars": "name_chars", "schema_required": "required_undeclared"}


def mend_tool(given: Any, where: str) -> tuple[Tool, tuple[Note, ...]]:
    """The MCP definition (name, description, inputSchema) and what was noted about it.

    `where` names the tool in notes as long as it has no name. Raises Rejected.
    """
    if not isinstance(given, dict):
        raise Rejected("tool_type", "", f"{type(given).__name__} instead of an object")
    if isinstance(given.get("function"), dict):
        given = given["function"]
    if depth(given) > MAX_TOOL_DEPTH:
        raise Rejected("schema_too_large", "", f"more than {MAX_TOOL_DEPTH} levels")
    name = _name(given)
    notes = Notes(name)
    tool = {
        "name": name,
        "description": _description(given, name, notes),
        "inputSchema": _schema(given, notes),
    }
    tool = cleaned(tool, notes)
    _check(tool, notes)
    return tool, tuple(notes.items)


def mend_schema(given: Any, tool: str = "") -> tuple[dict[str, Any], tuple[Note, ...]]:
    """An inputSchema alone, mended, and the notes. Raises Rejected."""
    notes = Notes(tool)
    return _schema({"inputSchema": given}, notes), tuple(notes.items)


def _name(given: Tool) -> str:
    name = given.get("name")
    if not isinstance(name, str) or not name.strip():
        raise Rejected("name_missing", "/name", repr(name)[:80])
    if not is_clean_name(name):
        raise Rejected("name_unusable", "/name", repr(name)[:80])
    return name


def _description(given: Tool, name: str, notes: Notes) -> str:
    text = given.get("description")
    if isinstance(text, str) and text.strip():
        return text
    hints = given.get("annotations")
    titles = [given.get("title"), hints.get("title") if isinstance(hints, dict) else None]
    made = next((t for t in titles if isinstance(t, str) and t.strip()), "")
    made = made or " ".join(words_of(name)).capitalize() or name
    notes.add("description_missing", "/description", repr(text)[:80], made[:80])
    return made


def _schema(given: Tool, notes: Notes) -> dict[str, Any]:
    schema = _unwrapped(_found(given, notes), notes)
    if _is_bare(schema):
        notes.add("schema_bare", _AT, ", ".join(map(str, schema)))
        schema = {"type": "object", "properties": schema, "required": _needed(schema)}
    dialect = schema.get("$schema")
    if dialect is not None and not any(name in str(dialect) for name in _KEPT_DIALECTS):
        notes.add("dialect", f"{_AT}/$schema", str(dialect))
        schema = {key: value for key, value in schema.items() if key != "$schema"}
    mended: dict[str, Any] = SchemaMender(notes, dialect).mended(schema, _AT)
    return _as_object(mended, notes)


def _found(given: Tool, notes: Notes) -> dict[str, Any]:
    """The schema, under whichever name it goes."""
    key = next((key for key in SCHEMA_KEYS if given.get(key) is not None), None)
    if key is None:
        notes.add("schema_missing", _AT, "missing or null")
        return {"type": "object"}
    schema = given[key]
    if isinstance(schema, str):
        try:
            schema = json.loads(schema)
        except (ValueError, RecursionError):
            raise Rejected("schema_invalid", _AT, "text that is no JSON") from None
        notes.add("schema_key", f"/{key}", "a JSON text", "parsed")
    if isinstance(schema, list):
        notes.add("schema_bare", f"/{key}", "a list")
        schema = {"type": "object", "properties": schema} if schema else {"type": "object"}
    if not isinstance(schema, dict):
        raise Rejected("schema_invalid", _AT, f"{type(schema).__name__} instead of an object")
    return schema


def _unwrapped(schema: dict[str, Any], notes: Notes) -> dict[str, Any]:
    while len(schema) == 1:
        ((key, inner),) = schema.items()
        if key not in _WRAPPERS or not _holds_schema(inner):
            break
        notes.add("schema_too_deep", pointer(_AT, key), f"a schema inside {key!r}")
        schema = inner
    return schema


def _holds_schema(inner: Any) -> bool:
    """Whether what stands inside a wrapping is a schema of an object, or another wrapping."""
    if not isinstance(inner, dict) or inner.get("type", "object") not in ("object", "dict"):
        return False
    return bool(_SCHEMA_WORDS & set(inner)) or (len(inner) == 1 and set(inner) <= _WRAPPERS)


def _is_bare(schema: dict[str, Any]) -> bool:
    """Whether a map of properties stands where the schema should."""
    if not schema or isinstance(schema.get("type"), str | list):
        return False
    if {"$ref", "allOf", "anyOf", "oneOf", "$schema"} & set(schema):
        return False
    if isinstance(schema.get("properties"), dict) and not isinstance(
        schema["properties"].get("type"), str
    ):
        return False
    return all(_is_property(value) for value in schema.values())


def _is_property(value: Any) -> bool:
    if isinstance(value, dict):
        return bool({"type", "description", "enum", "$ref", "anyOf"} & set(value))
    return isinstance(value, str) and (value in JSON_TYPES or read_type(value) is not None)


def _needed(properties: dict[str, Any]) -> list[str]:
    """In a bare map a property is needed unless it says otherwise or has a default."""
    return [name for name, value in properties.items() if not _may_be_left_out(value)]


def _may_be_left_out(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    reading = read_type(value["type"]) if isinstance(value.get("type"), str) else None
    is_optional = reading is not None and reading.optional is True
    return is_optional or "default" in value or value.get("optional") is True


def _as_object(schema: dict[str, Any], notes: Notes) -> dict[str, Any]:
    named = schema.get("type")
    if named == "object":
        return schema
    if named is None or (isinstance(named, list) and "object" in named):
        notes.add("schema_type", f"{_AT}/type", repr(named))
        rest = {key: value for key, value in schema.items() if key != "type"}
        return {"type": "object", **rest}
    raise Rejected("schema_not_object", f"{_AT}/type", repr(named)[:80])


def _check(tool: Tool, notes: Notes) -> None:
    """The validator's own checks; wrong defaults are removed on the way."""
    text = json.dumps(tool)
    if '"$ref"' in text and (ref := endless_reference(tool["inputSchema"])):
        raise Rejected("ref_cycle", _AT, ref[:120])
    try:
        problems = _without_wrong_defaults(list(problems_of(tool, text)), tool, notes)
    except RecursionError:
        raise Rejected("schema_too_large", _AT, "too deep to be checked") from None
    for problem in problems:
        if problem.code in _KEPT:
            notes.add(_KEPT[problem.code], problem.pointer, problem.message)
        elif problem.code in _REJECTIONS:
            raise Rejected(_REJECTIONS[problem.code], problem.pointer, problem.message[:120])
    if len(text) > MAX_CHARACTERS:
        notes.add("tool_long", "", f"{len(text):,} characters")


def _without_wrong_defaults(problems: list[Problem], tool: Tool, notes: Notes) -> list[Problem]:
    wrong = [problem for problem in problems if problem.code == "schema_default"]
    for problem in wrong:
        name = problem.pointer.removeprefix(f"{_AT}/properties/").removesuffix("/default")
        del tool["inputSchema"]["properties"][name]["default"]
        code = "default_null" if problem.message == "null" else "default_invalid"
        notes.add(code, pointer(_AT, "properties", name, "default"), problem.message)
    return list(problems_of(tool, json.dumps(tool))) if wrong else problems
