"""Kill a training run at a random time, start it again, and compare its adapter: 20 times.

    python benchmarks/kills.py [--runs 20] [--steps 12]

An undisturbed run comes first; each other one is killed (SIGKILL) at a time drawn between its start
and the undisturbed run's length, and started again with the same command until it ends. Writes
benchmarks/results/kills.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "kills.json"


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill training runs and let them go on.")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--steps", type=int, default=12)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), args.runs, args.steps)
    undisturbed, *killed = rows
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "undisturbed": undisturbed,
        "killed": killed,
        "finished": sum(row["finished"] for row in killed),
        "equal": sum(row["adapter_sha256"] == undisturbed["adapter_sha256"] for row in killed),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"{len(killed)} killed, {result['finished']} finished, {result['equal']} equal adapters")


def measure(folder: Path, n_runs: int, n_steps: int) -> list[dict[str, Any]]:
    """The undisturbed run's row, and one for each run that is killed."""
    from data.build import build

    build(folder / "dataset", scale=0.02)
    _train(folder, "warm", n_steps).wait()  # writes the token cache
    started = time.monotonic()
    _train(folder, "whole", n_steps).wait()
    seconds = time.monotonic() - started
    rng = Random(0)
    rows = [{"seconds": round(seconds, 1), **_outcome(folder / "whole")}]
    for number in range(n_runs):
        after_s = rng.uniform(0.1, 1.0) * seconds
        rows.append(_kill_once(folder, f"killed-{number}", n_steps, after_s))
        print(rows[-1], file=sys.stderr)
    return rows


def _kill_once(folder: Path, name: str, n_steps: int, after_s: float) -> dict[str, Any]:
    run = _train(folder, name, n_steps)
    try:
        run.wait(timeout=after_s)
    except subprocess.TimeoutExpired:
        run.kill()
        run.wait()
    saved = [path.name for path in (folder / f"{name}.partial").glob("checkpoint-*")]
    was_done = (folder / name).exists()
    if not was_done:
        _train(folder, name, n_steps).wait()
    return {
        "killed_after_s": round(after_s, 1),
        "checkpoints_then": sorted(saved),
        "was_done": was_done,
        **_outcome(folder / name),
    }


def _train(folder: Path, name: str, n_steps: int) -> subprocess.Popen[bytes]:
    flags = {
        "config": "cpu",
        "data.path": folder / "dataset",
        "data.cache": folder / "cache",
        "data.max_examples": 60,
        "out": folder / name,
        "train.max_steps": n_steps,
        "train.save_steps": 1,
        "train.per_device_train_batch_size": 2,
    }
    given = [part for key, value in flags.items() for part in (f"--{key}", str(value))]
    return subprocess.Popen(
        [sys.executable, "-m", "recipe.train", *given],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _outcome(run: Path) -> dict[str, Any]:
    adapter = run / "adapter_model.safetensors"
    whole = (run / "run.json").is_file() and adapter.is_file()
    sha256 = hashlib.sha256(adapter.read_bytes()).hexdigest() if whole else None
    return {"finished": whole, "adapter_sha256": sha256}


if __name__ == "__main__":
    main()
