"""Shared parts of the tests: a small built dataset, and the commands run as a user runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from data.build import build

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"


def pytest_configure() -> None:
    """A shell starts what runs in the background deaf to Ctrl-C, and so would be what it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in dataset at a fiftieth of its size."""
    folder = tmp_path_factory.mktemp("built") / "dataset"
    build(folder, seed=43, scale=0.02)
    return folder


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m ...` without network or token, as a fresh user would."""
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(cwd / "hf-home"),
        "CUDA_VISIBLE_DEVICES": "",
    }
    env.pop("HF_TOKEN", None)
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=cwd, env=env, capture_output=True, text=True
    )


def assert_one_line_error(result: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    """The command failed with this exit code and one line that holds these parts."""
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert result.returncode == code, result.stderr
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    for part in parts:
        assert part in lines[0]
