"""What a run leaves: records, rejects, a manifest and a card, each written whole."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data.figures import measure, table
from data.record import write_examples, write_rows
from data.synthesize import prompts
from data.synthesize.run import Run

RECORDS, REJECTS = "records.jsonl", "rejects.jsonl"


def write_results(run: Run, tools_sha256: str) -> dict[str, Any]:
    """Write all files of a run's folder and return the manifest."""
    out = run.settings.out
    examples = [run.state.kept[name] for name in sorted(run.state.kept)]
    write_examples(out / RECORDS, examples)
    rejects = sorted(run.state.rejects, key=lambda reject: reject.id)
    write_rows(out / REJECTS, (asdict(reject) for reject in rejects))
    manifest = manifest_of(run, tools_sha256)
    manifest["sha256"] = hashlib.sha256((out / RECORDS).read_bytes()).hexdigest()
    _write(out / "manifest.json", json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    figures = table(measure([("records", examples)]), with_kinds=False) if examples else ""
    _write(out / "README.md", card(manifest, figures))
    return manifest


def manifest_of(run: Run, tools_sha256: str) -> dict[str, Any]:
    """What was asked of whom, what came of it, and what it took."""
    settings, state = run.settings, run.state
    return {
        **settings.identity(),
        "endpoint": settings.endpoint,
        "tools": {"file": settings.tools.name, "sha256": tools_sha256},
        "prompts": {
            "version": prompts.VERSION,
            "system": prompts.SYSTEM,
            "tasks": prompts.TASKS,
            "each": "journal.jsonl has every prompt as it was sent",
        },
        "schema_guided_answers": run.n_guided,
        "records": len(state.kept),
        **state.facts(),
        "spent": run.budget.facts(),
        "stopped_by": run.limit,
    }


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def card(manifest: Mapping[str, Any], figures: str) -> str:
    """The data card."""
    return f"""---
license: other
license_name: see-the-teachers-terms
task_categories: [text-generation]
tags: [tool-calling, function-calling, json-rpc, mcp, synthetic]
---
# Tool calls written by {manifest["teacher"]}

Written by `python -m data.synthesize` of toolcall-sft for the {manifest["tools"]["file"]} tools, to
train {manifest["student"]}; seed {manifest["seed"]}. Text of a model: whether it may be used to
train another one is for the teacher's licence and the endpoint's terms to say.

Each record passes `python -m data.validate`, each value of a call was found in the text before it
or in the schema, and no request is like another one.

{kinds_table(manifest)}

{rejects_table(manifest) or "Nothing was rejected."}

{figures}
"""


def kinds_table(manifest: Mapping[str, Any]) -> str:
    """Wanted, answered and kept by kind."""
    rows = [
        f"| {kind} | {n['wanted']} | {n['answers']} | {n['kept']}"
        f"{' (given up)' if n['given_up'] else ''} |"
        for kind, n in manifest["kinds"].items()
    ]
    return "\n".join(["| kind | wanted | answers | kept |", "| --- | --- | --- | --- |", *rows])


def rejects_table(manifest: Mapping[str, Any]) -> str:
    """Rejected by reason, most first; empty where nothing was."""
    counts = Counter(manifest["rejects"])
    rows = [f"| {code} | {n} |" for code, n in counts.most_common()]
    return "\n".join(["| rejected for | answers |", "| --- | --- |", *rows]) if rows else ""
