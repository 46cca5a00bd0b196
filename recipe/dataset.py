"""Which records of a split are trained, as token ids: those that fit, drawn by a seed; none is cut.

ids and labels of a record have equal length; a label of -100 carries no loss.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from data.cli import DataError
from data.render import Tokenizer
from recipe.config import DataArgs
from recipe.sources import Source, as_source
from recipe.token_cache import tokens_of

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy import int32, int64
    from numpy.typing import NDArray

SHOWN_TOO_LONG = 3
TRAINED_COLUMNS = ("input_ids", "labels")


@dataclass(frozen=True, eq=False)
class Corpus:
    """The records of one split that are used, in their order, and what was left out.

    dataset: mapped from the disk; columns input_ids, labels, length, id. lengths: in tokens.
    """

    dataset: Dataset
    lengths: NDArray[int32]
    n_too_long: int
    n_in_file: int
    sha256: str

    @property
    def n_tokens(self) -> int:
        return int(self.lengths.sum())

    def __len__(self) -> int:
        return len(self.lengths)

    def to_dataset(self) -> Dataset:
        """The columns that are trained."""
        return self.dataset.select_columns(list(TRAINED_COLUMNS))


def encode_split(
    source: Source | Path,
    split: str,
    tokenizer: Tokenizer,
    args: DataArgs,
    limit: int | None,
    seed: int,
) -> Corpus:
    """The records of a split that fit, at most `limit` of them, drawn by `seed`, as token ids.

    Raises DataError where a record has more than max_length tokens and args.too_long is "error".
    """
    source = as_source(source)
    file = source.split_file(split)
    tokens, sha256 = tokens_of(source, split, tokenizer, args)
    lengths = tokens.data.column("length").to_numpy()
    _report_too_long(tokens, lengths, file, args)
    chosen = _draw(lengths, args.max_length, limit, seed)
    if not len(chosen):
        raise DataError(
            f"{file}: no record has at most {args.max_length} tokens; raise --data.max_length"
        )
    n_too_long = int((lengths > args.max_length).sum())
    return Corpus(tokens.select(chosen), lengths[chosen], n_too_long, len(lengths), sha256)


def _draw(lengths: NDArray[int32], max_length: int, limit: int | None, seed: int) -> NDArray[int64]:
    """Indices in the order of `seed`, of those that fit the first `limit`."""
    import numpy as np

    order = list(range(len(lengths)))
    Random(seed).shuffle(order)
    shuffled = np.array(order)
    return shuffled[lengths[shuffled] <= max_length][:limit]


def _report_too_long(tokens: Dataset, lengths: NDArray[int32], file: Path, args: DataArgs) -> None:
    too_long = (lengths > args.max_length).nonzero()[0]
    if not len(too_long):
        return
    ids = tokens.data.column("id").take(too_long).to_pylist()
    named = sorted(zip(ids, lengths[too_long].tolist(), strict=True))[:SHOWN_TOO_LONG]
    shown = ", ".join(f"{name} ({length})" for name, length in named)
    shown += "" if len(too_long) <= SHOWN_TOO_LONG else ", ..."
    found = f"{len(too_long)} records have more than {args.max_length} tokens: {shown}"
    if args.too_long == "error":
        raise DataError(f"{file}: {found}; raise --data.max_length or say --data.too_long drop")
    print(f"{file}: left out: {found}", file=sys.stderr)


def facts(source: Source, corpus: Corpus) -> dict[str, Any]:
    """What run.json says about the trained split."""
    from_hub = {"repo": source.repo, "commit": source.commit} if source.repo else {}
    return {
        "path": str(source.folder),
        "file": source.split_file("train").relative_to(source.folder).as_posix(),
        **from_hub,
        "sha256": corpus.sha256,
        "examples": len(corpus),
        "tokens": corpus.n_tokens,
        "too_long": corpus.n_too_long,
        "in_file": corpus.n_in_file,
    }
