"""The validator's problems of a tool, quickly for the many tools of one document.

Operations of an API share most of their parts, and jsonschema takes milliseconds for each. A schema
is right where it is right around its properties and definitions, and each of these by itself is; so
each distinct part is checked once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from data.checks.rules import Problem
from data.checks.schemas import tool_entry

_AT = "/inputSchema"
_PART = f"{_AT}/properties/part"
_MAPS = ("properties", "$defs")
_REFS = re.compile(r'"\$ref": "#/\$defs/([\w.-]+)"')
# A reference to anything but a definition needs the whole schema.
_NEEDS_WHOLE = re.compile(
    r'"\$ref": (?!"#/\$defs/[\w.-]+")|"\$(?:id|anchor|dynamicRef|dynamicAnchor)"'
)


def problems_of(tool: dict[str, Any], text: str) -> Iterator[Problem]:
    """What the validator finds in a tool, whose JSON is `text`; pointers are relative to it."""
    schema = tool["inputSchema"]
    maps = {key: schema[key] for key in _MAPS if isinstance(schema.get(key), dict)}
    if _NEEDS_WHOLE.search(text) or _has_default_behind_ref(maps.get("properties", {})):
        yield from tool_entry(tool, text).problems
        return
    yield from _schema_problems('{"type": "object"}', tool["name"], tool["description"])
    shell = {**schema, **{key: dict.fromkeys(parts, True) for key, parts in maps.items()}}
    yield from _schema_problems(json.dumps(shell))
    names = frozenset(maps.get("$defs", ()))
    dialect = json.dumps(schema.get("$schema"))
    for key, parts in maps.items():
        for name, part in parts.items():
            part_text = json.dumps(part)
            known = frozenset(_REFS.findall(part_text)) & names
            for problem in _part_problems(part_text, known, dialect):
                if key == "$defs" and problem.code == "schema_default":
                    continue  # the validator looks at the defaults of arguments only
                yield problem._replace(pointer=f"{_AT}/{key}/{name}{problem.pointer}")


def _has_default_behind_ref(properties: dict[str, Any]) -> bool:
    parts = properties.values()
    return any(isinstance(p, dict) and "default" in p and "$ref" in json.dumps(p) for p in parts)


@lru_cache(maxsize=20_000)
def _part_problems(part: str, names: frozenset[str], dialect: str) -> tuple[Problem, ...]:
    """The problems of one part by itself, given the names that its references may use."""
    schema: dict[str, Any] = {"type": "object", "properties": {"part": json.loads(part)}}
    if names:
        schema["$defs"] = dict.fromkeys(sorted(names), True)
    if dialect != "null":
        schema["$schema"] = json.loads(dialect)
    found = _schema_problems(json.dumps(schema))
    return tuple(p._replace(pointer=p.pointer.removeprefix(_PART)) for p in found)


@lru_cache(maxsize=20_000)
def _schema_problems(
    schema: str, name: str = "part", description: str = "part"
) -> tuple[Problem, ...]:
    tool = {"name": name, "description": description, "inputSchema": json.loads(schema)}
    return tool_entry(tool, json.dumps(tool)).problems
