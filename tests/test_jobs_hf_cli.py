"""Our `hf` takes exactly `jobs run SPEC.yaml`; the doctor says whose `hf` it is."""

import os
import stat
import subprocess
import sys

import pytest
from conftest import ROOT

from jobs.hf_cli import is_spec

STOCK = "from huggingface_hub.cli.hf import main\nmain()\n"
OURS = "from jobs.hf_cli import main\nmain()\n"


@pytest.mark.parametrize(
    "words, ours",
    [
        ("jobs run jobs/sft_t4.yaml", True),
        ("jobs run a.yml --dry-run", True),
        ("jobs run python:3.12 python a.yaml", False),
        ("jobs run --flavor t4-small a.yaml", False),
        ("jobs uv run a.yaml", False),
        ("jobs run", False),
        ("jobs ls", False),
        ("upload a.yaml", False),
        ("", False),
    ],
)
def test_only_a_spec_after_jobs_run_is_ours(words, ours):
    assert is_spec(words.split()) is ours


def _env(folder, **more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    own = {"PYTHONPATH": str(ROOT), "HF_HOME": str(folder), "NO_COLOR": "1", "COLUMNS": "100"}
    return {**kept, **own, "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1", **more}


def _hf(source, words, folder):
    script = folder / "hf"
    script.write_text(source)
    command = [sys.executable, str(script), *words.split()]
    return subprocess.run(command, capture_output=True, text=True, env=_env(folder), cwd=folder)


@pytest.mark.parametrize("words", ["version", "jobs run --help", "jobs run", "nonsense --x"])
def test_all_else_is_the_stock_command(tmp_path, words):
    ours, stock = _hf(OURS, words, tmp_path), _hf(STOCK, words, tmp_path)
    assert (ours.returncode, ours.stdout) == (stock.returncode, stock.stdout)
    assert ours.stderr == stock.stderr


def test_a_wrong_spec_is_the_launchers_one_line(tmp_path):
    (tmp_path / "spec.yaml").write_text("flavour: t4-small\n")
    result = _hf(OURS, "jobs run spec.yaml", tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("error: spec.yaml: ")
    assert result.stderr.count("\n") == 1


def _doctor(folder, **more):
    command = [sys.executable, "-m", "jobs.doctor"]
    env = _env(folder, **more)
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=folder)


@pytest.mark.parametrize(
    "source, said",
    [
        (STOCK, "is huggingface_hub's, so `hf jobs run SPEC.yaml` does not work"),
        (OURS, "is ours: `hf jobs run SPEC.yaml` works"),
        ("echo", "is neither ours nor huggingface_hub's"),
    ],
)
def test_the_doctor_says_whose_hf_it_is_and_that_a_token_is_missing(tmp_path, source, said):
    script = tmp_path / "hf"
    script.write_text(f"#!{sys.executable}\n{source}")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    result = _doctor(tmp_path, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert f"{script} {said}" in result.stdout
    assert "fail token     none; run `hf auth login`, or set HF_TOKEN" in result.stdout
    assert "git" in result.stdout
    assert result.returncode == 1
    assert all(line.split()[0] in ("ok", "warn", "fail") for line in result.stdout.splitlines())
