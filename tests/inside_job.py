"""`python -m jobs.inside` as a job starts it, against the stand-in for the Hub in ../shared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from conftest import ROOT
from local_hub import WRITE, Hub

REPO = "alice/adapter"
OVERRIDES = {
    "train.max_steps": 36,
    "train.save_steps": 4,
    "train.logging_steps": 1,
    "train.per_device_train_batch_size": 2,
    "data.max_examples": 72,
}


def payload(run_id: str, dataset: Path | str, **changes: Any) -> dict[str, Any]:
    """A request for a short run of the embedded model; `changes` of `spec` are merged into it."""
    spec = {
        "name": "short",
        "flavor": "cpu-basic",
        "image": "python:3.12",
        "timeout": "10m",
        "max_cost_usd": 1.0,
        "attempts": 2,
        "presets": ["cpu"],
        "overrides": OVERRIDES,
        "result": {"repo": REPO},
        "install": False,
        **changes.pop("spec", {}),
    }
    return {
        "version": 1,
        "run_id": run_id,
        "spec": spec,
        "dollars_per_hour": 0.4,
        "timeout_s": 600,
        "dataset": str(dataset),
        "code_sha256": "c" * 64,
        "dataset_sha256": None,
        "result_repo": REPO,
        **changes,
    }


def environment(
    hub: Hub, home: Path, request: dict[str, Any], token: str = WRITE
) -> dict[str, str]:
    """What a job has in its environment; its home is empty at first."""
    home.mkdir(parents=True, exist_ok=True)
    kept = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": token,
        "OMP_NUM_THREADS": "1",
        "TOOLCALL_SFT_JOB": json.dumps(request),
    }


def start(env: dict[str, str], python: str = sys.executable) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [python, "-m", "jobs.inside"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_job(env: dict[str, str], python: str = sys.executable) -> tuple[int, list[str]]:
    """Exit code and lines of a job that runs to its end."""
    with start(env, python) as job:
        output, _ = job.communicate(timeout=300)
    return job.returncode, output.splitlines()
