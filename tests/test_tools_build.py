"""A dataset for imported tools: valid, said, repeatable, and honest about what it leaves out."""

import re
from collections import Counter
from pathlib import Path

import pytest
from conftest import assert_one_line_error, command
from grounding import leaves_of, rule_for, said_in

from data.imported.speech import deeds_of
from data.imported.wordings import BY_NAME, REQUESTS
from data.record import read_examples
from data.tools.catalogue import Catalogue, write_catalogue
from data.validate import main as validate
from data.wire import read_strict

SPLITS = ("train", "validation", "test_seen", "test_unseen")
N_RECORDS = 400


def tool(name, description, required=(), **properties):
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"name": name, "description": description, "inputSchema": schema}


TEXT = {"type": "string"}
TOOLS = (
    tool("lend_book", "Lend a book to a reader.", ["title", "until"], title=TEXT,
         until={"type": "string", "format": "date"}, renewals={"type": "integer", "maximum": 3}),
    tool("count_shelves", "Counts the shelves of a room that are in use.", ["room"], room=TEXT,
         side={"enum": ["left", "right"]}, empty={"type": "boolean"}),
    tool("ring_bell", "Rings the bell."),
    tool("heatRoom", "Heat a room.", ["degrees"], degrees={"type": "number", "minimum": 15.5,
         "exclusiveMaximum": 26}, rooms={"type": "array", "items": TEXT, "minItems": 2}),
    tool("send_letter", "Use this tool to send a letter.", ["to", "body"],
         to={"type": "object", "properties": {"email": {"type": "string", "format": "email"},
             "city": TEXT}, "required": ["email"]}, body=TEXT,
         copies={"type": "integer", "multipleOf": 5}, kind={"const": "plain"}),
)  # fmt: skip
IMPOSSIBLE = tool("open_safe", "Open the safe.", ["code"], code={"type": "string",
                  "pattern": "^[0-9a-f]{64}$"})  # fmt: skip


def written(folder: Path, tools) -> Path:
    path = folder / "tools.json"
    write_catalogue(path, Catalogue(tuple(tools), (), ()))
    return path


def built(folder: Path, tools, *arguments):
    source = written(folder, tools)
    out = folder / "out"
    result = command(
        "data.build", "--tools", str(source), "--out", str(out), *arguments, cwd=folder
    )
    assert result.returncode == 0, result.stderr
    return out, result


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imported")
    return built(folder, [*TOOLS, IMPOSSIBLE], "--records", str(N_RECORDS))


@pytest.fixture(scope="module")
def records(dataset):
    out, _ = dataset
    return {split: list(read_examples(out / f"{split}.jsonl")) for split in SPLITS}


def test_there_are_enough_phrasings_and_none_stands_twice():
    assert len(set(REQUESTS)) == len(REQUESTS) >= 40
    assert all(template.count("<args>") == 1 for template in (*REQUESTS, *BY_NAME))


@pytest.mark.parametrize("split", SPLITS)
def test_the_validator_finds_no_error(split, dataset, capsys):
    out, _ = dataset
    assert validate([str(out / f"{split}.jsonl"), "--format", "json"]) == 0, capsys.readouterr().out


def test_no_request_of_a_test_split_leaks_into_train(dataset, capsys):
    out, _ = dataset
    tests = [str(out / "test_seen.jsonl"), str(out / "test_unseen.jsonl")]
    assert validate([*tests, "--against", str(out / "train.jsonl")]) == 0, capsys.readouterr().out


def test_the_splits_have_their_sizes_and_every_kind(records):
    assert {split: len(examples) for split, examples in records.items()} == {
        "train": 300, "validation": 20, "test_seen": 40, "test_unseen": 40,
    }  # fmt: skip
    assert len(Counter(example.kind for example in records["train"])) == 7


def test_every_imported_tool_is_called_in_train_and_none_stands_in_test_unseen(records):
    called = {
        call.name
        for example in records["train"]
        for message in example.messages
        if message.role == "assistant"
        for call in read_strict(message.content).calls
    }
    assert called == {definition["name"] for definition in TOOLS}
    unseen = {tool["name"] for example in records["test_unseen"] for tool in example.tools}
    assert unseen
    assert not unseen & called


