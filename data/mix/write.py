"""The dataset folder of a mix: splits, manifest, card, and the list of what was left out."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from data.figures import Figures, measure, table
from data.mix.ledger import Ledger
from data.mix.plan import Plan, Source
from data.mix.pool import Entry
from data.parquet import write_parquet
from data.record import Example, read_examples, write_examples


def write_splits(
    folder: Path, splits: Mapping[str, Sequence[Entry]], read: Callable[[Entry], Example]
) -> None:
    """Write each split as JSONL and Parquet."""
    (folder / "parquet").mkdir()
    for split, chosen in splits.items():
        examples = [read(entry) for entry in chosen]
        write_examples(folder / f"{split}.jsonl", examples)
        write_parquet(folder / "parquet" / f"{split}.parquet", examples)


def manifest_of(
    folder: Path, plan: Plan, splits: Mapping[str, Sequence[Entry]], ledger: Ledger
) -> dict[str, Any]:
    """Counts and hashes of the splits, and what became of the rows of each source."""
    return {
        "splits": {split: _split_facts(folder, split, rows) for split, rows in splits.items()},
        "sources": {s.name: _source_facts(s, splits, ledger) for s in plan.sources},
    }


def _split_facts(folder: Path, split: str, rows: Sequence[Entry]) -> dict[str, Any]:
    return {
        "examples": len(rows),
        "kinds": dict(sorted(Counter(row.kind for row in rows).items())),
        "sources": dict(sorted(Counter(row.source for row in rows).items())),
        "sha256": hashlib.sha256((folder / f"{split}.jsonl").read_bytes()).hexdigest(),
    }


def _source_facts(
    source: Source, splits: Mapping[str, Sequence[Entry]], ledger: Ledger
) -> dict[str, Any]:
    chosen = {split: sum(r.source == source.name for r in rows) for split, rows in splits.items()}
    facts = ledger.facts(source.name)
    n_left = facts["read"] - sum(facts["left_out"].values()) - sum(chosen.values())
    return {
        "from": source.place,
        "licence": source.licence,
        **facts,
        "not_needed": n_left,
        "chosen": chosen,
    }


def write_papers(folder: Path, plan: Plan, manifest: Mapping[str, Any]) -> None:
    """Write the manifest and the card."""
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    sets = ((split, list(read_examples(folder / f"{split}.jsonl"))) for split in manifest["splits"])
    figures = measure((split, examples) for split, examples in sets if examples)
    (folder / "README.md").write_text(card(plan, manifest, figures), encoding="utf-8")


def card(plan: Plan, manifest: Mapping[str, Any], figures: Mapping[str, Figures]) -> str:
    """The dataset's README.md: licences and counts of each source, kinds, leaks, variety."""
    splits, sources = manifest["splits"], manifest["sources"]
    configs = "\n".join(f"  - split: {name}\n    path: parquet/{name}.parquet" for name in splits)
    used = [facts for facts in sources.values() if any(facts["chosen"].values())]
    licences = "\n".join(f"- {name}" for name in sorted({f["licence"].lower() for f in used}))
    heads = " | ".join(splits)
    return f"""---
license:
{licences}
task_categories: [text-generation]
tags: [tool-calling, function-calling, json-rpc, mcp]
configs:
- config_name: default
  data_files:
{configs}
---
# Tool calls from {len(used)} sources

Mixed by `python -m data.mix {plan.path.name} --seed {manifest["seed"]}` of toolcall-sft. Each row
says in `source` where it is from, and is under that source's licence.

| source | from | licence | {heads} |
| --- | --- | --- | {" | ".join("---" for _ in splits)} |
{_source_rows(sources)}

| kind | {heads} |
| --- | {" | ".join("---" for _ in splits)} |
{_kind_rows(plan, splits)}

`test_seen` has trained tools and new requests; no name and no schema of a tool of `test_unseen`
occurs in another split. No user text is like another one, in a split or between splits.

## What was left out
{_left_out(sources)}

Benchmarks whose requests were kept out: {_benchmarks(manifest["against"])}.

## How varied it is
{table(figures, with_kinds=False)}
"""


def _source_rows(sources: Mapping[str, Any]) -> str:
    rows = []
    for name, facts in sources.items():
        counts = " | ".join(str(n) for n in facts["chosen"].values())
        place = facts["from"]
        if "commit" in facts:
            place = f"{place.partition('@')[0].removeprefix('hub:')} at {facts['commit'][:12]}"
        rows.append(f"| {name} | {place} | {facts['licence']} | {counts} |")
    return "\n".join(rows)


def _kind_rows(plan: Plan, splits: Mapping[str, Any]) -> str:
    lines = [
        f"| {kind} | " + " | ".join(str(f["kinds"].get(kind, 0)) for f in splits.values()) + " |"
        for kind in plan.shares
    ]
    totals = " | ".join(str(facts["examples"]) for facts in splits.values())
    return "\n".join([*lines, f"| all | {totals} |"])


def _left_out(sources: Mapping[str, Any]) -> str:
    return reasons_table(sources) or "Nothing."


def reasons_table(sources: Mapping[str, Any]) -> str:
    """Rows left out by source and reason, as a table; empty where there is none."""
    rows = [
        f"| {name} | {' '.join(reason.replace('|', '/').split())} | {count} |"
        for name, facts in sources.items()
        for reason, count in facts["left_out"].items()
    ]
    return "\n".join(["| source | reason | rows |", "| --- | --- | --- |", *rows]) if rows else ""


def _benchmarks(against: Mapping[str, Any]) -> str:
    named = [f"{name} ({facts['requests']} requests)" for name, facts in against.items()]
    return ", ".join(named) or "none was given"
