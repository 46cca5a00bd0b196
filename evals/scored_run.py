"""A scored run read back from its files: examples.jsonl and metrics.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from data.cli import DataError, UserError
from data.record import DECISIONS, read_rows
from evals.arguments import EVAL_FOLDER
from evals.metrics import DECIDED
from evals.score import Score

EXAMPLES, METRICS, EVALUATION = "examples.jsonl", "metrics.json", "evaluation.json"
_FIELDS = tuple(field.name for field in fields(Score))


@dataclass(frozen=True)
class ScoredSplit:
    """The scores of one split, their clusters, and the sha256 of the data, where it is known."""

    scores: tuple[Score, ...]
    clusters: tuple[str, ...]
    sha256: str | None


@dataclass(frozen=True)
class ScoredRun:
    """One arm of an evaluation, by split. With a `limit` it is not a real score."""

    folder: Path
    splits: dict[str, ScoredSplit]
    limit: int | None


def read_run(path: Path) -> ScoredRun:
    """The run in a folder: of an arm, of an evaluation (its leading arm), or of a training run."""
    folder = _arm_folder(path)
    metrics = _json(folder / METRICS)
    rows: dict[str, list[dict[str, Any]]] = {}
    for number, row in read_rows(folder / EXAMPLES):
        if not _is_scored(row):
            raise DataError(f"{folder / EXAMPLES}:{number}: no scored example; score the run again")
        rows.setdefault(row["split"], []).append(row)
    data = metrics.get("provenance", {}).get("data", {})
    splits = {
        name: ScoredSplit(
            scores=tuple(map(_score, found)),
            clusters=tuple(str(row.get("cluster", row["id"])) for row in found),
            sha256=data.get(name, {}).get("sha256"),
        )
        for name, found in rows.items()
    }
    return ScoredRun(folder, splits, metrics.get("limit"))


def _score(row: dict[str, Any]) -> Score:
    """A row as a score; a field that the version which wrote it did not have does not apply."""
    values: dict[str, Any] = {name: row.get(name) for name in _FIELDS}
    return Score(**values)


def _arm_folder(path: Path) -> Path:
    """Where examples.jsonl lies. Raises UserError if it lies nowhere."""
    for folder in _candidates(path):
        if (folder / EXAMPLES).is_file() and (folder / METRICS).is_file():
            return folder
    raise UserError(
        f"{path}: no scored run ({EXAMPLES} and {METRICS}); give a folder that "
        "python -m evals.tool_accuracy wrote, or one arm in it"
    )


def _candidates(path: Path) -> Iterator[Path]:
    for folder in (path, path / EVAL_FOLDER):
        yield folder
        if (folder / EVALUATION).is_file():
            yield folder / str(_json(folder / EVALUATION).get("lead"))


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); score the run again") from None
    if not isinstance(value, dict):
        raise DataError(f"{path}: no JSON object; score the run again")
    return value


def _is_scored(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and all(isinstance(row.get(key), str) for key in ("id", "kind", "split", "reply"))
        and isinstance(row.get("correct"), bool)
        and row.get("expected") in DECISIONS
        and row.get("decision") in DECIDED
    )
