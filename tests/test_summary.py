"""summary.md: what a reader finds there, from what run.json holds."""

import math

import pytest

from recipe.config import RecipeConfig
from recipe.summary import summary_of

FATAL = {
    "code": "loss_exploding",
    "step": 30,
    "evidence": "loss is nan",
    "advice": "lower --train.learning_rate (now 2e-4) to 7e-5 and start again",
    "fatal": True,
}
SPEED = {
    "code": "speed_falling",
    "step": 20,
    "evidence": "speed has fallen",
    "advice": "look for heat",
    "fatal": False,
}


@pytest.fixture
def run():
    return {
        "config": RecipeConfig().as_dict(),
        "presets": ["t4"],
        "precision": "fp16",
        "device": "Tesla T4",
        "dataset": {"path": "out/dataset", "sha256": "ab" * 32, "examples": 1234, "tokens": 56789},
        "steps": 30,
        "train_loss": 1.5,
        "log": [
            {"step": 10, "loss": 3.0, "tokens_per_second": 800.0, "dollars": 0.1},
            {"step": 10, "eval_loss": 1.2},
            {"step": 10, "eval_schema_valid": 0.5, "eval_decision_f1": 0.25},
            {"step": 20, "loss": 1.0, "tokens_per_second": 900.0, "dollars": 0.2},
            {"step": 20, "eval_loss": 1.3},
            {"step": 20, "eval_schema_valid": 0.75},
            {"step": 30, "loss": 0.9, "tokens_per_second": 700.0, "skipped_steps": 2},
        ],
        "seconds": {"encode": 1.0, "train": 61.0},
        "findings": [],
    }


def test_a_summary_says_what_was_trained_on_what_and_how_it_went(run):
    text = summary_of(run, "out/t4")
    for part in (
        "# Qwen/Qwen3-1.7B: a run of 30 steps",
        "preset t4, in fp16 on Tesla T4",
        "1,234 records (56,789 tokens) of `out/dataset`, sha256 `abababababab`",
        "| time | 61 s |",
        "| tokens a second | 800 (median) |",
        "| first loss | 3.000 (to step 10) |",
        "| last loss | 0.900 |",
        "| best validation loss | 1.200 at step 10 |",
        "| cost | 0.20 dollars |",
        "| skipped steps | 2 |",
        "| ended | as planned |",
        "None: nothing in the log looks wrong.",
        "| 10 | 0.500 | 0.250 | - | - |",
        "| 20 | 0.750 | - | - | - |",
        "| `--train.learning_rate` | 0.0002 |",
        "| `--lora.r` | 16 |",
        "](curves.png)",
        "```\npython -m evals.tool_accuracy --run out/t4\n```",
    ):
        assert part in text, part


def test_findings_stand_with_their_advice(run):
    text = summary_of({**run, "findings": [SPEED]}, "out/t4")
    assert "- **step 20**: speed has fallen. Look for heat." in text
    assert "| ended | as planned |" in text


def test_a_stopped_run_says_why_and_does_not_send_on_to_scoring(run):
    text = summary_of({**run, "findings": [SPEED, FATAL]}, "out/t4")
    assert "| ended | stopped at step 30: loss is nan |" in text
    assert "- **step 30** (fatal): loss is nan. Lower --train.learning_rate" in text
    assert "tool_accuracy" not in text


def test_a_run_without_probe_evaluation_price_or_finite_loss_has_a_summary(run):
    log = [{"step": 10, "loss": math.nan}]
    text = summary_of({**run, "log": log, "train_loss": math.nan}, "out/t4")
    assert "## Probe" not in text
    for absent in ("best validation", "cost", "tokens a second", "first loss"):
        assert absent not in text


def test_every_table_row_has_the_columns_of_its_head(run):
    config = {**run["config"], "data": {**run["config"]["data"], "path": "a|b"}}
    rows = [line for line in summary_of({**run, "config": config}, "x").splitlines() if line]
    tables = [line.replace("\\|", "") for line in rows if line.startswith("|")]
    assert {line.count("|") for line in tables} <= {3, 6}
