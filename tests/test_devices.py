"""Two processes with half of a step's records each give the losses of one process."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT

FLAGS = {
    "config": "cpu",
    "data.max_examples": 48,
    "lora.dropout": 0,
    "train.max_steps": 4,
    "train.logging_steps": 1,
    "train.save_steps": 2,
}


def _train(dataset, cwd, out: str, batch_size: int, n_processes: int) -> dict:
    """The run.json of a run; more than one process over gloo."""
    flags = {**FLAGS, "data.path": dataset, "out": out}
    flags["train.per_device_train_batch_size"] = batch_size
    given = [part for key, value in flags.items() for part in (f"--{key}", str(value))]
    launcher = ["torch.distributed.run", "--nproc_per_node", str(n_processes), "-m"]
    done = subprocess.run(
        [sys.executable, "-m", *(launcher if n_processes > 1 else []), "recipe.train", *given],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads((cwd / out / "run.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_two_processes_give_the_losses_of_one(dataset, tmp_path):
    one = _train(dataset, tmp_path, "one", batch_size=4, n_processes=1)
    two = _train(dataset, tmp_path, "two", batch_size=2, n_processes=2)
    assert (one["processes"], two["processes"]) == (1, 2)
    losses = [[entry["loss"] for entry in run["log"] if "loss" in entry] for run in (one, two)]
    assert len(losses[0]) == 4
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
