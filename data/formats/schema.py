"""Mend the type names that published tool definitions use beside JSON Schema's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Seen in BFCL: Python's names for types. `any` has no counterpart: it is left out.
_TYPES = {
    "dict": "object",
    "float": "number",
    "tuple": "array",
    "list": "array",
    "bool": "boolean",
    "str": "string",
    "int": "integer",
}


def mended(schema: Any) -> Any:
    """The schema with JSON Schema's type names, at every depth."""
    if not isinstance(schema, Mapping):
        return schema
    out: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "type" and isinstance(value, str):
            if value != "any":
                out[key] = _TYPES.get(value, value)
        elif key == "properties" and isinstance(value, Mapping):
            out[key] = {name: mended(part) for name, part in value.items()}
        elif key in ("items", "additionalProperties", "parameters"):
            out[key] = mended(value)
        elif not (key in ("default", "optional") and value is None):
            out[key] = value
    return out
