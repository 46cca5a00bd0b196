"""Mutate records by a seed and check each: no crash, no line over 5 s, no network.

    python benchmarks/validate_fuzz.py [--lines 100000] [--seed 1]

Prints and writes benchmarks/results/validate_fuzz.json: codes seen, slowest line in seconds.
"""

from __future__ import annotations

import argparse
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, NoReturn

from data.build import examples_by_split
from data.checks.checker import Checker, Options, RawLine
from data.domains import load_catalogue
from data.record import row_of

RESULT = Path(__file__).parent / "results" / "validate_fuzz.json"
LIMIT_S = 5.0
ODD_BYTES = (
    b"\x00",
    b"\xff",
    b'"',
    b"\\",
    b"{",
    b"[",
    b"}",
    b"]",
    b"\\ud800",
    b"\xef\xbb\xbf",
    b",",
)
ODD_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, 10**30, "", " ", "x" * 5000, [], {}, [[]], {"": {}}, "#", "\ud800",
    {"$ref": "#"}, {"$ref": "http://127.0.0.1:9/x"}, {"$ref": "#/properties/x"}, {"type": "any"},
    {"pattern": "(a+)+$"}, {"pattern": "("}, {"pattern": "^(([a-z])+.)+[A-Z]([a-z])+$"},
    {"patternProperties": {"(x+x+)+y": {}}}, {"$schema": "x:y"}, {"items": [1]}, {"required": "x"},
    {"enum": []}, {"multipleOf": 0}, {"format": "regex"}, '{"jsonrpc":"2.0"}', '[{"jsonrpc":',
    '{"jsonrpc":"2.0","id":1e400,"method":"tools/call","params":{}}', "[" * 3000, '{"a":' * 3000,
)  # fmt: skip
ODD_KEYS = (
    "",
    "$ref",
    "$schema",
    "type",
    "role",
    "content",
    "a/b~c",
    "\ud800",
    "required",
    "items",
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Check mutated lines.")
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    socket.socket.connect = _refuse  # type: ignore[method-assign]
    results = fuzz(args.lines, args.seed)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))
    if results["slowest_line_s"] > LIMIT_S:
        raise SystemExit(f"a line took {results['slowest_line_s']} s; {LIMIT_S} allowed")


def fuzz(n_lines: int, seed: int) -> dict[str, Any]:
    """Check mutated lines one by one; an exception ends the run."""
    examples = examples_by_split(load_catalogue(), seed=seed, scale=0.02)["train"]
    lines = [json.dumps(row_of(example)).encode() for example in examples]
    checker = Checker(Options())
    codes: Counter[str] = Counter()
    slowest_s, start = 0.0, time.perf_counter()
    for number, data in enumerate(mutated_lines(lines, n_lines, seed), 1):
        before = time.perf_counter()
        block = checker.check("mutated", [RawLine(number, 0, data)])
        slowest_s = max(slowest_s, time.perf_counter() - before)
        codes.update(found.code for found in block.findings)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "lines": n_lines,
        "seed": seed,
        "total_s": round(time.perf_counter() - start, 1),
        "slowest_line_s": round(slowest_s, 3),
        "codes": dict(codes.most_common()),
    }


def _refuse(*_: Any) -> NoReturn:
    raise RuntimeError("network access")


def mutated_lines(lines: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Lines with one to four mutations of bytes or values; the same for a seed."""
    rng = Random(seed)
    for _ in range(count):
        data = rng.choice(lines)
        if rng.random() < 0.75:
            row = json.loads(data)
            for _ in range(rng.randint(1, 4)):
                _mutate_value(row, rng)
            data = json.dumps(row).encode()
        if rng.random() < 0.35:
            data = _mutated_bytes(data, rng)
        yield data.replace(b"\n", b" ")


def _mutated_bytes(data: bytes, rng: Random) -> bytes:
    place = rng.randrange(len(data) + 1)
    until = min(len(data), place + rng.choice([0, 0, 1, 5, 500]))
    return data[:place] + rng.choice([b"", *ODD_BYTES]) + data[until:]


def _mutate_value(row: dict[str, Any], rng: Random) -> None:
    """Replace, drop, add or double one value somewhere in the record."""
    holder: Any = row
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            return
        key = rng.choice(keys)
        inner = holder[key]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.15:
            break
        holder = inner
    change = rng.random()
    if change < 0.15:
        del holder[key]
    elif change < 0.3 and isinstance(holder, list):
        holder.append(deepcopy(inner))
    elif change < 0.4 and isinstance(holder, dict):
        holder[rng.choice(ODD_KEYS)] = deepcopy(rng.choice(ODD_VALUES))
    elif change < 0.6 and isinstance(inner, str) and inner:
        place = rng.randrange(len(inner))
        holder[key] = inner[:place] + rng.choice('{}[]":,\\x\n\ud800') + inner[place + 1 :]
    else:
        holder[key] = deepcopy(rng.choice(ODD_VALUES))


if __name__ == "__main__":
    main()