def test_every_argument_was_said_or_is_a_constant(records):
    n_leaves = 0
    for example in records["train"]:
        tools = {tool["name"]: tool for tool in example.tools}
        for index, message in enumerate(example.messages):
            if message.role != "assistant":
                continue
            said = said_in(example.messages[:index])
            for call in read_strict(message.content).calls:
                for leaf in leaves_of(dict(call.arguments), tools[call.name]["inputSchema"]):
                    is_said = rule_for(leaf, said) or said.has(str(leaf.value).lower())
                    assert is_said, (example.id, leaf.path, leaf.value, said.text)
                    n_leaves += 1
    assert n_leaves > 200


def test_a_clarification_asks_for_a_required_argument(records):
    labels = ("title", "until", "room", "degrees", "to", "body")
    asked = [e for e in records["train"] if e.kind == "clarification"]
    assert len(asked) > 20
    assert all(any(f"the {label}" in e.gold for label in labels) for e in asked)


def test_an_irrelevant_request_comes_beside_tools_of_other_subjects(records):
    chosen = [e for e in records["train"] if e.kind == "irrelevance"]
    assert chosen
    for example in chosen:
        (request,) = (m.content for m in example.messages if m.role == "user")
        names = [tool["name"] for tool in example.tools]
        assert names
        assert "lend_book" not in names or not re.search(r"\blend\b", request, re.IGNORECASE)


def test_a_tool_without_possible_values_is_named_and_left_out(dataset):
    _, result = dataset
    assert "open_safe: left out: no valid arguments were found" in result.stderr
    assert result.stderr.count("left out") == 1


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path, dataset):
    out, _ = dataset
    for seed, is_same in (("42", True), ("7", False)):
        folder = tmp_path / seed
        folder.mkdir()
        tools = [*TOOLS, IMPOSSIBLE]
        again, _ = built(folder, tools, "--records", str(N_RECORDS), "--seed", seed)
        same = [(again / f).read_bytes() == (out / f).read_bytes() for f in
                ("train.jsonl", "test_unseen.jsonl", "manifest.json", "README.md")]  # fmt: skip
        assert all(same) if is_same else not any(same)


def test_a_single_tool_without_arguments_gives_what_it_can_and_says_so(tmp_path):
    out, result = built(tmp_path, [TOOLS[2]], "--records", "200")
    assert "the tools leave nothing new to say for" in result.stderr
    examples = list(read_examples(out / "train.jsonl"))
    assert 0 < len(examples) < 150
    assert "clarification" not in {example.kind for example in examples}
    assert validate([str(out / "train.jsonl")]) == 0


def test_only_impossible_tools_are_exit_1_and_nothing_is_written(tmp_path):
    source = written(tmp_path, [IMPOSSIBLE])
    result = command("data.build", "--tools", str(source), "--out", "out", cwd=tmp_path)
    assert_one_line_error(result, 1, "no records can be made")
    assert [path.name for path in tmp_path.iterdir()] == ["tools.json"]


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (["--tools", "tools.json", "--scale", "0.1"], 2, "--records"),
        (["--tools", "tools.json", "--records", "3"], 2, "--records 3"),
        (["--records", "100"], 2, "--tools"),
        (["--tools", "no.json"], 2, "no.json"),
    ],
)
def test_flags_that_do_not_go_together_are_one_line(arguments, code, part, tmp_path):
    written(tmp_path, TOOLS)
    result = command("data.build", "--out", "out", *arguments, cwd=tmp_path)
    assert_one_line_error(result, code, part)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "description", "deed"),
    [
        ("read_file", "Read the contents of a file.", "read the contents of a file"),
        ("echo", "Echoes back the input string", "echo back the input string"),
        ("q", "Queries the log, e.g. for errors", "query the log"),
        ("get_env", "Environment variables", "get env"),
        ("getUserName", "", "get user name"),
        ("sequentialthinking", "A detailed tool for thinking", "use sequentialthinking"),
        ("x", "Use this tool to send a letter (with stamps).", "send a letter"),
    ],
)  # fmt: skip
def test_a_deed_reads_on_after_please(name, description, deed):
    assert deeds_of({"name": name, "description": description})[0] == deed
