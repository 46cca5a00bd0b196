"""Calls that use the results of earlier calls, where the set has no results: results are made up.

`$var1.skyId$` becomes a value that stands in a made-up result of the first call, and the calls are
told step by step: those that can be made at once, their results, the next ones. The values are
plain stand-ins ("skyId-1", 101), of the type that the parameter wants; such records carry the note
results_made_up and a source that ends in MADE_UP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from data.formats.parts.reject import RowError
from data.formats.parts.turns import Call, Turn
from data.wire import compact

MADE_UP = "+made-up-results"
NOTE = "results_made_up"
MAX_PATH = 8


class Reference(NamedTuple):
    """A placeholder: its characters, the call whose result it means (from 0), the way into it."""

    text: str
    call: int
    path: tuple[str, ...]


FindReferences = Callable[[str], Sequence[Reference]]


class Told(NamedTuple):
    """The assistant and tool turns, and whether results were made up."""

    turns: list[Turn]
    is_made_up: bool


@dataclass
class _Story:
    schemas: Mapping[str, Mapping[str, Any]]
    find: FindReferences
    turns: list[Turn] = field(default_factory=list)
    results: dict[int, Any] = field(default_factory=dict)
    first_open: int = 0


def tell(calls: Sequence[Call], find: FindReferences, tools: Sequence[Mapping[str, Any]]) -> Told:
    """The calls as turns, with results made up where a later call uses them. Raises RowError."""
    story = _Story({tool["name"]: tool["inputSchema"] for tool in tools}, find)
    filled = [_filled(story, call, number) for number, call in enumerate(calls)]
    start = 0
    for number, call in enumerate(calls):
        if any(reference.call >= start for reference in _references(call.arguments, find)):
            _close(story, filled[start:number], start)
            start = number
    story.turns.append(Turn("assistant", calls=tuple(filled[start:])))
    return Told(story.turns, start > 0)


def _close(story: _Story, calls: Sequence[Call], start: int) -> None:
    story.turns.append(Turn("assistant", calls=tuple(calls)))
    for number in range(start, start + len(calls)):
        result = story.results.get(number, {"status": "ok"})
        text = result if isinstance(result, str) else compact(result)
        story.turns.append(Turn("tool", text))


def _references(value: Any, find: FindReferences) -> list[Reference]:
    if isinstance(value, str):
        return list(find(value))
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [reference for part in inner for reference in _references(part, find)]


def _filled(story: _Story, call: Call, number: int) -> Call:
    properties = story.schemas.get(call.name, {}).get("properties", {})
    arguments = {
        name: _value(story, value, properties.get(name), number)
        for name, value in call.arguments.items()
    }
    return Call(call.name, arguments)


def _value(story: _Story, value: Any, schema: Any, number: int) -> Any:
    if isinstance(value, list):
        items = schema.get("items") if isinstance(schema, dict) else None
        return [_value(story, part, items, number) for part in value]
    if isinstance(value, dict):
        return {key: _value(story, part, None, number) for key, part in value.items()}
    if not isinstance(value, str):
        return value
    for reference in dict.fromkeys(story.find(value)):
        if reference.call >= number:
            raise RowError("reference_unresolved", f"{reference.text!r} is no earlier call's")
        known = _made(story, reference, schema if value == reference.text else None)
        if value == reference.text:
            return known
        value = value.replace(reference.text, known if isinstance(known, str) else compact(known))
    return value


def _made(story: _Story, reference: Reference, schema: Any) -> Any:
    """The value that a reference means, made up at its first use."""
    if len(reference.path) > MAX_PATH:
        raise RowError("reference_unresolved", f"{reference.text[:60]!r} leads too deep")
    if not reference.path:
        return story.results.setdefault(reference.call, _stand_in("result", reference, schema))
    holder = story.results.setdefault(reference.call, {})
    for step in reference.path[:-1]:
        holder = holder.setdefault(step, {}) if isinstance(holder, dict) else None
    if not isinstance(holder, dict):
        raise RowError("reference_unresolved", f"{reference.text[:60]!r} leads into a value")
    return holder.setdefault(reference.path[-1], _stand_in(reference.path[-1], reference, schema))


def _stand_in(name: str, reference: Reference, schema: Any) -> Any:
    schema = schema if isinstance(schema, dict) else {}
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    kind = schema.get("type")
    number = reference.call + 1
    if kind in ("integer", "number"):
        return 100 + number
    if kind == "boolean":
        return True
    if kind == "array":
        return [_stand_in(name, reference, schema.get("items"))]
    if kind == "object":
        return {"id": f"{name}-{number}"}
    return f"{name}-{number}"
