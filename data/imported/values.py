"""Slot specs for what a schema takes: what is drawn can be said, and fits the schema.

Enums, bounds, formats and references decide; where a text may be anything, its name and description
choose the pool.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from data.imported.vocabulary import (
    BY_WORD,
    COUNTS,
    DEGREES,
    FORMATS,
    RANGES,
    SENTENCES,
)
from data.names import words_of
from data.tools.references import target

MAX_LEVELS = 4
MAX_CHOICES = 30


def spec_of(name: str, schema: Any, root: Mapping[str, Any], level: int = 0) -> Any:
    """A spec for data.slots.fill, or None where no value is sure to be right."""
    schema = _plain(schema, root)
    if level > MAX_LEVELS or schema is False:
        return None
    if not isinstance(schema, dict):
        return "text"
    if "enum" in schema:
        return _choice(schema["enum"])
    kinds = schema.get("type", _guessed_type(schema))
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if isinstance(kind, str) and kind in _KINDS:
            return _KINDS[kind](name, schema, root, level)
    return None


def _plain(schema: Any, root: Mapping[str, Any]) -> Any:
    """The schema with references followed and the first alternative that is not null taken."""
    for _ in range(10):
        if not isinstance(schema, dict):
            return schema
        if isinstance(schema.get("$ref"), str):
            schema = {**_dict(target(root, schema["$ref"])), **_without(schema, "$ref")}
        elif isinstance(schema.get("allOf"), list):
            parts = [_dict(_plain(part, root)) for part in schema["allOf"]]
            schema = _merged([_without(schema, "allOf"), *parts])
        elif options := [o for key in ("anyOf", "oneOf") for o in _options(schema, key)]:
            schema = {**_without(schema, "anyOf", "oneOf"), **options[0]}
        else:
            return schema
    return schema


def _options(schema: dict[str, Any], key: str) -> list[dict[str, Any]]:
    given = schema.get(key)
    options = given if isinstance(given, list) else []
    return [o for o in options if isinstance(o, dict) and o.get("type") != "null"]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _without(schema: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in keys}


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for part in parts:
        properties = {**_dict(out.get("properties")), **_dict(part.get("properties"))}
        required = [*out.get("required", []), *part.get("required", [])]
        out = {**out, **part}
        if properties:
            out |= {"properties": properties, "required": required}
    return out


def _guessed_type(schema: dict[str, Any]) -> str:
    return "object" if "properties" in schema else "array" if "items" in schema else "string"


def _choice(values: Any) -> Any:
    usable = [v for v in values if isinstance(v, str | int | float) and str(v).strip()]
    choices = {value: _said(value) for value in usable[:MAX_CHOICES]}
    return {"choice": choices} if choices else None


def _said(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _boolean(name: str, schema: Any, root: Any, level: int) -> Any:
    return {"choice": {True: "true", False: "false"}}


def _integer(name: str, schema: dict[str, Any], root: Any, level: int) -> Any:
    words = words_of(name)
    low, high = next((RANGES[w] for w in words if w in RANGES), (None, None))
    bounds = _bounds(schema, 1, low, high, 40 if COUNTS & set(words) else 5000)
    step = schema.get("multipleOf")
    if isinstance(step, int | float) and step > 1 and step == int(step):
        first = math.ceil(bounds[0] / step)
        values = [int(step) * n for n in range(first, first + 20) if step * n <= bounds[1]]
        return _choice(values)
    return {"integer": list(bounds)} if bounds[0] <= bounds[1] else None


def _bounds(
    schema: dict[str, Any], step: int, low: int | None, high: int | None, span: int
) -> tuple[int, int]:
    """Whole numbers from and to, by the schema, else by habit."""
    lows = [math.ceil(schema["minimum"])] if _is_number(schema.get("minimum")) else []
    if _is_number(schema.get("exclusiveMinimum")):
        lows.append(math.floor(schema["exclusiveMinimum"]) + step)
    highs = [math.floor(schema["maximum"])] if _is_number(schema.get("maximum")) else []
    if _is_number(schema.get("exclusiveMaximum")):
        highs.append(math.ceil(schema["exclusiveMaximum"]) - step)
    least = max(lows) if lows else None
    most = min(highs) if highs else None
    if least is None:
        usual = 1 if low is None else low
        least = usual if most is None or usual <= most else most - span
    if most is None:
        most = high if high is not None and high >= least else least + span
    return least, min(most, least + 100_000)


def _number(name: str, schema: dict[str, Any], root: Any, level: int) -> Any:
    words = set(words_of(name))
    limit = next((DEGREES[word] for word in words if word in DEGREES), None)
    is_open = not {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"} & set(schema)
    if limit and is_open:
        return {"number": [-limit, limit, 3]}
    if "multipleOf" in schema or (COUNTS & words and "index" not in words):
        return _integer(name, schema, root, level)
    if is_open:
        return "amount"
    low, high = _bounds(schema, 0, None, None, 500)
    if high - low >= 2:
        return {"number": [low + 0.1, high - 0.1, 1]}
    exact = [schema.get("minimum", schema.get("exclusiveMinimum", 0)),
             schema.get("maximum", schema.get("exclusiveMaximum", low + 1))]  # fmt: skip
    return {"number": [exact[0] + 0.01, exact[1] - 0.01, 2]}


def _string(name: str, schema: dict[str, Any], root: Any, level: int) -> Any:
    if "const" in schema:
        return {"choice": {schema["const"]: str(schema["const"])}}
    known = FORMATS.get(str(schema.get("format")))
    if known is not None:
        return known
    words = words_of(name)
    text = f"{schema.get('description', '')}".lower()
    for wanted, spec in BY_WORD:
        if set(words[-1:]) & set(wanted.split()):
            return spec
    for wanted, spec in BY_WORD:
        if set(words) & set(wanted.split()):
            return spec
    said = set(re.findall(r"[a-z]+", text)[:12])
    return next((spec for wanted, spec in BY_WORD[:9] if said & set(wanted.split())), "thing")


def _array(name: str, schema: dict[str, Any], root: Any, level: int) -> Any:
    if "prefixItems" in schema:
        return None
    singular = re.sub(r"(?<=[a-z]{2})s\Z", "", name)
    items = schema.get("items", {})
    item = spec_of(singular, items if items is not True else {}, root, level + 1)
    least, most = schema.get("minItems", 1), schema.get("maxItems", 3)
    if item is None or not all(map(_is_number, (least, most))):
        return None
    return {"list": item, "count": [max(1, least), max(1, least, min(3, most))]}


def _object(name: str, schema: dict[str, Any], root: Any, level: int) -> Any:
    properties = _dict(schema.get("properties"))
    if not properties:
        extra = schema.get("additionalProperties", True)
        free = {"note": spec_of("text", extra if isinstance(extra, dict) else {}, root, level + 1)}
        return _said_object(free) if extra is not False and free["note"] is not None else None
    required = [key for key in schema.get("required", []) if key in properties]
    names = list(dict.fromkeys(required)) or list(properties)[:2]
    return _said_object({key: spec_of(key, properties[key], root, level + 1) for key in names})


def _said_object(parts: dict[str, Any]) -> Any:
    if any(spec is None or not re.fullmatch(r"[\w $@-]+", key) for key, spec in parts.items()):
        return None
    said = [
        f"{' '.join(words_of(key)) or key} "
        + (f'"{{{key}}}"' if spec in SENTENCES else f"{{{key}}}")
        for key, spec in parts.items()
    ]
    return {"object": parts, "say": " and ".join(said)}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_KINDS: dict[str, Callable[[str, dict[str, Any], Any, int], Any]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "array": _array,
    "object": _object,
}
