"""SIGTERM saves and stops, and the same command ends as if it had never come; and waiting."""

import json
import os
import signal
import subprocess
import sys
import time
from queue import Queue
from threading import Thread

import pytest
from conftest import ROOT, command

from recipe.checkpoints import newest_checkpoint, write_copied
from recipe.progress_line import parse_line
from recipe.run_record import ADAPTER_FILE

# The best checkpoint is the result, and only one is kept: the newest must outlive it all the same.
FLAGS = {
    "config": "cpu",
    "data.max_examples": 24,
    "train.max_steps": 12,
    "train.per_device_train_batch_size": 2,
    "train.logging_steps": 1,
    "train.eval_steps": 4,
    "train.save_steps": 4,
    "train.save_total_limit": 1,
    "train.best": "eval_loss",
    "train.max_eval_examples": 4,
    "train.probe_examples": 0,
}


def _arguments(dataset, out: str, **changed) -> list[str]:
    flags = {**FLAGS, "data.path": dataset, "out": out, **changed}
    return [part for key, value in flags.items() for part in (f"--{key}", str(value))]


def _trainer(arguments: list[str], cwd) -> subprocess.Popen[str]:
    """`python -m ARGUMENTS`; what it prints is to be read from its stdout."""
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _stopped_at(step: int, arguments: list[str], cwd) -> tuple[int, str]:
    """Exit code and output of a trainer that gets SIGTERM once it has shown that step."""
    with _trainer(arguments, cwd) as run:
        shown = []
        assert run.stdout is not None
        for line in run.stdout:
            shown.append(line)
            if line.startswith(f"step {step}/"):
                run.send_signal(signal.SIGTERM)
    return run.returncode, "".join(shown)


@pytest.mark.slow
def test_a_stopped_run_ends_with_the_bytes_of_an_undisturbed_one(dataset, tmp_path):
    whole = command("recipe.train", *_arguments(dataset, "whole"), cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    arguments = ["recipe.train", *_arguments(dataset, "stopped")]
    code, shown = _stopped_at(5, arguments, tmp_path)
    assert code == 0, shown
    newest = newest_checkpoint(tmp_path / "stopped.partial")
    assert newest is not None
    step = int(newest.name.split("-")[1])
    assert step in (5, 6, 7)  # between two checkpoints that were due
    assert shown.endswith(f"stopped at step {step} of 12; the same command goes on\n")
    assert not (tmp_path / "stopped").exists()
    rest = command(*arguments, cwd=tmp_path)
    assert rest.returncode == 0, rest.stderr
    assert f"going on from stopped.partial/checkpoint-{step}" in rest.stderr
    adapters = [(tmp_path / name / ADAPTER_FILE).read_bytes() for name in ("stopped", "whole")]
    assert adapters[0] == adapters[1]
    files = [tmp_path / name / "run.json" for name in ("stopped", "whole")]
    logs = [json.loads(file.read_text(encoding="utf-8"))["log"] for file in files]
    losses = [[e["eval_loss"] for e in log if "eval_loss" in e] for log in logs]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 3


@pytest.mark.slow
def test_a_signal_in_the_last_step_changes_nothing(dataset, tmp_path):
    flags = {"train.max_steps": 3, "train.eval_steps": 0, "train.best": "none"}
    arguments = ["recipe.train", *_arguments(dataset, "run", **flags)]
    code, shown = _stopped_at(3, arguments, tmp_path)
    assert code == 0, shown
    assert "adapter in run after 3 steps" in shown
    assert (tmp_path / "run" / ADAPTER_FILE).is_file()


def _last_step(heard: Queue) -> int:
    """The step of the last progress line so far."""
    step = 0
    while not heard.empty():
        status = parse_line(heard.get())
        step = int(status["step"]) if status else step
    return step


@pytest.mark.slow
def test_training_waits_at_each_checkpoint_until_it_is_copied(dataset, tmp_path):
    """Here the reader of its lines is who copies: it lets the trainer wait a while first."""
    copied, partial = tmp_path / "copied", tmp_path / "run.partial"
    flags = {"train.eval_steps": 0, "train.best": "none", "hold_for": copied}
    steps, heard = [], Queue()
    arguments = ["recipe.train", *_arguments(dataset, "run", **flags)]
    with _trainer(arguments, tmp_path) as run:
        assert run.stdout is not None
        Thread(target=lambda: [heard.put(line) for line in run.stdout], daemon=True).start()
        for due in (4, 8):
            while (newest := newest_checkpoint(partial)) is None or newest.name[11:] != str(due):
                time.sleep(0.02)
                assert run.poll() is None
            time.sleep(1)  # several steps' time
            steps.append(_last_step(heard))
            write_copied(copied, due)
        run.wait()
    assert steps == [4, 8]
    assert run.returncode == 0
    assert _last_step(heard) == 12
