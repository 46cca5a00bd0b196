"""The figures of record files: exact ones of small examples, the aims of the built dataset."""

import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from conftest import ROOT, SHARED, assert_one_line_error, command

from data import cli
from data.build import examples_by_split
from data.diversity import main, read
from data.domains import load_catalogue
from data.figures import (
    Spread,
    Wording,
    distinct,
    measure,
    phrasing_of,
    spread_of,
    table,
    words_of,
)
from data.record import Example, Message, write_examples, write_rows
from data.wire import ToolCall, request_text

REAL = SHARED / "real"
QWEN = SHARED / "models" / "qwen3-1.7b"
TOOL = {"name": "find", "description": "Find it.", "inputSchema": {"type": "object"}}


def example(*said: str, kind: str = "answer", tools=(TOOL,), calls=()) -> Example:
    """A record in which the user says these texts and the last reply is these calls."""
    turns = [m for text in said for m in (Message("user", text), Message("assistant", "Fine."))]
    lines = [request_text(ToolCall("find", given, n)) for n, given in enumerate(calls, 1)]
    gold = Message("assistant", "\n".join(lines) or "Done.")
    return Example("x", kind, "test", tuple(tools), (*turns[:-1], gold))


def figures_of(*examples: Example, **options):
    return measure([("a", examples)], **options)["a"]


def test_distinct_n_is_different_n_grams_by_all_n_grams():
    turns = [["a", "b", "a", "b"], ["a", "b", "c"], ["d"]]
    assert distinct(turns, 2) == 3 / 5  # ab ba ab, ab bc
    assert distinct(turns, 3) == 3 / 3  # aba bab, abc
    assert distinct(turns, 4) == 1 / 1
    assert distinct(turns, 5) is None


def test_words_are_lower_cased_and_an_apostrophe_stays_inside():
    assert words_of("It's user_id 7, the DOGS' café!") == [
        *("it's", "user_id", "7", "the", "dogs", "café")
    ]
    assert words_of("我要pizza。") == ["我", "要", "pizza"]


def test_words_of_user_turns_count_and_others_do_not():
    found = figures_of(example("Find Lima", "find Lima now"), example("Find it"))
    assert found.records == 2
    assert found.words == Wording(3, 7, vocabulary=4, distinct_2=3 / 4, distinct_3=1 / 1)


def test_a_sample_has_exactly_its_words_and_files_that_are_too_small_have_none():
    examples = [example(f"find number {n} of the list") for n in range(40)]
    found = figures_of(*examples, sample_words=101)
    assert found.words.n_words == 240
    assert found.sample.n_words == 101
    assert found.sample == figures_of(*examples, sample_words=101).sample
    assert figures_of(*examples, sample_words=241).sample is None


def test_near_duplicates_are_counted_within_a_file_and_of_the_files_before():
    text = "book a table for two at the harbour grill tomorrow at noon"
    first = [example(text), example(f"Hi! {text}"), example("what is the weather in lima")]
    second = [example(f"{text}, please."), example("play some jazz"), *[example("")] * 2]
    found = measure([("first", first), ("second", second)])
    assert asdict(found["first"].repeats) == {"within": 1 / 3, "across": None}
    assert asdict(found["second"].repeats) == {"within": 0, "across": 1 / 4}


def test_a_text_that_is_like_a_near_duplicate_is_one_too():
    letters = "".join(map(chr, range(0x4E00, 0x4E40)))
    first, second, third = (letters[:length] for length in (44, 52, 60))  # 40, 48, 56 sequences
    assert figures_of(example(first), example(third)).repeats.within == 0
    assert figures_of(*map(example, (first, second, third))).repeats.within == 2 / 3


@pytest.mark.parametrize(
    ("said", "phrasing"),
    [
        ("Hi! Book 2 seats to New York, Thanks!", "book * seats to *"),
        ("What did Ann-Marie say? Tell me.", "what did * say tell me"),
        ("Search \"red shoes\" and 'blue hats' in ./src/main.py", "search * and * in *"),
        ("mail ann@example.org about https://example.org/x.", "mail * about *"),
        ("Set maxRetries of job_runner on 3 March 2026", "set * of * on *"),
        ("I think I'm late. May I go?", "i think i m late may i go"),
        ('"Is it open?"', "is it open"),
        ("we don't have the dogs' beds", "we don t have the dogs beds"),
        ("Please find it. Thank you.", "find it"),
        ("为 John 订票", "为 * 订票"),
        ("First line\nSecond line", "first line second line"),
        ("", ""),
    ],
)
def test_values_are_masked_in_a_phrasing(said, phrasing):
    assert phrasing_of(example(said)) == phrasing


