"""Published formats to records: made-up rows always, the real files when they are at hand."""

import json

import pytest
from conftest import SHARED

from data.convert import main
from data.formats.bfcl import read
from data.record import Example, read_examples, write_rows
from evals import tool_accuracy
from evals.score import score_example

BFCL = SHARED / "real" / "bfcl_v4"
QUESTION = {
    "id": "parallel_x",
    "question": [[{"role": "user", "content": "Paint 2 walls and 1 door."}]],
    "function": [
        {
            "name": "paint.it",
            "description": "Paint something.",
            "parameters": {
                "type": "dict",
                "properties": {
                    "count": {"type": "integer"},
                    "price": {"type": "float"},
                    "spot": {"type": "dict", "properties": {"x": {"type": "any"}}},
                },
                "required": ["count"],
            },
        }
    ],
}
TRUTH = {
    "id": "parallel_x",
    "ground_truth": [
        {"paint.it": {"count": [2], "price": [1.5, ""], "spot": [{"x": [1, 2], "y": ["", 3]}]}},
        {"paint.it": {"count": [1], "price": [""]}},
    ],
}


@pytest.fixture
def made_up(tmp_path):
    write_rows(tmp_path / "questions.json", [QUESTION])
    write_rows(tmp_path / "answers.json", [TRUTH])
    return tmp_path


def test_types_and_alternatives_are_carried_over(made_up):
    (record,) = read(made_up / "questions.json", made_up / "answers.json")
    assert isinstance(record, Example)
    schema = record.tools[0]["inputSchema"]
    assert schema["type"] == "object"
    assert schema["properties"]["price"] == {"type": "number"}
    assert schema["properties"]["spot"]["properties"]["x"] == {}
    first, second = record.accepted
    assert first["arguments"]["spot"] == [{"x": 1}, {"x": 1, "y": 3}, {"x": 2}, {"x": 2, "y": 3}]
    assert first["optional"] == ["price"]
    assert second["arguments"] == {"count": [1]}
    assert (record.kind, record.decision) == ("parallel", "call")
    assert score_example(record, record.gold).correct


def test_rows_that_cannot_be_carried_over_are_rejected_with_a_reason(made_up, capsys):
    write_rows(made_up / "questions.json", [QUESTION, {"id": "x"}, {**QUESTION, "id": "no-answer"}])
    out = made_up / "out.jsonl"
    answers = ["--answers", str(made_up / "answers.json")]
    assert (
        main(["--from", "bfcl", str(made_up / "questions.json"), *answers, "--out", str(out)]) == 0
    )
    rejects = [
        json.loads(line)
        for line in (made_up / "out.jsonl.rejects.jsonl").read_text("utf-8").splitlines()
    ]
    assert [reject["id"] for reject in rejects] == ["x", "no-answer"]
    assert "1 records, 2 rejected" in capsys.readouterr().out


@pytest.mark.skipif(not BFCL.is_dir(), reason="the real BFCL files are not here")
@pytest.mark.parametrize("category", ["simple_python", "parallel", "irrelevance"])
def test_gold_replies_to_real_bfcl_files_score_one(category, tmp_path):
    source = BFCL / f"BFCL_v4_{category}.json"
    answers = BFCL / "possible_answer" / source.name
    given = ["--answers", str(answers)] if answers.is_file() else []
    data, replies, out = (tmp_path / name for name in ("data.jsonl", "replies.jsonl", "out"))
    assert main(["--from", "bfcl", str(source), *given, "--out", str(data)]) == 0
    records = list(read_examples(data))
    n_rows = len(source.read_text("utf-8").splitlines())
    assert len(records) == n_rows
    declined = "None of the tools can do that."
    write_rows(replies, ({"id": r.id, "reply": r.gold or declined} for r in records))
    assert (
        tool_accuracy.main(["--data", str(data), "--replies", str(replies), "--out", str(out)]) == 0
    )
    rates = json.loads((out / "metrics.json").read_text(encoding="utf-8"))["splits"]["data"][
        "rates"
    ]
    assert rates["accuracy"]["value"] == 1.0
    assert rates["accuracy"]["n"] == n_rows
