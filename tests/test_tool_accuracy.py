"""The scoring command: its files, its table, its thresholds, and what bad input gets."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from conftest import assert_one_line_error, command
from scripted_server import serving

from data import cli
from data.embedded import MODEL_DIR
from data.record import Example, Message, read_examples, write_examples, write_rows
from data.wire import ToolCall, request_text
from evals.multi_step import earlier_turns
from evals.splits import cluster_of
from evals.thresholds import Threshold, parse_threshold
from evals.tool_accuracy import main

METRIC_FIELDS = {
    *("parsed", "recovered", "known_tool", "schema_valid", "name_match", "arguments_match"),
    *("call_match", "decision", "reply", "reason", "id"),
}


def _replies(path, pairs):
    write_rows(path, ({"id": name, "reply": reply} for name, reply in pairs))
    return path


def _score(data, pairs, tmp_path):
    tmp_path.mkdir(exist_ok=True)
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


def _gold_run(dataset, tmp_path, *flags):
    """Score the gold replies of test_seen; returns exit code and folder."""
    data, out = dataset / "test_seen.jsonl", tmp_path / "out"
    replies = _replies(tmp_path / "r.jsonl", [(e.id, e.gold) for e in read_examples(data)])
    given = ["--data", str(data), "--replies", str(replies), "--out", str(out)]
    return main([*given, *flags]), out


def test_a_limit_is_marked_in_every_output(dataset, tmp_path, capsys):
    _, out = _gold_run(dataset, tmp_path, "--limit", "3")
    table = (out / "table.md").read_text(encoding="utf-8")
    assert "3 of 20 examples" in table
    assert "NOT A REAL SCORE" in table
    assert table in capsys.readouterr().out
    assert "--limit 3: NOT A REAL SCORE" in (out / "report.html").read_text(encoding="utf-8")
    for name in ("metrics.json", "evaluation.json"):
        said = json.loads((out / name).read_text(encoding="utf-8"))
        assert (said["limit"], said["is_real_score"]) == (3, False)


def test_what_was_scored_can_be_told_from_the_files(dataset, tmp_path):
    _, out = _gold_run(dataset, tmp_path)
    facts = json.loads((out / "metrics.json").read_text("utf-8"))["provenance"]
    manifest = json.loads((dataset / "manifest.json").read_text("utf-8"))
    assert facts["data"]["test_seen"]["sha256"] == manifest["splits"]["test_seen"]["sha256"]
    assert facts["data"]["test_seen"]["n"] == 20
    assert "toolcall-sft" in facts["scored_with"]


def test_seen_and_unseen_tools_are_told_from_the_train_split_beside(dataset, tmp_path):
    for split, where, other in (("test_seen", "seen", "unseen"), ("test_unseen", "unseen", "seen")):
        data = dataset / f"{split}.jsonl"
        metrics, _ = _score(data, [(e.id, e.gold) for e in read_examples(data)], tmp_path / split)
        by_tools = metrics["by_tools"]
        assert by_tools[where]["n"] > 15
        assert by_tools[where]["n"] + by_tools[other]["n"] == 20


def test_given_replies_to_every_turn_score_records_of_several_steps(dataset, tmp_path):
    data = dataset / "train.jsonl"
    examples = list(read_examples(data))
    turns = earlier_turns(examples)
    assert turns
    pairs = [(e.id, e.gold) for e in (*examples, *turns)]
    metrics, _ = _score(data, pairs, tmp_path)
    several = metrics["multi_step"]
    n_records = sum(e.kind == "multi_step" for e in examples)
    assert several["turns"]["accuracy"]["value"] == 1.0
    assert several["turns"]["accuracy"]["n"] == n_records + len(turns)
    assert several["end_to_end"]["accuracy"]["value"] == 1.0
    assert several["end_to_end"]["accuracy"]["n"] == n_records


def test_an_episode_with_a_wrong_first_call_is_not_counted_without_its_next_reply(
    dataset, tmp_path
):
    data = dataset / "train.jsonl"
    examples = list(read_examples(data))
    wrong = request_text(ToolCall("no_such_tool", {}, 1))
    pairs = [(e.id, e.gold) for e in examples] + [(e.id, wrong) for e in earlier_turns(examples)]
    metrics, _ = _score(data, pairs, tmp_path)
    assert metrics["multi_step"]["turns"]["accuracy"]["value"] < 1.0
    assert metrics["multi_step"].get("end_to_end", {"accuracy": {"n": 0}})["accuracy"]["n"] == 0


def test_thresholds_pass_or_name_what_was_missed(dataset, tmp_path):
    passing = ("--fail-under", "schema_valid=0.95", "--fail-under", "over_call=0.05")
    assert _gold_run(dataset, tmp_path, *passing)[0] == 0
    data = dataset / "test_seen.jsonl"
    _replies(tmp_path / "empty.jsonl", [(e.id, "") for e in read_examples(data)])
    result = command(
        *("evals.tool_accuracy", "--data", str(data), "--replies", "empty.jsonl", "--out", "o"),
        *("--fail-under", "schema_valid=0.95", "--fail_under", "test_seen.under_call=0.1"),
        cwd=tmp_path,
    )
    assert_one_line_error(
        result,
        1,
        "test_seen.schema_valid is 0.0000",
        "under 0.95",
        "test_seen.under_call is 1.0000",
        "above 0.1",
    )
    assert (tmp_path / "o" / "report.html").is_file()


def test_a_threshold_is_a_metric_and_a_share():
    assert parse_threshold("a.b.schema_valid=0.5") == Threshold("schema_valid", 0.5, "a.b")
    for text, part in (
        ("schema_valid", "write schema_valid=0.95"),
        ("schema_valid=95", "from 0 to 1"),
        ("schema_valid=nan", "from 0 to 1"),
        ("speed=0.5", "no metric 'speed'; one of accuracy"),
    ):
        with pytest.raises(cli.UserError, match=part):
            parse_threshold(text)


def test_a_threshold_of_a_split_that_is_not_scored_is_refused_before_scoring(dataset, tmp_path):
    with pytest.raises(cli.UserError, match="no such split; scored are test_seen"):
        _gold_run(dataset, tmp_path, "--fail-under", "test.schema_valid=0.9")
    assert not (tmp_path / "out").exists()


def test_records_of_one_id_are_refused(dataset, tmp_path):
    examples = list(read_examples(dataset / "test_seen.jsonl"))
    write_examples(tmp_path / "twice.jsonl", [*examples, examples[0]])
    with pytest.raises(cli.DataError, match="twice: 2 records have the id"):
        main(["--data", str(tmp_path / "twice.jsonl"), "--out", str(tmp_path / "o")])


def test_examples_of_one_tool_are_one_cluster_in_any_spelling():
    def record(name, *messages):
        return Example(
            "x", "tool_call", "test", ({"name": name}, {"name": "other"}), tuple(messages)
        )

    def called(name):
        return record(name, Message("assistant", request_text(ToolCall(name, {}, 1))))

    assert cluster_of(called("getWeather")) == cluster_of(called("get_weather"))
    assert cluster_of(called("get_weather")) != cluster_of(called("other"))
    assert cluster_of(record("a", Message("user", "Hello"))) == "a other"


def test_suites_are_scored_under_their_own_names(tmp_path):
    question = {"id": "simple_python_0", "question": [[{"role": "user", "content": "2 and 3?"}]]}
    parameters = {"type": "dict", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    function = {"name": "add", "description": "", "parameters": parameters}
    truth = {"id": "simple_python_0", "ground_truth": [{"add": {"a": [2]}}]}
    (tmp_path / "possible_answer").mkdir()
    write_rows(tmp_path / "BFCL_v4_simple_python.json", [{**question, "function": [function]}])
    write_rows(tmp_path / "possible_answer" / "BFCL_v4_simple_python.json", [truth])
    replies = _replies(
        tmp_path / "r.jsonl", [("simple_python_0", request_text(ToolCall("add", {"a": 2}, 1)))]
    )
    arguments = ["--suite", "bfcl", str(tmp_path), "--replies", str(replies)]
    assert main([*arguments, "--out", str(tmp_path / "o")]) == 0
    metrics = json.loads((tmp_path / "o" / "metrics.json").read_text("utf-8"))["splits"]["bfcl"]
    assert metrics["bfcl"]["simple_python"]["value"] == 1.0
    assert "| simple_python | 1 |" in (tmp_path / "o" / "table.md").read_text("utf-8")


def test_calls_go_to_a_live_server(tmp_path):
    pytest.importorskip("mcp")
    tool = {"name": "add", "description": "Add", "inputSchema": {"type": "object"}}
    replies = {
        "good": request_text(ToolCall("add", {"a": 2, "b": 3}, 1)),
        "bad": request_text(ToolCall("add", {"a": "two"}, 1)),
        "text": "No.",
    }
    records = [
        Example(
            name, "tool_call", "test", (tool,), (Message("user", "?"), Message("assistant", good))
        )
        for name, good in ((name, replies["good"]) for name in replies)
    ]
    write_examples(tmp_path / "d.jsonl", records)
    _replies(tmp_path / "r.jsonl", replies.items())
    server = f"{sys.executable} {Path(__file__).parent / 'mcp_toy_server.py'}"
    arguments = ["--data", "d.jsonl", "--replies", "r.jsonl", "--out", "o", "--mcp", server]
    result = command("evals.tool_accuracy", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "1 of 2 calls accepted, 1 tool_error" in result.stdout
    live = json.loads((tmp_path / "o" / "metrics.json").read_text("utf-8"))["live"]
    assert live["by_tool"] == {"add": {"accepted": 1, "tool_error": 1}}
    rows = (tmp_path / "o" / "live.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(row)["id"] for row in rows] == ["good", "bad"]
    assert "Live MCP server" in (tmp_path / "o" / "report.html").read_text("utf-8")


def test_a_served_model_is_an_arm_of_its_own(dataset, tmp_path):
    pytest.importorskip("openai")

    def refuse(request):
        choice = {"index": 0, "text": "I have no tool for that.", "finish_reason": "stop"}
        facts = {"id": "c", "object": "text_completion", "created": 0, "model": "m"}
        return 200, {**facts, "choices": [{**choice, "logprobs": None}]}

    data, out = dataset / "test_seen.jsonl", tmp_path / "o"
    with serving(refuse) as (url, asked):
        given = ["--data", str(data), "--endpoint", url, "--endpoint_model", "m"]
        assert main([*given, "--out", str(out), "--dollars_per_hour", "3600"]) == 0
    assert asked
    metrics = json.loads((out / "metrics.json").read_text("utf-8"))
    assert metrics["arm"] == "endpoint"
    rates = metrics["splits"]["test_seen"]["rates"]
    assert rates["irrelevance_recall"]["value"] == 1.0
    assert rates["under_call"]["value"] == 1.0
    facts = metrics["provenance"]
    assert facts["url"] == url
    assert facts["dollars"] == pytest.approx(facts["seconds"])


@pytest.fixture(scope="module")
def run_folder(dataset, tmp_path_factory):
    """What a training run leaves, with an adapter that changes nothing."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("run")
    small = tmp_path_factory.mktemp("small")
    for split in ("train", "test_seen"):
        shutil.copy(dataset / f"{split}.jsonl", small)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(MODEL_DIR)
    get_peft_model(model, LoraConfig(r=2, target_modules="all-linear")).save_pretrained(folder)
    (folder / "README.md").write_text("# Adapter\n", encoding="utf-8")
    config = {
        "model": {"name": "embedded", "revision": None},
        "data": {"wire": "jsonrpc", "max_length": 500},
    }
    run = {"config": config, "dataset": {"path": str(small)}}
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return folder


