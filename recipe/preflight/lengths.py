"""How long the records of a dataset are in tokens: counted, given, or known of the built-in one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from data.cli import UserError
from recipe.config import BUILTIN, RecipeConfig
from recipe.preflight.architecture import SHIPPED

FACTS = Path(__file__).parent / "builtin_lengths.json"
BUCKET = 64
# Records whose labels are looked at for their share.
SAMPLED = 512


@dataclass(frozen=True)
class Lengths:
    """Tokens of each record; the share of them that carries loss (0 to 1); who says so."""

    records: tuple[int, ...]
    labelled_share: float
    source: str

    @property
    def tokens(self) -> int:
        return sum(self.records)


@cache
def builtin_facts() -> dict[str, Any]:
    """The built-in dataset in Qwen3's tokens; docs/preflight.md has the command that made it."""
    facts: dict[str, Any] = json.loads(FACTS.read_text(encoding="utf-8"))
    return facts


def builtin_lengths(config: RecipeConfig) -> Lengths:
    """Each record as long as those of its bucket are on average, as many as are trained on."""
    facts = builtin_facts()
    mean = {bucket: facts["tokens"][bucket] / n for bucket, n in facts["records"].items()}
    records = sorted(
        round(mean[bucket]) for bucket, n in facts["records"].items() for _ in range(n)
    )
    kept = [length for length in records if length <= config.data.max_length]
    if not kept:
        raise _none_fits(config)
    limit = min(config.data.max_examples or len(kept), len(kept))
    drawn = tuple(kept[index * len(kept) // limit] for index in range(limit))
    return Lengths(drawn, facts["labelled_share"], "known lengths of the built-in dataset")


def _none_fits(config: RecipeConfig) -> UserError:
    longest = config.data.max_length
    return UserError(f"no record has at most {longest} tokens; raise --data.max_length")


def lengths_of(config: RecipeConfig) -> Lengths:
    """The lengths of what a configuration trains on. Raises UserError, DataError.

    Of the built-in dataset and Qwen3 they are known; else the records are encoded, or, without a
    tokenizer, the built-in ones are taken to be as long as in Qwen3's tokens.
    """
    from evals.models import load_tokenizer

    is_builtin = config.data.path == BUILTIN
    if is_builtin and config.model.name in SHIPPED:
        return builtin_lengths(config)
    try:
        tokenizer = load_tokenizer(config.model.name, config.model.revision)
    except UserError as error:
        if is_builtin:
            return builtin_lengths(config)
        raise UserError(
            f"{error}; or say how long the dataset is: --tokens and --records"
        ) from None
    return encoded(config, tokenizer)


def encoded(config: RecipeConfig, tokenizer: Any) -> Lengths:
    """The lengths in a tokenizer's tokens; token ids are kept for the run."""
    from recipe.dataset import encode_split
    from recipe.sources import open_source

    source = open_source(config.data.path)
    limit, seed = config.data.max_examples, config.train.seed
    corpus = encode_split(source, "train", tokenizer, config.data, limit, seed)
    labels = [row["labels"] for row in corpus.dataset.select(range(min(SAMPLED, len(corpus))))]
    n_labelled = sum(label != -100 for row in labels for label in row)
    share = n_labelled / sum(map(len, labels))
    return Lengths(
        tuple(map(int, corpus.lengths)), share, f"tokens of {source.split_file('train')}"
    )


def given(tokens: int, records: int) -> Lengths:
    """Records of equal length. Raises UserError where a number makes no sense."""
    if not 1 <= records <= tokens:
        raise UserError(f"--tokens {tokens} --records {records}: give at least a token a record")
    each, more = divmod(tokens, records)
    equal = tuple(each + (index < more) for index in range(records))
    return Lengths(equal, builtin_facts()["labelled_share"], "--tokens and --records")


def histogram(lengths: Lengths) -> dict[str, Any]:
    """Records and their tokens by buckets of 64 tokens, as in builtin_lengths.json."""
    records: Counter[int] = Counter()
    tokens: Counter[int] = Counter()
    for length in lengths.records:
        records[length // BUCKET * BUCKET] += 1
        tokens[length // BUCKET * BUCKET] += length
    return {
        "source": lengths.source,
        "labelled_share": round(lengths.labelled_share, 4),
        "records": _by_bucket(records.items()),
        "tokens": _by_bucket(tokens.items()),
    }


def _by_bucket(counts: Iterable[tuple[int, int]]) -> dict[str, int]:
    return {str(bucket): count for bucket, count in sorted(counts)}
