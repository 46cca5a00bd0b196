"""Any text as a reply is an outcome: no error, every field filled, and written as JSON again."""

import json
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.record import Example, Message, json_line
from data.wire import ToolCall, request_text, result_text
from evals.score import Score, score_example
from evals.turns import Episode

TOOL = {
    "name": "order",
    "description": "Order something",
    "inputSchema": {
        "type": "object",
        "properties": {
            "item": {"type": "string", "pattern": "^(a+)+$", "minLength": 1},
            "count": {"type": "integer", "minimum": 1, "multipleOf": 1},
            "price": {"type": "number", "multipleOf": 0.01},
            "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
            "to": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
        "required": ["item", "count"],
        "additionalProperties": False,
    },
}
CALL = ToolCall("order", {"item": "aa", "count": 2, "price": 1.5, "to": {"city": "Lima"}}, 1)
LINE = request_text(CALL)
HERMES = '<tool_call>\n{"name": "order", "arguments": {"item": "aa", "count": 2}}\n</tool_call>'
ASKED = Message("user", "Order it for me in Lima.")
RESULT = (ASKED, Message("assistant", LINE), Message("tool", result_text(1, "ordered 2 in Lima")))
RECORDS = [
    Example("call", "tool_call", "test", (TOOL,), (ASKED, Message("assistant", LINE))),
    Example("ask", "clarification", "test", (TOOL,), (ASKED, Message("assistant", "How many?"))),
    Example("no", "refusal", "test", (TOOL,), (ASKED, Message("assistant", "I won't."))),
    Example("told", "multi_step", "test", (TOOL,), (*RESULT, Message("assistant", "In Lima: 2."))),
]
SEEDS = [LINE, LINE + "\n" + LINE.replace('"id":1', '"id":2'), f"[{LINE}]", HERMES]
SEEDS += ["How many?", "I can't do that.", "```json\n" + LINE + "\n```", f"<think>x</think>{LINE}"]
SPLICES = ["", "\\", '"', "\n", "{", "}", "[", "]", ":", ",", "0", "-", "1e999", "NaN", "null", "?"]
SPLICES += ["\x00", "\ud800", "\udfff", "\u2028", "é", "😀", "<think>", "</think>", "<tool_call>"]
SPLICES += [
    "</tool_call>",
    "9" * 4300,
    "9" * 4299,
    '{"a":' * 70,
    "[" * 300,
    "true",
    "  ",
    "{}",
    "a" * 99,
]


def assert_scored(reply: str) -> None:
    for record in RECORDS:
        for wire in ("jsonrpc", "hermes"):
            score = score_example(record, reply, wire)
            assert_whole(score)
        episode = Episode(record)
        episode.take(reply)
        assert json.loads(json_line(episode.score().row()))["id"] == record.id


def assert_whole(score: Score) -> None:
    assert score.decision in ("call", "clarify", "refuse", "answer", "malformed")
    assert bool(score.failure) is not score.correct
    assert bool(score.reason) is not score.correct
    assert len(score.reason) < 1000
    assert json.loads(json_line(score.row()))["id"] == score.id


def mutated(rng: Random) -> str:
    """A usual reply after one to four cuts, moves and splices."""
    text = rng.choice(SEEDS)
    for _ in range(rng.randint(1, 4)):
        at, end = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
        kind = rng.randrange(5)
        if kind == 0:
            text = text[:at] + rng.choice(SPLICES) + text[at:]
        elif kind == 1:
            text = text[:at] + rng.choice(SPLICES) + text[min(end, at + 9) :]
        elif kind == 2:
            text = text[:at]
        elif kind == 3:
            text = text[:end] + text[at:end] + text[end:]
        else:
            text = (
                text[:at]
                + chr(rng.choice((rng.randrange(128), rng.randrange(0x11000))))
                + text[at:]
            )
    return text


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_scored(text):
    assert_scored(text)


@given(st.binary(max_size=300))
def test_any_bytes_are_scored(data):
    assert_scored(data.decode("utf-8", "surrogateescape"))
    assert_scored(data.decode("latin-1"))


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.integers(0, 2**32))
def test_any_mutation_of_a_reply_is_scored(seed):
    assert_scored(mutated(Random(seed)))


@pytest.mark.slow
@settings(max_examples=2_000, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.integers(0, 2**32))
def test_100_000_mutations_of_replies_are_scored(seed):
    rng = Random(seed)
    for _ in range(50):
        assert_whole(
            score_example(rng.choice(RECORDS), mutated(rng), rng.choice(("jsonrpc", "hermes")))
        )


MEGABYTE = 1_000_000
PIECES = ["[", "{", '{"a":', '[{"a":', '{"', '"', "\\", '\\"', "[]", "{},", "<think>", "</think>"]
PIECES += ["<tool_call>{", '{"jsonrpc":"\n', '{"a"} ', "can you ", "please provide ", "i need "]
PIECES += ["? ", "sorry, ", "which ", "to a, ", "and or ", "would you like more ", "\ud800", "\x00"]
STARTS = ["", "x ", LINE[: LINE.index("aa")]]


@pytest.mark.parametrize("piece", PIECES)
def test_a_megabyte_of_one_piece_is_scored(piece):
    for start in STARTS:
        reply = start + piece * (MEGABYTE // len(piece))
        for record in RECORDS[:2]:
            assert score_example(record, reply).correct in (True, False)


HUGE = {
    "brackets that close": "[" * MEGABYTE + "]" * MEGABYTE,
    "an integer of as many digits as Python reads": LINE.replace(":2,", f":{'9' * 4300},"),
    "an integer too long": LINE.replace(":2,", f":{'9' * MEGABYTE},"),
    "a number that no float holds": LINE.replace("1.5", "9" * 4000 + ".5"),
    "an integer that no float holds, where a multiple of 0.01 is due": LINE.replace(
        "1.5", "9" * 4000
    ),
    "arguments of a megabyte": LINE.replace("aa", "a" * MEGABYTE),
    "a slow pattern": LINE.replace("aa", "a" * 40 + "!"),
    "many objects in a list of unique items": LINE.replace(
        '"price":1.5', '"tags":[' + ",".join(f'{{"n":{n}}}' for n in range(50_000)) + "]"
    ),
    "many calls": "\n".join(LINE.replace('"id":1', f'"id":{n}') for n in range(5_000)),
    "a key twice": LINE.replace('"count":2', '"count":2,"count":2'),
}


@pytest.mark.parametrize("reply", HUGE.values(), ids=HUGE.keys())
def test_a_huge_reply_is_scored(reply):
    for record in RECORDS:
        assert score_example(record, reply).failure
