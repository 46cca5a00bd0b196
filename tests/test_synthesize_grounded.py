"""Is a value of a call said before it? By example, and on the calls of the built-in catalogue."""

from __future__ import annotations

import json
from collections import defaultdict
from random import Random
from typing import Any

import pytest
from grounding import said_in

from data.build import examples_by_split
from data.domains import load_catalogue
from data.synthesize.grounded import Said, is_grounded, leaves_of, ungrounded
from data.synthesize.notations import lengths_in, moments_in, numbers_in
from data.wire import read_strict

TEXT = {"type": "string"}
NUMBER = {"type": "number"}
SWITCH = {"type": "boolean"}
UNITS = {"enum": ["metric", "imperial"]}
METRICS = {"enum": ["memory_percent", "cpu_percent"]}


@pytest.mark.parametrize(
    ("name", "schema", "value", "said", "expected"),
    [
        ("city", TEXT, "New York", "weather in new york please", True),
        ("city", TEXT, "Paris", "weather in Parisville", False),
        ("slug", TEXT, "new-york", "a flat in New York", True),
        ("file", TEXT, "report_2027.pdf", "mail report_2027.pdf to me", True),
        ("code", TEXT, "INV-0417", "invoice INV-0418", False),
        ("site", TEXT, "https://example.com/", "look at example.com", True),
        ("to", TEXT, "ada@example.com", "write to ada@example.com", True),
        ("body", TEXT, "I will be late for dinner", "say that late for dinner I will be", True),
        ("body", TEXT, "The meeting moved to Tuesday noon", "tell her I am late", False),
        ("note", TEXT, "", "anything", False),
        ("price", NUMBER, 45.5, "for 45.50 euros", True),
        ("loan", NUMBER, 300000, "a loan of 300k", True),
        ("loan", NUMBER, 10000, "a loan of 10,000", True),
        ("loan", NUMBER, 10000, "a loan of 1,000", False),
        ("seats", NUMBER, 250, "two hundred and fifty seats", True),
        ("seats", NUMBER, 3, "for three of us", True),
        ("seats", NUMBER, 4, "for three of us", False),
        ("lat", NUMBER, -12.6, "at -12.6 degrees", True),
        ("rate", NUMBER, 0.15, "at 15% a year", True),
        ("minutes", NUMBER, 90, "an hour and a half", True),
        ("seconds", NUMBER, 1800, "every half an hour", True),
        ("minutes", NUMBER, 45, "an hour and a half", False),
        ("count", NUMBER, 1, "a pizza", True),
        ("date", TEXT, "2027-03-03", "on March 3rd, 2027", True),
        ("date", TEXT, "2027-03-03", "on 3 March, and it is 2027", True),
        ("date", TEXT, "2027-03-03", "on 03/03/2027", True),
        ("date", TEXT, "2027-03-04", "on March 3rd, 2027", False),
        ("date", TEXT, "2027-03-03", "tomorrow", False),
        ("date", TEXT, "2027-03-03", "on March 3rd", False),
        ("month", TEXT, "2027-03", "in March 2027", True),
        ("time", TEXT, "17:30", "at 5:30 pm", True),
        ("time", TEXT, "17:30", "at 5:30 am", False),
        ("start", TEXT, "2027-03-03T17:00:00Z", "March 3, 2027 at 5pm", True),
        ("start", TEXT, "2027-03-03T18:00:00Z", "March 3, 2027 at 5pm", False),
        ("units", UNITS, "metric", "in Celsius", True),
        ("units", UNITS, "imperial", "in Celsius", False),
        ("metric", METRICS, "memory_percent", "the memory usage", True),
        ("metric", METRICS, "cpu_percent", "the memory usage", False),
        ("currency", TEXT, "EUR", "40 euros", True),
        ("breakfast", SWITCH, True, "a room with breakfast", True),
        ("breakfast", SWITCH, True, "a room", False),
        ("breakfast", SWITCH, False, "a room without breakfast", True),
        ("breakfast", SWITCH, False, "a room with breakfast", False),
        ("breakfast", {**SWITCH, "default": True}, True, "a room", True),
        ("mode", {"const": "fast"}, "fast", "go", True),
        ("day", TEXT, None, "go", False),
        ("tags", {"type": "array", "items": TEXT}, ["red", "blue"], "red and blue", True),
        ("tags", {"type": "array", "items": TEXT}, ["red", "green"], "red and blue", False),
        ("tags", {"type": "array", "items": TEXT}, [], "red and blue", False),
        ("lang", TEXT, "fr", "into French", True),
        ("city", TEXT, "東京", "東京 の天気", True),
    ],
)  # fmt: skip
def test_the_rules_by_example(
    name: str, schema: dict[str, Any], value: Any, said: str, expected: bool
) -> None:
    found = ungrounded({name: value}, {"type": "object", "properties": {name: schema}}, Said(said))
    assert (not found) is expected, found


