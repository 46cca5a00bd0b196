"""Tools inferred from calls, for sets that publish calls without definitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from data.formats.parts.definitions import Tools, read_tools
from data.formats.parts.turns import Call

NOTE = "tools_inferred"
MAX_TOOLS = 20_000
_TYPES = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


@dataclass
class _Seen:
    """What was seen of one tool: its calls, and of each argument how often and of which types."""

    n_calls: int = 0
    n_given: Counter[str] = field(default_factory=Counter)
    types: dict[str, set[str]] = field(default_factory=dict)


def infer_tools(calls: Iterable[Call]) -> Tools:
    """A tool for each name that is called: the parameters seen, required where never missing."""
    seen: dict[str, _Seen] = {}
    for call in calls:
        if call.name not in seen and len(seen) >= MAX_TOOLS:
            continue
        own = seen.setdefault(call.name, _Seen())
        own.n_calls += 1
        own.n_given.update(list(call.arguments))
        for name, value in call.arguments.items():
            own.types.setdefault(name, set()).add(_type_of(value))
    tools = read_tools([_definition(name, seen[name]) for name in sorted(seen)])
    return tools._replace(notes=(NOTE,) if tools.tools else ())


def _type_of(value: Any) -> str:
    """JSON Schema's name of a value's type; none for null and for a reference to a result."""
    if isinstance(value, str) and "$" in value:
        return ""
    return _TYPES.get(type(value), "")


def _definition(name: str, seen: _Seen) -> dict[str, Any]:
    properties = {}
    for argument, types in seen.types.items():
        known = sorted(types - {""})
        properties[argument] = {"type": known if len(known) > 1 else known[0]} if known else {}
    required = [argument for argument, n in seen.n_given.items() if n == seen.n_calls]
    schema = {"type": "object", "properties": properties, "required": required}
    return {"name": name, "description": "", "inputSchema": schema}
