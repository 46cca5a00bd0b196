"""The properties of an object where they stand in another form: as a list, or as a whole schema."""

from __future__ import annotations

from typing import Any

from data.tools.codes import Rejected
from data.tools.type_names import NAMES


def is_schema_of_object(properties: Any) -> bool:
    """Whether a whole schema stands where its properties should."""
    if not isinstance(properties, dict) or not isinstance(properties.get("properties"), dict):
        return False
    named = properties.get("type")
    is_object = isinstance(named, str) and NAMES.get(named.lower()) == "object"
    return is_object or isinstance(properties.get("required"), list)


def by_name(items: list[Any], at: str) -> dict[str, Any]:
    """Properties that are listed, each with its name, as an object. Raises Rejected."""
    named: dict[str, Any] = {}
    for item in items:
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str) or name in named:
            raise Rejected("schema_invalid", at, "a list of properties without a name each")
        named[name] = {key: value for key, value in item.items() if key != "name"}
    return named


def set_required(schema: dict[str, Any], needed: dict[str, bool]) -> None:
    """Add to required what says so itself, and take out what says that it is optional."""
    if not needed:
        return
    given = schema.pop("required", None)
    names = [name for name in given if needed.get(str(name), True)] if _is_list(given) else []
    names += [name for name, is_needed in needed.items() if is_needed and name not in names]
    if names:
        schema["required"] = names


def _is_list(value: Any) -> bool:
    return isinstance(value, list)
