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


ONE = [sys.executable, "-m", "recipe.train"]
TWO = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
FSDP = [*TWO, str(ROOT / "tests" / "fsdp_on_cpu.py")]


def _train(dataset, cwd, out: str, batch_size: int, command: list[str]) -> dict:
    """The run.json of a run; more than one process over gloo."""
    flags = {**FLAGS, "data.path": dataset, "out": out}
    flags["train.per_device_train_batch_size"] = batch_size
    given = [part for key, value in flags.items() for part in (f"--{key}", str(value))]
    done = subprocess.run(
        [*command, *given],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads((cwd / out / "run.json").read_text(encoding="utf-8"))


def _losses(run: dict) -> list[float]:
    return [entry["loss"] for entry in run["log"] if "loss" in entry]


@pytest.fixture(scope="module")
def one(dataset, tmp_path_factory):
    return _train(dataset, tmp_path_factory.mktemp("one"), "one", 4, ONE)


@pytest.mark.slow
@pytest.mark.parametrize("command", [[*TWO, "-m", "recipe.train"], FSDP], ids=["ddp", "fsdp"])
def test_two_processes_give_the_losses_of_one(command, one, dataset, tmp_path):
    two = _train(dataset, tmp_path, "two", batch_size=2, command=command)
    assert (one["processes"], two["processes"]) == (1, 2)
    assert len(_losses(one)) == 4
    assert _losses(two) == pytest.approx(_losses(one), rel=1e-4)


@pytest.mark.parametrize("name", ["ddp", "fsdp"])
def test_accelerate_takes_the_files_for_several_gpus(name):
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(ROOT / "recipe" / "accelerate" / f"{name}.yaml"))
    kinds = {"ddp": "MULTI_GPU", "fsdp": "FSDP"}
    assert (config.distributed_type.value, config.num_machines) == (kinds[name], 1)
