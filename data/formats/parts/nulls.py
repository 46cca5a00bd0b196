"""Arguments that Arrow padded with nulls: every call has the parameters of all the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from data.formats.parts.turns import Call, Turn


class Unpadded(NamedTuple):
    """The turns, and the notes of what was dropped."""

    turns: list[Turn]
    notes: tuple[str, ...]


def without_padding(turns: Sequence[Turn], tools: Sequence[Mapping[str, Any]]) -> Unpadded:
    """The turns without arguments that are null and whose schema does not allow null."""
    schemas = {tool["name"]: tool["inputSchema"].get("properties", {}) for tool in tools}
    kept = [
        replace(t, calls=tuple(_call(c, schemas.get(c.name, {})) for c in t.calls)) for t in turns
    ]
    return Unpadded(kept, () if kept == list(turns) else ("nulls_dropped",))


def _call(call: Call, properties: Mapping[str, Any]) -> Call:
    arguments = {
        name: value
        for name, value in call.arguments.items()
        if value is not None or (name in properties and _may_be_null(properties[name]))
    }
    return call if len(arguments) == len(call.arguments) else replace(call, arguments=arguments)


def _may_be_null(schema: Any) -> bool:
    if not isinstance(schema, Mapping):
        return True
    if not {"type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref"} & set(schema):
        return True
    parts = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    named = schema.get("type")
    return (
        named == "null"
        or (isinstance(named, list) and "null" in named)
        or None in (schema.get("enum") or ())
        or "$ref" in schema
        or "allOf" in schema
        or any(_may_be_null(part) for part in parts)
    )
