"""Comparing two runs: what is refused, what is printed, and the files."""

import json

import pytest
from conftest import assert_one_line_error, command

from data import cli
from data.record import read_examples, write_rows
from evals.compare import main
from evals.tool_accuracy import main as score


@pytest.fixture
def scored(dataset, tmp_path):
    """Score replies made by a function of the record; returns the folder."""

    def make(name, reply_to, split="test_seen", *flags):
        data = dataset / f"{split}.jsonl"
        replies = tmp_path / f"{name}.replies.jsonl"
        write_rows(replies, ({"id": e.id, "reply": reply_to(e)} for e in read_examples(data)))
        out = tmp_path / name
        arguments = ["--data", str(data), "--replies", str(replies), "--out", str(out), *flags]
        assert score(arguments) == 0
        return out

    return make


def silent_on_calls(example):
    return "" if example.decision == "call" else example.gold


def test_b_minus_a_with_what_was_won(scored, tmp_path, capsys):
    a, b = scored("a", silent_on_calls), scored("b", lambda e: e.gold)
    capsys.readouterr()
    assert main([str(a), str(b), "--out", str(tmp_path / "c")]) == 0
    shown = capsys.readouterr().out
    assert "| metric | n | A | B | B minus A | won | lost | p |" in shown
    assert "loses 0." in shown
    found = json.loads((tmp_path / "c" / "comparison.json").read_text("utf-8"))
    part = found["splits"]["test_seen"]
    by_name = {row["metric"]: row for row in part["differences"]}
    assert by_name["call_match"]["value"] == 1.0
    assert by_name["under_call"]["value"] == -1.0
    assert by_name["under_call"]["won"] == by_name["call_match"]["won"] == len(part["won"])
    assert part["lost"] == []
    assert part["won"][0].startswith("test_seen-")
    page = (tmp_path / "c" / "comparison.html").read_text("utf-8")
    assert "Tool-calling comparison" in page
    assert (tmp_path / "c" / "comparison.md").read_text("utf-8") in shown


def test_without_out_nothing_is_written(scored, tmp_path):
    a = scored("a", silent_on_calls)
    before = sorted(tmp_path.rglob("*"))
    assert main([str(a), str(a)]) == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_other_data_is_refused(scored, tmp_path):
    a = scored("a", silent_on_calls)
    other = scored("b", lambda e: e.gold, "test_unseen")
    result = command("evals.compare", str(a), str(other), cwd=tmp_path)
    assert_one_line_error(result, 1, "test_seen", "test_unseen", "same data")


def test_the_same_name_with_other_bytes_is_refused(scored, dataset, tmp_path):
    a, b = scored("a", silent_on_calls), scored("b", silent_on_calls)
    metrics = json.loads((b / "metrics.json").read_text("utf-8"))
    metrics["provenance"]["data"]["test_seen"]["sha256"] = "f" * 64
    (b / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    with pytest.raises(cli.DataError, match=r"sha256 .* ffffffffffff"):
        main([str(a), str(b)])


def test_other_examples_of_the_same_data_are_refused(scored, tmp_path):
    a = scored("a", silent_on_calls)
    b = scored("b", silent_on_calls, "test_seen", "--limit", "5")
    with pytest.raises(cli.DataError, match=r"20 examples, .* 5, 15 of them in one only"):
        main([str(a), str(b)])


def test_a_limit_is_no_real_score_here_either(scored, tmp_path, capsys):
    a = scored("a", silent_on_calls, "test_seen", "--limit", "5")
    assert main([str(a), str(a), "--out", str(tmp_path / "c")]) == 0
    assert "--limit 5: NOT A REAL SCORE" in capsys.readouterr().out
    found = json.loads((tmp_path / "c" / "comparison.json").read_text("utf-8"))
    assert found["is_real_score"] is False
    assert "NOT A REAL SCORE" in (tmp_path / "c" / "comparison.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("metrics.json", "{", "metrics.json: cannot be read"),
        ("metrics.json", "[]", "metrics.json: no JSON object"),
        ("examples.jsonl", '{"id": "x"}\n', "examples.jsonl:1: no scored example"),
    ],
)
def test_broken_files_are_named(scored, name, text, part):
    a = scored("a", silent_on_calls)
    (a / name).write_text(text, encoding="utf-8")
    with pytest.raises(cli.DataError, match=part):
        main([str(a), str(a)])


def test_a_folder_without_a_run_is_named(tmp_path):
    result = command("evals.compare", str(tmp_path), str(tmp_path), cwd=tmp_path)
    assert_one_line_error(result, 2, "no scored run", "evals.tool_accuracy")
