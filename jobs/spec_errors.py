"""What is wrong with a spec, by its JSON Schema: key, found, allowed, on one line each."""

from __future__ import annotations

import json
from collections.abc import Hashable
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

SCHEMA = Path(__file__).parent / "spec.schema.json"


class Unique(yaml.SafeLoader):
    """YAML in which a key that occurs twice is an error: the first would be lost in silence."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key.value!r} occurs twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema of a spec."""
    content: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return content


def schema_errors(content: Any) -> list[str]:
    """All problems of parsed YAML, in the order of keys; none where it fits."""
    from jsonschema import Draft202012Validator

    errors = Draft202012Validator(schema()).iter_errors(content)
    ordered = sorted(errors, key=lambda error: [str(part) for part in error.absolute_path])
    return [line for error in ordered for line in _lines(error)]


def _lines(error: ValidationError) -> list[str]:
    key = ".".join(str(part) for part in error.absolute_path)
    prefix = f"{key}." if key else ""
    allowed = _properties(error)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        unknown = [name for name in error.instance if name not in allowed]
        return [f"{prefix}{name}: {_unknown(str(name), list(allowed))}" for name in unknown]
    if error.validator == "required":
        required: Any = error.validator_value
        # Each missing key is an error of its own; its message starts with the key in quotes.
        name = next(n for n in required if error.message.startswith(f"{n!r} "))
        return [f"{prefix}{name}: missing; give {allowed[name]['description']}"]
    if "propertyNames" in error.absolute_schema_path:
        return [f"{key}: found key {error.instance!r}; allowed: {_description(error)}"]
    # A value that was put where its name belongs must not get into a log.
    shown = "a value" if key.startswith("secrets") else _shown(error.instance)
    return [f"{key or 'the file'}: found {shown}; allowed: {_allowed(error)}"]


def _properties(error: ValidationError) -> dict[str, Any]:
    found = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
    return dict(found)


def _unknown(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"unknown key; {hint}allowed: {', '.join(known)}"


def _allowed(error: ValidationError) -> str:
    if error.validator != "enum":
        return _description(error)
    choices: Any = error.validator_value
    near = get_close_matches(str(error.instance), choices, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return ", ".join(choices) + hint


def _description(error: ValidationError) -> str:
    return str(error.schema.get("description", "")) if isinstance(error.schema, dict) else ""


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "..."
