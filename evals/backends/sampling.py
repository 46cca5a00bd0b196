"""Tokens drawn by chance, the same for a seed and an example whatever else is in the batch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from evals.backends.pool import Row
    from evals.generate import Choice


def sampled(example_ids: Sequence[str], temperature: float, seed: int) -> Choice:
    """Draws from the softmax of logits / `temperature`, each row by a generator of its own."""
    generators = [Random(_seed(seed, example_id)) for example_id in example_ids]

    def draw(logits: torch.Tensor, rows: Sequence[Row]) -> list[int]:
        import torch

        shares = torch.softmax(logits.double() / temperature, dim=-1).cumsum(-1)
        drawn = [generators[row.index].random() for row in rows]
        points = torch.tensor(drawn, dtype=shares.dtype, device=shares.device)[:, None]
        found = torch.searchsorted(shares, points * shares[:, -1:], right=True)
        tokens: list[int] = found[:, 0].clamp(max=logits.shape[-1] - 1).tolist()
        return tokens

    return draw


def _seed(seed: int, example_id: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\0{example_id}".encode()).digest()[:8], "big")
