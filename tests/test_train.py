"""Training the embedded model: what comes out, that it repeats, and what bad input gets."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SHARED, assert_one_line_error, command
from safetensors import safe_open

from data import cli
from data.embedded import MODEL_DIR
from data.record import read_examples, write_examples
from data.render import encode, prompt_of, render_example
from recipe.run_record import ADAPTER_FILE
from recipe.train import main

TWO_STEPS = ["--train.max_steps", "2", "--train.per_device_train_batch_size", "2"]


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(MODEL_DIR)


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    """A run of two steps with an evaluation."""
    out = tmp_path_factory.mktemp("runs") / "run"
    flags = ["--train.eval_steps", "2", "--train.max_eval_examples", "4"]
    assert main(["--data.path", str(dataset), "--out", str(out), *TWO_STEPS, *flags]) == 0
    return out


def test_a_run_leaves_adapter_template_and_record(run, dataset):
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert record["config"]["lora"]["r"] == 16
    assert record["presets"] == ["cpu"]
    assert record["dataset"]["path"] == str(dataset)
    assert len(record["dataset"]["sha256"]) == len(record["adapter_sha256"]) == 64
    assert {"torch", "transformers", "trl", "peft"} <= set(record["versions"])
    assert record["steps"] == 2
    assert any("eval_loss" in entry for entry in record["log"])
    assert "{%- generation %}" in (run / "chat_template.jinja").read_text(encoding="utf-8")
    assert not run.with_name("run.partial").exists()


def test_every_linear_layer_has_an_adapter_that_moved(run):
    with safe_open(run / ADAPTER_FILE, framework="pt") as tensors:
        names = list(tensors.keys())
        moved = [name for name in names if "lora_B" in name and tensors.get_tensor(name).any()]
    layers = json.loads((MODEL_DIR / "config.json").read_text(encoding="utf-8"))[
        "num_hidden_layers"
    ]
    assert len(names) == 2 * 7 * layers
    assert len(moved) == 7 * layers


def test_the_same_seed_gives_the_same_adapter_bytes(run, dataset, tmp_path):
    again = tmp_path / "again"
    main(["--data.path", str(dataset), "--out", str(again), *TWO_STEPS])
    assert (again / ADAPTER_FILE).read_bytes() == (run / ADAPTER_FILE).read_bytes()


def test_only_assistant_tokens_carry_loss(dataset, tokenizer):
    example = next(e for e in read_examples(dataset / "train.jsonl") if e.kind == "tool_call")
    ids, labels = encode(tokenizer, render_example(example))
    trained = tokenizer.decode([i for i, label in zip(ids, labels, strict=True) if label != -100])
    assert trained.endswith(f"{example.gold}<|im_end|>")
    prompt = tokenizer([prompt_of(example)], add_special_tokens=False)["input_ids"][0]
    assert ids[: len(prompt)] == prompt
    assert labels[: len(prompt)].count(-100) == len(prompt) or len(example.messages) > 3


def _broken_dataset(folder: Path, line: str) -> Path:
    folder.mkdir()
    (folder / "train.jsonl").write_text(line, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["train.jsonl: no records", "data.build"]),
        ('{"id": "a", \n', ["train.jsonl:1: not JSON", "data.validate"]),
        ('{"id": "a", "kind": "call"}\n', ["train.jsonl:1: 'source'"]),
        ("[1]\n", ["train.jsonl:1: not a JSON object"]),
    ],
)
def test_a_dataset_that_cannot_be_read_is_one_line(text, parts, tmp_path):
    folder = _broken_dataset(tmp_path / "data", text)
    with pytest.raises(cli.DataError) as caught:
        main(["--data.path", str(folder), "--out", str(tmp_path / "run")])
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_bad_usage_ends_with_one_line_and_leaves_nothing(dataset, tmp_path):
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "run.json").write_text("{}", encoding="utf-8")
    result = command("recipe.train", "--out", str(taken), cwd=tmp_path)
    assert_one_line_error(result, 2, str(taken), "choose another --out")
    result = command("recipe.train", "--data.path", "nowhere", "--out", "new", cwd=tmp_path)
    assert_one_line_error(result, 2, "nowhere/train.jsonl", "--data.path")
    result = command("recipe.train", "--model.name", "no/model", "--out", "new", cwd=tmp_path)
    assert_one_line_error(result, 2, "no/model", "embedded")
    result = command("recipe.train", "--config", "t4", "--out", "new", cwd=tmp_path)
    assert_one_line_error(result, 2, "fp16 needs a GPU", "--config cpu")
    assert (taken / "run.json").read_text(encoding="utf-8") == "{}"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "hf-home") == ["taken"]


def test_a_tracker_gets_the_log(dataset, tmp_path):
    flags = ["--data.path", str(dataset), "--out", "run", "--train.tracker", "tensorboard"]
    result = command("recipe.train", *flags, *TWO_STEPS, "--train.logging_steps", "1", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    events = [path.read_bytes() for path in (tmp_path / "run").rglob("events.out.tfevents*")]
    assert events and b"train/loss" in events[0]


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "tools").is_dir(), reason="needs the maker of the 135M model")
def test_a_real_135m_model_trains_two_steps_and_answers_eight_prompts(dataset, tmp_path):
    model, small, out = tmp_path / "smollm2", tmp_path / "small", tmp_path / "run"
    maker = SHARED / "tools" / "smollm2.py"
    subprocess.run([sys.executable, str(maker), str(model)], check=True, capture_output=True)
    small.mkdir()
    for split in ("train", "test_seen"):
        shortest = sorted(
            read_examples(dataset / f"{split}.jsonl"), key=lambda e: len(prompt_of(e))
        )
        write_examples(small / f"{split}.jsonl", shortest[:8])
    flags = ["--model.name", str(model), "--data.path", str(small), "--data.max_length", "1024"]
    assert main([*flags, "--out", str(out), *TWO_STEPS]) == 0
    result = command(
        "evals.tool_accuracy", "--run", str(out), "--max_new_tokens", "16", cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr
    for arm in ("base", "tuned"):
        lines = (out / "eval" / arm / "examples.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        assert len(rows) == 8
        assert all(row["correct"] or (row["failure"] and row["reason"]) for row in rows)
        assert any(row["reply"].strip() for row in rows)
