"""Rows broken at random, from a seed: what a careless or hostile file may hold."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

ODD_VALUES: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e308, 10**30, "", " ", "x", "\ud800", "\x00", "NaN",
    [], {}, [[]], [None], {"": None}, {"name": 1}, {"type": []}, "[", "{", "{}", "[]", "null",
    "<tool_call>", "</tool_call>", "<think>", "$var1.x$", "$var1$", "${x from y}", "API_call_0",
    "[f(", "[f(a=1)]", "[" * 300, "{'a': " * 60, "(" * 500, "-" * 2000 + "1", "\u2028", "'", '"',
    {"function": {"name": "f", "parameters": {"properties": []}}}, [{"name": "f"}], "system",
]  # fmt: skip


def mutated(rows: list[Any], n_rows: int, seed: int) -> Iterator[Any]:
    """Copies of the rows with one to four parts replaced, removed, doubled or cut."""
    choice = random.Random(seed)
    for _ in range(n_rows):
        row = copy.deepcopy(choice.choice(rows))
        for _ in range(choice.randint(1, 4)):
            row = _changed(row, choice)
        yield row


def _changed(row: Any, choice: random.Random) -> Any:
    holder: Any = None
    key: Any = None
    value = row
    while isinstance(value, dict | list) and value and (holder is None or choice.random() < 0.85):
        holder = value
        key = (
            choice.choice(list(value)) if isinstance(value, dict) else choice.randrange(len(value))
        )
        value = holder[key]
    if holder is None:
        return choice.choice(ODD_VALUES)
    _change(holder, key, choice)
    return row


def _change(holder: Any, key: Any, choice: random.Random) -> None:
    value, way = holder[key], choice.randrange(6)
    if way == 0:
        del holder[key]
    elif way == 1 and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(value))
    elif way == 2 and isinstance(holder, dict):
        holder[choice.choice(["", "name", "id", "extra", "$ref"])] = holder.pop(key)
    elif way in (3, 4) and isinstance(value, str) and value:
        start, end = sorted(choice.randrange(len(value) + 1) for _ in range(2))
        odd = choice.choice(["", "", "'", '"', "{", "]", ",", "\\", "\n", "<", "é"])
        holder[key] = value[:start] + odd + value[end if way == 3 else start :]
    else:
        holder[key] = copy.deepcopy(choice.choice(ODD_VALUES))
