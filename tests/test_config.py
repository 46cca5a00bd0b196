"""Presets and flags: what wins, what is refused, and with which words."""

import pytest
import torch

from data.cli import UserError
from recipe.command_line import PRESETS_DIR, parse
from recipe.config import RecipeConfig
from recipe.hardware import presets_for

PRESETS = sorted(path.stem for path in PRESETS_DIR.glob("*.yaml"))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_loads_and_says_what_it_is_for(name):
    assert parse(["--config", name]).presets == (name,)
    assert (PRESETS_DIR / f"{name}.yaml").read_text(encoding="utf-8").startswith("# ")


def test_without_arguments_and_a_gpu_the_embedded_model_is_trained(capsys):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    invocation = parse([])
    assert invocation.presets == ("cpu",)
    assert invocation.config.model.name == "embedded"
    assert capsys.readouterr().err == "picked --config cpu: no GPU here, so the embedded model\n"


@pytest.mark.parametrize(
    ("name", "memory_gib", "capability", "presets"),
    [
        ("Tesla T4", 14.6, (7, 5), ("t4",)),
        ("NVIDIA L4", 22.0, (8, 9), ("l4",)),
        ("NVIDIA L40S", 45.0, (8, 9), ("l4",)),
        ("NVIDIA A10G", 22.1, (8, 6), ("a10g",)),
        ("NVIDIA A100-SXM4-80GB", 79.1, (8, 0), ("a100",)),
        ("NVIDIA H100 80GB HBM3", 79.1, (9, 0), ("h200",)),
        ("NVIDIA H200", 139.8, (9, 0), ("h200",)),
        ("NVIDIA GeForce RTX 3060 Laptop GPU", 5.8, (8, 6), ("l4", "memory_constrained")),
        ("Tesla V100-SXM2-16GB", 15.8, (7, 0), ("t4",)),
    ],
)
def test_a_gpu_gets_the_presets_of_its_kind(name, memory_gib, capability, presets):
    assert presets_for(name, memory_gib, capability) == presets
    config = parse([part for preset in presets for part in ("--config", preset)]).config
    assert config.model.precision == ("bf16" if capability >= (8, 0) else "fp16")


def test_presets_stack():
    config = parse(["--config", "t4", "--config", "debug", "--config", "aggressive"]).config
    assert config.model.precision == "fp16"
    assert (config.train.max_steps, config.train.learning_rate) == (20, 5e-4)


def test_checkpointing_is_on_off_or_auto():
    for said, read in (("auto", "auto"), ("true", True), ("false", False)):
        config = parse(["--config", "cpu", "--train.gradient_checkpointing", said]).config
        assert config.train.gradient_checkpointing == read


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
    assert (config.data.max_length, train.gradient_checkpointing) == (2048, "auto")
    assert RecipeConfig().train.gradient_checkpointing is True
    assert (train.logging_steps, train.eval_steps, train.save_steps) == (10, 100, 500)
    assert (train.save_total_limit, train.best, train.dataloader_num_workers) == (3, "eval_loss", 2)


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
        (["--config", "nope"], ["--config nope", "cpu, debug"]),
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
        (["--train.gradient_checkpointing", "maybe"], ["gradient_checkpointing", "auto"]),
        (["--train.micro_batch_tokens", "3"], ["--train.micro_batch_tokens is 3", "16 or more"]),
        (["--train.save_steps", "-1"], ["--train.save_steps is -1", "0 or more"]),
        (["--config", "t4", "--train.eval_steps", "0"], ["--train.best", "none"]),
        (["--config", "t4", "--train.save_steps", "150"], ["--train.best", "a multiple"]),
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
