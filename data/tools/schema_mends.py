"""Mend a schema where there is one right way; what has none raises Rejected.

Nothing that JSON Schema allows is touched: the model should see what its server publishes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from data.checks.patterns import pattern_error
from data.tools.codes import Notes, Rejected
from data.tools.pattern_mends import rewritten
from data.tools.property_mends import by_name, is_schema_of_object, set_required
from data.tools.type_names import JSON_TYPES, TypeReading, any_of, read_type

MAX_PARTS = 5000
MAX_LEVELS = 24
# In these `items` may be a list; the newest dialect has prefixItems for it.
_DIALECTS_WITH_ITEMS_LISTS = ("draft-06", "draft-07", "2019-09")
_ONE = (
    "items", "additionalProperties", "additionalItems", "contains", "propertyNames", "not", "if",
    "then", "else", "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAPS = ("patternProperties", "$defs", "definitions", "dependentSchemas")
_NUMBERS = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
    "maxLength", "minItems", "maxItems", "minProperties", "maxProperties",
)  # fmt: skip
_BOOLEANS = {"true": True, "false": False}
_MAY_BE_NULL = ("default", "const", "enum", "examples", "example")


def pointer(at: str, *parts: object) -> str:
    """The JSON pointer that goes on from another one."""
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return "/".join([at, *escaped])


class SchemaMender:
    """Mends the schema of one tool and notes what it does."""

    def __init__(self, notes: Notes, dialect: object = None) -> None:
        self._notes = notes
        self._items_lists = any(name in str(dialect) for name in _DIALECTS_WITH_ITEMS_LISTS)
        self._n_parts = 0
        self._steps: tuple[Callable[[dict[str, Any], str], None], ...] = (
            self._nulls,
            self._values,
            self._type,
            self._exclusive,
            self._items,
            self._pattern,
            self._properties,
            self._required,
            self._default,
            self._parts,
        )

    def mended(self, value: Any, at: str, level: int = 0) -> Any:
        """The schema, mended at every depth; `at` is its pointer."""
        self._n_parts += 1
        if self._n_parts > MAX_PARTS or level > MAX_LEVELS:
            limit = f"over {MAX_PARTS:,} parts or {MAX_LEVELS} levels"
            raise Rejected("schema_too_large", at, limit)
        if isinstance(value, bool):
            return value
        if value is None:
            self._notes.add("keyword_null", at, "null")
            return {}
        if isinstance(value, str):
            return self._shorthand(value, at)
        if not isinstance(value, dict):
            raise Rejected("schema_invalid", at, f"{type(value).__name__} instead of a schema")
        schema = {str(key): item for key, item in value.items()}
        for step in self._steps:
            self._level = level
            step(schema, at)
        return schema

    def _inner(self, value: Any, at: str) -> Any:
        level = self._level
        inner = self.mended(value, at, level + 1)
        self._level = level
        return inner

    def _shorthand(self, text: str, at: str) -> Any:
        reading = _reading(text)
        if reading is None:
            raise Rejected("type_unknown", at, text[:80])
        self._notes.add("schema_shorthand", at, text)
        return dict(reading.schema)

    def _nulls(self, schema: dict[str, Any], at: str) -> None:
        for key in [k for k, v in schema.items() if v is None and k not in _MAY_BE_NULL]:
            self._notes.add("keyword_null", pointer(at, key), "null")
            del schema[key]
        if "enum" in schema and schema["enum"] is None:
            self._notes.add("keyword_null", pointer(at, "enum"), "null")
            del schema["enum"]

    def _values(self, schema: dict[str, Any], at: str) -> None:
        """Keywords whose value is written as text, or text written as something else."""
        for key in _NUMBERS:
            if isinstance(schema.get(key), str) and (number := _number(schema[key])) is not None:
                self._replace(schema, key, number, at)
        for key in ("uniqueItems", "additionalProperties", "exclusiveMinimum", "exclusiveMaximum"):
            if isinstance(schema.get(key), str) and schema[key].lower() in _BOOLEANS:
                self._replace(schema, key, _BOOLEANS[schema[key].lower()], at)
        for key in ("title", "description"):
            if key in schema and not isinstance(schema[key], str):
                self._replace(schema, key, str(schema[key]), at)
        if "examples" in schema and not isinstance(schema["examples"], list):
            self._replace(schema, "examples", [schema["examples"]], at)

    def _replace(self, schema: dict[str, Any], key: str, value: Any, at: str) -> None:
        self._notes.add("keyword_type", pointer(at, key), schema[key], f"{value!r}"[:80])
        schema[key] = value

    def _type(self, schema: dict[str, Any], at: str) -> None:
        if "type" not in schema or _is_right_type(schema["type"]):
            return
        given, where = schema["type"], pointer(at, "type")
        texts = given if isinstance(given, list) else [given]
        readings = [_reading(text) for text in texts]
        if not texts or any(reading is None for reading in readings):
            raise Rejected("type_unknown", where, f"{given!r}"[:80])
        known = [reading for reading in readings if reading is not None]
        meant = any_of([dict(reading.schema) for reading in known])
        code = next((reading.code for reading in known if reading.code), "type_name")
        self._notes.add(code, where, given, f"{meant}"[:80])
        given_keys = dict(schema)
        schema.clear()
        for key, value in given_keys.items():
            new = {k: v for k, v in meant.items() if k == "type" or k not in given_keys}
            schema.update(new if key == "type" else {key: value})

    def _exclusive(self, schema: dict[str, Any], at: str) -> None:
        for key, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            given = schema.get(key)
            if not isinstance(given, bool):
                continue
            del schema[key]
            if given and _is_number(schema.get(bound)):
                schema[key] = schema.pop(bound)
            done = f"{key} {schema[key]}" if key in schema else "removed"
            self._notes.add("exclusive_boolean", pointer(at, key), given, done)

    def _items(self, schema: dict[str, Any], at: str) -> None:
        if not isinstance(schema.get("items"), list):
            return
        if self._items_lists:
            parts = enumerate(schema["items"])
            schema["items"] = [self._inner(p, pointer(at, "items", n)) for n, p in parts]
            return
        self._notes.add("items_list", pointer(at, "items"), schema["items"])
        schema["prefixItems"] = schema.pop("items")
        if not schema["prefixItems"]:
            del schema["prefixItems"]
        if "additionalItems" in schema:
            schema["items"] = schema.pop("additionalItems")

    def _pattern(self, schema: dict[str, Any], at: str) -> None:
        given = schema.get("pattern")
        if not isinstance(given, str) or pattern_error(given) is None:
            return
        where, mended = pointer(at, "pattern"), rewritten(given)
        if mended is None:
            del schema["pattern"]
            self._notes.add("pattern_dropped", where, given)
        else:
            schema["pattern"] = mended
            self._notes.add("pattern_rewritten", where, given, mended[:80])

    def _properties(self, schema: dict[str, Any], at: str) -> None:
        if "properties" not in schema:
            return
        where = pointer(at, "properties")
        if isinstance(schema["properties"], list):
            schema["properties"] = by_name(schema["properties"], where)
            self._notes.add("properties_list", where, "a list")
        while is_schema_of_object(schema["properties"]):
            self._notes.add("schema_too_deep", where, "a schema in the place of properties")
            schema.update(schema["properties"])
        if not isinstance(schema["properties"], dict):
            raise Rejected("schema_invalid", where, "properties is no object")
        needed: dict[str, bool] = {}
        properties: dict[str, Any] = {}
        for name, given in schema["properties"].items():
            inside = pointer(where, name)
            part, is_needed = self._without_required(given, inside)
            properties[str(name)] = self._inner(part, inside)
            if is_needed is not None:
                needed[str(name)] = is_needed
        schema["properties"] = properties
        set_required(schema, needed)

    def _without_required(self, given: Any, at: str) -> tuple[Any, bool | None]:
        """A property without a boolean `required`, and whether it says to be required."""
        reading = _reading(given.get("type") if isinstance(given, dict) else given)
        is_needed = None if reading is None or reading.optional is None else not reading.optional
        if isinstance(given, dict) and not isinstance(given.get("required"), list | None):
            marked = _BOOLEANS.get(str(given["required"]).lower())
            if marked is not None:
                self._notes.add("required_boolean", pointer(at, "required"), given["required"])
                is_needed = marked
                given = {key: value for key, value in given.items() if key != "required"}
        return given, is_needed

    def _required(self, schema: dict[str, Any], at: str) -> None:
        if "required" not in schema:
            return
        given, where = schema["required"], pointer(at, "required")
        names = [given] if isinstance(given, str) else given
        kept = [n for n in names if isinstance(n, str)] if isinstance(names, list) else []
        if isinstance(given, str) and given not in schema.get("properties", {}):
            kept = []
        if not isinstance(given, list) or len(kept) < len(given):
            self._notes.add("required_type", where, given)
        if len(set(kept)) < len(kept):
            twice = next(name for name in kept if kept.count(name) > 1)
            self._notes.add("required_duplicate", where, twice)
        schema["required"] = list(dict.fromkeys(kept))
        if not kept and given != []:
            del schema["required"]

    def _default(self, schema: dict[str, Any], at: str) -> None:
        if "default" not in schema or schema["default"] is not None or "type" not in schema:
            return
        if schema["type"] != "null" and "null" not in schema["type"]:
            del schema["default"]
            self._notes.add("default_null", pointer(at, "default"), "null")

    def _parts(self, schema: dict[str, Any], at: str) -> None:
        for key in _ONE:
            if key in schema and not isinstance(schema[key], list):
                schema[key] = self._inner(schema[key], pointer(at, key))
        for key in _LISTS:
            if isinstance(schema.get(key), list):
                parts = enumerate(schema[key])
                schema[key] = [self._inner(part, pointer(at, key, n)) for n, part in parts]
        for key in _MAPS:
            if isinstance(schema.get(key), dict):
                schema[key] = self._mended_map(schema[key], key, at)

    def _mended_map(self, parts: dict[str, Any], key: str, at: str) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, part in parts.items():
            where, new = pointer(at, key, name), str(name)
            if key == "patternProperties" and pattern_error(new) is not None:
                mended = rewritten(new)
                if mended is None:
                    self._notes.add("pattern_dropped", where, new)
                    continue
                self._notes.add("pattern_rewritten", where, new, mended[:80])
                new = mended
            out[new] = self._inner(part, where)
        return out


def _is_right_type(given: Any) -> bool:
    """Whether JSON Schema allows it: a type, or a list of different ones."""
    names = given if isinstance(given, list) else [given]
    known = [name for name in names if isinstance(name, str) and name in JSON_TYPES]
    return 0 < len(names) == len(known) == len(set(known))


def _reading(text: Any) -> TypeReading | None:
    if not isinstance(text, str):
        return None
    return TypeReading({"type": text}, "") if text in JSON_TYPES else read_type(text)


def _number(text: str) -> int | float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    if value != value or value in (float("inf"), float("-inf")):
        return None
    return int(value) if value == int(value) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