def test_a_call_without_arguments_is_grounded() -> None:
    assert ungrounded({}, {"type": "object"}, Said("go")) == []


def test_references_and_branches_of_a_schema_are_followed() -> None:
    schema = {
        "type": "object",
        "$defs": {"Unit": {"type": "string", "enum": ["metric", "imperial"]}},
        "properties": {"units": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/Unit"}]}},
    }
    assert ungrounded({"units": "metric"}, schema, Said("in celsius")) == []
    assert ungrounded({"units": "imperial"}, schema, Said("in celsius")) == ["/units 'imperial'"]


@pytest.mark.parametrize(
    "schema", [None, True, {"$ref": "#"}, {"$ref": "#/$defs/no"}, {"properties": 3}, {"anyOf": [1]}]
)
def test_an_odd_schema_is_no_crash(schema: Any) -> None:
    root = {"type": "object", "properties": {"a": schema}}
    assert ungrounded({"a": "no"}, root, Said("yes")) == ["/a 'no'"]
    assert ungrounded({"a": {"b": [{}]}}, schema, Said("yes"))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("twenty-five and 3rd", {25, 3}),
        ("1.5 million, 2k", {1.5e6, 2, 2000}),
        ("a million for seats 5-10", {1, 1e6, 5, 10}),
        ("a dozen", {12, 1}),
        ("the fifth of 10 000", {5, 10000}),
        ("inv-0417", set()),
    ],
)
def test_numbers_are_read(text: str, numbers: set[float]) -> None:
    assert numbers_in(text) == numbers


def test_lengths_and_moments_are_read() -> None:
    assert {1800, 7200} <= lengths_in("half an hour or two hours")
    assert {"--05-09", "2027-05-09", "14:00"} <= moments_in("on the 9th of may 2027 at 2 p.m.")


def test_values_of_the_catalogue_are_found_and_values_of_other_calls_are_not() -> None:
    """The rules know nothing of the catalogue: most of its values pass, few wrong ones do."""
    train = examples_by_split(load_catalogue(), seed=42, scale=0.05)["train"]
    places = defaultdict(list)
    n_found = n_all = 0
    for example in train:
        schemas = {tool["name"]: tool["inputSchema"] for tool in example.tools}
        for index, message in enumerate(example.messages):
            if message.role != "assistant":
                continue
            said = Said(said_in(example.messages[:index]).text)
            for call in read_strict(message.content).calls:
                for path, value, schema in leaves_of(call.arguments, schemas[call.name]):
                    n_all += 1
                    n_found += is_grounded(path, value, schema, said)
                    places[call.name, json.dumps(schema), path].append((path, value, schema, said))
    assert n_found / n_all >= 0.95
    assert _share_refused(list(places.values())) >= 0.95


def _share_refused(places: list[list[Any]]) -> float:
    """Of values that the same parameter has in other conversations only."""
    rng = Random(1)
    refused = []
    for found in places:
        for path, _, schema, said in found:
            here = [other for _, other, _, heard in found if heard.text == said.text]
            fixed = (*here, schema.get("default"))
            others = [other for _, other, _, _ in found if other not in fixed]
            if others:
                refused.append(not is_grounded(path, rng.choice(others), schema, said))
    assert len(refused) > 300
    return sum(refused) / len(refused)
