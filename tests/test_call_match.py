"""When do calls equal the calls accepted? One row a rule of BFCL's AST checker, traps included."""

import itertools

import pytest

from data.wire import ToolCall
from evals.call_match import accept_exactly, match_call, match_calls, match_names, plain

INTEGER, NUMBER, TEXT = {"type": "integer"}, {"type": "number"}, {"type": "string"}
NULLABLE_NUMBER = {"anyOf": [NUMBER, {"type": "null"}]}
NUMBERS = {"type": "array", "items": NUMBER}
POINT = {"type": "object", "properties": {"x": NUMBER, "n": INTEGER, "name": TEXT}}
ORDER = {"type": "array", "items": {"type": "object", "properties": {"sku": TEXT, "n": INTEGER}}}

# Name: (schema of argument a, value given, accepted values, whether they match)
VALUES = {
    "the same text": (TEXT, "Paris", ["Paris"], True),
    "another text": (TEXT, "Lima", ["Paris"], False),
    "case": (TEXT, "new york", ["New York"], True),
    "spaces": (TEXT, "NewYork", ["New York"], True),
    "punctuation that is forgiven": (TEXT, "a,b.c/d-e_f*g^h", ["abcdefgh"], True),
    "a colon is not forgiven": (TEXT, "17:00", ["1700"], False),
    "a question mark is not forgiven": (TEXT, "why?", ["why"], False),
    "an apostrophe is a quote": (TEXT, "'a'", ['"a"'], True),
    "accents are not forgiven": (TEXT, "Sao Paulo", ["São Paulo"], False),
    "other white space is not forgiven": (TEXT, "New\nYork", ["New York"], False),
    "an accepted alternative": (TEXT, "NYC", ["New York", "NYC"], True),
    "no accepted alternative": (TEXT, "LA", ["New York", "NYC"], False),
    "nothing accepted": (TEXT, "LA", [], False),
    "empty text": (TEXT, "", [""], True),
    "a number as text": (INTEGER, "5", [5], False),
    "a text as a number": (TEXT, 5, ["5"], False),
    "an integer": (INTEGER, 5, [5], True),
    "another integer": (INTEGER, 6, [5], False),
    "5.0 for an integer": (INTEGER, 5.0, [5], False),
    "5.0 for an integer that is accepted as 5.0": (INTEGER, 5.0, [5.0], True),
    "5 for an integer that is accepted as 5.0": (INTEGER, 5, [5.0], True),
    "an integer for a number": (NUMBER, 5, [5.0], True),
    "a float for a number accepted as an integer": (NUMBER, 5.0, [5], True),
    "another number": (NUMBER, 5.01, [5], False),
    "5.0 for 5 without a schema": ({}, 5.0, [5], False),
    "5 for 5.0 without a schema": ({}, 5, [5.0], True),
    "5.0 for a nullable number": (NULLABLE_NUMBER, 5.0, [5], True),
    "5.0 for a number or null": ({"type": ["number", "null"]}, 5.0, [5], True),
    "5.0 for a nullable integer": ({"anyOf": [INTEGER, {"type": "null"}]}, 5.0, [5], False),
    "5.0 for an integer or null": ({"type": ["integer", "null"]}, 5.0, [5], False),
    "5.0 for one of text and number": ({"oneOf": [TEXT, NUMBER]}, 5.0, [5], True),
    "true": ({"type": "boolean"}, True, [True], True),
    "false for true": ({"type": "boolean"}, False, [True], False),
    "true for 1": (INTEGER, True, [1], False),
    "1 for true": ({"type": "boolean"}, 1, [True], False),
    "false for 0": (INTEGER, False, [0], False),
    "0.0 for false": ({"type": "boolean"}, 0.0, [False], False),
    "'true' for true": ({"type": "boolean"}, "true", [True], False),
    "null": (TEXT, None, ["Paris"], False),
    "null for false": ({"type": "boolean"}, None, [False], False),
    "null for empty text": (TEXT, None, [""], False),
    "'null' for null": (TEXT, "null", [None], False),
    "null where null is accepted": (TEXT, None, ["Paris", None], True),
    "a list": ({"type": "array"}, ["a", "b"], [["a", "b"]], True),
    "the order of a list": ({"type": "array"}, ["b", "a"], [["a", "b"]], False),
    "the order of a list that is accepted": (
        {"type": "array"},
        ["b", "a"],
        [["a", "b"], ["b", "a"]],
        True,
    ),
    "a list too short": ({"type": "array"}, ["a"], [["a", "b"]], False),
    "a list too long": ({"type": "array"}, ["a", "b", "b"], [["a", "b"]], False),
    "an empty list": ({"type": "array"}, [], [[]], True),
    "a value for a list of it": ({"type": "array"}, "a", [["a"]], False),
    "strings in a list are forgiven": ({"type": "array"}, ["new york"], [["New-York"]], True),
    "integers in a list of numbers": ({"type": "array", "items": NUMBER}, [5.0], [[5]], True),
    "5.0 in a list of integers": ({"type": "array", "items": INTEGER}, [5.0], [[5]], False),
    "5.0 in a nullable list of numbers": (
        {"anyOf": [{"type": "array", "items": NUMBER}, {"type": "null"}]},
        [5.0],
        [[5]],
        True,
    ),
    "true in a list": ({"type": "array", "items": INTEGER}, [True], [[1]], False),
    "null in a list": ({"type": "array", "items": INTEGER}, [None], [[1]], False),
    "5 in a list of numbers accepted as floats": (NUMBERS, [5], [[5.0]], False),
    "5 in a list of numbers whose first is an integer": (NUMBERS, [5, 2], [[5, 2.0]], True),
    "a float in a list accepted as integers": (NUMBERS, [5.0], [[5]], True),
    "lists in lists": ({"type": "array"}, [[1, 2], ["a b"]], [[[1, 2], ["a b"]]], True),
    "strings in lists in lists are not forgiven": ({"type": "array"}, [["ab"]], [[["a b"]]], False),
    "strings in objects in objects are not forgiven": (
        {"type": "object"},
        {"a": {"b": "X"}},
        [{"a": {"b": "x"}}],
        False,
    ),
    "5.0 for 5 in an object that declares nothing": (
        {"type": "object"},
        {"n": 5.0},
        [{"n": 5}],
        True,
    ),
    "a variable in the place of a list": (NUMBERS, "data['x']", ["data['x']"], True),
    "a variable in another case": (NUMBERS, "DATA['x']", ["data['x']"], False),
    "an integer where text is declared and an integer accepted": (TEXT, 2, [2], True),
    "text where text is declared and an integer accepted": (TEXT, "2", [2], False),
    "lists in lists, another order": ({"type": "array"}, [[2, 1]], [[[1, 2]]], False),
    "an object, in any key order": (POINT, {"n": 1, "x": 2}, [{"x": 2, "n": 1}], True),
    "text in an object is forgiven": (POINT, {"name": "new york"}, [{"name": "New York"}], True),
    "an integer for a number in an object": (POINT, {"x": 2}, [{"x": 2.0}], True),
    "5.0 for an integer in an object": (POINT, {"n": 5.0}, [{"n": 5}], False),
    "a key too many": (POINT, {"x": 1, "n": 1}, [{"x": 1}], False),
    "a key too few": (POINT, {"x": 1}, [{"x": 1, "n": 1}], False),
    "a key in another case": (POINT, {"X": 1}, [{"x": 1}], False),
    "an object for a list": (POINT, {"x": 1}, [[{"x": 1}]], False),
    "a null key too many": (POINT, {"x": 1, "n": None}, [{"x": 1}], False),
    "objects in a list": (ORDER, [{"n": 1, "sku": "a-1"}], [[{"sku": "A1", "n": 1}]], True),
    "true for 1 in objects in a list": (ORDER, [{"n": True}], [[{"n": 1}]], False),
    "5.0 for 5 in objects in a list": (ORDER, [{"n": 5.0}], [[{"n": 5}]], False),
}


