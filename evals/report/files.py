"""The files of an evaluation: for each arm its examples and metrics, for all the table and page."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from data.record import json_line, write_rows
from evals.evaluation import ArmResult, Evaluation
from evals.report.page import write_report
from evals.splits import cluster_of

TITLE = "Tool-calling evaluation"


def write_evaluation(out: Path, evaluation: Evaluation, table: str) -> None:
    """Write every file; of a single arm straight into `out`, of several in a folder each."""
    out.mkdir(parents=True, exist_ok=True)
    for arm in evaluation.arms:
        folder = out / arm.name if len(evaluation.arms) > 1 else out
        folder.mkdir(exist_ok=True)
        write_rows(folder / "examples.jsonl", _rows(evaluation, arm))
        write_json(folder / "metrics.json", metrics_row(evaluation, arm))
        _write_multi_step(folder, arm)
        if arm.live is not None:
            write_rows(folder / "live.jsonl", arm.live["outcomes"])
    write_json(out / "evaluation.json", summary_row(evaluation))
    write_text(out / "table.md", table)
    write_report(out / "report.html", evaluation, TITLE)


def _write_multi_step(folder: Path, arm: ArmResult) -> None:
    """Each turn and each episode of records of several steps, where there are any."""
    parts = arm.multi_step.items()
    turns = [{**t.row(), "split": name} for name, found in parts for t in found.turns]
    episodes = [{**e.row(), "split": name} for name, found in parts for e in found.episodes]
    for file, rows in (("turns.jsonl", turns), ("episodes.jsonl", episodes)):
        if rows:
            write_rows(folder / file, rows)


def write_json(path: Path, row: Any) -> None:
    """Write one JSON value, whole or not at all."""
    write_text(path, json_line(row) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text, whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8", errors="backslashreplace")
    os.replace(partial, path)


def metrics_row(evaluation: Evaluation, arm: ArmResult) -> dict[str, Any]:
    """metrics.json of one arm."""
    return {
        "arm": arm.name,
        "limit": evaluation.limit,
        "is_real_score": evaluation.limit is None,
        "max_length": evaluation.max_length,
        "wire": arm.wire,
        "splits": arm.metrics,
        "live": _without_outcomes(arm),
        "provenance": arm.provenance,
    }


def summary_row(evaluation: Evaluation) -> dict[str, Any]:
    """evaluation.json: which arms there are, how tuned compares with its bases, and warnings."""
    rivals = {split.name: evaluation.rival(split.name) for split in evaluation.splits}
    return {
        "arms": [arm.name for arm in evaluation.arms],
        "lead": evaluation.lead.name,
        "skipped": dict(evaluation.skipped),
        "limit": evaluation.limit,
        "is_real_score": evaluation.limit is None,
        "max_length": evaluation.max_length,
        "data": {split.name: split.facts() for split in evaluation.splits},
        "better_base": {name: rival.base for name, rival in rivals.items() if rival},
        "comparisons": [comparison.row() for comparison in evaluation.comparisons],
        "warnings": evaluation.warnings(),
    }


def _rows(evaluation: Evaluation, arm: ArmResult) -> Iterator[dict[str, Any]]:
    """A line an example: its score, its split, and what it shares with others."""
    for split in evaluation.splits:
        for example, score in zip(split.examples, arm.scores[split.name], strict=True):
            yield {**score.row(), "split": split.name, "cluster": cluster_of(example)}


def _without_outcomes(arm: ArmResult) -> Mapping[str, Any] | None:
    if arm.live is None:
        return None
    return {key: value for key, value in arm.live.items() if key != "outcomes"}
