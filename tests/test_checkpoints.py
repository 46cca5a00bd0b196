"""A run that is killed goes on with the same command, to the adapter of an undisturbed run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, assert_one_line_error, command

from data.cli import UserError
from recipe.checkpoints import newest_checkpoint, open_partial, remove_checkpoints
from recipe.command_line import parse
from recipe.run_folder import decisive_settings, partial_of, run_folder
from recipe.run_record import ADAPTER_FILE

FLAGS = [
    *("--train.max_steps", "8", "--train.save_steps", "2", "--train.save_total_limit", "2"),
    *("--train.per_device_train_batch_size", "2", "--data.max_examples", "40"),
]


def _arguments(dataset: Path, out: str) -> list[str]:
    return ["recipe.train", "--data.path", str(dataset), "--out", out, *FLAGS]


@pytest.mark.slow
def test_a_killed_run_ends_with_the_bytes_of_an_undisturbed_one(dataset, tmp_path):
    whole = command(*_arguments(dataset, "whole"), cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    partial = tmp_path / "killed.partial"
    for step in (2, 6):
        run = subprocess.Popen(
            [sys.executable, "-m", *_arguments(dataset, "killed")],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"},
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        while run.poll() is None and not (partial / f"checkpoint-{step}").exists():
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL
    rest = command(*_arguments(dataset, "killed"), cwd=tmp_path)
    assert rest.returncode == 0, rest.stderr
    assert "going on from killed.partial/checkpoint-" in rest.stderr
    names = [path.name for path in (tmp_path / "killed").iterdir()]
    assert not [name for name in names if name.startswith("checkpoint")]
    assert (tmp_path / "killed" / ADAPTER_FILE).read_bytes() == (
        tmp_path / "whole" / ADAPTER_FILE
    ).read_bytes()
    logs = [
        json.loads((tmp_path / name / "run.json").read_text())["log"]
        for name in ("killed", "whole")
    ]
    losses = [[entry["loss"] for entry in log if "loss" in entry] for log in logs]
    assert losses[0] == losses[1]


@pytest.mark.slow
def test_another_configuration_does_not_go_on_from_a_run(dataset, tmp_path):
    partial = tmp_path / "run.partial"
    (partial / "checkpoint-2").mkdir(parents=True)
    (partial / "checkpoint-2" / "trainer_state.json").write_text("{}")
    (partial / "run_config.json").write_text("{}")
    result = command(*_arguments(dataset, "run"), cwd=tmp_path)
    assert_one_line_error(result, 2, "run.partial", "model", "choose another --out")


IDENTITY = {"train": {"seed": 1}, "precision": "fp32"}


def _save(folder: Path, step: int, state: str | None) -> Path:
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir()
    (checkpoint / "optimizer.pt").write_bytes(b"x")
    if state is not None:
        (checkpoint / "trainer_state.json").write_text(state)
    return checkpoint


def test_a_checkpoint_counts_only_if_it_was_written_to_its_end(tmp_path):
    folder = tmp_path / "run.partial"
    assert open_partial(folder, IDENTITY) is None
    whole = [_save(folder, step, "{}") for step in (4, 10)]
    _save(folder, 12, '{"step": ')
    _save(folder, 14, None)
    assert newest_checkpoint(folder) == whole[1]
    assert open_partial(folder, IDENTITY) == whole[1]
    remove_checkpoints(folder)
    assert list(folder.iterdir()) == []


def test_a_folder_without_a_whole_checkpoint_starts_anew(tmp_path):
    folder = tmp_path / "run.partial"
    open_partial(folder, {"other": 1})
    _save(folder, 2, None)
    assert open_partial(folder, IDENTITY) is None
    assert [path.name for path in folder.iterdir()] == ["run_config.json"]


def test_settings_that_cannot_be_read_are_one_line_and_nothing_is_removed(tmp_path):
    folder = tmp_path / "run.partial"
    open_partial(folder, IDENTITY)
    checkpoint = _save(folder, 2, "{}")
    (folder / "run_config.json").write_text('{"train": ')
    with pytest.raises(UserError, match=r"run_config\.json: not JSON"):
        open_partial(folder, IDENTITY)
    assert checkpoint.is_dir()


def test_what_differs_is_named(tmp_path):
    folder = tmp_path / "run.partial"
    open_partial(folder, IDENTITY)
    _save(folder, 2, "{}")
    with pytest.raises(UserError, match=r"train\.seed 1, not 2; remove it"):
        open_partial(folder, {"train": {"seed": 2}, "precision": "fp32"})


def test_without_out_a_stopped_run_of_the_same_settings_is_found_on_another_day(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    invocation = parse(["--config", "cpu"])
    named = run_folder(invocation)
    begun = named.with_name(named.name[: -len("2026-01-01")] + "2020-02-29")
    open_partial(partial_of(begun), decisive_settings(invocation.config))
    assert run_folder(invocation) == begun
    other = parse(["--config", "cpu", "--train.seed", "7"])
    assert run_folder(other) == named
    partial_of(named).mkdir()
    assert run_folder(other) == named.with_name(f"{named.name}-2")