@pytest.mark.parametrize("row", VALUES.values(), ids=VALUES.keys())
def test_a_value_is_compared_by_the_rules_of_bfcl(row):
    schema, value, accepted, expected = row
    match = match_call(
        ToolCall("f", {"a": value}),
        {"name": "f", "arguments": {"a": accepted}, "optional": []},
        {"type": "object", "properties": {"a": schema}},
    )
    assert match.ok is expected
    assert bool(match.reason) is not expected


# Name: (call, accepted, what the reason says, "" for a match)
WANTED = {"city": ["Paris"], "days": [3, 4]}
CALLS = {
    "exactly": (ToolCall("f", {"city": "Paris", "days": 3}), [], ""),
    "in another order": (ToolCall("f", {"days": 4, "city": "Paris"}), [], ""),
    "a required one left out": (ToolCall("f", {"city": "Paris"}), [], "'days' is missing"),
    "an optional one left out": (ToolCall("f", {"city": "Paris"}), ["days"], ""),
    "an optional one given": (ToolCall("f", {"city": "Paris", "days": 3}), ["days"], ""),
    "an optional one given wrong": (
        ToolCall("f", {"city": "Paris", "days": 9}),
        ["days"],
        "'days' is 9, not [3, 4]",
    ),
    "an optional one given as null": (
        ToolCall("f", {"city": "Paris", "days": None}),
        ["days"],
        "'days' is None",
    ),
    "an extra one": (
        ToolCall("f", {"city": "Paris", "days": 3, "units": "C"}),
        [],
        "'units' is not wanted",
    ),
    "an extra null": (
        ToolCall("f", {"city": "Paris", "days": 3, "units": None}),
        [],
        "'units' is not wanted",
    ),
    "an argument's name in another case": (
        ToolCall("f", {"City": "Paris", "days": 3}),
        [],
        "'City' is not wanted",
    ),
    "another name": (ToolCall("g", {"city": "Paris", "days": 3}), [], "calls 'g', not 'f'"),
    "a name in another case": (ToolCall("F", {"city": "Paris", "days": 3}), [], "calls 'F'"),
    "a name with other punctuation": (ToolCall("f_", {}), [], "calls 'f_'"),
    "all optional left out": (ToolCall("f", {}), ["city", "days"], ""),
}


