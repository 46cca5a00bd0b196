"""When2Call (NVIDIA): does a model call, ask, decline or answer where it should?

Its own names: tool_call, request_for_info, cannot_answer, direct. As there, the decision is what
counts, not the arguments of the call; call_match stands in the metrics beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data.cli import DataError, UserError
from data.formats.parts.reject import Reject
from data.formats.when2call import ANSWERS, read
from data.record import Example
from evals.intervals import share
from evals.metrics import MACRO_F1, RATES
from evals.score import Score


def load(path: Path) -> list[Example]:
    """The items of a file, or of every .jsonl file of a folder. Raises UserError, DataError."""
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not files:
        raise UserError(f"{path}: no .jsonl file; give a test file of When2Call")
    return [example for file in files for example in _examples(file)]


def _examples(path: Path) -> Iterator[Example]:
    for item in read(path):
        if isinstance(item, Reject):
            raise DataError(
                f"{path}:{item.line}: no row of When2Call ({item.reason}); give its own file"
            )
        yield item


def summarize(scores: Sequence[Score]) -> dict[str, dict[str, Any]]:
    """The share of right decisions of each of When2Call's answers, overall, and their macro F1."""
    rates = {
        name: share(score.decision == decision for score in members)
        for name, (_, decision) in ANSWERS.items()
        if (members := [score for score in scores if score.expected == decision])
    }
    rates["accuracy"] = share(score.decision == score.expected for score in scores)
    rates["macro_f1"] = RATES[MACRO_F1](scores)
    return {name: asdict(rate) for name, rate in rates.items()}
