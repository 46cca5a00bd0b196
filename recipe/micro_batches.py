"""Split the records of an optimizer step into rows that fit into memory.

The step's records and its loss stay the same however they are split: a record's tokens see its own
alone, and each token counts once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

import torch

IGNORED = -100


class Row(TypedDict):
    """Records one after another; tensors are (1, tokens), positions start anew in each record."""

    input_ids: torch.Tensor
    labels: torch.Tensor
    position_ids: torch.Tensor
    record_lengths: tuple[int, ...]


def collate(records: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """One row of all records and their lengths, as tensors that a data loader can move."""
    return {
        "input_ids": torch.tensor([[token for r in records for token in r["input_ids"]]]),
        "labels": torch.tensor([[label for r in records for label in _unshared(r["labels"])]]),
        "record_lengths": torch.tensor([len(record["input_ids"]) for record in records]),
    }


def _unshared(labels: Sequence[int]) -> list[int]:
    """The labels, the first ignored: nothing before it in its record could predict it."""
    return [IGNORED, *labels[1:]]


def rows_of(batch: dict[str, torch.Tensor], most_tokens: int, at_least: int = 1) -> list[Row]:
    """The batch as rows of at most `most_tokens` tokens; a longer record has a row of its own."""
    lengths = batch["record_lengths"].tolist()
    ids = batch["input_ids"][0].split(lengths)
    labels = batch["labels"][0].split(lengths)
    return [
        Row(
            input_ids=torch.cat([ids[index] for index in indices])[None],
            labels=torch.cat([labels[index] for index in indices])[None],
            position_ids=torch.cat([_positions(ids[index]) for index in indices])[None],
            record_lengths=tuple(lengths[index] for index in indices),
        )
        for indices in plan(lengths, most_tokens, at_least)
    ]


def _positions(ids: torch.Tensor) -> torch.Tensor:
    return torch.arange(len(ids), device=ids.device)


def plan(lengths: Sequence[int], most_tokens: int, at_least: int = 1) -> list[list[int]]:
    """Indices of records for each row: longest first, each into the first row with room.

    First-fit decreasing needs at most 11/9 of the fewest rows (Johnson 1973). `at_least`: rows that
    there must be, for processes that have to run the same number of them.
    """
    rows: list[list[int]] = [[] for _ in range(min(at_least, len(lengths)))]
    room = [most_tokens] * len(rows)
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        fitting = [n for n, left in enumerate(room) if left >= lengths[index] or not rows[n]]
        if not fitting:
            rows.append([])
            room.append(most_tokens)
        row = next((n for n in fitting if not rows[n]), fitting[0]) if fitting else -1
        rows[row].append(index)
        room[row] -= lengths[index]
    return rows