@pytest.mark.parametrize("row", CALLS.values(), ids=CALLS.keys())
def test_a_call_matches_by_name_and_arguments(row):
    call, optional, reason = row
    match = match_call(call, {"name": "f", "arguments": WANTED, "optional": optional}, {})
    assert match.ok is (not reason)
    assert reason in match.reason


def test_optional_may_be_absent_from_an_accepted_call():
    assert match_call(ToolCall("f", {}), {"name": "f", "arguments": {}}, {}).ok


def calls_of(*values: str) -> list[ToolCall]:
    return [ToolCall("f", {"a": value}) for value in values]


def accepted_of(*alternatives: str) -> list[dict]:
    return [{"name": "f", "arguments": {"a": list(values)}} for values in alternatives]


# Each letter is a value; "ab" accepts a and b.
PARALLEL = {
    "none": ([], [], True),
    "one": (["a"], ["a"], True),
    "in order": (["a", "b"], ["a", "b"], True),
    "in another order": (["b", "a"], ["a", "b"], True),
    "a call too few": (["a"], ["a", "b"], False),
    "a call too many": (["a", "a"], ["a"], False),
    "none where one is right": ([], ["a"], False),
    "one where none is right": (["a"], [], False),
    "one call twice": (["a", "a"], ["a", "b"], False),
    "the same call twice, rightly": (["a", "a"], ["a", "a"], True),
    # Taking the first accepted call that fits would strand the second call.
    "ambiguous alternatives": (["a", "b"], ["ab", "a"], True),
    "three ambiguous alternatives": (["a", "b", "c"], ["abc", "ab", "a"], True),
    "a chain of displacements": (["a", "b", "c", "d"], ["ab", "bc", "cd", "a"], True),
    "two that fit only one": (["a", "c"], ["ab", "ab"], False),
    "three in the place of two": (["a", "b", "z"], ["ab", "ab", "ab"], False),
}


@pytest.mark.parametrize("row", PARALLEL.values(), ids=PARALLEL.keys())
def test_parallel_calls_match_in_any_order(row):
    values, alternatives, expected = row
    for order in itertools.permutations(values):
        match = match_calls(calls_of(*order), accepted_of(*alternatives), {})
        assert match.ok is expected
        assert bool(match.reason) is not expected


def test_each_call_is_compared_with_the_schema_of_its_own_tool():
    schemas = {
        "f": {"properties": {"a": INTEGER}},
        "g": {"properties": {"a": NUMBER}},
    }
    accepted = [{"name": name, "arguments": {"a": [5]}} for name in ("f", "g")]
    assert match_calls([ToolCall("g", {"a": 5.0}), ToolCall("f", {"a": 5})], accepted, schemas).ok
    assert not match_calls(
        [ToolCall("g", {"a": 5}), ToolCall("f", {"a": 5.0})], accepted, schemas
    ).ok


def test_a_gold_call_is_accepted_exactly():
    gold = ToolCall("f", {"a": [1, {"b": None}], "c": "x"}, 7)
    assert match_calls([gold], [accept_exactly(gold)], {}).ok
    assert not match_calls([ToolCall("f", {"c": "x"})], [accept_exactly(gold)], {}).ok


@pytest.mark.parametrize(
    ("called", "accepted", "expected"),
    [("fg", "gf", True), ("f", "ff", False), ("ff", "f", False), ("F", "f", False), ("", "", True)],
)
def test_names_match_as_often_as_they_are_accepted(called, accepted, expected):
    wanted = [{"name": name, "arguments": {"a": [1]}} for name in accepted]
    assert match_names([ToolCall(name, {}) for name in called], wanted) is expected


def test_a_string_is_compared_without_what_bfcl_ignores():
    assert plain("It's 5,000 m/s - *a_b^c*.") == 'it"s5000msabc'


@pytest.mark.parametrize("odd", [True, 5, None, "x", [], [5], [{"type": []}], {"a": True}])
@pytest.mark.parametrize("key", ["type", "anyOf", "oneOf", "properties"])
def test_an_odd_schema_is_no_error(key, odd):
    accepted = {"name": "f", "arguments": {"a": [5]}}
    for schema in ({key: odd}, {"properties": {"a": {key: odd}}}):
        assert match_call(ToolCall("f", {"a": 5}), accepted, schema).ok


def test_a_reason_stays_short_for_a_huge_value():
    accepted = {"name": "f", "arguments": {"a": ["x"]}}
    assert len(match_call(ToolCall("f", {"a": "y" * 10_000}), accepted, {}).reason) < 300
