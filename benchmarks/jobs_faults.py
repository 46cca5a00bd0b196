"""Launch runs while jobs die and the service fails, and compare their adapters: 20 times.

    python benchmarks/jobs_faults.py [--runs 20] [--first 0]

Needs the stand-in for the service (../shared/loopback_hub). Each run has a service of its own with
faults drawn for its number: the job killed at a random time in its first attempts, 10% of answers
500, rate limits, slow logs, uploads that fail. The launcher is the real one, and so is what runs in
the job. Run 0 is also made undisturbed, for its adapter. Rows are added to
benchmarks/results/jobs_faults.json by number, so that it can be filled piece by piece.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
import urllib.request
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "jobs_faults.json"
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from jobs_hub import Desk, desk, make_checkout  # noqa: E402

from data.build import build  # noqa: E402
from recipe.progress_line import parse_line  # noqa: E402

N_STEPS, INTERVAL = 40, 10
OVERRIDES = {
    "data.max_examples": 160,
    "train.max_steps": N_STEPS,
    "train.save_steps": INTERVAL,
    "train.logging_steps": 1,
    "train.per_device_train_batch_size": 4,
}
UNDISTURBED = "undisturbed"


def main() -> None:
    parser = argparse.ArgumentParser(description="Launch runs on a service with faults.")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="number of the first run")
    args = parser.parse_args()
    rows = json.loads(RESULT.read_text())["rows"] if RESULT.is_file() else {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkout = make_checkout(folder / "checkout", stand_in=False)
        build(folder / "dataset", seed=43, scale=0.02)
        rows[UNDISTURBED] = measure(checkout, folder / UNDISTURBED, folder / "dataset", {})
        whole_s = rows[UNDISTURBED]["seconds"]
        for number in range(args.first, args.first + args.runs):
            faults = draw(Random(number), whole_s)
            place = folder / f"run-{number}"
            rows[str(number)] = measure(checkout, place, folder / "dataset", faults)
            print(number, rows[str(number)], file=sys.stderr, flush=True)
            write(rows)


def draw(rng: Random, whole_s: float) -> dict[str, Any]:
    """Faults of one run. `whole_s`: how long an undisturbed one takes, launcher included."""
    uploads = sorted(rng.sample(range(1, 13), rng.choice((1, 2))))
    return {
        "job_dies_after": round(rng.uniform(0.1, 0.9) * whole_s, 1),
        "job_dies_attempts": rng.choice((1, 1, 2)),
        "http_500_rate": 0.1,
        "rate_limit": rng.choice((None, [60, 3])),
        "slow_logs": rng.choice((0, 0.02, 0.05)),
        "fail_nth_upload": uploads,
    }


def measure(checkout: Path, folder: Path, dataset: Path, faults: dict[str, Any]) -> dict[str, Any]:
    """One run: what was done to it, and what became of it."""
    with desk(checkout, folder) as place:
        spec = place.spec(overrides=OVERRIDES, dataset={"path": str(dataset)}, attempts=4)
        _set_faults(place, faults)
        started = time.monotonic()
        result = place.run("jobs.launch", spec)
        seconds = round(time.monotonic() - started, 1)
        row = {"faults": faults, "seconds": seconds, "exit": result.returncode, **_facts(place)}
    if result.returncode:
        row["error"] = result.stderr.strip().splitlines()[-1]
    return row


def _set_faults(place: Desk, faults: dict[str, Any]) -> None:
    body = json.dumps(faults).encode()
    url = f"{place.hub.url}/_loopback/faults"
    urllib.request.urlopen(urllib.request.Request(url, body, method="POST")).close()


def _facts(place: Desk) -> dict[str, Any]:
    jobs = sorted(place.jobs(), key=lambda job: job["createdAt"])
    adapters = list(place.folder.glob("out/*/adapter_model.safetensors"))
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in adapters]
    return {
        "jobs": [job["labels"]["attempt"] for job in jobs],
        "attempts": [attempt["exit"] for job in jobs for attempt in job["attempts"]],
        "repeated_steps": repeated([step for job in jobs for step in _steps(place, job["id"])]),
        "adapter_sha256": hashes[0] if hashes else None,
        "injected": sum("fault" in request for request in place.hub.requests()),
    }


def _steps(place: Desk, job_id: str) -> list[int]:
    """The steps of training in a job's log, in its order."""
    text = (place.hub.root / "jobs" / job_id / "log.jsonl").read_text(encoding="utf-8")
    statuses = (parse_line(json.loads(line)["data"]) for line in text.splitlines())
    return [int(status["step"]) for status in statuses if status]


def repeated(steps: list[int]) -> list[int]:
    """How many steps each restart did once more; 0 where it went on exactly where it was."""
    return [before - after + 1 for before, after in pairwise(steps) if after <= before]


def write(rows: dict[str, Any]) -> None:
    """All rows, and whether each of the claims holds for all of them."""
    wanted = rows[UNDISTURBED]["adapter_sha256"]
    runs = [row for number, row in rows.items() if number != UNDISTURBED]
    summary = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "runs": len(runs),
        "finished": sum(row["exit"] == 0 for row in runs),
        "submitted_twice": sum(len(set(row["jobs"])) < len(row["jobs"]) for row in runs),
        "killed": sum(-9 in row["attempts"] for row in runs),
        "checkpoint_interval": INTERVAL,
        "most_repeated": max((n for row in runs for n in row["repeated_steps"]), default=0),
        "equal_adapters": sum(row["adapter_sha256"] == wanted for row in runs),
        "rows": rows,
    }
    RESULT.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    shown = {name: value for name, value in summary.items() if name != "rows"}
    print(json.dumps(shown), flush=True)


if __name__ == "__main__":
    main()
