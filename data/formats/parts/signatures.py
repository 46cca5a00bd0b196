"""Tools that a prompt lists as signatures, one a line.

- get_weather(city: str, days: int = 3): The forecast of a city.
2. `search(query)` - Search the web.
"""

from __future__ import annotations

import re
from typing import Any

from data.formats.parts.literals import read_value

MAX_LINES = 500
_LINE = re.compile(
    r"^[ \t]*(?:[-*+]|\d+[.)])?[ \t]*[`*]{0,3}(?P<name>[A-Za-z_][\w.\-/]{0,120})"
    r"\((?P<parameters>[^()\n]{0,2000}(?:\([^()\n]{0,200}\)[^()\n]{0,2000}){0,20})\)"
    r"(?:[ \t]*->[ \t]*[\w\[\], |.]{1,80}?)?[`*]{0,3}[ \t]*[:\u2013\u2014-][ \t]*(?P<text>\S.*)$",
    re.MULTILINE,
)
_PARAMETER = re.compile(
    r"^(?P<name>[A-Za-z_]\w*)(?P<optional>\?)?(?:\s*:\s*(?P<type>[^=]+?))?"
    r"(?:\s*=\s*(?P<default>.+))?$",
    re.DOTALL,
)


def definitions_in_lines(text: str) -> list[dict[str, Any]]:
    """The definitions in a text whose lines are signatures with a description."""
    found = []
    for line in text.split("\n")[:MAX_LINES]:
        match = _LINE.match(line)
        parameters = _parameters(match["parameters"]) if match else None
        if match and parameters is not None:
            description = match["text"].strip()
            found.append(
                {"name": match["name"], "description": description, "parameters": parameters}
            )
    return found


def _parameters(text: str) -> dict[str, Any] | None:
    """The schema of parameters between brackets, or None where they are none."""
    properties: dict[str, Any] = {}
    required: list[str] = []
    for part in _split(text):
        match = _PARAMETER.match(part)
        if match is None:
            return None
        name, default = match["name"], match["default"]
        properties[name] = {"type": match["type"].strip()} if match["type"] else {}
        if default is not None:
            properties[name].update(_default(default))
        elif not match["optional"] and "optional" not in (match["type"] or "").lower():
            required.append(name)
    return {"type": "object", "properties": properties, "required": required}


def _default(text: str) -> dict[str, Any]:
    try:
        return {"default": read_value(text)}
    except ValueError:
        return {}


def _split(text: str) -> list[str]:
    """The pieces between the commas that stand in no bracket."""
    pieces, depth, start = [], 0, 0
    for index, char in enumerate(text):
        depth += (char in "[({") - (char in "])}")
        if char == "," and depth == 0:
            pieces.append(text[start:index].strip())
            start = index + 1
    return [piece for piece in [*pieces, text[start:].strip()] if piece]
