"""References of a schema: does any lead only to itself?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_LISTS = ("allOf", "anyOf", "oneOf")
_PARTS = ("not", "if", "then", "else")


def endless_reference(schema: dict[str, Any]) -> str | None:
    """A $ref by which a check would go round without end, or None.

    A tree whose nodes hold nodes ends with its data; a schema that refers to itself in place does
    not.
    """
    done: set[int] = set()
    for part in _every_part(schema):
        found = _goes_round(part, schema, done, set())
        if found:
            return found
    return None


def _goes_round(part: Any, root: dict[str, Any], done: set[int], under: set[int]) -> str | None:
    if not isinstance(part, dict) or id(part) in done:
        return None
    under = under | {id(part)}
    for following in _in_place(part, root):
        if id(following) in under:
            return str(part.get("$ref", "a combination of schemas"))
        found = _goes_round(following, root, done, under)
        if found:
            return found
    done.add(id(part))
    return None


def _in_place(part: dict[str, Any], root: dict[str, Any]) -> Iterator[Any]:
    """The schemas that are checked against the very same value."""
    if isinstance(part.get("$ref"), str):
        yield target(root, part["$ref"])
    for key in _LISTS:
        yield from part[key] if isinstance(part.get(key), list) else ()
    for key in _PARTS:
        yield part.get(key)


def target(root: Any, ref: str) -> Any:
    """What a local reference (#/...) names, or None."""
    from urllib.parse import unquote

    value = root
    if not ref.startswith("#"):
        return None
    for piece in ref[1:].split("/")[1:]:
        name = unquote(piece).replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def _every_part(value: Any) -> Iterator[Any]:
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
