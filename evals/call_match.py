"""Do the calls made equal the calls accepted? The rules of BFCL's AST checker.

Source: Berkeley Function-Calling Leaderboard, bfcl_eval/eval_checker/ast_eval/ast_checker.py.
Forgiven: case, space and `,./-_*^` in strings, an integer for a number, any accepted alternative,
an optional argument left out, any order of parallel calls. Not forgiven: an extra or null argument,
5.0 for an integer, the order of a list, the case of a name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from data.wire import ToolCall

_IGNORED = re.compile(r"[ ,./\-_*^]")

Accepted = Mapping[str, Any]
Schema = Mapping[str, Any]


class Match(NamedTuple):
    """Whether calls match, and the first thing that does not."""

    ok: bool
    reason: str = ""


def accept_exactly(call: ToolCall) -> dict[str, Any]:
    """The accepted entry of a gold call that has no alternatives."""
    return {
        "name": call.name,
        "arguments": {name: [value] for name, value in call.arguments.items()},
        "optional": [],
    }


def match_calls(
    calls: Sequence[ToolCall], accepted: Sequence[Accepted], schemas: Mapping[str, Schema]
) -> Match:
    """Match calls to accepted ones in any order; `schemas` maps tool names to their inputSchema."""
    if len(calls) != len(accepted):
        return Match(False, f"{len(calls)} calls where {len(accepted)} are right")
    pairs = [
        [match_call(call, want, schemas.get(call.name, {})) for call in calls] for want in accepted
    ]
    if _assignable([[match.ok for match in row] for row in pairs]):
        return Match(True)
    reasons = [m.reason for row in pairs if not any(m.ok for m in row) for m in row]
    return Match(False, reasons[0] if reasons else "two accepted calls fit only one call")


def _assignable(fits: Sequence[Sequence[bool]]) -> bool:
    """Can every row take a column of its own? (augmenting paths)"""
    taken: dict[int, int] = {}

    def place(row: int, tried: set[int]) -> bool:
        for column, fit in enumerate(fits[row]):
            if fit and column not in tried:
                tried.add(column)
                if column not in taken or place(taken[column], tried):
                    taken[column] = row
                    return True
        return False

    return all(place(row, set()) for row in range(len(fits)))


def match_call(call: ToolCall, accepted: Accepted, schema: Schema) -> Match:
    """Match one call to one accepted call."""
    if call.name != accepted["name"]:
        return Match(False, f"calls {call.name!r}, not {accepted['name']!r}")
    wanted = accepted["arguments"]
    optional = set(accepted.get("optional") or ())
    for name, value in call.arguments.items():
        if name not in wanted:
            return Match(False, f"argument {name!r} is not wanted")
        if not any(same_value(value, option, _property(schema, name)) for option in wanted[name]):
            return Match(False, f"argument {name!r} is {_short(value)}, not {_short(wanted[name])}")
    missing = [name for name in wanted if name not in call.arguments and name not in optional]
    if missing:
        return Match(False, f"argument {missing[0]!r} is missing")
    return Match(True)


def match_names(calls: Sequence[ToolCall], accepted: Sequence[Accepted]) -> bool:
    """Are the right tools called, as often as accepted, whatever their arguments?"""
    return sorted(call.name for call in calls) == sorted(want["name"] for want in accepted)


def match_arguments(
    calls: Sequence[ToolCall], accepted: Sequence[Accepted], schemas: Mapping[str, Schema]
) -> bool:
    """Are the right arguments given, whatever the names of the tools?"""
    if len(calls) != len(accepted):
        return False
    fits = [
        [
            match_call(replace(call, name=want["name"]), want, schemas.get(want["name"], {})).ok
            for call in calls
        ]
        for want in accepted
    ]
    return _assignable(fits)


def same_value(value: Any, wanted: Any, schema: Schema) -> bool:
    """Is a value the wanted one? Strings loosely, numbers by value, lists in order."""
    if isinstance(wanted, bool) or isinstance(value, bool) or wanted is None or value is None:
        return type(value) is type(wanted) and bool(value == wanted)
    if isinstance(wanted, str):
        return isinstance(value, str) and plain(value) == plain(wanted)
    if isinstance(wanted, int | float):
        return _same_number(value, wanted, schema)
    if isinstance(wanted, list):
        items = _part(schema, "items")
        return (
            isinstance(value, list)
            and len(value) == len(wanted)
            and all(same_value(v, w, items) for v, w in zip(value, wanted, strict=True))
        )
    if isinstance(wanted, dict):
        return (
            isinstance(value, dict)
            and value.keys() == wanted.keys()
            and all(same_value(value[key], wanted[key], _property(schema, key)) for key in wanted)
        )
    return bool(value == wanted)


def _same_number(value: Any, wanted: int | float, schema: Schema) -> bool:
    types = _types(schema)
    if (
        isinstance(value, float)
        and "number" not in types
        and ("integer" in types or isinstance(wanted, int))
    ):
        return False
    return isinstance(value, int | float) and value == wanted


def _types(schema: Schema) -> list[Any]:
    """Every type a schema names; a nullable one names two."""
    types: list[Any] = []
    for branch in _branches(schema):
        named = branch.get("type")
        types += named if isinstance(named, list) else [named]
    return types


def plain(text: str) -> str:
    """A string as BFCL compares it."""
    return _IGNORED.sub("", text).lower().replace("'", '"')


def _property(schema: Schema, name: str) -> Schema:
    return _part(_part(schema, "properties"), name)


def _part(schema: Schema, key: str) -> Schema:
    found = (branch[key] for branch in _branches(schema) if isinstance(branch.get(key), Mapping))
    return next(found, {})


def _branches(schema: Schema) -> list[Schema]:
    """A schema and its alternatives: a nullable value is often `anyOf` its schema and null."""
    lists = (schema.get(key) for key in ("anyOf", "oneOf"))
    alternatives = [branch for found in lists if isinstance(found, list) for branch in found]
    return [schema, *(branch for branch in alternatives if isinstance(branch, Mapping))]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
