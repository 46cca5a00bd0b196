"""Values as published sets write them: JSON, or Python literals. Nothing is ever evaluated."""

from __future__ import annotations

import ast
import json
import math
import warnings
from typing import Any

from data.checks.lines import depth

# A call stands three levels deep in its request, and data.wire reads 64.
MAX_DEPTH = 60
_NAMES = {"true": True, "false": False, "null": None, "none": None}
_NOT_READ = (SyntaxError, ValueError, MemoryError, RecursionError)


def read_value(text: str) -> Any:
    """The value of a text that is JSON or a Python literal (also with true, false, null).

    Raises ValueError.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return read_literal(text)


def read_literal(text: str) -> Any:
    """The value of a Python literal as JSON has it: a tuple is a list. Raises ValueError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # an escape such as \d in a string
            warnings.simplefilter("ignore", DeprecationWarning)
            tree = ast.parse(text.strip(), mode="eval")
        return _value(tree.body)
    except _NOT_READ as error:
        reason = str(error).split("\n")[0][:120] or type(error).__name__
        raise ValueError(f"neither JSON nor a Python literal: {reason}") from None


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float | None):
        return node.value
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {_key(key): _value(value) for key, value in pairs}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        number = _value(node.operand)
        if isinstance(number, int | float) and not isinstance(number, bool):
            return -number if isinstance(node.op, ast.USub) else number
    if isinstance(node, ast.Name) and node.id.lower() in _NAMES:
        return _NAMES[node.id.lower()]
    raise ValueError(f"{type(node).__name__} is no literal")


def _key(node: ast.expr | None) -> str:
    key = _value(node) if node is not None else None
    if isinstance(key, str):
        return key
    if isinstance(key, int | float):
        return json.dumps(key)
    raise ValueError("a key that is no text")


def is_json(value: Any) -> bool:
    """Can JSON carry a value: no NaN, no bytes, no date, not too deep?"""
    level, left = [value], MAX_DEPTH + 1
    while level and left:
        left -= 1
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                if not all(isinstance(key, str) for key in item):
                    return False
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
            elif isinstance(item, float):
                if not math.isfinite(item):
                    return False
            elif not isinstance(item, str | int | None):
                return False
        level = inner
    return True


def is_too_deep(value: Any) -> bool:
    return depth(value) > MAX_DEPTH
