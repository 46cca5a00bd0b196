"""Rows of token ids that pretraining reads: whole documents, packed, each token with its weight."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

from data.render import Rendered
from recipe.pretrain.corpus import documents

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

PROMPT_SHARE = 0.25
PROMPT_WEIGHT = 0.3
PACKING_BUFFER = 32


@dataclass(frozen=True)
class Settings:
    """What decides the weights, beside the catalogue and the code."""

    steps: int = 4000
    rows: int = 8
    row_tokens: int = 800
    learning_rate: float = 3e-3
    warmup_steps: int = 100
    decay_share: float = 0.3
    weight_decay: float = 0.02
    seed: int = 42
    vocab_size: int = 4096
    tokenizer_documents: int = 40000
    catalogue_from: int = 0


def batches(
    tokenizer: PreTrainedTokenizerFast, settings: Settings, first: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of packed rows from `first` to the last step; a batch depends on its number alone."""
    import torch
    from torch.utils.data import DataLoader, Dataset

    class Batches(Dataset[tuple[torch.Tensor, torch.Tensor]]):
        def __len__(self) -> int:
            return settings.steps - first

        def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
            rows = list(islice(rows_of(tokenizer, settings, first + index), settings.rows))
            return torch.tensor([ids for ids, _ in rows]), torch.tensor([w for _, w in rows])

    yield from DataLoader(Batches(), batch_size=None, num_workers=1, prefetch_factor=8)


def rows_of(
    tokenizer: PreTrainedTokenizerFast, settings: Settings, step: int
) -> Iterator[tuple[list[int], list[float]]]:
    """Rows of whole documents, each ended by <|endoftext|>, packed largest first and padded."""
    length = settings.row_tokens + 1
    seed = f"{settings.seed}/{step}"
    rng = Random(seed)
    texts = documents(seed, catalogue=step >= settings.catalogue_from)
    fitting = (d for d in _weighed(tokenizer, texts, rng) if len(d[0]) <= length)
    waiting = sorted(islice(fitting, PACKING_BUFFER), key=lambda d: len(d[0]))
    while True:
        ids: list[int] = []
        weights: list[float] = []
        first = rng.randrange(len(waiting))
        while first >= 0:
            document = waiting.pop(first)
            ids.extend(document[0])
            weights.extend(document[1])
            room = length - len(ids)
            first = next(
                (i for i in reversed(range(len(waiting))) if len(waiting[i][0]) <= room), -1
            )
        padding = length - len(ids)
        yield ids + [tokenizer.pad_token_id] * padding, weights + [0.0] * padding
        waiting += islice(fitting, PACKING_BUFFER - len(waiting))
        waiting.sort(key=lambda d: len(d[0]))


def _weighed(
    tokenizer: PreTrainedTokenizerFast, texts: Iterable[Rendered], rng: Random
) -> Iterator[tuple[list[int], list[float]]]:
    for document in texts:
        ids: list[int] = []
        weights: list[float] = []
        pieces = tokenizer(list(document.pieces), add_special_tokens=False)["input_ids"]
        for piece, trained in zip(pieces, document.trained, strict=True):
            ids.extend(piece)
            weights.extend(
                1.0 if trained else PROMPT_WEIGHT * (rng.random() < PROMPT_SHARE) for _ in piece
            )
        yield [*ids, tokenizer.pad_token_id], [*weights, 0.0]
