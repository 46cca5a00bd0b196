"""Presets and flags: what wins, what is refused, and with which words."""

import pytest

from data.cli import UserError
from recipe.config import PRESETS_DIR, parse

PRESETS = sorted(path.stem for path in PRESETS_DIR.glob("*.yaml"))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_loads_and_says_what_it_is_for(name):
    assert parse(["--config", name]).presets == (name,)
    assert (PRESETS_DIR / f"{name}.yaml").read_text(encoding="utf-8").startswith("# ")


def test_without_arguments_the_embedded_model_is_trained():
    invocation = parse([])
    assert invocation.presets == ("cpu",)
    assert invocation.config.model.name == "embedded"


def test_the_defaults_are_the_recipe():
    config = parse(["--config", "t4"]).config
    assert config.model.name == "Qwen/Qwen3-1.7B"
    assert (config.lora.r, config.lora.alpha, config.lora.dropout) == (16, 32, 0.05)
    assert (config.lora.target_modules, config.lora.bias) == ("all-linear", "none")
    train = config.train
    assert (train.learning_rate, train.lr_scheduler_type, train.warmup_ratio) == (
        2e-4,
        "cosine",
        0.1,
    )
    assert (train.per_device_train_batch_size, train.gradient_accumulation_steps) == (4, 4)
    assert (train.num_train_epochs, train.weight_decay, train.seed) == (3, 0.01, 42)
    assert (config.data.max_length, train.gradient_checkpointing) == (2048, True)


def test_later_presets_and_flags_win(tmp_path):
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("lora: {r: 4, alpha: 8}\n", encoding="utf-8")
    second.write_text("lora: {r: 6}\n", encoding="utf-8")
    config = parse(["--config", str(first), "--config", str(second), "--train.seed", "7"]).config
    assert (config.lora.r, config.lora.alpha, config.train.seed) == (6, 8, 7)
    assert parse(["--lora.r", "2", "--config", str(first)]).config.lora.r == 2


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--config", "nope"], ["--config nope", "cpu, t4"]),
        (["--lora.rank", "4"], ["--lora.rank", "--help"]),
        (["--lora.r", "four"], ["lora.r", "int", "four"]),
        (["--lora.r", "0"], ["--lora.r is 0", "1 or more"]),
        (["--lora.dropout", "1"], ["--lora.dropout", "below 1"]),
        (["--train.learning_rate", "-1"], ["--train.learning_rate", "above 0"]),
        (["--train.warmup_ratio", "1.5"], ["--train.warmup_ratio", "below 1"]),
        (["--train.num_train_epochs", "0"], ["--train.num_train_epochs", "max_steps"]),
        (["--data.max_length", "3"], ["--data.max_length is 3", "16"]),
        (["--data.too_long", "cut"], ["data.too_long", "drop"]),
        (["--model.precision", "int8"], ["model.precision", "fp16"]),
    ],
)
def test_a_wrong_argument_is_one_line_that_names_it(arguments, parts):
    with pytest.raises(UserError) as caught:
        parse(arguments)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("lora: {rank: 4}\n", ["rank"]),
        ("lora: {r: four}\n", ["lora.r", "four"]),
        ("lore: {r: 4}\n", ["lore"]),
        ("train: {learning_rate: -1}\n", ["--train.learning_rate"]),
        ("lora: [\n", ["config"]),
        ("", ["config"]),
    ],
)
def test_a_broken_preset_is_one_line_that_names_the_file(text, parts, tmp_path):
    preset = tmp_path / "mine.yaml"
    preset.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        parse(["--config", str(preset)])
    message = str(caught.value)
    assert "\n" not in message
    for part in (str(preset), *parts):
        assert part in message
