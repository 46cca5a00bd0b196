"""How long importing an OpenAPI document takes.

    python benchmarks/import_speed.py [--operations 1000] [--out RESULTS.json]

The document has parameters, bodies, shared schemas, cycles and nullables, as JSON and as YAML; the
time is that of the whole command, start of Python included.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

RESULTS = Path(__file__).parent / "results" / "import_speed.json"
N_SCHEMAS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--operations", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        timed = {form: _timed(Path(name), form, args.operations) for form in ("json", "yaml")}
    results = {"operations": args.operations, **timed}
    print(json.dumps(results, indent=2))
    args.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def _timed(folder: Path, form: str, n_operations: int) -> dict[str, Any]:
    source, out = folder / f"api.{form}", folder / "tools.json"
    value = document(n_operations)
    text = json.dumps(value) if form == "json" else yaml.dump(value, Dumper=yaml.CSafeDumper)
    source.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "data.tools", "import", str(source), "--out", str(out)]
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    n_tools = len(json.loads(out.read_text(encoding="utf-8"))["tools"])
    return {"seconds": round(seconds, 2), "tools": n_tools, "megabytes": round(len(text) / 1e6, 2)}


def document(n_operations: int) -> dict[str, Any]:
    """An OpenAPI 3.0 document: each operation has its parameters and a body of shared parts."""
    methods = ("get", "post", "put", "delete")
    paths: dict[str, Any] = {}
    for number in range(n_operations):
        path = paths.setdefault(f"/things/{number // len(methods)}/{{thing_id}}", {})
        method = methods[number % len(methods)]
        path[method] = _operation(number, with_body=method in ("post", "put"))
    schemas = {f"Part{number}": _schema(number) for number in range(N_SCHEMAS)}
    return {
        "openapi": "3.0.3",
        "info": {"title": "Things", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _operation(number: int, with_body: bool) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": "thing_id", "in": "path", "required": True, "schema": {"type": "integer"}},
        {"name": "view", "in": "query", "schema": {"type": "string", "enum": ["short", "long"]}},
        {
            "name": "since", "in": "query", "description": "Only what changed since then.",
            "schema": {"type": "string", "format": "date", "nullable": True},
        },
        {"name": "limit", "in": "query", "schema": {"type": "integer", "default": 10}},
    ]  # fmt: skip
    operation: dict[str, Any] = {
        "operationId": f"doThing{number}",
        "summary": f"Do what thing {number} is for.",
        "parameters": parameters,
        "responses": {"200": {"description": "ok"}},
    }
    if with_body:
        schema = {"$ref": f"#/components/schemas/Part{number % N_SCHEMAS}"}
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _schema(number: int) -> dict[str, Any]:
    """A schema that refers to the next but one: within ten of them the references close a ring."""
    ring = number // 10 * 10
    following = f"#/components/schemas/Part{ring + (number + 2) % 10}"
    properties = {
        f"field_{index}": {"type": "string", "description": f"What field {index} holds."}
        for index in range(12)
    }
    nested = {"type": "array", "items": {"$ref": following}}
    return {
        "type": "object",
        "required": ["field_0"],
        "properties": {**properties, "parts": nested},
    }


if __name__ == "__main__":
    main()