FEW = ("--max_new_tokens", "8", "--limit", "6")


def test_a_run_is_scored_beside_both_bases_and_its_card_gets_the_table(run_folder, capsys):
    assert main(["--run", str(run_folder), *FEW]) == 0
    shown = capsys.readouterr().out
    assert "| metric | n | base | tuned | base_native | difference |" in shown
    assert "those of at most 500 tokens and --limit 6: NOT A REAL SCORE" in shown
    card = (run_folder / "README.md").read_text("utf-8")
    assert "| metric | n | base | tuned |" in card
    assert "NOT A REAL SCORE" in card
    out = run_folder / "eval"
    for arm in ("base", "base_native", "tuned"):
        for name in ("replies.jsonl", "examples.jsonl", "metrics.json"):
            assert (out / arm / name).is_file()
    facts = json.loads((out / "tuned" / "metrics.json").read_text("utf-8"))["provenance"]
    assert facts["adapter_sha256"]
    assert facts["template_sha256"]
    assert facts["decoding"]["max_new_tokens"] == 8
    assert facts["seconds"] >= 0


def test_a_second_time_only_what_is_missing_is_generated(run_folder, capsys):
    store = run_folder / "eval" / "tuned" / "replies.jsonl"
    main(["--run", str(run_folder), *FEW])
    whole = store.read_bytes()
    table = capsys.readouterr().out
    store.write_bytes(b"".join(whole.splitlines(keepends=True)[:3]) + b'{"id": "torn')
    assert main(["--run", str(run_folder), *FEW]) == 0
    assert sorted(store.read_bytes().splitlines()) == sorted(whole.splitlines())
    assert capsys.readouterr().out == table


