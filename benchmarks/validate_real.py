"""What data.validate finds in published sets as they are: findings by code, one row a file.

    python benchmarks/validate_real.py FILE...

A file may hold records in any message style, or bare MCP tools, each of which is then offered in a
record of its own. Writes benchmarks/results/validate_real.json and prints it as a table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "validate_real.json"


def main() -> None:
    parser = argparse.ArgumentParser(description="Findings of data.validate by code.")
    parser.add_argument("files", nargs="+", type=Path, help="JSONL files")
    files = parser.parse_args().files
    with tempfile.TemporaryDirectory() as folder:
        found = {file.name: findings(file, Path(folder)) for file in files}
    result = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "files": found}
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(table(found))


def findings(file: Path, folder: Path) -> dict[str, Any]:
    """Lines, lines with an error, and findings by code of one file. Raises if a check crashes."""
    checked = _as_records(file, folder)
    command = [sys.executable, "-m", "data.validate", str(checked), "--format", "json"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode not in (0, 1):
        raise SystemExit(f"{file}: {run.stderr.strip()}")
    rows = list(map(json.loads, run.stdout.splitlines()))
    with open(checked, encoding="utf-8") as lines:
        n_lines = sum(1 for _ in lines)
    return {
        "lines": n_lines,
        "lines_with_errors": len({row["line"] for row in rows if row["severity"] == "error"}),
        "codes": dict(Counter(row["code"] for row in rows).most_common()),
    }


def _as_records(file: Path, folder: Path) -> Path:
    """The file itself, or its tools in records if it holds bare tools."""
    with open(file, encoding="utf-8") as lines:
        first = json.loads(lines.readline())
        if "messages" in first or "name" not in first:
            return file
        out = folder / file.name
        reply = {"role": "assistant", "content": "Hello."}
        with open(out, "w", encoding="utf-8") as records:
            for number, line in enumerate([json.dumps(first), *lines]):
                tool = {key: v for key, v in json.loads(line).items() if key in _TOOL_KEYS}
                record = {"id": str(number), "kind": "answer", "source": file.name}
                greeting = blake2b(line.encode()).hexdigest()  # so that no two are near duplicates
                messages = [{"role": "user", "content": greeting}, reply]
                record |= {"tools": [tool], "messages": messages}
                records.write(json.dumps(record) + "\n")
    return out


_TOOL_KEYS = {"name", "description", "inputSchema", "outputSchema", "annotations"}


def table(found: dict[str, dict[str, Any]]) -> str:
    """Findings as a Markdown table."""
    rows = ["| file | lines | with errors | findings by code |", "| --- | ---: | ---: | --- |"]
    for name, one in found.items():
        codes = ", ".join(f"`{code}` {n:,}" for code, n in one["codes"].items()) or "none"
        rows.append(f"| {name} | {one['lines']:,} | {one['lines_with_errors']:,} | {codes} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
