"""The dataset: same seed same bytes, the sizes and shares it promises, and nothing leaks."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from conftest import SHARED
from jsonschema import Draft202012Validator
from test_catalog import GOOD
from tokenizers import Tokenizer

from data import cli
from data.build import MIX, SPLIT_SIZES, build, examples_by_split, main
from data.checks.prints import request_text
from data.domains import CatalogError, load_catalogue
from data.record import KINDS, example_from, read_examples, row_of
from data.render import render_example
from data.shares import apportion
from data.wire import read_strict

ROOT = Path(__file__).parents[1]
QWEN = SHARED / "models" / "qwen3-1.7b"
SCALE = 0.03


@pytest.fixture(scope="module")
def splits():
    return examples_by_split(load_catalogue(), seed=42, scale=SCALE)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("dataset") / "out"
    return out, build(out, seed=42, scale=0.01)


def test_the_same_seed_gives_the_same_bytes_in_another_process(built, tmp_path):
    out, _ = built
    command = [sys.executable, "-m", "data.build", "--out", str(tmp_path / "again")]
    command += ["--seed", "42", "--scale", "0.01"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "next: python -m data.validate" in done.stdout
    names = sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file())
    again = tmp_path / "again"
    assert names == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    for name in names:
        assert (out / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_another_seed_gives_other_examples():
    one, other = (examples_by_split(load_catalogue(), seed, 0.002)["train"] for seed in (1, 2))
    assert one != other


def test_the_manifest_says_what_the_files_hold(built):
    out, manifest = built
    assert json.loads((out / "manifest.json").read_text(encoding="utf-8")) == manifest
    for split, facts in manifest["splits"].items():
        examples = list(read_examples(out / f"{split}.jsonl"))
        assert facts["examples"] == len(examples) == round(SPLIT_SIZES[split] * 0.01)
        assert facts["kinds"] == Counter(example.kind for example in examples)
    assert f"| all | {len(list(read_examples(out / 'train.jsonl')))} |" in (
        out / "README.md"
    ).read_text(encoding="utf-8")


def test_load_dataset_reads_every_split_as_it_was_written(built, tmp_path):
    from datasets import load_dataset

    out, _ = built
    for split in SPLIT_SIZES:
        rows = load_dataset(str(out), split=split, cache_dir=str(tmp_path))
        assert [example_from(row) for row in rows] == list(read_examples(out / f"{split}.jsonl"))


def test_the_full_sizes_and_shares_are_those_of_the_design():
    assert SPLIT_SIZES == {
        "train": 15694,
        "validation": 826,
        "test_seen": 1000,
        "test_unseen": 1000,
    }
    assert apportion(15694, MIX) == MIX
    assert list(MIX.values()) == [6000, 1700, 2400, 2000, 1500, 1200, 894]
    assert set(MIX) == set(KINDS)


@pytest.mark.parametrize("size", [0, 1, 7, 10, 826, 1000])
def test_shares_add_up_and_stay_near_the_mix(size):
    counts = apportion(size, MIX)
    assert sum(counts.values()) == size
    assert all(abs(counts[kind] - size * MIX[kind] / 15694) < 1 for kind in MIX)


def test_each_split_has_its_size_and_its_share_of_each_kind(splits):
    for split, examples in splits.items():
        assert len(examples) == round(SPLIT_SIZES[split] * SCALE)
        counts = Counter(example.kind for example in examples)
        assert counts == {kind: n for kind, n in apportion(len(examples), MIX).items() if n}


def test_unseen_tools_share_no_name_and_no_schema_with_trained_ones(splits):
    def names_and_schemas(*chosen):
        tools = [t for split in chosen for example in splits[split] for t in example.tools]
        schemas = {json.dumps(tool["inputSchema"], sort_keys=True) for tool in tools}
        return {tool["name"] for tool in tools}, schemas

    seen_names, seen_schemas = names_and_schemas("train", "validation")
    names, schemas = names_and_schemas("test_unseen")
    assert names and not names & seen_names
    assert schemas and not schemas & seen_schemas


def test_no_user_text_occurs_in_two_examples(splits):
    said = Counter(
        request_text([vars(message) for message in example.messages])
        for examples in splits.values()
        for example in examples
    )
    assert [text for text, n in said.items() if n > 1] == []


def test_every_record_fits_2048_tokens_of_qwen3(splits):
    texts = [render_example(example).text for split in splits.values() for example in split]
    assert max(map(len, texts)) <= 3.7 * 2048
    if not (QWEN / "tokenizer.json").is_file():
        pytest.skip("the real tokenizer is not here; characters alone were checked")
    tokenizer = Tokenizer.from_file(str(QWEN / "tokenizer.json"))
    longest = sorted(texts, key=len)[-200:]
    encoded = tokenizer.encode_batch(longest, add_special_tokens=False)
    assert max(len(one.ids) for one in encoded) <= 2048


def test_ids_of_examples_are_unique(splits):
    ids = Counter(example.id for examples in splits.values() for example in examples)
    assert max(ids.values()) == 1


def test_no_example_offers_a_tool_twice(splits):
    for examples in splits.values():
        for example in examples:
            names = [tool["name"] for tool in example.tools]
            assert len(set(names)) == len(names), example.id


def check_gold_calls(examples):
    """Every call is valid against the schema of an offered tool; returns how many there are."""
    n_calls = 0
    for example in examples:
        schemas = {tool["name"]: tool["inputSchema"] for tool in example.tools}
        for message in example.messages:
            if message.role == "assistant":
                for call in read_strict(message.content).calls:
                    Draft202012Validator(schemas[call.name]).validate(call.arguments)
                    n_calls += 1
    return n_calls


def test_every_gold_call_is_valid_against_the_schema_of_an_offered_tool(splits):
    assert check_gold_calls(e for examples in splits.values() for e in examples) > 100


def test_ids_of_calls_count_from_1_and_each_result_answers_its_call(splits):
    for examples in splits.values():
        for example in examples:
            calls, results = [], []
            for message in example.messages:
                if message.role == "assistant":
                    reading = read_strict(message.content)
                    assert reading.error is None, example.id
                    calls += [call.id for call in reading.calls]
                elif message.role == "tool":
                    results.append(json.loads(message.content)["id"])
            assert calls == list(range(1, len(calls) + 1)), example.id
            assert results == calls[: len(results)], example.id


def test_every_last_turn_does_what_its_kind_says(splits):
    for examples in splits.values():
        for example in examples:
            n_calls = len(read_strict(example.gold).calls)
            assert {
                "tool_call": n_calls == 1,
                "parallel": n_calls > 1,
                "multi_step": n_calls < 2 and any(m.role == "tool" for m in example.messages),
            }.get(example.kind, n_calls == 0), example.id


def test_every_code_in_an_argument_was_said_in_the_conversation(splits):
    """Numbers of five digits and more and mixed codes are never said another way."""
    for examples in splits.values():
        for example in examples:
            if example.kind not in ("tool_call", "parallel"):
                continue
            said = " ".join(m.content for m in example.messages[:-1])
            for call in read_strict(example.gold).calls:
                for value in call.arguments.values():
                    is_code = isinstance(value, str) and "-" in value and value[-4:].isdigit()
                    assert not is_code or value in said, (example.id, value)


def test_every_record_has_only_the_fields_of_the_design(splits):
    for examples in splits.values():
        for example in examples:
            assert set(row_of(example)) == {"id", "kind", "source", "tools", "messages"}
            assert all(message.content.strip() for message in example.messages)


def test_a_folder_that_is_not_empty_is_refused_in_one_line_and_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    command = [sys.executable, "-m", "data.build", "--out", str(tmp_path), "--scale", "0.001"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {tmp_path}: already holds something")
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled(tmp_path):
    build(tmp_path / "out", scale=0.001)
    (tmp_path / "empty").mkdir()
    build(tmp_path / "empty", scale=0.001)
    train = (tmp_path / "empty" / "train.jsonl").read_bytes()
    assert train == (tmp_path / "out" / "train.jsonl").read_bytes()


@pytest.mark.parametrize("scale", ["0", "-1", "1.5", "nan"])
def test_a_scale_that_is_no_share_is_refused(scale, tmp_path):
    with pytest.raises(cli.UserError, match="--scale"):
        main(["--out", str(tmp_path / "out"), "--scale", scale])
    assert list(tmp_path.iterdir()) == []


def small_catalogue(folder: Path, n_domains: int, text: str = GOOD) -> Path:
    folder.mkdir()
    (folder / "pools.yaml").write_text("city: [Lima, Oslo]\n", encoding="utf-8")
    for number in range(n_domains):
        renamed = text.replace("demo", f"demo{number}").replace("lookup", f"lookup{number}")
        (folder / f"demo{number}.yaml").write_text(renamed, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("n_domains", "text"),
    [(0, GOOD), (1, GOOD), (2, GOOD), (3, GOOD.split("refusals:")[0])],
    ids=["no domain", "one domain", "too few values", "no refusals and no answers"],
)
def test_nothing_is_half_written_when_the_catalogue_is_too_small(n_domains, text, tmp_path):
    catalogue = small_catalogue(tmp_path / "catalogue", n_domains, text)
    with pytest.raises(CatalogError) as caught:
        build(tmp_path / "out", scale=0.1, catalogue=catalogue)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["catalogue"]


def test_a_catalogue_that_is_too_small_is_exit_1_and_one_line(tmp_path):
    catalogue = small_catalogue(tmp_path / "catalogue", 2)
    with pytest.raises(cli.DataError) as caught:
        main(["--out", str(tmp_path / "out"), "--catalogue", str(catalogue)])
    assert caught.value.exit_code == 1
    assert "\n" not in str(caught.value)
