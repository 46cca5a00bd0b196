"""Scoring a reply: every field of a score, the failure classes, and the rates of a run."""

import pytest

from data.record import Example, Message
from data.wire import ToolCall, request_text, result_text
from evals.metrics import macro_f1, metrics_of, wilson
from evals.score import score_example

WEATHER = {
    "name": "get_weather",
    "description": "Weather now",
    "inputSchema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
        "required": ["city"],
    },
}
GOLD = request_text(ToolCall("get_weather", {"city": "Paris", "days": 3}, 1))


def example(kind: str, gold: str, *before: Message, accepted=None) -> Example:
    asked = before or (Message("user", "How is the weather in Paris for 3 days?"),)
    messages = (*asked, Message("assistant", gold))
    return Example("x", kind, "test", (WEATHER,), messages, accepted)


CALL = example("tool_call", GOLD)


@pytest.mark.parametrize(
    ("reply", "failure", "decision"),
    [
        (GOLD, "", "call"),
        (GOLD.replace("Paris", "paris "), "", "call"),
        (GOLD.replace("Paris", "Rome"), "wrong_arguments", "call"),
        (GOLD.replace(":3", ":0"), "schema_invalid", "call"),
        (GOLD.replace("get_weather", "get_wether"), "unknown_tool", "call"),
        (GOLD + "\n" + GOLD.replace('"id":1', '"id":2'), "wrong_tool", "call"),
        (f"Sure!\n{GOLD}", "wrong_format", "call"),
        (GOLD[:-5], "malformed", "malformed"),
        ("", "malformed", "malformed"),
        ("Which city do you mean?", "under_call", "clarify"),
        ("I can't do that.", "under_call", "refuse"),
        ("It is sunny.", "under_call", "answer"),
    ],
)
def test_a_reply_where_a_call_is_due(reply, failure, decision):
    score = score_example(CALL, reply)
    assert (score.failure, score.decision) == (failure, decision)
    assert score.correct == (not failure)
    assert bool(score.reason) == bool(failure)


@pytest.mark.parametrize(
    ("kind", "gold", "reply", "correct"),
    [
        ("clarification", "Which city?", "Could you tell me the city?", True),
        ("clarification", "Which city?", GOLD, False),
        ("refusal", "I won't do that.", "Sorry, no: that is fraud.", True),
        ("irrelevance", "I have no tool for this.", "None of my tools can do that.", True),
        ("irrelevance", "I have no tool for this.", "It is sunny.", False),
        ("answer", "It is a city.", "Paris is a city.", True),
        ("answer", "It is a city.", "I can't say.", False),
        ("answer", "It is a city.", "", False),
    ],
)
def test_a_reply_where_text_is_due(kind, gold, reply, correct):
    assert score_example(example(kind, gold), reply).correct is correct


def test_text_after_a_tool_result_reports_it_even_when_something_failed():
    record = example(
        "multi_step",
        "The station is offline, so I can't read it.",
        Message("user", "Read it."),
        Message("assistant", GOLD),
        Message("tool", result_text(1, "offline", True)),
    )
    assert score_example(record, record.gold or "").correct


def test_valid_arguments_that_are_wrong_are_valid_and_not_correct():
    score = score_example(CALL, GOLD.replace("Paris", "Rome"))
    assert (score.schema_valid, score.name_match, score.call_match) == (True, True, False)


def test_a_gold_call_that_breaks_its_schema_is_still_correct():
    gold = GOLD.replace(":3", ":0")
    score = score_example(example("tool_call", gold), gold)
    assert (score.schema_valid, score.call_match, score.correct) == (False, True, True)


def test_accepted_calls_come_before_the_last_message():
    accepted = (
        {"name": "get_weather", "arguments": {"city": ["Rome"], "days": [1]}, "optional": ["days"]},
    )
    reply = request_text(ToolCall("get_weather", {"city": "Rome"}, 1))
    assert score_example(example("tool_call", GOLD, accepted=accepted), reply).correct


def test_a_call_in_the_other_wire_is_recovered_but_not_parsed():
    call = '{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}'
    reply = f"<tool_call>\n{call}\n</tool_call>"
    score = score_example(CALL, reply)
    assert (score.parsed, score.recovered, score.schema_valid) == (False, True, False)
    assert score_example(CALL, reply, wire="hermes").correct


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"city": {"pattern": "(["}}},
        {"$ref": "#/$defs/nowhere"},
        {"$ref": "https://example.com/schema.json"},
        {"type": "nonsense"},
    ],
)
def test_a_schema_that_cannot_be_applied_is_an_outcome(schema):
    record = Example("x", "tool_call", "test", ({**WEATHER, "inputSchema": schema},), CALL.messages)
    score = score_example(record, GOLD)
    assert score.schema_valid is False
    assert score.correct


def test_wilson_gives_the_published_interval():
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81 of 263.
    rate = wilson(81, 263)
    assert (round(rate.low, 4), round(rate.high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 0).n == 0


def test_macro_f1_is_the_mean_over_decisions_that_are_due():
    assert macro_f1([("call", "call"), ("refuse", "refuse")]) == 1.0
    assert macro_f1([("call", "call"), ("refuse", "call")]) == pytest.approx(1 / 3)


def test_rates_count_what_they_say():
    clarification = example("clarification", "Which city?")
    scores = [
        score_example(CALL, GOLD),
        score_example(CALL, "It is sunny."),
        score_example(clarification, "Which city?"),
        score_example(clarification, GOLD.replace("get_weather", "get_wether")),
    ]
    rates = metrics_of(scores)["rates"]
    values = {name: (rate["value"], rate["n"]) for name, rate in rates.items()}
    assert values["accuracy"] == (0.5, 4)
    assert values["schema_valid"] == (0.5, 2)
    assert values["over_call"] == (0.5, 2)
    assert values["under_call"] == (0.5, 2)
    assert values["tool_hallucination"] == (0.5, 2)
