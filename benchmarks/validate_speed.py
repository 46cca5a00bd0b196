"""How fast data.validate is beside a plain loop, and the tokenizer alone: ratios of one run.

    python benchmarks/validate_speed.py [--tokenizer DIR] [--scale 1.0]

The plain loop calls json.loads for each line and jsonschema.validate for each call. Writes
benchmarks/results/validate_speed.json.
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
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data.build import build
from data.checks.lengths import example_of, load_tokenizer, pieces_of

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "validate_speed.json"
N_BATCH = 256
N_ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure data.validate.")
    parser.add_argument("--tokenizer", default=str(ROOT / "data" / "embedded_model"))
    parser.add_argument("--scale", type=float, default=1.0, help="share of the dataset's full size")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder) / "dataset", scale=args.scale)
        file = Path(folder) / "dataset" / "train.jsonl"
        results = measure(file, args.tokenizer)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


def measure(file: Path, tokenizer: str) -> dict[str, Any]:
    """Seconds and ratios; each of ours is the whole command, start of Python included.

    The least of several times on both sides, taken in turns: a machine may have neighbours.
    """
    command = [sys.executable, "-m", "data.validate", str(file)]
    ours, loops, with_lengths, alone = [], [], [], []
    for _ in range(N_ROUNDS):
        ours += [_run(command) for _ in range(3)]
        seconds, n_calls = _plain_loop(file)
        loops.append(seconds)
        with_lengths.append(_run([*command, "--tokenizer", tokenizer]))
        alone.append(_tokenizer_alone(file, tokenizer))
    ours_s, loop_s = min(ours), min(loops)
    with_lengths_s, tokenizer_s = min(with_lengths), min(alone)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        "records": sum(1 for _ in open(file, "rb")),
        "calls": n_calls,
        "plain_loop_s": round(loop_s, 2),
        "validate_s": round(ours_s, 2),
        "times_faster": round(loop_s / ours_s, 1),
        "tokenizer": Path(tokenizer).name,
        "tokenizer_alone_s": round(tokenizer_s, 2),
        "validate_with_lengths_s": round(with_lengths_s, 2),
        "times_tokenizer_alone": round(with_lengths_s / tokenizer_s, 2),
    }


def _run(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
    return time.perf_counter() - start


def _plain_loop(file: Path) -> tuple[float, int]:
    import jsonschema

    n_calls = 0
    start = time.perf_counter()
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            for schema, arguments in _calls(json.loads(line)):
                n_calls += 1
                try:
                    jsonschema.validate(arguments, schema)
                except jsonschema.ValidationError:
                    continue
    return time.perf_counter() - start, n_calls


def _calls(row: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    schemas = {tool["name"]: tool["inputSchema"] for tool in row["tools"]}
    for message in row["messages"]:
        if message["role"] == "assistant" and message["content"].startswith('{"jsonrpc"'):
            for line in message["content"].split("\n"):
                params = json.loads(line)["params"]
                yield schemas[params["name"]], params["arguments"]


def _tokenizer_alone(file: Path, source: str) -> float:
    """Seconds for the same pieces, loading included, batched, on all cores."""
    with open(file, encoding="utf-8") as lines:
        examples = [example_of(json.loads(line)) for line in lines]
    pieces = [piece for example in examples if example for piece in pieces_of(example) if piece]
    start = time.perf_counter()
    tokenizer = load_tokenizer(source)
    for first in range(0, len(pieces), N_BATCH):
        tokenizer.encode_batch_fast(pieces[first : first + N_BATCH], add_special_tokens=False)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
