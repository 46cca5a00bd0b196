"""Records of several steps: each turn by itself, and the whole against the simulated tool."""

import json

import pytest

from data.record import Example, Message, read_examples
from data.wire import ToolCall, error_text, read_strict, request_text, result_text
from evals.score import score_example
from evals.turns import SPARE_TURNS, Episode, gold_turns

CITY = {
    "name": "find_city",
    "description": "",
    "inputSchema": {"type": "object", "properties": {"name": {"type": "string"}}},
}
WEATHER = {
    "name": "weather",
    "description": "",
    "inputSchema": {
        "type": "object",
        "properties": {"lat": {"type": "number"}, "lon": {"type": "number"}},
    },
}
FIND = request_text(ToolCall("find_city", {"name": "Lima"}, 1))
FOUND = result_text(1, '{"lat": -12, "lon": -77}')
LOOK = request_text(ToolCall("weather", {"lat": -12.0, "lon": -77.0}, 2))
SEEN = result_text(2, "19 degrees, overcast")
SAID = "It is 19 degrees and overcast in Lima."
ASKED = Message("user", "How is it in Lima?")


def record(*turns: str, accepted: tuple[dict, ...] | None = None) -> Example:
    """A record of assistant turns and tool results after the user's request."""
    messages = [
        Message("tool" if '"result"' in turn else "assistant", turn) for turn in turns if turn
    ]
    return Example("r", "multi_step", "test", (CITY, WEATHER), (ASKED, *messages), accepted)


TWO_STEPS = record(FIND, FOUND, LOOK, SEEN, SAID)


def play(example: Example, *replies: str) -> tuple[Episode, list[bool]]:
    episode = Episode(example)
    return episode, [episode.take(reply) for reply in replies]


def test_every_turn_is_a_record_of_its_own():
    turns = gold_turns(TWO_STEPS)
    assert [turn.id for turn in turns] == ["r#1", "r#2", "r#3"]
    assert [turn.gold for turn in turns] == [FIND, LOOK, SAID]
    assert [turn.decision for turn in turns] == ["call", "call", "answer"]
    assert [len(turn.prompt) for turn in turns] == [1, 3, 5]
    assert all(score_example(turn, turn.gold).correct for turn in turns)
    assert not any(score_example(turn, FIND).correct for turn in turns[1:])


def test_a_question_before_the_call_is_a_clarification():
    messages = (
        Message("user", "How is the weather?"),
        Message("assistant", "Which city do you mean?"),
        Message("user", "Lima"),
        Message("assistant", FIND),
    )
    turns = gold_turns(Example("r", "tool_call", "test", (CITY,), messages))
    assert [turn.kind for turn in turns] == ["clarification", "tool_call"]


def test_the_last_turn_keeps_the_accepted_calls():
    accepted = ({"name": "weather", "arguments": {"lat": [1], "lon": [2]}, "optional": []},)
    turns = gold_turns(record(FIND, FOUND, LOOK, accepted=accepted))
    assert [turn.accepted for turn in turns] == [None, accepted]


def test_gold_turns_end_every_record_of_the_dataset_rightly(dataset):
    for split in ("train", "validation", "test_seen", "test_unseen"):
        for example in read_examples(dataset / f"{split}.jsonl"):
            assert all(score_example(turn, turn.gold).correct for turn in gold_turns(example))
            episode = Episode(example)
            start = len(episode.prompt_messages())
            golds = [m.content for m in example.messages[start:] if m.role == "assistant"]
            over = [episode.take(gold) for gold in golds]
            assert over == [False] * (len(golds) - 1) + [True]
            score = episode.score()
            assert (score.correct, score.n_calls_wrong) == (True, 0), score.reason
            assert score.n_calls_right == score.n_calls_due


def test_a_call_of_the_record_gets_its_result_under_the_calls_id():
    episode, over = play(TWO_STEPS, FIND.replace('"id":1', '"id":"a"'))
    assert over == [False]
    call, result = episode.prompt_messages()[-2:]
    assert (call.role, result.role) == ("assistant", "tool")
    assert json.loads(result.content) == {**json.loads(FOUND), "id": "a"}


def test_any_other_call_gets_an_error():
    episode, _ = play(TWO_STEPS, FIND.replace("Lima", "Oslo"), FIND.replace("find_city", "f"))
    errors = [m.content for m in episode.prompt_messages() if m.role == "tool"]
    assert errors == [
        error_text(1, -32602, "no result for these arguments"),
        error_text(1, -32602, "unknown tool: f"),
    ]


def test_steps_in_any_order_are_right_and_a_detour_is_not():
    assert play(TWO_STEPS, LOOK, FIND, SAID)[0].score().correct
    both = FIND + "\n" + LOOK
    assert play(TWO_STEPS, both, SAID)[0].score().correct
    lost = play(TWO_STEPS, FIND, LOOK.replace("12.0", "13.0"), LOOK, SAID)[0].score()
    assert (lost.failure, lost.n_calls_right, lost.n_calls_wrong) == ("wrong_call", 2, 1)
    twice = play(TWO_STEPS, FIND, FIND.replace('"id":1', '"id":5'), LOOK, SAID)[0].score()
    assert (twice.failure, twice.reason) == ("wrong_call", "find_city once more")


@pytest.mark.parametrize(
    ("replies", "failure", "decision"),
    [
        ([SAID], "missed_call", "answer"),
        ([FIND, SAID], "missed_call", "answer"),
        ([FIND, LOOK[:-3]], "missed_call", "malformed"),
        ([FIND, LOOK, ""], "malformed", "malformed"),
        ([FIND, LOOK, "Which city?"], "wrong_decision", "clarify"),
        ([FIND, LOOK, "All is done."], "tells_nothing", "answer"),
        ([], "missed_call", "malformed"),
    ],
)
def test_an_episode_that_ends_otherwise_is_wrong(replies, failure, decision):
    episode, over = play(TWO_STEPS, *replies)
    assert over == [False] * (len(replies) - 1) + [True] * bool(replies)
    score = episode.score()
    assert (score.failure, score.decision, score.correct) == (failure, decision, False)
    assert score.reason


def test_a_model_that_never_stops_is_stopped():
    episode = Episode(TWO_STEPS)
    n_turns = 1
    while not episode.take(FIND.replace('"id":1', f'"id":{n_turns}')):
        n_turns += 1
    assert n_turns == 3 + SPARE_TURNS
    assert not episode.score().correct


def test_a_record_that_ends_with_a_call_is_over_with_it():
    ends = record(FIND, FOUND, LOOK)
    episode, over = play(ends, FIND, LOOK)
    assert (over, episode.score().correct) == ([False, True], True)
    early, over = play(ends, LOOK)
    assert (over, early.score().failure) == ([True], "missed_call")


def test_a_record_of_one_turn_is_an_episode_of_one_reply():
    refusal = Example("r", "refusal", "test", (CITY,), (ASKED, Message("assistant", "I can't.")))
    assert play(refusal, "I won't do that.")[0].score().correct
    assert play(refusal, "It is sunny.")[0].score().failure == "wrong_decision"


def test_calls_of_the_hermes_wire_get_ids_that_count_on():
    hermes = '<tool_call>\n{"name": "find_city", "arguments": {"name": "Lima"}}\n</tool_call>'
    episode = Episode(TWO_STEPS, "hermes")
    episode.take(hermes)
    episode.take(hermes)
    calls = [read_strict(m.content).calls[0].id for m in episode.prompt_messages()[1::2]]
    assert calls == [1, 2]
