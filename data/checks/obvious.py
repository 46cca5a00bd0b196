"""Values that a schema allows for plain to see, without an engine.

A schema that is used once costs an engine more to compile than to apply, and most schemas of a
dataset with changed names are used once. Only "valid" is ever said here, and only where the
reference says so too (tests/test_engines.py holds them to each other): the rest is for the engines.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from data.checks.formats import FORMATS
from data.checks.patterns import matches_soon

Schema = dict[str, Any]

_SAY_NOTHING = {
    "$comment", "$defs", "$schema", "default", "definitions", "deprecated", "description",
    "examples", "readOnly", "title", "writeOnly",
}  # fmt: skip
_ONLY_A_REF = _SAY_NOTHING | {"$ref"}
_UNDERSTOOD = _SAY_NOTHING | {
    "additionalProperties", "anyOf", "const", "enum", "exclusiveMaximum", "exclusiveMinimum",
    "format", "items", "maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum",
    "multipleOf", "oneOf", "pattern", "properties", "required", "type", "uniqueItems",
}  # fmt: skip
_DIALECTS = {
    None,
    "http://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-07/schema#",
    "https://json-schema.org/draft/2020-12/schema",
}
_TYPES: dict[type, set[str]] = {
    str: {"string"},
    bool: {"boolean"},
    int: {"integer", "number"},
    float: {"number"},
    type(None): {"null"},
    dict: {"object"},
    list: {"array"},
}
_NO_TYPES: set[str] = set()
LOCAL_REF = re.compile(r"#/(\$defs|definitions)/([A-Za-z0-9_.-]+)\Z")


def is_obviously_valid(value: Any, schema: Any, root: Schema | None = None) -> bool:
    """Whether a value fits, for sure, a schema that is right by its metaschema.

    `root`: the whole schema that it is a part of.
    """
    root = schema if root is None else root
    try:
        return root.get("$schema") in _DIALECTS and _fits(value, schema, root)
    except RecursionError:  # references in a ring
        return False


def _fits(value: Any, schema: Any, root: Schema) -> bool:
    if schema is True or schema is False:
        return schema
    if schema.get("$schema") not in _DIALECTS:
        return False
    if not _UNDERSTOOD.issuperset(schema):
        return _ONLY_A_REF.issuperset(schema) and _fits(value, _referred(schema, root), root)
    kind, named = type(value), schema.get("type")
    if named is not None and not _is_of(kind, named):
        return False
    if "enum" in schema and not _is_among(value, schema["enum"]):
        return False
    if "const" in schema and not _is_among(value, [schema["const"]]):
        return False
    if "anyOf" in schema and not any(_fits(value, part, root) for part in schema["anyOf"]):
        return False
    if "oneOf" in schema and not _fits_one(value, schema["oneOf"], root):
        return False
    rest = _OF_TYPE.get(kind)
    return rest is None or rest(value, schema, root)


def _fits_one(value: Any, parts: list[Any], root: Schema) -> bool:
    fitting = [part for part in parts if not _differs(value, part)]
    return len(fitting) == 1 and _fits(value, fitting[0], root)


def _differs(value: Any, schema: Any) -> bool:
    """Whether a value does not fit, for sure: of another type or text, or it lacks a member."""
    if isinstance(schema, bool) or "$ref" in schema or "$schema" in schema:
        return schema is False
    kind, named = type(value), schema.get("type")
    # 1.0 is an integer.
    if named is not None and kind is not float and not _is_of(kind, named):
        return True
    if kind is str:
        return value not in schema.get("enum", [value]) or schema.get("const", value) != value
    if kind is not dict:
        return False
    properties = schema.get("properties", {})
    return not value.keys() >= set(schema.get("required", ())) or any(
        name in properties and _differs(item, properties[name]) for name, item in value.items()
    )


def _is_of(kind: type, named: str | list[str]) -> bool:
    """Whether values of a Python type are of a type of JSON Schema, or of one of several."""
    names = _TYPES.get(kind, _NO_TYPES)
    return named in names if isinstance(named, str) else not names.isdisjoint(named)


def _referred(schema: Schema, root: Schema) -> Any:
    """What a reference inside the schema leads to; False for any other.

    Metaschemas look into definitions under their own dialect's name only.
    """
    found = LOCAL_REF.match(schema["$ref"])
    defined = root.get(found[1]) if found else None
    part = defined.get(found[2]) if found and isinstance(defined, dict) else False
    return part if isinstance(part, dict) else part is True


def _is_among(value: Any, allowed: list[Any]) -> bool:
    """Of texts and integers alone: equality of other values has rules of its own."""
    kind = type(value)
    return kind in (str, int) and any(type(one) is kind and one == value for one in allowed)


def _fits_text(value: str, schema: Schema, root: Schema) -> bool:
    if not _has_size(len(value), schema, "minLength", "maxLength"):
        return False
    if "format" in schema and not FORMATS.get(schema["format"], _is_unknown)(value):
        return False
    return "pattern" not in schema or matches_soon(schema["pattern"], value)


def _is_unknown(text: str) -> bool:
    return False


def _fits_number(value: float, schema: Schema, root: Schema) -> bool:
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        return False
    if "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
        return False
    if "multipleOf" in schema and not _is_multiple(value, schema["multipleOf"]):
        return False
    return _has_size(value, schema, "minimum", "maximum")


def _is_multiple(value: float, unit: float) -> bool:
    return type(value) is type(unit) is int and value % unit == 0


def _has_size(size: float, schema: Schema, least: str, most: str) -> bool:
    if least in schema and size < schema[least]:
        return False
    return most not in schema or size <= schema[most]


def _fits_list(value: list[Any], schema: Schema, root: Schema) -> bool:
    items = schema.get("items", True)
    return (
        _has_size(len(value), schema, "minItems", "maxItems")
        and not isinstance(items, list)
        and (not schema.get("uniqueItems") or _are_texts_once(value))
        and all(_fits(item, items, root) for item in value)
    )


def _are_texts_once(items: list[Any]) -> bool:
    return all(type(item) is str for item in items) and len(set(items)) == len(items)


def _fits_object(value: dict[str, Any], schema: Schema, root: Schema) -> bool:
    if "required" in schema and not value.keys() >= set(schema["required"]):
        return False
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    return all(_fits(item, properties.get(name, others), root) for name, item in value.items())


_OF_TYPE: dict[type, Callable[[Any, Schema, Schema], bool]] = {
    str: _fits_text,
    int: _fits_number,
    float: _fits_number,
    list: _fits_list,
    dict: _fits_object,
}
