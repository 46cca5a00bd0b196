"""How long a large dataset takes to its first training step, and how much memory.

    python benchmarks/dataset_start.py [--rows 200000] [--folder DIR]

The built-in train split is repeated under new ids. It is encoded in one process; another, fresh one
finds the token ids and trains the embedded model until its first step begins. 200,000 rows take
2 GB in the folder. Needs /proc, that is Linux. Writes benchmarks/results/dataset_start.json:
seconds from the start of Python, and peaks of resident memory in MiB, of the process and of it with
its workers (what they share counts in each, the part of the mapped file that was read, too).
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
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

from validate_memory import watch

from data.record import read_rows, write_rows
from recipe.config import BUILTIN
from recipe.sources import open_source

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "dataset_start.json"
# Of the embedded model, with everything but the data path kept small.
FLAGS = {
    "--data.max_length": "2048",
    "--data.too_long": "drop",
    "--data.max_examples": "null",
    "--train.eval_steps": "0",
    "--train.best": "none",
    "--train.max_steps": "1",
    "--train.dataloader_num_workers": "2",
}
SHOWN = ("seconds", "process_mib", "total_mib")
TARGET = {"seconds": 60, "total_mib": 2048}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the start of training on many rows.")
    parser.add_argument("--rows", type=int, default=200_000, help="default: %(default)s")
    parser.add_argument("--folder", type=Path, help="for rows and token ids, while this runs")
    args = parser.parse_args()
    if args.rows < 1:
        raise SystemExit(f"--rows {args.rows}: give 1 or more")
    with tempfile.TemporaryDirectory(dir=args.folder) as place:
        results = measure(args.rows, Path(place))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(table(results))


def measure(n_rows: int, folder: Path) -> dict[str, Any]:
    """Encode, and start from what was encoded, each in a process of its own."""
    file = folder / "rows.jsonl"
    write_rows(file, rows(n_rows))
    place = [*chain(*FLAGS.items()), "--data.path", str(file), "--data.cache", str(folder / "ids")]
    encoding = run([ENCODE, *place], folder)
    start = run([START, *place, "--out", str(folder / "run")], folder)
    (tokens,) = (folder / "ids").glob("*/tokens.arrow")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "rows": n_rows,
        "file_mb": round(file.stat().st_size / 1e6, 1),
        "token_ids_mb": round(tokens.stat().st_size / 1e6, 1),
        "encode": encoding,
        "rows_s": round(n_rows / encoding["seconds"]),
        "start": start,
        "target": TARGET,
    }


def rows(n_rows: int) -> Iterator[dict[str, Any]]:
    """Records of the built-in train split, again and again, each under an id of its own."""
    file = open_source(BUILTIN).split_file("train")
    endless = chain.from_iterable(read_rows(file) for _ in repeat(None))
    for number, (_, row) in enumerate(islice(endless, n_rows)):
        yield {**row, "id": f"{row['id']}-{number}"}


# Each ends at the moment that is measured and writes when that was, in the machine's own clock.
_REACHED = """
import sys, time
from pathlib import Path

def reached():
    Path("reached").write_text(str(time.monotonic()))
"""
ENCODE = f"""{_REACHED}
from data.embedded import NAME
from evals.models import load_tokenizer
from recipe.command_line import parse
from recipe.sources import open_source
from recipe.train import encode_corpora

config = parse(sys.argv[1:]).config
encode_corpora(config, open_source(config.data.path), load_tokenizer(NAME))
reached()
"""
START = f"""{_REACHED}
import transformers
from recipe.train import main

class Stop(transformers.TrainerCallback):
    def on_step_begin(self, *args, **kwargs):
        reached()
        time.sleep(1)  # the workers have just started: their memory is sampled
        sys.exit(0)

transformers.trainer.DEFAULT_CALLBACKS.append(Stop)
main(sys.argv[1:])
"""


def run(arguments: Sequence[str], folder: Path) -> dict[str, float]:
    """Run Python code with its arguments to the moment it marks; seconds and memory until then."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.DEVNULL,
    )
    peaks = watch(process)
    if process.returncode:
        raise SystemExit(f"exit {process.returncode}")
    seconds = float((folder / "reached").read_text()) - started
    return {
        "seconds": round(seconds, 1),
        "process_mib": peaks.parent_mib,
        "total_mib": max(peaks.total_mib, peaks.parent_mib),  # the sum is sampled, the peak is not
    }


def table(results: dict[str, Any]) -> str:
    """What encoding took, what the start takes, and the target of the start."""
    lines = [
        f"{key:12} {results['encode'][key]:>10} {results['start'][key]:>10} "
        f"{results['target'].get(key, ''):>10}"
        for key in SHOWN
    ]
    head = f"{results['rows']:<12,} {'encode':>10} {'start':>10} {'target':>10}"
    return "\n".join([head, *lines, f"encoded {results['rows_s']} rows a second"])


if __name__ == "__main__":
    main()
