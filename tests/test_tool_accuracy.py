"""The scoring command: its files, its table, and what bad input gets."""

import json

import pytest
from conftest import assert_one_line_error, command

from data import cli
from data.record import read_examples, write_rows
from evals.tool_accuracy import main

METRIC_FIELDS = {
    *("parsed", "recovered", "known_tool", "schema_valid", "name_match", "arguments_match"),
    *("call_match", "decision", "reply", "reason", "id"),
}


def _replies(path, pairs):
    write_rows(path, ({"id": name, "reply": reply} for name, reply in pairs))
    return path


def _score(data, pairs, tmp_path):
    replies = _replies(tmp_path / "replies.jsonl", pairs)
    out = tmp_path / "out"
    assert main(["--data", str(data), "--replies", str(replies), "--out", str(out)]) == 0
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    rows = [json.loads(line) for line in (out / "examples.jsonl").read_text("utf-8").splitlines()]
    return metrics["splits"][data.stem], rows


@pytest.mark.parametrize("split", ["train", "validation", "test_seen", "test_unseen"])
def test_gold_replies_score_one_on_every_split(split, dataset, tmp_path):
    data = dataset / f"{split}.jsonl"
    metrics, rows = _score(data, [(e.id, e.gold) for e in read_examples(data)], tmp_path)
    assert [row["reason"] for row in rows if not row["correct"]] == []
    for rate in ("accuracy", "schema_valid", "call_match", "decision_macro_f1", "parsed"):
        assert metrics["rates"][rate]["value"] == 1.0
    assert set(rows[0]) >= METRIC_FIELDS


def test_empty_replies_score_zero(dataset, tmp_path):
    data = dataset / "train.jsonl"
    metrics, rows = _score(data, [(e.id, "") for e in read_examples(data)], tmp_path)
    assert metrics["rates"]["accuracy"]["value"] == 0.0
    assert {row["failure"] for row in rows} == {"malformed"}


def test_any_text_as_a_reply_is_an_outcome(dataset, tmp_path):
    data = dataset / "test_seen.jsonl"
    odd = ["\ud800", "[" * 5000, '{"jsonrpc":', "\x00", "<think>", '{"a":NaN}', "9" * 6000]
    pairs = [(e.id, odd[i % len(odd)]) for i, e in enumerate(read_examples(data))]
    metrics, _ = _score(data, pairs, tmp_path)
    assert metrics["n"] == len(pairs)


def test_a_table_says_n_and_marks_a_limit(dataset, tmp_path, capsys):
    data = dataset / "test_seen.jsonl"
    replies = _replies(tmp_path / "r.jsonl", [(e.id, e.gold) for e in read_examples(data)])
    main(
        [
            "--data",
            str(data),
            "--replies",
            str(replies),
            "--out",
            str(tmp_path / "o"),
            "--limit",
            "3",
        ]
    )
    table = (tmp_path / "o" / "table.md").read_text(encoding="utf-8")
    assert "3 of 20 examples" in table
    assert "NOT A REAL SCORE" in table
    assert table in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "kind", "parts"),
    [
        ([], cli.UserError, ["nothing to score", "--data"]),
        (["--data", "x.jsonl"], cli.UserError, ["--out is missing"]),
        (["--data", "x.jsonl", "--out", "o"], cli.UserError, ["x.jsonl: No such file"]),
        (["--run", "nowhere"], cli.UserError, ["nowhere/run.json", "--run takes"]),
        (
            ["--data", "{tmp}", "--out", "o"],
            cli.UserError,
            ["test_seen.jsonl", "name record files"],
        ),
    ],
)
def test_a_wrong_invocation_is_one_line(arguments, kind, parts, tmp_path):
    with pytest.raises(kind) as caught:
        main([part.replace("{tmp}", str(tmp_path)) for part in arguments])
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_replies_that_are_missing_or_no_replies_are_named(dataset, tmp_path):
    data = ["--data", str(dataset / "test_seen.jsonl"), "--out", "out"]
    _replies(tmp_path / "few.jsonl", [("other", "text")])
    result = command("evals.tool_accuracy", *data, "--replies", "few.jsonl", cwd=tmp_path)
    assert_one_line_error(result, 1, "no reply for 20 examples")
    (tmp_path / "bad.jsonl").write_text('{"id": 3}\n', encoding="utf-8")
    result = command("evals.tool_accuracy", *data, "--replies", "bad.jsonl", cwd=tmp_path)
    assert_one_line_error(result, 1, "bad.jsonl:1")
    assert not (tmp_path / "out").exists()
