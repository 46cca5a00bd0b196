"""Scoring a reply: every field of a score, and the failure classes."""

import pytest

from data.record import Example, Message, read_examples
from data.wire import ToolCall, read_strict, request_text, result_text
from evals.results_told import words_in
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


@pytest.mark.parametrize(
    ("reply", "tells"),
    [
        ("In Lima it is 19 degrees now.", True),
        ("19 there, and overcast.", True),
        ("That's all done for you.", False),
        ("In Oslo it snows at minus 3.", False),
    ],
)
def test_text_after_a_tool_result_tells_of_it(reply, tells):
    record = example(
        "multi_step",
        "It is 19 degrees and overcast in Lima.",
        Message("user", "How is it in Lima?"),
        Message("assistant", GOLD),
        Message("tool", result_text(1, '{"temperature": 19, "sky": "overcast"}')),
    )
    score = score_example(record, reply)
    assert (score.tells_result, score.correct) == (tells, tells)
    assert score.failure == ("" if tells else "tells_nothing")


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


LAZY = f"Sure!\n{GOLD}"


@pytest.mark.parametrize(
    ("reply", "valid", "match"),
    [
        (GOLD, True, True),
        (LAZY, True, True),
        (LAZY.replace("Paris", "Rome"), True, False),
        (LAZY.replace(":3", ":0"), False, False),
        (LAZY.replace("get_weather", "get_wether"), False, False),
        (GOLD[:-5], False, False),
        ("Which city do you mean?", False, False),
    ],
)
def test_the_forgiving_reading_is_judged_beside_the_strict_one(reply, valid, match):
    score = score_example(CALL, reply)
    assert (score.recovered_schema_valid, score.recovered_call_match) == (valid, match)
    if reply.startswith("Sure"):
        assert (score.schema_valid, score.call_match, score.correct) == (False, False, False)


def test_where_text_is_due_and_given_nothing_is_said_of_calls():
    score = score_example(example("answer", "It is a city."), "Paris is a city.")
    calls = ("known_tool", "schema_valid", "name_match", "arguments_match", "call_match")
    assert {getattr(score, name) for name in calls} == {None}
    assert (score.recovered_schema_valid, score.recovered_call_match) == (None, None)
    assert score.asks_missing is None


def test_a_needless_call_is_judged_by_its_schema_too():
    record = example("answer", "It is a city.")
    valid = score_example(record, LAZY)
    assert (valid.schema_valid, valid.recovered_schema_valid) == (False, True)
    assert (valid.call_match, valid.recovered_call_match) == (None, None)


@pytest.mark.parametrize(
    ("reply", "asks", "failure"),
    [
        ("Could you tell me the city?", True, ""),
        ("Where?", True, ""),
        ("For how many days?", False, "asks_wrong"),
        ("Could you say more?", False, "asks_wrong"),
        ("I can't do that.", False, "wrong_decision"),
        (GOLD, False, "over_call"),
        ("", False, "malformed"),
    ],
)
def test_a_clarification_is_right_only_if_it_asks_for_what_is_missing(reply, asks, failure):
    score = score_example(example("clarification", "Which city?"), reply)
    assert (score.asks_missing, score.failure) == (asks, failure)
    assert score.correct is (not failure)


def test_a_clarification_of_which_nobody_knows_what_it_asks_counts_by_its_decision():
    score = score_example(example("clarification", "Which one?"), "What do you mean?")
    assert (score.asks_missing, score.correct) == (None, True)


def test_where_any_call_is_right_an_offered_tool_is_enough():
    asked = (Message("user", "How is the weather?"),)
    record = Example("live_relevance_0", "tool_call", "bfcl", (WEATHER,), asked)
    made = score_example(record, GOLD)
    assert (made.expected, made.correct, made.call_match) == ("call", True, None)
    wrong = score_example(record, GOLD.replace("get_weather", "get_wether"))
    assert (wrong.correct, wrong.failure) == (False, "unknown_tool")
    assert score_example(record, "It is sunny.").failure == "under_call"


def test_a_record_of_a_gold_turn_alone_is_scored():
    record = Example("x", "tool_call", "test", (WEATHER,), (Message("assistant", GOLD),))
    assert score_example(record, GOLD).correct


def test_more_than_anyone_would_call_is_invalid_and_not_looked_into():
    many = "\n".join(GOLD.replace('"id":1', f'"id":{n}') for n in range(100))
    score = score_example(CALL, many)
    assert (score.schema_valid, score.correct) == (False, False)
    long = score_example(CALL, GOLD.replace("Paris", "P" * 60_000))
    assert (long.schema_valid, long.name_match) == (False, True)


@pytest.mark.parametrize("split", ["train", "validation", "test_seen", "test_unseen"])
def test_gold_is_right_and_nothing_or_another_records_reply_is_wrong(split, dataset):
    records = list(read_examples(dataset / f"{split}.jsonl"))
    assert all(score_example(record, record.gold).correct for record in records)
    assert not any(score_example(record, "").correct for record in records)
    shuffled = [(record, reply) for record in records for reply in others(record, records)[:3]]
    assert len(shuffled) > len(records)
    assert [r.id for r, reply in shuffled if score_example(r, reply).correct] == []


def others(record: Example, records: list[Example]) -> list[str]:
    """Replies of other records, without those that are right here too.

    Those are the same calls; a text that takes the same decision where that alone counts; and after
    a result, where to decline may be to report, a text that shares a word with the right one.
    """
    start = records.index(record) + 1
    called = calls_of(record.gold)
    due = {"answer", "refuse"} if record.prompt[-1].role == "tool" else {record.decision}
    return [
        other.gold
        for other in records[start:] + records[:start]
        if (called and called != calls_of(other.gold))
        or other.decision not in due
        or (record.kind == "multi_step" and not words_in(record.gold) & words_in(other.gold))
    ]


def calls_of(reply: str) -> list[tuple[str, object]]:
    return [(call.name, call.arguments) for call in read_strict(reply).calls]
