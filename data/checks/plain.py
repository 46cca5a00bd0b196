"""Schemas on which the first pass of data.checks.engines can be believed when it says "valid".

The reference and the first pass read some keywords, patterns and numbers by different rules. Only
what both are sure to read alike is plain; tests/test_engines.py holds them to each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from data.checks.formats import FORMATS
from data.checks.obvious import LOCAL_REF

_PLAIN = {
    "$schema", "$comment", "title", "description", "default",
    "examples", "type", "properties", "required", "additionalProperties", "items", "enum", "const",
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength",
    "minItems", "maxItems", "minProperties", "maxProperties", "anyOf", "allOf", "pattern", "format",
    "deprecated", "readOnly", "writeOnly", "$defs", "definitions", "$ref", "oneOf", "uniqueItems",
}  # fmt: skip
# Inside oneOf an "invalid" of the first pass must be the reference's too: no text rules there.
_PLAIN_BOTH_WAYS = _PLAIN - {"pattern", "format"}
# Of a schema with no other keywords there is nothing more to look at: they hold no schema, and any
# value of theirs will do.
_OF_ANY_VALUE = {
    "$schema", "$comment", "title", "description", "default", "examples", "type", "required",
    "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties",
    "deprecated", "readOnly", "writeOnly",
}  # fmt: skip
# A first pass cannot be interrupted: references may lead to this many parts in all, and no cycle.
MAX_PARTS = 500
# Patterns of which a match by ECMA's rules is always a match by Python's: no possessive repeat,
# and no class that begins with a bracket.
_PLAIN_PATTERN = re.compile(
    r"(?!.*[*+?}]\+)"
    r"(?:[\w ^$*+?{},:;/#@%&=!~'\"<>|.)-]|\((?!\?)|\[(?![\^\]])|\]|\\[dw.\\/+*()-])*\Z",
    re.ASCII,
)
_WITH_NUMBERS = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "const", "enum",
)  # fmt: skip
# Beyond it a float holds not every integer, and the engines compare by different rules.
MAX_EXACT = 2**53


def is_plain(schema: Any) -> bool:
    """Whether the reference is sure to agree with a "valid" of the first pass."""
    if not isinstance(schema, dict) or str(schema.get("$schema", "draft/2020-12")).rstrip(
        "#"
    ).split("draft")[-1] not in ("/2020-12/schema", "-07/schema", "/2020-12"):
        return schema is True or schema is False
    try:
        return _PlainTest(schema).holds(schema)
    except RecursionError:  # references in a ring
        return False


class _PlainTest:
    """Looks at every part of a schema, references followed, MAX_PARTS at most."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._n_parts = 0

    def holds(self, schema: Any, allowed: set[str] = _PLAIN) -> bool:
        """Whether a part holds nothing but plain keywords of plain values."""
        self._n_parts += 1
        if isinstance(schema, bool):
            return True
        if not isinstance(schema, dict) or self._n_parts > MAX_PARTS:
            return False
        if _OF_ANY_VALUE.issuperset(schema):
            return True
        if not allowed.issuperset(schema) or not _has_plain_values(schema):
            return False
        if not all(self.holds(part, _PLAIN_BOTH_WAYS) for part in _list_of(schema, "oneOf")):
            return False
        parts = [*_parts(schema), *self._referred(schema)]
        return all(self.holds(part, allowed) for part in parts)

    def _referred(self, schema: dict[str, Any]) -> Iterator[Any]:
        """What a reference leads to; None, which is not plain, where that is not plain to see."""
        if "$ref" in schema:
            found = LOCAL_REF.match(str(schema["$ref"]))
            defined = self._root.get(found[1]) if found else None
            yield defined.get(found[2]) if found and isinstance(defined, dict) else None


def _has_plain_values(schema: dict[str, Any]) -> bool:
    """Whether format, pattern, numbers and uniqueItems are of a kind that both engines share."""
    if schema.get("format", "date") not in FORMATS:
        return False
    if "pattern" in schema and not _PLAIN_PATTERN.match(str(schema["pattern"])):
        return False
    if any(key in schema and _has_big_number(schema[key]) for key in _WITH_NUMBERS):
        return False
    if "uniqueItems" in schema:
        items = schema.get("items")
        return isinstance(items, dict) and items.get("type") == "string"
    return True


def _has_big_number(value: Any) -> bool:
    if isinstance(value, dict | list):
        items = value.values() if isinstance(value, dict) else value
        return any(map(_has_big_number, items))
    return isinstance(value, int | float) and abs(value) >= MAX_EXACT


def _parts(schema: dict[str, Any]) -> Iterator[Any]:
    properties = schema.get("properties", {})
    yield from properties.values() if isinstance(properties, dict) else (None,)
    for key in ("anyOf", "allOf"):
        yield from _list_of(schema, key)
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield schema[key]


def _list_of(schema: dict[str, Any], key: str) -> list[Any]:
    value = schema.get(key, [])
    return value if isinstance(value, list) else [None]
