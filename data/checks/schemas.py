"""Tools and their schemas: each distinct one is checked and compiled once.

The reference is `jsonschema`. Where `jsonschema_rs` is installed it is asked first, for schemas of
plain keywords only (data.checks.engines), and what it does not call valid goes to the reference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

from data.checks import engines
from data.checks.credentials import credentials_in, may_hold_credentials
from data.checks.patterns import pattern_error
from data.checks.rules import Problem
from data.json_text import MAX_DEPTH, parsed

MAX_TOOLS_KEPT = 20_000
# What was parsed holds no cycles, and to look for them takes time.
_ENCODER = json.JSONEncoder(check_circular=False)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}\Z")
_NOT_SCHEMAS = {"enum", "const", "default", "examples"}
_MARKS_OF_INTEREST = ('"pattern', '"$ref"', '"$dynamicRef"')
# Beside these a schema's own properties are not all that a call may use.
_COMBINED = {
    "$ref", "allOf", "anyOf", "oneOf", "if", "patternProperties", "unevaluatedProperties"
}  # fmt: skip
_INTERESTING = {"pattern", "$ref", "$dynamicRef"}
_MAPS_OF_SCHEMAS = {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}


class ToolEntry(NamedTuple):
    """A tool that was checked. `schema` is None where it has none that can check arguments.

    `declared` are the names a call may use; None where they cannot be listed (or a schema rules
    itself). `needs` are the arguments required at the top; `requires`: is any, anywhere?
    """

    definition: Any
    name: str | None
    problems: tuple[Problem, ...]
    schema: engines.Compiled | None
    declared: frozenset[str] | None
    needs: frozenset[str]
    requires: bool
    digest: bytes


class ToolBook:
    """Every distinct tool seen so far, bounded: past the bound it starts anew."""

    def __init__(self) -> None:
        self.known: dict[str, ToolEntry] = {}
        """By their JSON without the first key and the last brace (data.checks.lines)."""
        self._by_key: dict[str, ToolEntry] = {}

    def by_text(self, text: str, parse: Callable[[str], Any]) -> ToolEntry | None:
        """The tool of a JSON text as `known` has it, or None where `parse` gives no object.

        `parse` is asked where anything may be wrong with the whole text.
        """
        entry = self.known.get(text)
        if entry is None:
            whole = f'{{"name":{text}}}'
            tool, key = _read_back(whole)
            if key is None:
                tool = parse(whole)
                if not isinstance(tool, dict):
                    return None
            if len(self.known) >= MAX_TOOLS_KEPT:
                self.known.clear()
            entry = self.known[text] = self.by_value(tool, key)
        return entry

    def by_value(self, tool: Any, key: str | None = None) -> ToolEntry:
        """The entry of a parsed tool; `key`: its JSON, if that is known."""
        key = key or _ENCODER.encode(tool)
        entry = self._by_key.get(key)
        if entry is None:
            if len(self._by_key) >= MAX_TOOLS_KEPT:
                self._by_key.clear()
            entry = self._by_key[key] = tool_entry(tool, key)
        return entry


def _read_back(text: str) -> tuple[Any, str | None]:
    """The value of a JSON text, and the text if it is what that value is written as, else None.

    Nothing is wrong with such a text: of a key that stands twice, say, one would not come back.
    """
    if "\\u" in text or text.count("{") + text.count("[") > MAX_DEPTH:
        return None, None
    value = parsed(text)
    written = _ENCODER.encode(value)
    return value, written if written == text else None


def tool_entry(tool: Any, text: str) -> ToolEntry:
    """Check one tool, given its JSON too; pointers of its problems are relative to it."""
    if not isinstance(tool, dict):
        problem = Problem("tool_type", "", f"{type(tool).__name__} instead of an object")
        return ToolEntry(tool, None, (problem,), None, None, frozenset(), False, _digest(text))
    name = tool.get("name")
    problems = list(_head_problems(tool))
    if may_hold_credentials(text):
        problems.extend(Problem("secret", "", found) for found in credentials_in(text))
    schema = tool.get("inputSchema")
    compiled = None
    if isinstance(schema, dict):
        found = list(schema_problems(schema, text))
        problems.extend(found)
        if not any(p.code in engines.UNUSABLE for p in found):
            compiled = engines.Compiled(schema)
            problems.extend(_default_problems(schema, compiled))
    return ToolEntry(
        tool,
        name if isinstance(name, str) and name else None,
        tuple(problems),
        compiled,
        declared_names(schema) if compiled else None,
        _needs(schema),
        '"required"' in text,
        _digest(text),
    )


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=8).digest()


def _needs(schema: Any) -> frozenset[str]:
    required = schema.get("required") if isinstance(schema, dict) else None
    if not isinstance(required, list):
        return frozenset()
    return frozenset(name for name in required if isinstance(name, str))


def _head_problems(tool: dict[str, Any]) -> Iterator[Problem]:
    name = tool.get("name")
    if not isinstance(name, str) or not name.strip():
        yield Problem("tool_name", "/name", "missing or no text")
    elif not _NAME.match(name):
        yield Problem("tool_name_chars", "/name", f"{name[:80]!r}")
    description = tool.get("description")
    if not isinstance(description, str) or not description.strip():
        yield Problem("tool_description", "/description", "missing or empty")
    if not isinstance(tool.get("inputSchema"), dict):
        near = [key for key in ("parameters", "input_schema", "function") if key in tool]
        hint = f"; {near[0]!r} is another format's name" if near else ""
        yield Problem("schema_missing", "/inputSchema", f"missing or no object{hint}")


def schema_problems(schema: dict[str, Any], text: str) -> Iterator[Problem]:
    """What is wrong with an inputSchema, pointers relative to its tool, whose JSON is `text`."""
    at = "/inputSchema"
    if schema.get("type") != "object":
        yield Problem("schema_type", f"{at}/type", f"{str(schema.get('type'))[:80]!r}")
    dialect = schema.get("$schema")
    if dialect is not None and not engines.known_dialect(dialect):
        yield Problem("schema_dialect", f"{at}/$schema", f"{str(dialect)[:80]!r}; read as 2020-12")
    for pointer, message in engines.metaschema_errors(schema):
        yield Problem("schema_invalid", at + pointer, message)
    has_any = any(mark in text for mark in _MARKS_OF_INTEREST)
    for pointer, keyword, value in strings_of_interest(schema, at) if has_any else ():
        if keyword == "pattern":
            yield from _pattern_problems(value, pointer)
        else:
            yield from _reference_problems(schema, value, pointer)
    yield from _required_problems(schema, at)


def strings_of_interest(schema: dict[str, Any], pointer: str) -> list[tuple[str, str, str]]:
    """Pointer, keyword and text of each pattern and $ref in a schema."""
    found: list[tuple[str, str, str]] = []
    _collect_strings(schema, pointer, found)
    return found


def _collect_strings(value: Any, pointer: str, found: list[tuple[str, str, str]]) -> None:
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, dict | list):
                _collect_strings(item, f"{pointer}/{index}", found)
        return
    for key, item in value.items():
        if isinstance(item, str):
            if key in _INTERESTING:
                found.append((f"{pointer}/{key}", key, item))
        elif key in _MAPS_OF_SCHEMAS and isinstance(item, dict):
            for name, inner in item.items():
                if key == "patternProperties":
                    found.append((f"{pointer}/{key}", "pattern", name))
                if isinstance(inner, dict | list):
                    _collect_strings(inner, f"{pointer}/{key}/{name}", found)
        elif isinstance(item, dict | list) and key not in _NOT_SCHEMAS:
            _collect_strings(item, f"{pointer}/{key}", found)


def _pattern_problems(pattern: str, pointer: str) -> Iterator[Problem]:
    reason = pattern_error(pattern)
    if reason:
        yield Problem("schema_pattern", pointer, f"{pattern[:80]!r}: {reason}")


def _reference_problems(schema: dict[str, Any], ref: str, pointer: str) -> Iterator[Problem]:
    if not engines.resolves(schema, ref):
        local = ref.startswith("#") or "://" not in ref
        yield Problem("schema_ref" if local else "schema_ref_remote", pointer, f"{ref[:120]!r}")


def _required_problems(schema: dict[str, Any], at: str) -> Iterator[Problem]:
    declared, required = declared_names(schema), schema.get("required")
    if declared is None or not isinstance(required, list):
        return
    for index, name in enumerate(required):
        if isinstance(name, str) and name not in declared:
            yield Problem(
                "schema_required", f"{at}/required/{index}", f"{name[:80]!r} is not declared"
            )


def _default_problems(schema: dict[str, Any], compiled: engines.Compiled) -> Iterator[Problem]:
    properties = schema.get("properties")
    for name, inner in properties.items() if isinstance(properties, dict) else ():
        if (
            isinstance(inner, dict)
            and "default" in inner
            and not compiled.allows(name, inner["default"])
        ):
            shown = json.dumps(inner["default"])[:80]
            yield Problem("schema_default", f"/inputSchema/properties/{name}/default", shown)


def declared_names(schema: Any) -> frozenset[str] | None:
    """Names that a schema declares at its top; None where they cannot be listed so."""
    if not isinstance(schema, dict) or not isinstance(schema.get("properties", {}), dict):
        return None
    if not _COMBINED.isdisjoint(schema) or isinstance(schema.get("additionalProperties"), dict):
        return None
    return frozenset(schema.get("properties", {}))
