"""Several sources become one dataset: what comes in, what does not, and into which split."""

from __future__ import annotations

import json
from collections import Counter
from importlib import import_module
from itertools import combinations
from random import Random

import pytest
import yaml
from conftest import assert_one_line_error, command
from local_hub import run_python, running_hub

from data import cli, validate
from data.checks.prints import request_text
from data.formats import openai
from data.mix.__main__ import main
from data.mix.hub import lock_path
from data.mix.leaks import Benchmark, texts_of
from data.mix.plan import MIXES_DIR, find_mix, read_plan
from data.novelty import grams_of, similarity
from data.record import Example, Message, read_examples, row_of, write_examples, write_rows
from data.shares import apportion
from data.wire import ToolCall
from data.wire import request_text as call_text

SPLITS = ("train", "validation", "test_seen", "test_unseen")
SIZES = {"train": 60, "validation": 6, "test_seen": 8, "test_unseen": 8}
NOUNS = [
    "apple", "bridge", "candle", "dolphin", "engine", "forest", "guitar", "harbour", "island",
    "jacket", "kettle", "ladder", "mirror", "needle", "orchard", "pepper", "quarry", "rocket",
    "saddle", "tunnel", "umbrella", "violin", "window", "yogurt", "zipper", "anchor", "button",
    "carpet", "desert", "eagle", "feather", "garden"
]  # fmt: skip


def tool(name, parameter="words"):
    properties = {parameter: {"type": "string", "description": f"What {name} needs"}}
    schema = {"type": "object", "properties": properties, "required": [parameter]}
    return {"name": name, "description": f"Does {name}.", "inputSchema": schema}


def said(number, what):
    """A request that no other number's is like."""
    picked = Random(number).sample(NOUNS, 5)
    return f"{what} number {number}: {' '.join(picked)}"


def example(number, name="get_thing", kind="tool_call", source="mine", others=()):
    """A valid record of a kind about one tool."""
    text = said(number, f"{name} {kind}")
    call = call_text(ToolCall(name, {"words": text}, 1))
    replies = {
        "tool_call": call,
        "clarification": "Could you tell me the words, please?",
        "refusal": "Sorry, I will not do that.",
        "answer": f"It is {number}.",
    }
    messages = (Message("user", text), Message("assistant", replies[kind]))
    tools = (tool(name), *map(tool, others))
    return Example(f"{source}-{number}", kind, source, tools, messages)


