"""What data.convert carries over of published files: one row a file, with the reasons of rejects.

    python benchmarks/convert_real.py [FOLDER] [--out FILE]

FOLDER holds NAME.raw.jsonl files as published, bfcl_v4/ with its own files, and NAME.uniform.jsonl:
the same rows in one shape, by other hands. From those it is taken which rows have gold calls that
are valid by the schemas of their own tools; of these at least 97% shall be carried over. Writes
benchmarks/results/convert_real.json and prints it as a table; exits 1 below that, or after a crash.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from data.checks.schemas import ToolBook
from data.formats.parts.reject import Converted, Reject
from data.record import Example

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "convert_real.json"
FOLDER = ROOT.parent / "shared" / "real"
SHARE = 0.97
FORMATS = {"glaive_llamafactory": "sharegpt"}


def main() -> int:
    parser = argparse.ArgumentParser(description="What data.convert carries over.")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="published files")
    parser.add_argument("--out", type=Path, default=RESULT, help="where to write the result")
    args = parser.parse_args()
    folder = args.folder
    found = {file.name: converted(file, answers) for file, answers in files(folder)}
    result = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "files": found}
    args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(table(found))
    return 0 if found and all(is_enough(one) for one in found.values()) else 1


def files(folder: Path) -> Iterator[tuple[Path, Path | None]]:
    """Each published file, and that of its answers."""
    for file in sorted(folder.glob("*.raw.jsonl")):
        yield file, None
    for file in sorted((folder / "bfcl_v4").glob("*.json")):
        answers = file.parent / "possible_answer" / file.name
        yield file, answers if answers.is_file() else None


def converted(file: Path, answers: Path | None = None) -> dict[str, Any]:
    """Rows in, out and rejected, reasons, changes, and how many valid rows were carried over."""
    name = "bfcl" if file.name.startswith("BFCL") else file.name.removesuffix(".raw.jsonl")
    read = import_module(f"data.formats.{FORMATS.get(name, name)}").read
    started = time.perf_counter()
    items = list(read(file, answers))
    took_s = time.perf_counter() - started
    rejects = [item for item in items if isinstance(item, Reject)]
    valid, carried = valid_rows(file, items)
    return {
        "format": FORMATS.get(name, name),
        "rows": len(items),
        "records": len(items) - len(rejects),
        "rejected": dict(Counter(reject.code for reject in rejects).most_common()),
        "changed": dict(
            Counter(n for i in items if isinstance(i, Converted) for n in i.notes).most_common()
        ),
        "valid": valid,
        "valid_carried": carried,
        "seconds": round(took_s, 2),
    }


def valid_rows(file: Path, items: list[Example | Reject]) -> tuple[int, int]:
    """Rows whose own gold calls are valid by the uniform file, and how many became records."""
    uniform = file.with_name(file.name.replace(".raw.", ".uniform."))
    if uniform == file or not uniform.is_file():
        return len(items), sum(not isinstance(item, Reject) for item in items)
    book = ToolBook()
    with open(uniform, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    by_id = {item.id: item for item in items}
    in_order = len(rows) == len(items)
    valid = carried = 0
    for number, row in enumerate(rows):
        if has_valid_calls(row, book):
            valid += 1
            item = items[number] if in_order else by_id.get(row["id"])
            carried += isinstance(item, Example)
    return valid, carried


def has_valid_calls(row: dict[str, Any], book: ToolBook) -> bool:
    """Are all calls of a uniform row to offered tools, with arguments that fit their schemas?"""
    entries = {tool["name"]: book.by_value(tool) for tool in row["tools"]}
    for message in row["messages"]:
        for call in message.get("tool_calls") or ():
            entry = entries.get(call["function"]["name"])
            if entry is None or entry.schema is None:
                return False
            if any(True for _ in entry.schema.errors(call["function"]["arguments"])):
                return False
    return True


def is_enough(one: dict[str, Any]) -> bool:
    return bool(one["valid_carried"] >= SHARE * one["valid"])


def table(found: dict[str, dict[str, Any]]) -> str:
    """The result as a Markdown table."""
    rows = [
        "| file | rows | records | of valid rows | rejected | changed |",
        "| --- | ---: | ---: | ---: | --- | --- |",
    ]
    for name, one in found.items():
        share = f"{one['valid_carried']} of {one['valid']}"
        lists = (_listed(one["rejected"]), _listed(one["changed"]))
        rows.append(
            f"| {name} | {one['rows']} | {one['records']} | {share} | {lists[0]} | {lists[1]} |"
        )
    return "\n".join(rows)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"`{code}` {n}" for code, n in counts.items()) or "none"


if __name__ == "__main__":
    sys.exit(main())
