"""How much memory data.validate takes for many records, and for a tenth of them.

    python benchmarks/validate_memory.py [--records 1000000] [--folder DIR] [--workers N]

The built-in dataset is repeated under new ids and with other words of the user: in a twentieth of
the records one letter more, which makes near duplicates, else a tenth or a half of the words, which
makes candidates to compare. A million records take 4 GB in the folder. Needs /proc, that is Linux.
Writes benchmarks/results/validate_memory.json: peaks of resident memory in MiB (what processes
share counts in each), seconds and lines a second.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from data.build import examples_by_split
from data.domains import load_catalogue
from data.record import row_of

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "validate_memory.json"
SAMPLE_S = 0.1
NEAR_SHARE = 0.05
CHANGED_SHARES = (0.1, 0.5)


class Peaks(NamedTuple):
    """Resident memory in MiB: of the command's own process, of each worker, of all at one time."""

    parent_mib: float
    workers_mib: list[float]
    total_mib: float


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the memory of data.validate.")
    parser.add_argument("--records", type=int, default=1_000_000, help="default: %(default)s")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the dataset to repeat")
    parser.add_argument("--folder", type=Path, help="for the records, while this runs")
    parser.add_argument("--workers", type=int, default=0, help="default: as data.validate chooses")
    args = parser.parse_args()
    if args.records < 10:
        raise SystemExit(f"--records {args.records}: give 10 or more")
    rows = dataset_rows(args.scale)
    runs = [
        measure(rows, n_records, args.folder, args.workers)
        for n_records in (args.records // 10, args.records)
    ]
    results = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "runs": runs,
        "ratios": {key: round(runs[1][key] / runs[0][key], 2) for key in COMPARED},
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(table(results))


COMPARED = ("records", "megabytes", "parent_mib", "worker_mib", "total_mib", "seconds", "lines_s")


def table(results: dict[str, Any]) -> str:
    """The two runs side by side, and the larger over the smaller."""
    small, large = results["runs"]
    rows = [
        f"{key:12} {small[key]:>12} {large[key]:>12} {results['ratios'][key]:>8}"
        for key in COMPARED
    ]
    return "\n".join([f"{'':12} {'a tenth':>12} {'all':>12} {'ratio':>8}", *rows])


def dataset_rows(scale: float) -> list[dict[str, Any]]:
    """The records of train."""
    return [row_of(one) for one in examples_by_split(load_catalogue(), 42, scale)["train"]]


def records(rows: Sequence[dict[str, Any]], n_records: int) -> Iterator[bytes]:
    """Lines: the rows again and again, each time under another id and with other words."""
    rng = Random(42)
    words = sorted({word for row in rows for text in _said(row) for word in text.split()})
    for number in range(n_records):
        row = rows[number % len(rows)]
        messages = row["messages"]
        if number >= len(rows):
            share = 0.0 if rng.random() < NEAR_SHARE else rng.choice(CHANGED_SHARES)
            messages = [_changed(message, words, share, rng) for message in messages]
        line = {**row, "id": f"{row['id']}-{number}", "messages": messages}
        yield json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _said(row: dict[str, Any]) -> list[str]:
    return [message["content"] for message in row["messages"] if message["role"] == "user"]


def _changed(
    message: dict[str, str], words: Sequence[str], share: float, rng: Random
) -> dict[str, str]:
    """A user's message with a share of its words drawn anew; of 0, with its last letter twice."""
    if message["role"] != "user":
        return message
    if not share:
        return {"role": "user", "content": message["content"] + message["content"][-1]}
    said = message["content"].split()
    for place in rng.sample(range(len(said)), max(1, round(share * len(said)))):
        said[place] = rng.choice(words)
    return {"role": "user", "content": " ".join(said)}


def measure(
    rows: Sequence[dict[str, Any]], n_records: int, folder: Path | None, n_workers: int
) -> dict[str, Any]:
    """Peaks, seconds (start of Python included) and lines a second of one run of the command."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place) / "records.jsonl"
        with open(path, "wb") as file:
            file.writelines(records(rows, n_records))
        megabytes = round(path.stat().st_size / 1e6, 1)
        command = [sys.executable, "-m", "data.validate", str(path), "--workers", str(n_workers)]
        start = time.perf_counter()
        peaks, n_findings = run(command)
        seconds = time.perf_counter() - start
    return {
        "records": n_records,
        "megabytes": megabytes,
        "findings": n_findings,
        **peaks._asdict(),
        "worker_mib": max(peaks.workers_mib, default=peaks.parent_mib),
        "seconds": round(seconds, 1),
        "lines_s": round(n_records / seconds),
    }


def run(command: Sequence[str]) -> tuple[Peaks, int]:
    """Run a command to its end; its memory, and how many lines it printed."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out)
        peaks = watch(process)
        if process.returncode > 1:
            raise SystemExit(f"{' '.join(command)}: exit {process.returncode}")
        out.seek(0)
        return peaks, sum(1 for _ in out)


def watch(process: subprocess.Popen[bytes]) -> Peaks:
    """Sample a process and its descendants until it ends."""
    highest: dict[int, float] = {}
    total = 0.0
    while process.poll() is None:
        now = {pid: memory for pid in tree(process.pid) if (memory := memory_mib(pid))}
        total = max(total, sum(resident for resident, _ in now.values()))
        highest.update({pid: peak for pid, (_, peak) in now.items()})
        time.sleep(SAMPLE_S)
    parent = highest.pop(process.pid, 0.0)
    return Peaks(parent, sorted(highest.values(), reverse=True), round(total, 1))


def tree(pid: int) -> list[int]:
    """A process and all that it started, as far as they still run."""
    try:
        tasks = sorted(Path(f"/proc/{pid}/task").iterdir())
        children = [int(n) for task in tasks for n in (task / "children").read_text().split()]
    except OSError:  # it has just ended
        return [pid]
    return [pid, *(inner for child in children for inner in tree(child))]


def memory_mib(pid: int) -> tuple[float, float] | None:
    """Resident memory now and at its peak; None of a process that has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    if "VmRSS" not in facts:
        return None
    now, peak = (round(int(facts[key].split()[0]) / 1024, 1) for key in ("VmRSS", "VmHWM"))
    return now, peak


if __name__ == "__main__":
    main()