def test_values_that_a_call_repeats_are_masked_whatever_their_case():
    calls = [{"what": "running shoes", "more": {"colours": ["Red", "a"]}, "n": 3}]
    said = "find running shoes in red, a startling redness"
    assert phrasing_of(example(said, calls=calls)) == "find * in * a startling redness"
    assert phrasing_of(example(said)) == "find running shoes in red a startling redness"


def test_a_long_text_without_blanks_is_masked_in_no_time():
    assert phrasing_of(example("x" * 200_000)).startswith("xxx")
    assert len(phrasing_of(example('"' * 200_000))) < 5000


def test_the_most_used_phrasing_is_that_of_the_first_user_turns():
    said = ["Book 2 seats", "Book 31 seats", "Play jazz", "Book seats"]
    found = figures_of(*(example(text, "Book 9 seats") for text in said)).phrasings
    assert asdict(found) == {"n_different": 3, "most_used": 2 / 4, "text": "book * seats"}


def test_tools_and_kinds_are_counted():
    tools = [{**TOOL, "name": name} for name in "abc"]
    found = figures_of(
        example("one", kind="tool_call", tools=tools),
        example("two", kind="refusal", tools=tools[:1]),
        example("three", kind="refusal", tools=tools[:2]),
        example("four", kind="refusal", tools=()),
    )
    assert found.tool_names == 3
    assert found.tools_per_prompt == Spread(median=1, p95=3, max=3)
    assert found.kinds == {"refusal": 3 / 4, "tool_call": 1 / 4}
    assert found.tokens is None


def test_quantiles_are_values_that_occur():
    assert spread_of([7]) == Spread(7, 7, 7)
    assert spread_of(range(1, 101)) == Spread(50, 95, 100)
    assert spread_of([4, 1, 3, 2]) == Spread(2, 4, 4)


def test_the_table_is_aligned_and_says_what_cannot_be_said():
    found = measure([("one", [example("Play jazz")]), ("two", [example("Stop", kind="refusal")])])
    lines = table(found).splitlines()
    assert len({len(line) for line in lines}) == 1
    cells = {row[1]: row[2:-1] for row in ([c.strip() for c in f"{x}".split("|")] for x in lines)}
    assert cells["figure"] == ["one", "two"]
    assert cells["distinct-2"] == ["1.000", "-"]
    assert cells["near duplicates of files before"] == ["-", "0.00%"]
    assert cells["kind refusal"] == ["-", "100.00%"]
    assert "tokens, median" not in cells


