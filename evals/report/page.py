"""report.html: an evaluation as one page that needs nothing else, every example included."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from data.record import DECISIONS
from evals.evaluation import Evaluation
from evals.intervals import Rate, pooled_share
from evals.labels import MEASURED
from evals.metrics import DECIDED
from evals.report.examples import Shown, shown_examples
from evals.report.table import categories, headline, live_text, ordered, part_of, rival_note
from evals.splits import Split

ASSETS = Path(__file__).parent
N_HEATS = 5


def write_report(path: Path, evaluation: Evaluation, title: str) -> None:
    """Write the report of an evaluation, whole or not at all."""
    arms = ordered(evaluation.arms)
    names = [arm.name for arm in arms]
    context = {
        "title": title,
        "subtitle": _subtitle(evaluation),
        "arms": names,
        "lead": evaluation.lead.name,
        "limit": evaluation.limit,
        "warnings": evaluation.warnings(),
        "skipped": evaluation.skipped,
        "labeller": _labeller(),
        "tools": _seen_and_unseen(evaluation),
        "sections": [_section(evaluation, split) for split in evaluation.splits],
        "live": [(live_text(arm.name, arm.live), arm.live) for arm in arms if arm.live is not None],
        "provenance": [
            (arm.name, json.dumps(arm.provenance, indent=1, ensure_ascii=False)) for arm in arms
        ],
    }
    write_page(path, "evaluation.html.jinja", context, shown_examples(evaluation.splits, arms))


def write_page(path: Path, template: str, context: Mapping[str, Any], shown: Shown) -> None:
    """Fill a template, style and script inside, and write it."""
    style, script = _asset("style.css"), _asset("examples.js")
    page = _environment().get_template(template)
    text = page.render(
        **context,
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
        choices=shown.choices,
        data=Markup(script_json(shown.data)),
    )
    partial = path.with_name(path.name + ".partial")
    # Names of files and models may hold what UTF-8 cannot carry.
    partial.write_text(text, encoding="utf-8", errors="backslashreplace")
    os.replace(partial, path)


def script_json(value: Any) -> str:
    """JSON for a script element: ASCII only, and nothing in it can end the element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What the page's policy calls the one style or script that it allows."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _subtitle(evaluation: Evaluation) -> str:
    facts = evaluation.lead.provenance
    parts = [str(facts[key]) for key in ("model", "adapter") if facts.get(key)]
    return f"{', adapter '.join(parts)}." if parts else ""


def _labeller() -> str:
    """How far the decisions of text replies can be trusted."""
    known = [f"{m.macro_f1:.3f} on {m.data} (n {m.n})" for m in MEASURED]
    return f"What a text reply decides is labelled by rule; macro F1 {'; '.join(known)}."


def _section(evaluation: Evaluation, split: Split) -> dict[str, Any]:
    """What the page says about one split."""
    arms = ordered(evaluation.arms)
    found = [(arm.name, arm.metrics[split.name]) for arm in arms]
    metrics = [by_name for _, by_name in found]
    rival = evaluation.rival(split.name)
    return {
        "name": split.name,
        "part": part_of(split, evaluation),
        "headline": headline(evaluation, split.name),
        "note": rival_note(rival, "coloured:") if rival else "",
        "categories": categories(evaluation, split),
        "kinds": _groups([by_name["by_kind"] for by_name in metrics]),
        "confusions": [_confusion(name, by_name["confusion"]) for name, by_name in found],
        "decisions": [(name, by_name["decisions"]) for name, by_name in found],
        "failures": _failures([by_name["failures"] for by_name in metrics]),
        "comparisons": [c for c in evaluation.comparisons if c.split == split.name],
    }


def _seen_and_unseen(evaluation: Evaluation) -> list[tuple[str, list[Rate | None]]]:
    """Right replies of each arm by whether tools were seen in training, over all splits."""
    tables = []
    for arm in ordered(evaluation.arms):
        found = [by_name.get("by_tools", {}) for by_name in arm.metrics.values()]
        pooled = {
            name: asdict(pooled_share(part[name] for part in found if name in part))
            for name in ("seen", "unseen")
        }
        tables.append(pooled)
    return _groups(tables)


def _groups(
    tables: Sequence[Mapping[str, Mapping[str, Any]]],
) -> list[tuple[str, list[Rate | None]]]:
    """Groups of bars: a name, and the rate of each arm."""
    names = list(dict.fromkeys(name for table in tables for name in table))
    rates = [
        (name, [Rate(**table[name]) if name in table else None for table in tables])
        for name in names
    ]
    return [(name, found) for name, found in rates if any(rate and rate.n for rate in found)]


def _confusion(arm: str, counts: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """Rows of expected, columns of decided, each cell with its heat within the row."""
    return {"arm": arm, "decided": DECIDED, "rows": list(_confusion_rows(counts))}


def _confusion_rows(counts: Mapping[str, Mapping[str, int]]) -> Iterator[dict[str, Any]]:
    for expected in (decision for decision in DECISIONS if decision in counts):
        total = sum(counts[expected].values())
        cells = [(decided, counts[expected].get(decided, 0)) for decided in DECIDED]
        yield {
            "expected": expected,
            "cells": [
                {
                    "count": count,
                    "right": decided == expected,
                    "heat": -(-N_HEATS * count // total),
                }
                for decided, count in cells
            ],
        }


def _failures(tables: Sequence[Mapping[str, int]]) -> list[tuple[str, list[int]]]:
    """Failure classes, the most frequent first, with each arm's count."""
    names = {name for table in tables for name in table}
    rows = [(name, [table.get(name, 0) for table in tables]) for name in names]
    return sorted(rows, key=lambda row: (-sum(row[1]), row[0]))
