"""The command: published rows to records and back, what it reports, what it refuses."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT, SHARED, assert_one_line_error, command

from data import cli, validate
from data.convert import READS, WRITES, main
from data.formats.bfcl import read
from data.formats.parts.reject import NOTES, REASONS
from data.record import Example, read_examples, read_rows, write_rows
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


TOOLS = [
    {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    }
]


def said(city, reply=None):
    """A ShareGPT row that calls, or answers with a text."""
    call = json.dumps({"name": "get_weather", "arguments": {"city": city}})
    turn = {"from": "gpt", "value": reply} if reply else {"from": "function_call", "value": call}
    request = {"from": "human", "value": f"How is the weather in {city} today?"}
    return {"id": f"in {city}", "conversations": [request, turn], "tools": json.dumps(TOOLS)}


@pytest.fixture
def sharegpt(tmp_path):
    """Three good rows, one of them with a call that breaks its schema, and a bad one."""
    rows = [said("Paris"), said(7), said("Rome", "<think>Hm.</think>Sunny."), {"id": "none"}]
    write_rows(tmp_path / "rows.jsonl", rows)
    return tmp_path / "rows.jsonl", tmp_path / "out.jsonl"


def beside(out, what):
    return out.with_name(f"{out.name}.{what}.jsonl")


def test_rows_in_are_records_and_rejects_and_all_that_was_changed_is_named(sharegpt, capsys):
    source, out = sharegpt
    assert main(["--from", "sharegpt", str(source), "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "3 records, 1 rejected" in shown
    assert "| field_missing | 1 |" in shown
    assert "| thinking_dropped | 1 |" in shown
    (reject,) = (row for _, row in read_rows(beside(out, "rejects")))
    assert reject["line"] == 4
    assert (reject["id"], reject["code"]) == ("none", "field_missing")
    (change,) = (row for _, row in read_rows(beside(out, "changes")))
    assert change == {"id": "in Rome", "codes": ["thinking_dropped"]}


def test_what_the_validator_would_say_is_said_with_its_lines(sharegpt, capsys):
    source, out = sharegpt
    main(["--from", "sharegpt", str(source), "--out", str(out)])
    shown = capsys.readouterr().out
    assert "data.validate: 1 records with errors" in shown
    assert "| argument_invalid | 1 |" in shown
    (finding,) = (row for _, row in read_rows(beside(out, "findings")))
    assert (finding["line"], finding["id"]) == (2, "in 7")
    assert main(["--from", "sharegpt", str(source), "--out", str(out), "--no-check"]) == 0
    assert not beside(out, "findings").exists()
    assert "data.validate" not in capsys.readouterr().out


def test_a_strict_conversion_passes_the_validator(sharegpt, capsys):
    source, out = sharegpt
    assert main(["--from", "sharegpt", str(source), "--out", str(out), "--strict"]) == 0
    assert "data.validate: no errors" in capsys.readouterr().out
    assert [example.id for example in read_examples(out)] == ["in Paris", "in Rome"]
    codes = [row["code"] for _, row in read_rows(beside(out, "rejects"))]
    assert codes == ["invalid", "field_missing"]
    assert validate.main([str(out)]) == 0


def test_rows_that_repeat_are_named(tmp_path, capsys):
    write_rows(tmp_path / "rows.jsonl", [said("Paris"), said("Paris")])
    out = tmp_path / "out.jsonl"
    main(["--from", "sharegpt", str(tmp_path / "rows.jsonl"), "--out", str(out), "--strict"])
    shown = capsys.readouterr().out
    assert "| duplicate_exact | 1 |" in shown and "| id_duplicate | 1 |" in shown


def test_files_of_an_earlier_conversion_do_not_stay(sharegpt):
    source, out = sharegpt
    main(["--from", "sharegpt", str(source), "--out", str(out)])
    write_rows(source, [said("Paris")])
    main(["--from", "sharegpt", str(source), "--out", str(out)])
    assert sorted(path.name for path in out.parent.iterdir()) == ["out.jsonl", "rows.jsonl"]


def test_what_breaks_off_leaves_the_earlier_files(sharegpt):
    source, out = sharegpt
    main(["--from", "sharegpt", str(source), "--out", str(out)])
    before = {path.name: path.read_bytes() for path in out.parent.iterdir()}
    parts = out.parent / "parts"
    parts.mkdir()
    (parts / "a.jsonl").write_text(json.dumps(said("Oslo")))
    (parts / "b.parquet").write_bytes(b"no Parquet")
    with pytest.raises(cli.DataError, match=r"b\.parquet: not Parquet"):
        main(["--from", "sharegpt", str(parts), "--out", str(out)])
    after = {path.name: path.read_bytes() for path in out.parent.iterdir() if path.is_file()}
    assert after == before


def test_no_record_at_all_is_a_failure(tmp_path, capsys):
    write_rows(tmp_path / "rows.jsonl", [{"x": 1}])
    out = tmp_path / "out.jsonl"
    assert main(["--from", "xlam", str(tmp_path / "rows.jsonl"), "--out", str(out)]) == 1
    assert "0 records, 1 rejected" in capsys.readouterr().out


def test_from_one_format_to_another(sharegpt, capsys):
    source, out = sharegpt
    flags = ["--from", "sharegpt", "--to", "openai", "--arguments", "text"]
    assert main([*flags, str(source), "--out", str(out)]) == 0
    assert "3 rows, 1 rejected" in capsys.readouterr().out
    assert [row["code"] for _, row in read_rows(beside(out, "rejects"))] == ["field_missing"]
    first = next(row for _, row in read_rows(out))
    function = first["messages"][-1]["tool_calls"][0]["function"]
    assert function == {"name": "get_weather", "arguments": '{"city":"Paris"}'}
    records = out.with_name("records.jsonl")
    assert main(["--from", "openai", str(out), "--out", str(records)]) == 0
    assert [example.source for example in read_examples(records)] == ["sharegpt"] * 3
    assert main(["--to", "hermes", str(records), "--out", str(out)]) == 0
    assert "<tool_call>" in out.read_text("utf-8")


def test_a_record_that_a_format_cannot_hold_is_rejected(sharegpt, capsys):
    source, out = sharegpt
    assert main(["--from", "sharegpt", "--to", "xlam", str(source), "--out", str(out)]) == 0
    assert "2 rows, 2 rejected" in capsys.readouterr().out
    codes = [row["code"] for _, row in read_rows(beside(out, "rejects"))]
    assert codes == ["unsupported", "field_missing"]


def test_second_file_names_the_tools_of_nestful(tmp_path):
    call = {"name": "find", "arguments": {"q": "x"}, "label": "var1"}
    write_rows(tmp_path / "rows.jsonl", [{"input": "Find x.", "output": [call]}])
    described = {"q": {"type": "string", "description": "Words", "required": True}}
    tool = {"name": "find", "description": "Find a thing.", "query_parameters": described}
    (tmp_path / "spec.json").write_text(json.dumps([tool], indent=1))
    out = tmp_path / "out.jsonl"
    flags = ["--from", "nestful", "--tools", str(tmp_path / "spec.json"), "--out", str(out)]
    assert main([*flags, str(tmp_path / "rows.jsonl")]) == 0
    (record,) = read_examples(out)
    assert record.tools[0]["inputSchema"] == {
        "type": "object",
        "properties": {"q": {"type": "string", "description": "Words"}},
        "required": ["q"],
    }


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (["rows.jsonl", "--out", "o"], ["neither --from nor --to", "give one"]),
        (["--from", "nothing", "rows.jsonl", "--out", "o"], ["'nothing'", "toolace"]),
        (["--from", "xlam", "no.jsonl", "--out", "o"], ["no.jsonl: no such file", "folder"]),
        (["--from", "xlam", "rows.jsonl", "--out", "no/o"], ["no/o: no such folder"]),
        (["--from", "xlam", "rows.jsonl", "--out", "."], ["is a folder"]),
        (["--from", "xlam", "rows.jsonl", "--out", "rows.jsonl"], ["is read, too"]),
        (["--from", "bfcl", "rows.jsonl", "--answers", "no", "--out", "o"], ["--answers no"]),
        (["--from", "xlam", "hub:a/b", "--out", "o"], ["hub:a/b: no revision", "@REVISION"]),
        (["--from", "mcp_agent", "rows.jsonl", "--out", "o"], ["--accept-unstated-licence"]),
        (
            ["--from", "openai", "hub:muhammadtlha944/mcp-agent-training-data@main", "--out", "o"],
            ["licence", "--accept-unstated-licence"],
        ),
    ],
)
def test_wrong_usage_is_one_line(flags, parts, tmp_path):
    (tmp_path / "rows.jsonl").write_text("{}\n")
    result = command("data.convert", *flags, cwd=tmp_path)
    assert_one_line_error(result, 2, *parts)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.jsonl"]


def test_the_set_without_a_licence_is_read_at_the_users_word(tmp_path):
    source = ROOT / "tests" / "cases" / "formats" / "mcp_agent.jsonl"
    rows = [row["row"] for _, row in read_rows(source)]
    write_rows(tmp_path / "rows.jsonl", rows)
    flags = ["--from", "mcp_agent", str(tmp_path / "rows.jsonl"), "--accept-unstated-licence"]
    assert main([*flags, "--out", str(tmp_path / "out.jsonl")]) == 0
    assert {e.source for e in read_examples(tmp_path / "out.jsonl")} == {"mcp_agent"}


def test_help_names_every_format(tmp_path):
    result = command("data.convert", "--help", cwd=tmp_path)
    words = " ".join(result.stdout.split())
    assert all(name in words for name in (*READS, *WRITES))
    modules = {path.stem for path in (ROOT / "data" / "formats").glob("*.py")}
    assert set(READS) == modules - {"__init__", "schema"}


REAL = sorted((SHARED / "real").glob("*.raw.jsonl"))


@pytest.mark.skipif(not REAL, reason="the real files are not here")
def test_valid_rows_of_real_files_are_carried_over(tmp_path):
    """Rows in = rows out + rejected, and 97% of those with valid gold calls, in every file."""
    script = ROOT / "benchmarks" / "convert_real.py"
    result_file = tmp_path / "result.json"
    result = subprocess.run(
        [sys.executable, str(script), "--out", str(result_file)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    found = json.loads(result_file.read_text("utf-8"))["files"]
    assert {path.name for path in REAL} <= set(found)
    for one in found.values():
        assert one["rows"] == one["records"] + sum(one["rejected"].values())


@pytest.mark.skipif(not REAL, reason="the real files are not here")
@pytest.mark.parametrize("source", REAL, ids=lambda path: path.name)
def test_a_strict_conversion_of_a_real_file_has_no_error_but_repeats(source, tmp_path, capsys):
    name = source.name.removesuffix(".raw.jsonl")
    form = {"glaive_llamafactory": "sharegpt"}.get(name, name)
    out = tmp_path / "out.jsonl"
    assert main(["--from", form, str(source), "--out", str(out), "--strict"]) == 0
    findings = beside(out, "findings")
    codes = {row["code"] for _, row in read_rows(findings)} if findings.exists() else set()
    assert codes <= {"duplicate_exact"}


def test_the_page_on_formats_has_every_format_and_code():
    page = (ROOT / "docs" / "formats.md").read_text("utf-8")
    for name in (*READS, *REASONS, *NOTES):
        assert f"| `{name}` |" in page
