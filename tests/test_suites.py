"""BFCL's and When2Call's own files: read, scored and summed up by their names."""

import json
from pathlib import Path

import pytest
from conftest import SHARED

from data.cli import DataError, UserError
from data.formats.when2call import labelled_texts
from data.record import Example, write_rows
from data.wire import ToolCall, request_text
from evals.intervals import wilson
from evals.score import Score, score_example
from evals.suites import bfcl, when2call

REAL_BFCL = SHARED / "real" / "bfcl_v4"
REAL_WHEN2CALL = SHARED / "real" / "when2call.raw.jsonl"
DECLINED = "None of my tools can do that."
ADD = {
    "name": "math.add",
    "description": "Add two numbers.",
    "parameters": {
        "type": "dict",
        "properties": {"a": {"type": "integer"}, "b": {"type": "float"}},
        "required": ["a", "b"],
    },
}


def bfcl_file(folder: Path, category: str, *truths: list) -> None:
    """A file of a category with one item for each list of calls; without lists, no answers."""
    question = [[{"role": "user", "content": "Please add."}]]
    ids = [f"{category}_{index}" for index in range(max(1, len(truths)))]
    rows = ({"id": i, "question": question, "function": [ADD]} for i in ids)
    write_rows(folder / f"BFCL_v4_{category}.json", rows)
    if truths:
        (folder / "possible_answer").mkdir(exist_ok=True)
        answers = ({"id": i, "ground_truth": t} for i, t in zip(ids, truths, strict=True))
        write_rows(folder / "possible_answer" / f"BFCL_v4_{category}.json", answers)


def sums(a: int) -> dict:
    return {"math.add": {"a": [a], "b": [1.5, ""]}}


@pytest.fixture
def folder(tmp_path):
    for category in (*bfcl.AST, *bfcl.LIVE_AST):
        many = "parallel" in category
        bfcl_file(tmp_path, category, [sums(1), sums(2)] if many else [sums(1)], [sums(3)])
    for category in (*bfcl.IRRELEVANCE, bfcl.RELEVANCE, "multi_turn_base", "simple_java"):
        bfcl_file(tmp_path, category)
    return tmp_path


def best_reply(example: Example) -> str:
    if example.gold is not None:
        return example.gold
    tool = example.tools[0]["name"]
    return DECLINED if example.kind == "irrelevance" else request_text(ToolCall(tool, {}, 1))


def scores_of(examples: list[Example], replies: list[str]) -> list[Score]:
    return [score_example(e, reply) for e, reply in zip(examples, replies, strict=True)]


def test_a_folder_of_bfcl_is_read_in_bfcls_order_and_says_what_it_leaves_out(folder, capsys):
    examples = bfcl.load(folder)
    assert list(dict.fromkeys(bfcl.category_of(e.id) for e in examples)) == list(bfcl.CATEGORIES)
    assert len(examples) == 2 * 8 + 3
    left_out = capsys.readouterr().err
    assert "multi_turn_base" in left_out and "simple_java" in left_out
    one = bfcl.load(folder / "BFCL_v4_parallel.json")
    assert [e.id for e in one] == ["parallel_0", "parallel_1"]


def test_gold_is_right_in_every_category_and_average(folder):
    examples = bfcl.load(folder)
    table = bfcl.summarize(scores_of(examples, list(map(best_reply, examples))))
    assert {row["value"] for row in table.values()} == {1.0}
    assert set(table) == {
        *bfcl.CATEGORIES,
        *("Non-Live AST Acc", "Live Acc", "Relevance Detection", "Irrelevance Detection"),
    }


def test_averages_are_those_of_the_leaderboard(folder):
    # Right: all of simple_python, none of multiple, half of both others and of live_simple.
    examples = bfcl.load(folder)
    right = {"simple_python_0", "simple_python_1", "parallel_0", "parallel_multiple_1"}
    right |= {"live_simple_0", "irrelevance_0"}
    said = [
        best_reply(e) if e.id in right else "x" if e.kind != "irrelevance" else best_reply(e)
        for e in examples
    ]
    said = [
        request_text(ToolCall("math.add", {}, 1)) if e.id == "live_irrelevance_0" else reply
        for e, reply in zip(examples, said, strict=True)
    ]
    table = bfcl.summarize(scores_of(examples, said))
    assert table["Non-Live AST Acc"]["value"] == pytest.approx((1 + 0 + 0.5 + 0.5) / 4)
    assert table["Live Acc"]["value"] == pytest.approx(1 / 8)
    assert table["Irrelevance Detection"]["value"] == pytest.approx(0.5)
    assert table["Relevance Detection"]["value"] == 0.0
    assert table["Live Acc"]["n"] == 8
    for row in table.values():
        assert 0 <= row["low"] <= row["value"] <= row["high"] <= 1


def test_an_average_needs_all_its_categories(folder):
    table = bfcl.summarize([score_example(e, "") for e in bfcl.load(folder)[:2]])
    assert set(table) == {"simple_python"}


