"""JSON as replies hold it: finite numbers only, and no deeper than anybody would write it."""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DEPTH = 64
SPACE = " \t\r\n"


def parsed(text: str) -> Any:
    """The JSON value of a text, or None; of a key that stands twice the last."""
    try:
        return LENIENT.decode(text)
    except (ValueError, RecursionError):
        return None


def decode(decoder: json.JSONDecoder, text: str) -> Any:
    """As decoder.decode, which looks for blanks on both sides first: most texts have none."""
    if text[:1] == "{":
        value, end = decoder.raw_decode(text)
        if end == len(text):
            return value
    return decoder.decode(text)


def is_deeper(value: Any, limit: int = MAX_DEPTH) -> bool:
    """Are objects and arrays nested more than `limit` deep? Level by level, without recursion."""
    level = [value]
    for _ in range(limit + 1):
        parts = [part for part in level if isinstance(part, dict | list)]
        level = [item for p in parts for item in (p.values() if isinstance(p, dict) else p)]
        if not parts:
            return False
    return True


def refuse_constant(constant: str) -> Any:
    """For a decoder: NaN and Infinity are no JSON. Raises ValueError."""
    raise ValueError(f"{constant} is not JSON")


def finite(digits: str) -> float:
    """For a decoder: a number that a float can hold. Raises ValueError."""
    value = float(digits)
    if math.isinf(value):
        raise ValueError("a number is out of range")
    return value


# Made once: json.loads with options makes its decoder anew for every text.
LENIENT = json.JSONDecoder(parse_constant=refuse_constant, parse_float=finite)