def test_the_command_prints_a_table_and_writes_json(dataset, tmp_path):
    files = [str(dataset / f"{split}.jsonl") for split in ("train", "test_seen")]
    result = command("data.diversity", *files, "--json", "out.json", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert re.match(r"\| figure +\| +train \| test_seen \|\n", result.stdout)
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert list(written["files"]) == files
    train = list(read(Path(files[0])))
    assert written["files"][files[0]] == json.loads(json.dumps(asdict(figures_of(*train))))
    again = command("data.diversity", *files, cwd=tmp_path)
    assert again.stdout == result.stdout


def test_records_are_read_as_they_were_written(tmp_path):
    written = [example("Find it", calls=[{"what": "x"}]), example("hello", "bye", kind="refusal")]
    write_examples(tmp_path / "a.jsonl", written)
    assert read(tmp_path / "a.jsonl") == written


def test_rows_in_openai_style_are_read(tmp_path):
    function = {"name": "find", "arguments": {"what": "red shoes"}}
    calls = [{"id": "c0", "type": "function", "function": function}] * 2
    messages = [
        {"role": "user", "content": "Find red shoes"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c0", "content": "{}"},
    ]
    write_rows(tmp_path / "a.jsonl", [{"kind": "call", "tools": [TOOL], "messages": messages}])
    (found,) = read(tmp_path / "a.jsonl")
    assert (found.kind, found.tools) == ("call", (TOOL,))
    lines = [request_text(ToolCall("find", {"what": "red shoes"}, n)) for n in (1, 2)]
    assert found.messages[1].content == "\n".join(lines)
    assert phrasing_of(found) == "find *"


def test_tokens_are_those_of_the_rendered_records(dataset):
    pytest.importorskip("tokenizers")
    from tokenizers import Tokenizer

    from data.checks.lengths import TokenCounter
    from data.embedded import MODEL_DIR
    from data.render import render_example

    examples = read(dataset / "validation.jsonl")
    tokenizer = Tokenizer.from_file(str(MODEL_DIR / "tokenizer.json"))
    counts = [
        sum(len(tokenizer.encode(p, add_special_tokens=False)) for p in render_example(e).pieces)
        for e in examples
    ]
    counter = TokenCounter(str(MODEL_DIR), max_length=0)
    assert figures_of(*examples, counter=counter).tokens == spread_of(counts)


BAD = {
    "no records": ("", 1, "bad.jsonl: no line holds a record"),
    "not JSON": ("{", 1, "bad.jsonl:1: not JSON"),
    "no object": ("[]", 1, "bad.jsonl:1: 'messages' is missing"),
    "no messages": ('{"tools": []}', 1, "bad.jsonl:1: 'messages' is missing"),
    "no role": ('\n{"messages": [{"content": "x"}]}', 1, "bad.jsonl:2: a tool or message"),
    "no text": ('{"messages": [{"role": "user", "content": 3}]}', 1, "no role or no text"),
    "nameless tool": (
        '{"tools": [{}], "messages": [{"role": "user", "content": "x"}]}',
        1,
        "bad.jsonl:1: a tool or message",
    ),
    "half BFCL": ('{"question": [], "function": []}\n[]', 1, "bad.jsonl: no line holds a record"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data_is_one_line_and_exit_1(name, tmp_path, capsys):
    text, code, message = BAD[name]
    path = tmp_path / "bad.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(cli.UserError) as caught:
        main([str(path)])
    assert caught.value.exit_code == code
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.jsonl"], "missing.jsonl: no such file"),
        ([], "command line: the following arguments are required: FILE"),
        (["good.jsonl", "./good.jsonl"], "a file is given twice"),
        (["good.jsonl", "--sample-words", "0"], "--sample-words 0: give 1 word or more"),
        (["good.jsonl", "--json", "good.jsonl"], "--json good.jsonl: is an input"),
        (["good.jsonl", "--json", "no/folder.json"], "--json no/folder.json: cannot be written"),
        (["good.jsonl", "--tokenizer", "./none"], "--tokenizer ./none: "),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_examples(tmp_path / "good.jsonl", [example("Find it")])
    with pytest.raises(cli.UserError, match=re.escape(message)) as caught:
        main(arguments)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_a_mistake_is_one_line_for_the_user_too(tmp_path):
    result = command("data.diversity", "missing.jsonl", cwd=tmp_path)
    assert_one_line_error(result, 2, "missing.jsonl")


def test_help_needs_no_slow_library(tmp_path):
    result = command("tests.without_torch", "data.diversity", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "usage:" in result.stdout


def test_importing_the_command_imports_neither_numpy_nor_a_tokenizer(tmp_path):
    code = "import sys, data.diversity; print({'numpy', 'tokenizers', 'jinja2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "set()\n"), done.stderr


def test_the_small_dataset_has_next_to_no_near_duplicates_and_the_card_has_its_figures(dataset):
    splits = ("train", "validation", "test_seen", "test_unseen")
    found = measure((split, read(dataset / f"{split}.jsonl")) for split in splits)
    assert found["train"].repeats.within <= 0.01
    assert [found[split].repeats.across for split in splits] == [None, 0, 0, 0]
    assert table(found, with_kinds=False) in (dataset / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_whole_dataset_meets_the_aims():
    found = measure(examples_by_split(load_catalogue(), seed=42).items())
    assert found["train"].repeats.within <= 0.01
    assert found["train"].phrasings.most_used <= 0.003
    assert found["test_seen"].repeats.across == found["test_unseen"].repeats.across == 0


@pytest.mark.skipif(not REAL.is_dir(), reason="the real files are not here")
def test_real_files_are_read_and_no_record_is_lost(tmp_path):
    files = sorted([*REAL.glob("*.uniform.jsonl"), *(REAL / "bfcl_v4").glob("*.json")])
    assert len(files) == 8
    for path in files:
        assert len(read(path)) == len(path.read_text("utf-8").splitlines()), path
    parallel = read(REAL / "bfcl_v4" / "BFCL_v4_parallel.json")
    assert {example.kind for example in parallel} == {"parallel"}


@pytest.mark.skipif(not (REAL.is_dir() and QWEN.is_dir()), reason="no real files or tokenizer")
def test_tokens_of_real_rows_are_counted(capsys):
    path = REAL / "toolalpaca.uniform.jsonl"
    assert main([str(path), "--tokenizer", str(QWEN)]) == 0
    assert re.search(r"\| tokens, median +\| +569 \|", capsys.readouterr().out)