def test_replies_of_other_settings_are_not_mixed_in(run_folder):
    with pytest.raises(cli.UserError, match="choose another --out"):
        main(["--run", str(run_folder), "--max_new_tokens", "9", "--limit", "6"])


def test_one_arm_writes_straight_into_its_folder(run_folder, tmp_path):
    data = json.loads((run_folder / "run.json").read_text("utf-8"))["dataset"]["path"]
    arguments = ["--data", f"{data}/test_seen.jsonl", "--out", str(tmp_path / "o"), *FEW]
    assert main(["--model", "embedded", *arguments, "--no-multi_step"]) == 0
    assert (tmp_path / "o" / "examples.jsonl").is_file()
    metrics = json.loads((tmp_path / "o" / "metrics.json").read_text("utf-8"))
    assert metrics["arm"] == "base"
    # The replies that were made are replies that can be given.
    made = tmp_path / "o" / "base" / "replies.jsonl"
    again = ["--replies", str(made), "--out", str(tmp_path / "again"), "--limit", "6"]
    assert main(["--data", f"{data}/test_seen.jsonl", *again]) == 0
    rescored = json.loads((tmp_path / "again" / "metrics.json").read_text("utf-8"))
    assert rescored["splits"]["test_seen"]["rates"] == metrics["splits"]["test_seen"]["rates"]


@pytest.mark.parametrize(
    ("arguments", "kind", "parts"),
    [
        ([], cli.UserError, ["nothing to score", "--data"]),
        (["--data", "x.jsonl"], cli.UserError, ["--out is missing"]),
        (["--data", "x.jsonl", "--out", "o"], cli.UserError, ["x.jsonl: No such file"]),
        (["--run", "nowhere"], cli.UserError, ["nowhere/run.json", "--run takes"]),
        (
            ["--data", "x.jsonl", "--out", "o", "--replies", "r", "--adapter", "a"],
            cli.UserError,
            ["--replies excludes --adapter"],
        ),
        (["--data", "x.jsonl", "--out", "o", "--limit", "0"], cli.UserError, ["--limit 0"]),
        (["--suite", "mmlu", "x", "--out", "o"], cli.UserError, ["one of bfcl, when2call"]),
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
