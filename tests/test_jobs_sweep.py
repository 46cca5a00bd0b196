"""A sweep: one spec with changes, checked whole before anything is sent."""

import shutil

import pytest
import yaml
from conftest import ROOT

from data.cli import UserError
from jobs.sweep import load_sweep, merged, table_of


@pytest.fixture
def write(tmp_path):
    shutil.copyfile(ROOT / "jobs" / "sft_t4.yaml", tmp_path / "sft_t4.yaml")

    def written(**changes):
        content = {
            "spec": "sft_t4.yaml",
            "max_cost_usd": 14,
            "runs": [
                {"name": "slow", "overrides": {"train.learning_rate": 1.0e-4}},
                {"name": "fast", "overrides": {"train.learning_rate": 4.0e-4}},
            ],
            **changes,
        }
        path = tmp_path / "sweep.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    return written


def test_each_run_is_the_spec_with_its_changes(write):
    sweep = load_sweep(write())
    assert [spec.name for spec in sweep.specs] == ["slow", "fast"]
    assert [spec.overrides["train.learning_rate"] for spec in sweep.specs] == [1.0e-4, 4.0e-4]
    assert {spec.flavor for spec in sweep.specs} == {"t4-small"}


def test_mappings_are_merged_and_all_else_is_replaced():
    spec = {"overrides": {"lora.r": 8, "train.seed": 1}, "presets": ["t4"], "attempts": 2}
    changes = {"overrides": {"train.seed": 2}, "presets": ["l4"], "labels": {"a": "b"}}
    assert merged(spec, changes) == {
        "overrides": {"lora.r": 8, "train.seed": 2},
        "presets": ["l4"],
        "attempts": 2,
        "labels": {"a": "b"},
    }


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"max_cost_usd": 13}, "found 13, and the runs may cost 14 together"),
        ({"max_cost_usd": "all"}, "found 'all'; allowed: dollars"),
        ({"runs": [{"name": "a"}, {"name": "a"}]}, "names must differ"),
        ({"runs": []}, "names must differ"),
        ({"runs": [{"overrides": {}}]}, "that have a name"),
        ({"runs": [{"name": "a", "flavor": "t5"}]}, "runs: a: flavor: found"),
        ({"spec": "none.yaml"}, "No such file"),
        ({"extra": 1}, "allowed, and needed: spec, max_cost_usd, runs"),
    ],
)
def test_a_wrong_sweep_is_one_line(write, changes, said):
    with pytest.raises(UserError) as error:
        load_sweep(write(**changes))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_the_table_has_a_row_a_run():
    rows = [
        {"run": "slow", "outcome": "done", "steps": "8", "train loss": "1.2", "dollars": "0.10"},
        {"run": "fast", "outcome": "failed: a | b"},
    ]
    lines = table_of(rows).splitlines()
    assert lines[0] == "| run | outcome | steps | train loss | eval loss | dollars |"
    assert lines[2] == "| slow | done | 8 | 1.2 |  | 0.10 |"
    assert lines[3].startswith("| fast | failed: a \\| b |")


@pytest.mark.parametrize("file", sorted((ROOT / "jobs" / "sweeps").glob("*.yaml")), ids=str)
def test_a_shipped_sweep_can_be_submitted_as_it_is(file):
    sweep = load_sweep(file)
    assert len({spec.result.repo for spec in sweep.specs}) == len(sweep.specs) > 1
    assert sum(spec.max_cost_usd for spec in sweep.specs) <= sweep.max_cost_usd
