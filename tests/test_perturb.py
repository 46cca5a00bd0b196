"""Renaming changes names everywhere at once and nothing else; other variety keeps calls true."""

import json
from random import Random

import pytest
from jsonschema import Draft202012Validator
from test_build import check_gold_calls

from data.build import SPLIT_SIZES, examples_by_split
from data.domains import load_catalogue
from data.names import words_of
from data.perturb import perturb
from data.phrasing import CLOSERS, OPENERS, dress, mistype, undress
from data.record import Message
from data.wire import ToolCall, read_strict, request_text
from data.wordings import CORRECTED_AT_ONCE, INJECTIONS

TOOL = {
    "name": "get_forecast",
    "description": "Daily forecast.",
    "inputSchema": {
        "type": "object",
        "properties": {
            "cityName": {"type": "string", "description": "Which city"},
            "days": {"type": "integer", "minimum": 1},
        },
        "required": ["cityName"],
        "additionalProperties": False,
    },
}
CALL = Message("assistant", request_text(ToolCall("get_forecast", {"cityName": "Oslo"}, 1)))


@pytest.fixture(scope="module")
def examples():
    splits = examples_by_split(load_catalogue(), seed=7, scale=0.06)
    assert set(splits) == set(SPLIT_SIZES)
    return [example for split in splits.values() for example in split]


def test_a_call_follows_its_tool_under_any_name():
    seen = set()
    for seed in range(200):
        (tool,), (call,) = perturb([TOOL], [CALL], Random(seed))
        made = read_strict(call.content).calls[0]
        assert made.name == tool["name"]
        assert list(made.arguments.values()) == ["Oslo"]
        Draft202012Validator(tool["inputSchema"]).validate(made.arguments)
        seen.add((tool["name"], *tool["inputSchema"]["properties"]))
    assert len(seen) > 50


def test_only_names_change():
    for seed in range(50):
        (tool,), _ = perturb([TOOL], [CALL], Random(seed))
        assert tool["description"] == TOOL["description"]
        old, new = TOOL["inputSchema"], tool["inputSchema"]
        assert list(new["properties"].values()) == list(old["properties"].values())
        assert new["required"] == list(new["properties"])[:1]
        assert {k: v for k, v in new.items() if k not in ("properties", "required")} == {
            k: v for k, v in old.items() if k not in ("properties", "required")
        }


@pytest.mark.parametrize(
    "more",
    [
        {"dependentRequired": {"days": ["cityName"]}},
        {"anyOf": [{"required": ["cityName"]}, {"required": ["days"]}]},
        {"additionalProperties": {"$ref": "#/properties/days"}},
    ],
)
def test_parameters_that_the_schema_names_twice_keep_their_names(more):
    tool = {**TOOL, "inputSchema": {**TOOL["inputSchema"], **more}}
    for seed in range(50):
        (renamed,), _ = perturb([tool], [CALL], Random(seed))
        assert renamed["inputSchema"] == tool["inputSchema"]


def test_two_tools_never_get_the_same_name():
    twins = [{**TOOL, "name": name} for name in ("get_forecast", "getForecast", "get-forecast")]
    for seed in range(200):
        tools, _ = perturb(twins, [], Random(seed))
        assert len({tool["name"] for tool in tools}) == 3


@pytest.mark.parametrize("name", ["get_user_name", "getUserName", "get-user.name", "GetUserName"])
def test_words_of_a_name_in_any_style(name):
    assert words_of(name) == ["get", "user", "name"]


def test_a_slip_touches_one_word_and_no_slot():
    text = "Please show the forecast for {city} in {days} days"
    for seed in range(100):
        slipped = mistype(text, Random(seed))
        assert slipped.count("{city}") == slipped.count("{days}") == 1
        changed = [a for a, b in zip(text.split(), slipped.split(), strict=True) if a != b]
        assert len(changed) <= 1
    assert mistype("{city} now", Random(1)) == "{city} now"


def test_undress_takes_off_what_dress_puts_on():
    for seed in range(300):
        dressed = dress("Where is parcel 17", Random(seed))
        assert undress(dressed).rstrip(".") == "Where is parcel 17"
    assert all(undress(opener + "x" + closer) == "x" for opener in OPENERS for closer in CLOSERS)


def test_every_gold_call_obeys_the_offered_schema(examples):
    assert check_gold_calls(examples) > 500


def test_orders_in_a_result_are_not_obeyed(examples):
    n_poisoned = 0
    for example in examples:
        for before, message in zip(example.messages, example.messages[1:], strict=False):
            orders = [o for o in INJECTIONS if before.role == "tool" and o in before.content]
            if orders:
                n_poisoned += 1
                assert not read_strict(message.content).calls
                assert not any(order in message.content for order in orders)
    assert n_poisoned > 3


def test_a_corrected_value_is_the_one_that_is_called(examples):
    n_corrected = 0
    for example in examples:
        text = example.messages[-2].content if len(example.messages) > 1 else ""
        for form in CORRECTED_AT_ONCE:
            start, _, end = form.partition("{old}")
            if example.kind == "tool_call" and start.strip() and f" {start}" in text:
                old = text.rsplit(f" {start}", 1)[1].split(end.split("{new}")[0])[0]
                calls = read_strict(example.messages[-1].content).calls
                assert old and f'"{old}"' not in json.dumps(calls[0].arguments, ensure_ascii=False)
                n_corrected += 1
    assert n_corrected > 3
