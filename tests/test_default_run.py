"""The README's first command, installation apart: train the embedded default, then score it."""

import json
import shlex

import pytest
from conftest import command
from readme import command as readme_command

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which the two python steps of the command were run, in their order."""
    folder = tmp_path_factory.mktemp("first")
    steps = [shlex.split(step) for step in readme_command("run").split("&&")]
    for step in steps[1:]:
        assert step[:2] == ["python", "-m"]
        result = command(*step[2:], cwd=folder)
        assert result.returncode == 0, result.stderr
        (folder / f"{step[2]}.txt").write_text(result.stdout, encoding="utf-8")
    return folder


def rates(folder, arm, split):
    metrics = json.loads((folder / "out/first/eval" / arm / "metrics.json").read_text("utf-8"))
    return {name: rate["value"] for name, rate in metrics["splits"][split]["rates"].items()}


def test_the_tuned_model_writes_calls_that_fit_their_schemas(folder):
    assert rates(folder, "tuned", "test_seen")["schema_valid"] >= 0.80


@pytest.mark.xfail(strict=True, reason="the aim; the embedded base does not reach it yet")
def test_the_tuned_model_decides_rightly_on_tools_it_was_trained_on(folder):
    assert rates(folder, "tuned", "test_seen")["decision_macro_f1"] >= 0.80


def test_the_base_model_knows_neither_the_wire_nor_the_decisions(folder):
    base = rates(folder, "base", "test_seen")
    assert base["schema_valid"] <= 0.10
    assert base["decision_macro_f1"] <= 0.40


def test_the_tuned_model_beats_its_base_on_tools_it_never_saw(folder):
    tuned, base = rates(folder, "tuned", "test_unseen"), rates(folder, "base", "test_unseen")
    assert tuned["schema_valid"] > base["schema_valid"]
    assert tuned["call_match"] > base["call_match"]
    assert tuned["decision_macro_f1"] > base["decision_macro_f1"]


def test_the_run_ends_with_the_table_and_the_part_it_speaks_of(folder):
    shown = (folder / "evals.tool_accuracy.txt").read_text(encoding="utf-8")
    assert "| metric | n | base | tuned |" in shown
    assert "of 1000 examples, those of at most 400 tokens" in shown