def many(n, n_tools=20, source="mine", start=0):
    """Records about `n_tools` tools, two kinds."""
    kinds = ("tool_call", "clarification")
    return [
        example(start + i, f"{source}_tool_{i % n_tools}", kinds[i // n_tools % 2], source)
        for i in range(n)
    ]


def write_mix(folder, sources, **more):
    raw = {"sizes": SIZES, "shares": {"tool_call": 2, "clarification": 1}, **more}
    path = folder / "mix.yaml"
    path.write_text(yaml.safe_dump({**raw, "sources": sources}), encoding="utf-8")
    return path


def source(name, file, **more):
    return {"name": name, "from": str(file), "licence": "MIT", **more}


def made(path, out, *flags):
    assert main([str(path), "--out", str(out), *flags]) == 0
    return json.loads((out / "manifest.json").read_text(encoding="utf-8"))


def splits_of(out):
    return {split: list(read_examples(out / f"{split}.jsonl")) for split in SPLITS}


def left_out(out):
    lines = (out / "left_out.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def two_sources(tmp_path_factory):
    """A dataset of two files, its folder and its mix."""
    folder = tmp_path_factory.mktemp("mix")
    write_examples(folder / "one.jsonl", many(150))
    write_rows(folder / "two.jsonl", openai.write(many(120, source="other", start=1000)))
    sources = [source("one", "one.jsonl"), source("two", "two.jsonl", format="openai", weight=2)]
    path = write_mix(folder, sources)
    return made(path, folder / "out"), folder / "out", path


# The splits


def test_every_split_has_its_size_and_its_shares(two_sources):
    manifest, out, path = two_sources
    plan = read_plan(path)
    for split, examples in splits_of(out).items():
        assert len(examples) == SIZES[split]
        assert Counter(e.kind for e in examples) == plan.quotas(split)
        assert manifest["splits"][split]["examples"] == SIZES[split]


def test_tools_of_test_unseen_share_no_name_and_no_schema_with_any_other_split(two_sources):
    splits = splits_of(two_sources[1])

    def marks(examples):
        tools = [t for e in examples for t in e.tools]
        return {t["name"] for t in tools}, {json.dumps(t["inputSchema"]) for t in tools}

    names, schemas = marks(splits.pop("test_unseen"))
    other_names, other_schemas = marks(e for examples in splits.values() for e in examples)
    assert names and not names & other_names
    assert schemas and not schemas & other_schemas


def test_tools_of_test_seen_were_trained(two_sources):
    splits = splits_of(two_sources[1])
    trained = {t["name"] for e in splits["train"] for t in e.tools}
    assert {t["name"] for e in splits["test_seen"] for t in e.tools} <= trained


def test_no_request_is_like_another_one_in_any_split(two_sources):
    texts = [
        grams_of(request_text([vars(m) for m in e.messages]))
        for examples in splits_of(two_sources[1]).values()
        for e in examples
    ]
    assert max(similarity(a, b) for a, b in combinations(texts, 2)) <= 0.8


def test_the_result_is_valid_and_loads_as_parquet(two_sources, capsys):
    import pyarrow.parquet as pq

    out = two_sources[1]
    for split in SPLITS:
        assert validate.main([str(out / f"{split}.jsonl")]) == 0
        assert pq.read_table(out / "parquet" / f"{split}.parquet").num_rows == SIZES[split]


def test_weights_say_how_much_of_each_source_is_taken(two_sources):
    chosen = Counter(example.source for example in splits_of(two_sources[1])["train"])
    assert chosen == {"one": 20, "two": 40}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(two_sources, tmp_path):
    _, out, path = two_sources
    made(path, tmp_path / "again")
    names = {p.relative_to(out) for p in out.rglob("*") if p.is_file()}
    assert names == {p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*.*")}
    assert all((out / n).read_bytes() == (tmp_path / "again" / n).read_bytes() for n in names)
    made(path, tmp_path / "other", "--seed", "7")
    assert (out / "train.jsonl").read_bytes() != (tmp_path / "other" / "train.jsonl").read_bytes()


def test_every_row_is_accounted_for(two_sources):
    manifest, out, _ = two_sources
    lines = Counter(line["source"] for line in left_out(out))
    for name, facts in manifest["sources"].items():
        n_left_out = sum(facts["left_out"].values())
        assert n_left_out == lines[name]
        total = n_left_out + sum(facts["chosen"].values()) + facts["not_needed"]
        assert facts["read"] == total and facts["not_needed"] >= 0


def test_the_card_lists_licences_sources_and_counts(tmp_path):
    write_examples(tmp_path / "one.jsonl", many(150))
    write_examples(tmp_path / "two.jsonl", many(120, source="other", start=1000))
    sources = [source("one", "one.jsonl"), source("two", "two.jsonl", licence="CC-BY-4.0")]
    made(write_mix(tmp_path, sources), tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(card.split("---")[1])
    assert head["license"] == ["cc-by-4.0", "mit"]
    assert "| one | one.jsonl | MIT | 30 |" in card
    assert "| two | two.jsonl | CC-BY-4.0 | 30 |" in card


def test_rows_of_one_tool_stay_on_one_side_even_where_every_row_shares_it(tmp_path):
    shared = [example(i, f"tool_{i % 12}", others=("common",)) for i in range(200)]
    write_examples(tmp_path / "one.jsonl", shared)
    path = write_mix(tmp_path, [source("one", "one.jsonl")], shares={"tool_call": 1})
    with pytest.raises(cli.DataError, match="too few rows are left"):
        main([str(path), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.partial").exists()


def test_a_cap_is_for_train_and_others_fill_the_gap(tmp_path):
    write_examples(tmp_path / "one.jsonl", many(150))
    write_examples(tmp_path / "two.jsonl", many(150, source="other", start=1000))
    sources = [source("one", "one.jsonl", cap=7, weight=50), source("two", "two.jsonl")]
    manifest = made(write_mix(tmp_path, sources), tmp_path / "out")
    assert manifest["splits"]["train"]["sources"] == {"one": 7, "two": 53}


# What is left out


def test_rows_are_left_out_with_their_reason(tmp_path):
    good = many(150)
    bad = [
        example(900, kind="answer"),
        example(901, kind="refusal"),
        Example(**{**vars(example(902)), "messages": example(902).messages[:1]}),
        example(903, others=[f"other_{i}" for i in range(9)]),
        Example(**{**vars(example(904)), "tools": (tool("another"),)}),
        Example(**{**vars(good[3]), "id": "twice"}),
        Example(**{**vars(example(905)), "messages": (Message("user", "x " * 9000),) * 1}),
    ]
    write_examples(tmp_path / "one.jsonl", [*good, *bad])
    limits = {"kinds": ["tool_call", "clarification", "answer"], "max_tools": 5}
    made(write_mix(tmp_path, [source("one", "one.jsonl", **limits)]), tmp_path / "out")
    reasons = {line["id"]: line["reason"] for line in left_out(tmp_path / "out")}
    assert reasons["mine-900"] == "kind: answer is not wanted"
    assert reasons["mine-901"] == "kind: refusal is not wanted"
    assert reasons["mine-902"].startswith("no reply")
    assert reasons["mine-903"] == "filter: more than max_tools"
    assert reasons["one-000155"] == "invalid: call_unknown_tool"
    assert reasons["one-000156"] == "duplicate: exactly a row before"
    assert reasons["mine-905"] == "filter: more than max_characters"


def test_duplicates_are_found_across_sources_and_formats(tmp_path):
    rows = many(150)
    write_examples(tmp_path / "one.jsonl", rows)
    write_rows(tmp_path / "two.jsonl", openai.write(rows))
    sources = [source("one", "one.jsonl"), source("two", "two.jsonl", format="openai")]
    manifest = made(write_mix(tmp_path, sources), tmp_path / "out")
    assert manifest["sources"]["two"]["left_out"] == {"duplicate: exactly a row before": 150}
    assert manifest["sources"]["one"]["left_out"].get("duplicate: exactly a row before") is None


def test_rows_that_a_format_cannot_carry_are_counted_and_named(tmp_path):
    lines = [json.dumps(row) for row in openai.write(many(150))]
    (tmp_path / "one.jsonl").write_text("\n".join([*lines, "{}", "no json"]), encoding="utf-8")
    path = write_mix(tmp_path, [source("one", "one.jsonl", format="openai")])
    manifest = made(path, tmp_path / "out")
    n_rejected = sum(
        n for r, n in manifest["sources"]["one"]["left_out"].items() if r.startswith("format: ")
    )
    assert (n_rejected, manifest["sources"]["one"]["read"]) == (2, 152)


# Benchmarks


def bfcl_rows(texts):
    function = {"name": "f", "description": "d", "parameters": {"type": "dict", "properties": {}}}
    return [
        {"id": f"b_{n}", "question": [[{"role": "user", "content": text}]], "function": [function]}
        for n, text in enumerate(texts)
    ]


def asked(*texts):
    turns = []
    for text in texts:
        turns += [Message("user", text), Message("assistant", "Fine.")]
    return Example("x", "answer", "x", (tool("a"),), tuple(turns))


QUESTION = "What would be the cost of twelve boxes of copper nails delivered to Aberdeen?"


@pytest.mark.parametrize(
    ("example_", "expected"),
    [
        (asked(QUESTION), True),
        (asked(f"Hello! {QUESTION.upper()} Thanks a lot"), True),
        (asked(QUESTION.replace("boxes", "big boxes")), True),
        (asked(QUESTION.replace("nails", "nials")), True),
        (asked("I am new here. " * 5 + QUESTION + " Please hurry, my boss waits. " * 3), True),
        (asked("Hi there", QUESTION), True),
        (asked(QUESTION, "And to Leith?"), True),
        (asked("What would be the cost of a ferry to Aberdeen?"), False),
        (asked("Fine, thank you"), False),
    ],
)
def test_a_benchmark_s_request_is_found_changed_or_wrapped_and_others_are_not(example_, expected):
    benchmark = Benchmark("b")
    benchmark.add(asked(QUESTION, "Yes, please"))
    assert benchmark.has(texts_of(example_)) is expected


def test_leaks_are_removed_and_counted_by_benchmark(tmp_path):
    rows = many(170)
    texts = [row.messages[0].content for row in rows]
    write_examples(tmp_path / "one.jsonl", rows)
    write_rows(tmp_path / "bfcl.jsonl", bfcl_rows(texts[:5]))
    write_rows(tmp_path / "more.json", [*bfcl_rows(texts[5:8]), {"id": "odd"}])
    against = [{"name": "bfcl-v4", "from": "bfcl.jsonl", "format": "bfcl"}]
    path = write_mix(tmp_path, [source("one", "one.jsonl")], against=against)
    manifest = made(path, tmp_path / "out", "--against", f"bfcl:{tmp_path / 'more.json'}")
    facts = manifest["sources"]["one"]["left_out"]
    assert (facts["leak: bfcl-v4"], facts["leak: more"]) == (5, 3)
    assert manifest["against"]["bfcl-v4"] == {"requests": 5, "unread": 0}
    assert manifest["against"]["more"] == {"requests": 3, "unread": 1}
    chosen = {e.messages[0].content for es in splits_of(tmp_path / "out").values() for e in es}
    assert not chosen & set(texts[:8])
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "bfcl-v4 (5 requests), more (3 requests)" in card


# The shipped mixes, the command


def test_every_shipped_mix_is_read_and_its_formats_are_there():
    for path in sorted(MIXES_DIR.glob("*.yaml")):
        if path.name.endswith(".lock.yaml"):
            continue
        plan = read_plan(path)
        assert sum(plan.quotas("train").values()) == plan.sizes["train"]
        for place in (*plan.sources, *plan.against):
            assert place.format == "records" or import_module(f"data.formats.{place.format}").read


def test_the_mix_of_the_hub_has_the_sizes_and_shares_of_the_built_in_dataset():
    from data.build import MIX, SPLIT_SIZES

    plan = read_plan(find_mix("hub_permissive"))
    assert (plan.sizes, plan.quotas("train")) == (SPLIT_SIZES, MIX)
    assert [s.name for s in plan.sources if s.optional] == ["xlam"]
    assert all(s.licence in ("Apache-2.0", "CC-BY-4.0") for s in plan.sources)
    assert {p.format for p in plan.against} == {"when2call", "bfcl"}


def test_the_shipped_mix_of_local_files_works_offline(tmp_path):
    result = command("data.mix", "local_files", "--out", str(tmp_path / "out"), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "| home | leak: benchmark | 1 |" in result.stdout
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert {"home", "library", "catalogue"} <= set(manifest["splits"]["train"]["sources"])
    assert validate.main([str(tmp_path / "out" / "train.jsonl")]) == 0


@pytest.mark.slow
def test_the_catalogue_fills_what_other_sources_lack_up_to_the_full_size(tmp_path):
    write_examples(tmp_path / "one.jsonl", many(400))
    sources = [
        source("one", "one.jsonl", weight=9),
        {"name": "catalogue", "from": "catalogue", "licence": "Apache-2.0"},
    ]
    path = tmp_path / "mix.yaml"
    path.write_text(yaml.safe_dump({"sources": sources}), encoding="utf-8")
    manifest = made(path, tmp_path / "out")
    sizes = {split: facts["examples"] for split, facts in manifest["splits"].items()}
    assert sizes == {"train": 15694, "validation": 826, "test_seen": 1000, "test_unseen": 1000}
    assert manifest["splits"]["train"]["kinds"]["refusal"] == 1500
    assert manifest["splits"]["train"]["sources"]["one"] > 250
    # Twenty tools, and at most two of them are kept for test_unseen.
    assert manifest["sources"]["one"]["left_out"]["split: has a tool of test_unseen"] <= 40


@pytest.mark.parametrize("size", [0, 1, 7, 99, 15694])
def test_shares_add_up(size):
    counts = apportion(size, {"a": 1, "b": 2, "c": 4})
    assert sum(counts.values()) == size
    assert all(abs(counts[k] - size * s / 7) < 1 for k, s in (("a", 1), ("b", 2), ("c", 4)))


@pytest.mark.parametrize(
    ("changed", "parts"),
    [
        ({"sizes": {"train": -1}}, ["sizes.train: -1", "0 or more"]),
        ({"sizes": {"trian": 1}}, ["unknown key 'trian'", "train"]),
        ({"shares": {"tool_call": 0}}, ["shares", "all are 0"]),
        ({"extra": 1}, ["unknown key 'extra'", "sources"]),
        ({"sources": []}, ["sources", "none given"]),
        ({"sources": 3}, ["sources", "no list"]),
        ({"sources": [{"name": "a", "from": "one.jsonl"}]}, ["sources[0]", "licence", "SPDX"]),
        ({"sources": [source("a", "hub:alice/set", files=["x"])]}, ["hub:OWNER/NAME@REVISION"]),
        ({"sources": [source("a", "hub:alice/set@main")]}, ["files", "alice/set"]),
        ({"sources": [source("a", "one.jsonl", format="nothing")]}, ["'nothing'", "data.convert"]),
        ({"sources": [source("a", "one.jsonl", format="../x")]}, ["format: '../x'"]),
        ({"sources": [source("a", "one.jsonl", weight=0)]}, ["weight: 0", "above 0"]),
        ({"sources": [source("a", "one.jsonl", cap="all")]}, ["cap: 'all'", "whole number"]),
        ({"sources": [source("a", "one.jsonl", kinds=["calls"])]}, ["'calls'", "tool_call"]),
        ({"sources": [source("A b", "one.jsonl")]}, ["name: 'A b'"]),
        ({"sources": [source("a", "none.jsonl")]}, ["none.jsonl: no such file", "mix.yaml"]),
        ({"sources": [source("a", "one.jsonl")] * 2}, ["'a' stands twice"]),
        ({"against": [{"name": "a"}]}, ["against[0]", "from"]),
    ],
)  # fmt: skip
def test_a_mix_that_is_wrong_is_one_line_that_names_the_key(tmp_path, changed, parts):
    write_examples(tmp_path / "one.jsonl", many(10))
    raw = {"sources": [source("a", "one.jsonl")], **changed}
    path = tmp_path / "mix.yaml"
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    with pytest.raises(cli.UserError) as caught:
        main([str(path), "--out", str(tmp_path / "out")])
    assert caught.value.exit_code == 2 and "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.partial").exists()


def test_too_few_rows_are_one_line_that_says_what_would_do(tmp_path):
    write_examples(tmp_path / "one.jsonl", many(50))
    result = command(
        "data.mix", str(write_mix(tmp_path, [source("one", "one.jsonl")])), "--out", "out",
        cwd=tmp_path,
    )  # fmt: skip
    assert_one_line_error(result, 1, "too few rows", "train gets", "of 40 tool_call", "would do")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mix.yaml", "one.jsonl"]


def test_a_filled_folder_is_left_alone_and_unknown_mixes_are_named(tmp_path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(cli.UserError, match="already holds something"):
        main(["local_files", "--out", str(tmp_path)])
    with pytest.raises(cli.UserError, match="hub_permissive, local_files"):
        main(["nothing", "--out", str(tmp_path / "out")])
    with pytest.raises(cli.UserError, match="--out is missing"):
        main(["local_files"])
    with pytest.raises(cli.UserError, match="FORMAT:FILE"):
        main(["local_files", "--out", str(tmp_path / "out"), "--against", "bfcl:none.json"])
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


# The Hub: the unmodified client against a server on this machine.

UPLOAD = """
import sys
from huggingface_hub import HfApi
api = HfApi()
api.create_repo("alice/set", repo_type="dataset")
api.upload_folder(repo_id="alice/set", repo_type="dataset", folder_path=sys.argv[1])
api.create_repo("alice/hidden", repo_type="dataset", private=True)
api.upload_folder(repo_id="alice/hidden", repo_type="dataset", folder_path=sys.argv[1])
print(api.dataset_info("alice/set").sha)
"""
CHANGE = """
import sys
from huggingface_hub import HfApi
HfApi().upload_file(repo_id="alice/set", repo_type="dataset", path_or_fileobj=sys.argv[1],
                    path_in_repo="data/train.jsonl")
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A client's environment for a Hub with alice/set in OpenAI's format, and its commit."""
    root = tmp_path_factory.mktemp("hub")
    (root / "set" / "data").mkdir(parents=True)
    write_rows(root / "set" / "data" / "train.jsonl", openai.write(many(200, source="hub")))
    write_rows(
        root / "set" / "test.json",
        bfcl_rows([e.messages[0].content for e in many(4, source="hub")]),
    )
    with running_hub(root / "served") as server:
        env = server.client(root / "home")
        uploaded = run_python(env, "-c", UPLOAD, str(root / "set"))
        assert uploaded.returncode == 0, uploaded.stderr
        yield env, uploaded.stdout.split()[-1]


def hub_mix(folder, repo="alice/set", revision="main", **more):
    place = f"hub:{repo}@{revision}"
    against = [{"name": "test", "from": place, "files": ["test.json"], "format": "bfcl"}]
    files = {"files": ["data/train.jsonl"], "format": "openai"}
    return write_mix(folder, [source("set", place, **files, **more)], against=against)


def test_a_mix_of_the_hub_is_pinned_once_and_then_gives_the_same_rows(hub, tmp_path):
    env, commit = hub
    path = hub_mix(tmp_path)
    run = ["-m", "data.mix", str(path), "--out"]
    unpinned = run_python(env, *run, str(tmp_path / "no"))
    assert_one_line_error(unpinned, 2, "hub:alice/set@main", "not pinned", "--pin")
    first = run_python(env, *run, str(tmp_path / "first"), "--pin")
    assert first.returncode == 0, first.stderr
    assert yaml.safe_load(lock_path(path).read_text(encoding="utf-8")) == {"alice/set@main": commit}
    manifest = json.loads((tmp_path / "first" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["sources"]["set"]["commit"] == commit
    assert manifest["sources"]["set"]["left_out"]["leak: test"] == 4
    assert manifest["against"]["test"]["commit"] == commit
    shorter = tmp_path / "shorter.jsonl"
    write_rows(shorter, openai.write(many(120, source="later")))
    assert run_python(env, "-c", CHANGE, str(shorter)).returncode == 0
    again = run_python({**env, "HF_HUB_OFFLINE": "1"}, *run, str(tmp_path / "again"))
    assert again.returncode == 0, again.stderr
    for name in ("train.jsonl", "test_unseen.jsonl", "manifest.json", "README.md"):
        texts = [(tmp_path / folder / name).read_bytes() for folder in ("first", "again")]
        assert texts[0] == texts[1]


def test_pin_alone_writes_the_lock_and_keeps_what_is_pinned(hub, tmp_path):
    env, _ = hub
    path = hub_mix(tmp_path)
    lock_path(path).write_text(f"alice/set@main: {'a' * 40}\n", encoding="utf-8")
    result = run_python(env, "-m", "data.mix", str(path), "--pin")
    assert (result.returncode, result.stdout) == (0, f"alice/set@main {'a' * 40}\n")
    lock_path(path).unlink()
    result = run_python(env, "-m", "data.mix", str(path), "--pin")
    assert result.returncode == 0 and result.stdout.startswith("alice/set@main ")
    assert list(tmp_path.iterdir()) != [path] and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "changed", "parts"),
    [
        ({"repo": "alice/none"}, {}, ["alice/none", "not there", "HF_TOKEN"]),
        ({"revision": "v9"}, {}, ["alice/set", "no revision 'v9'"]),
        ({"repo": "alice/hidden"}, {"HF_TOKEN": ""}, ["alice/hidden", "private", "HF_TOKEN"]),
        ({}, {"HF_ENDPOINT": "http://127.0.0.1:9"}, ["alice/set", "cannot be re"]),
    ],
)
def test_a_repository_that_cannot_be_read_is_one_line(hub, tmp_path, more, changed, parts):
    path = hub_mix(tmp_path, **more)
    env = {**hub[0], "HF_HOME": str(tmp_path / "home"), **changed}
    result = run_python(env, "-m", "data.mix", str(path), "--out", str(tmp_path / "out"), "--pin")
    assert_one_line_error(result, 2, *parts)
    assert not (tmp_path / "out").exists()


def test_an_optional_source_without_access_is_left_out_and_said(hub, tmp_path):
    env, commit = hub
    write_examples(tmp_path / "one.jsonl", many(150))
    hidden = source(
        "set", f"hub:alice/hidden@{commit}", files=["data/train.jsonl"], format="openai"
    )
    path = write_mix(tmp_path, [{**hidden, "optional": True}, source("one", "one.jsonl")])
    stranger = {**env, "HF_TOKEN": "", "HF_HOME": str(tmp_path / "home")}
    result = run_python(stranger, "-m", "data.mix", str(path), "--out", str(tmp_path / "out"))
    assert result.returncode == 0, result.stderr
    assert "alice/hidden" in result.stderr and "left out, for it is optional" in result.stderr
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["no_access"] == ["set"]
    assert manifest["splits"]["train"]["sources"] == {"one": 60}


def test_a_file_that_the_repository_lacks_is_named(hub, tmp_path):
    env, commit = hub
    missing = source("set", f"hub:alice/set@{commit}", files=["none.jsonl"], format="openai")
    path = write_mix(tmp_path, [missing])
    result = run_python(env, "-m", "data.mix", str(path), "--out", str(tmp_path / "out"))
    assert_one_line_error(result, 2, "alice/set has no file 'none.jsonl'", commit[:12])


def test_records_of_other_makers_keep_their_rows(tmp_path):
    """What is written is what was read: only id and source change."""
    rows = many(150)
    write_examples(tmp_path / "one.jsonl", rows)
    made(write_mix(tmp_path, [source("one", "one.jsonl")]), tmp_path / "out")
    by_number = {f"one-{n:06d}": row for n, row in enumerate(rows, 1)}
    for found in splits_of(tmp_path / "out")["train"]:
        expected = {**row_of(by_number[found.id]), "id": found.id, "source": "one"}
        assert row_of(found) == expected