def test_irrelevance_is_right_for_bfcl_where_nothing_is_called(folder):
    (example,) = bfcl.load(folder / "BFCL_v4_irrelevance.json")
    for reply, right in (("The sum is 5.", 1.0), (best_reply(example), 1.0), ("", 1.0)):
        assert bfcl.summarize([score_example(example, reply)])["irrelevance"]["value"] == right
    call = request_text(ToolCall("math.add", {"a": 1}, 1))
    assert bfcl.summarize([score_example(example, call)])["irrelevance"]["value"] == 0.0


def test_the_mean_of_one_share_keeps_its_interval():
    rate = wilson(8, 10)
    mean = bfcl.mean_of([rate])
    assert (mean.low, mean.high, mean.n) == pytest.approx((rate.low, rate.high, rate.n))
    pair = bfcl.mean_of([rate, rate])
    assert pair.high - pair.low < rate.high - rate.low


@pytest.mark.parametrize(
    ("break_it", "error", "part"),
    [
        (
            lambda f: (f / "possible_answer" / "BFCL_v4_parallel.json").unlink(),
            UserError,
            "answers",
        ),
        (lambda f: (f / "BFCL_v4_parallel.json").write_text('{"id": "x"}\n'), DataError, ":1:"),
    ],
)
def test_what_is_missing_is_said_in_one_line(break_it, error, part, folder):
    break_it(folder)
    with pytest.raises(error) as raised:
        bfcl.load(folder)
    assert part in str(raised.value) and "\n" not in str(raised.value)


def test_a_folder_without_a_suite_is_refused(tmp_path):
    for suite in (bfcl, when2call):
        with pytest.raises(UserError, match=r"give|CATEGORY"):
            suite.load(tmp_path)


TOOL = {
    "name": "alarm.set",
    "parameters": {"type": "dict", "properties": {"at": {"type": "string"}}, "required": ["at"]},
}
TEXTS = {
    "direct": "Alarms ring.",
    "tool_call": '{"name": "alarm.set", "arguments": {"at": "07:00"}}',
    "request_for_info": "At what time should it ring?",
    "cannot_answer": "I'm unable to do that.",
}


def when2call_row(right: str) -> dict:
    return {
        "uuid": f"item-{right}",
        "question": "Wake me.",
        "correct_answer": right,
        "answers": TEXTS,
        "tools": [json.dumps(TOOL)],
    }


@pytest.fixture
def when2call_file(tmp_path):
    path = tmp_path / "test.jsonl"
    write_rows(path, map(when2call_row, TEXTS))
    return path


def test_when2calls_answers_are_right_where_they_are_due_and_nowhere_else(when2call_file):
    examples = when2call.load(when2call_file)
    assert [e.kind for e in examples] == ["answer", "tool_call", "clarification", "irrelevance"]
    golds = [example.gold for example in examples]
    for example in examples:
        right = [score_example(example, gold).correct for gold in golds]
        assert right == [gold == example.gold for gold in golds]
    table = when2call.summarize(scores_of(examples, golds))
    assert {row["value"] for row in table.values()} == {1.0}
    assert set(table) == {*TEXTS, "accuracy", "macro_f1"}


def test_a_row_labels_its_texts():
    assert labelled_texts(when2call_row("direct")) == [
        (TEXTS["request_for_info"], "clarify"),
        (TEXTS["cannot_answer"], "refuse"),
        (TEXTS["direct"], "answer"),
    ]


def test_a_row_that_is_none_of_when2call_is_named(when2call_file):
    write_rows(when2call_file, [when2call_row("direct"), {"uuid": "x"}])
    with pytest.raises(DataError, match=r"test.jsonl:2: no row of When2Call"):
        when2call.load(when2call_file)


@pytest.mark.skipif(not REAL_BFCL.is_dir(), reason="the real BFCL files are not here")
def test_on_the_real_bfcl_gold_is_right_and_nothing_and_anothers_reply_wrong():
    examples = bfcl.load(REAL_BFCL)
    assert len(examples) == 400 + 200 + 240
    golds = list(map(best_reply, examples))
    assert all(score.correct for score in scores_of(examples, golds))
    assert not any(score_example(example, "").correct for example in examples)
    called = [e for e in examples if e.decision == "call"]
    moved = [*(e.gold for e in called[1:]), called[0].gold]
    assert not any(score.correct for score in scores_of(called, moved))


@pytest.mark.skipif(not REAL_WHEN2CALL.is_file(), reason="the real When2Call file is not here")
def test_on_the_real_when2call_gold_is_right_and_nothing_and_anothers_reply_wrong():
    examples = when2call.load(REAL_WHEN2CALL)
    assert len(examples) == 150
    assert all(score_example(example, example.gold).correct for example in examples)
    assert not any(score_example(example, "").correct for example in examples)
    for example in examples:
        others = [e.gold for e in examples if e.decision != example.decision][:10]
        assert not any(score_example(example, reply).correct for reply in others)
