"""How fast replies are scored: a whole train split, 100,000 mutated replies, a megabyte of noise.

    python benchmarks/scoring_speed.py [--scale 1.0] [--mutated 100000]

Gold replies are those of the built-in dataset; mutated ones are cut, spliced and repeated. Times
are those of one thread, CPU time where so named. Writes benchmarks/results/scoring_speed.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from data.build import build
from data.record import Example, read_examples
from evals.score import score_example

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "scoring_speed.json"
MEGABYTE = 1_000_000
SPLICES = (
    "",
    '"',
    "\\",
    "\n",
    "{",
    "}",
    "[",
    "]",
    "<think>",
    "\ud800",
    "\x00",
    "9" * 4300,
    "[" * 300,
)
NOISE = ("[", "{", '{"a":', '[{"a":', '{"', '"', "[]", "{},", "word ", "can you ", "? ", "<think>")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure evals.score.")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the dataset's full size")
    parser.add_argument("--mutated", type=int, default=100_000, help="mutated replies")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder) / "dataset", scale=args.scale)
        records = list(read_examples(Path(folder) / "dataset" / "train.jsonl"))
    results = measure(records, args.mutated)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


def measure(records: list[Example], n_mutated: int) -> dict[str, Any]:
    """Seconds of all gold replies, and milliseconds of CPU of single mutated and huge ones."""
    start = time.perf_counter()
    n_right = sum(score_example(record, record.gold or "").correct for record in records)
    gold_s = time.perf_counter() - start
    rng = Random(0)
    drawn = [rng.choice(records) for _ in range(n_mutated)]
    mutated_ms = _each_ms((record, _mutated(record.gold or "", rng)) for record in drawn)
    huge_ms = {noise: max(_noise_ms(noise, records[:3])) for noise in NOISE}
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        "gold_replies": len(records),
        "gold_right": n_right,
        "gold_s": round(gold_s, 2),
        "mutated_replies": n_mutated,
        **{f"mutated_cpu_ms_{name}": value for name, value in _spread(mutated_ms).items()},
        "megabyte_cpu_ms": {noise: round(value, 1) for noise, value in huge_ms.items()},
    }


def _each_ms(replies: Iterable[tuple[Example, str]]) -> list[float]:
    taken = []
    for record, reply in replies:
        start = time.thread_time()
        score_example(record, reply)
        taken.append(1000 * (time.thread_time() - start))
    return taken


def _spread(taken: list[float]) -> dict[str, Any]:
    ordered = sorted(taken)
    return {
        "median": round(ordered[len(ordered) // 2], 3),
        "p99": round(ordered[int(0.99 * len(ordered))], 3),
        "max": round(ordered[-1], 1),
        "over_50": sum(ms > 50 for ms in ordered),
    }


def _noise_ms(noise: str, records: list[Example]) -> list[float]:
    """A megabyte of one piece, alone, after a word, and in an argument of an unfinished call."""
    much = noise * (MEGABYTE // len(noise))
    starts = ("", "x ", '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"')
    return _each_ms((record, start + much) for record in records for start in starts)


def _mutated(text: str, rng: Random) -> str:
    """The reply after one to four cuts, splices and repeats."""
    for _ in range(rng.randint(1, 4)):
        at, end = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
        if rng.random() < 0.2:
            text = text[:end] + text[at:end] + text[end:]
        else:
            text = text[:at] + rng.choice(SPLICES) + text[at + rng.randint(0, 9) :]
    return text


if __name__ == "__main__":
    main()
