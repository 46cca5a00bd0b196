"""Do the calls made equal the calls accepted? The rules of BFCL's AST checker.

Source: Berkeley Function-Calling Leaderboard, bfcl_eval/eval_checker/ast_eval/ast_checker.py.
Forgiven: case, space and `,./-_*^` in strings, an integer for a number, any accepted alternative,
an optional argument left out, any order of parallel calls. Not forgiven: an extra or null argument,
5.0 for an integer, the order of a list, the case of a name. As there, strings are forgiven at the
top of an argument, in the items of its list and the members of its object, and no deeper; where
this module is stricter is said in docs/scoring.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from data.wire import ToolCall

_IGNORED = str.maketrans("'", '"', " ,./-_*^")
_TYPE_NAMES = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}

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
        if not takes(wanted[name], value, _property(schema, name)):
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


def takes(options: Sequence[Any], value: Any, schema: Schema) -> bool:
    """Is a value one of the accepted ones, for a parameter with this schema?

    Its type must be the declared one or that of an accepted value. Where the first of these is not
    of the declared type, BFCL speaks of a variable and compares exactly.
    """
    accepted = {_type(option) for option in options}
    declared = _types(schema) or accepted
    given = _type(value)
    if given == "integer" and "number" in declared:
        given = "number"
    if given not in declared | accepted:
        return False
    first = next((_type(option) for option in options if option != ""), None)
    if first is not None and first not in declared:
        return any(_equal(value, option) for option in options)
    return any(_same(value, option, schema) for option in options)


def _same(value: Any, wanted: Any, schema: Schema) -> bool:
    """Is a value the wanted one? Strings loosely at the top and one level down, else exactly."""
    if isinstance(wanted, list):
        return isinstance(value, list) and _same_items(value, wanted, _part(schema, "items"))
    if isinstance(wanted, dict):
        return isinstance(value, dict) and _same_members(value, wanted, schema)
    return _same_part(value, wanted, schema)


def _same_items(value: list[Any], wanted: list[Any], schema: Schema) -> bool:
    """Lists in order; an item has the declared type, or that of the first wanted item."""
    if len(value) != len(wanted):
        return False
    allowed = _types(schema)
    if allowed and not {_type(item) for item in value} <= {*allowed, *map(_type, wanted[:1])}:
        return False
    return all(
        _same_members(v, w, schema)
        if isinstance(v, dict) and isinstance(w, dict)
        else _same_part(v, w, schema)
        for v, w in zip(value, wanted, strict=True)
    )


def _same_members(value: Mapping[str, Any], wanted: Mapping[str, Any], schema: Schema) -> bool:
    return value.keys() == wanted.keys() and all(
        _same_part(value[key], wanted[key], _property(schema, key)) for key in wanted
    )


def _same_part(value: Any, wanted: Any, schema: Schema) -> bool:
    if isinstance(value, str) and isinstance(wanted, str):
        return plain(value) == plain(wanted)
    if isinstance(value, float) and _is_integer_only(schema) and not isinstance(wanted, float):
        return False
    return _equal(value, wanted)


def _equal(value: Any, wanted: Any) -> bool:
    """Equal as JSON: 5 is 5.0, but true is not 1."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(value, list) and isinstance(wanted, list):
        return len(value) == len(wanted) and all(map(_equal, value, wanted))
    if isinstance(value, dict) and isinstance(wanted, dict):
        return value.keys() == wanted.keys() and all(_equal(value[k], wanted[k]) for k in wanted)
    return bool(value == wanted)


def _is_integer_only(schema: Schema) -> bool:
    types = _types(schema)
    return "integer" in types and "number" not in types


def _types(schema: Schema) -> set[str]:
    """Every type a schema names; a nullable one names two."""
    types: set[str] = set()
    for branch in _branches(schema):
        named = branch.get("type")
        types.update(
            n for n in (named if isinstance(named, list) else [named]) if isinstance(n, str)
        )
    return types


def _type(value: Any) -> str:
    return _TYPE_NAMES.get(type(value), "null")


def plain(text: str) -> str:
    """A string as BFCL compares it."""
    return text.translate(_IGNORED).lower()


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
