"""From record files to token ids: what is trained, what is too long, and the dataset's fingerprint.

ids and labels of a record have equal length; a label of -100 carries no loss. Nothing is ever cut.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

import data
from data.build import build
from data.cli import DataError, UserError
from data.embedded import DATASET_SEED
from data.record import Example, read_examples
from data.render import Tokenizer, encode, render_example
from recipe.config import BUILTIN, DataArgs

if TYPE_CHECKING:
    from datasets import Dataset

SHOWN_TOO_LONG = 3
BUILTIN_ROOT = Path("out")


@dataclass(frozen=True)
class Corpus:
    """The encoded records of one split and what was left out. `columns`: input_ids, labels."""

    columns: dict[str, list[list[int]]]
    n_too_long: int
    n_in_file: int
    sha256: str

    @property
    def n_tokens(self) -> int:
        return sum(map(len, self.columns["input_ids"]))

    def __len__(self) -> int:
        return len(self.columns["input_ids"])

    def to_dataset(self) -> Dataset:
        from datasets import Dataset

        return Dataset.from_dict(self.columns)


def dataset_folder(path: str) -> Path:
    """The folder that holds the splits; `builtin` is built on first use under out/."""
    if path != BUILTIN:
        return Path(path)
    folder = BUILTIN_ROOT / f"dataset-{_source_fingerprint()[:8]}"
    if not (folder / "manifest.json").is_file():
        print(f"building the dataset in {folder}", file=sys.stderr)
        build(folder, seed=DATASET_SEED)
    return folder


@cache
def _source_fingerprint() -> str:
    """Of everything that decides the built dataset: the catalogue and the code of `data`."""
    root = Path(data.__file__).parent
    files = sorted([*root.glob("*.py"), *root.glob("catalogue/*.yaml")])
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def load_split(folder: Path, split: str) -> tuple[list[Example], str]:
    """The records of one split and the sha256 of its file. Raises UserError, DataError."""
    path = folder / f"{split}.jsonl"
    if not path.is_file():
        raise UserError(
            f"{path}: no such file; --data.path takes a folder that python -m data.build wrote"
        )
    examples = list(read_examples(path))
    if not examples:
        raise DataError(f"{path}: no records; python -m data.build makes some")
    return examples, hashlib.sha256(path.read_bytes()).hexdigest()


def encode_split(
    folder: Path, split: str, tokenizer: Tokenizer, args: DataArgs, limit: int | None, seed: int
) -> Corpus:
    """Encode the records of a split that fit, at most `limit` of them, drawn by `seed`.

    Raises DataError where a record has more than max_length tokens and args.too_long is "error".
    """
    examples, sha256 = load_split(folder, split)
    order = list(range(len(examples)))
    Random(seed).shuffle(order)
    columns: dict[str, list[list[int]]] = {"input_ids": [], "labels": []}
    too_long: list[tuple[str, int]] = []
    for index in tqdm(order, desc=f"encoding {split}", unit="record", disable=None, leave=False):
        encoded = encode(tokenizer, render_example(examples[index], args.wire))
        if len(encoded.input_ids) > args.max_length:
            too_long.append((examples[index].id, len(encoded.input_ids)))
        elif limit is None or len(columns["input_ids"]) < limit:
            columns["input_ids"].append(encoded.input_ids)
            columns["labels"].append(encoded.labels)
    _report_too_long(too_long, folder / f"{split}.jsonl", args)
    if not columns["input_ids"]:
        raise DataError(
            f"{folder / split}.jsonl: no record has at most {args.max_length} tokens; "
            "raise --data.max_length"
        )
    return Corpus(columns, len(too_long), len(examples), sha256)


def _report_too_long(too_long: Sequence[tuple[str, int]], path: Path, args: DataArgs) -> None:
    if not too_long:
        return
    named = ", ".join(f"{name} ({length})" for name, length in sorted(too_long)[:SHOWN_TOO_LONG])
    found = f"{path}: {len(too_long)} records have more than {args.max_length} tokens: {named}"
    if args.too_long == "error":
        more = "" if len(too_long) <= SHOWN_TOO_LONG else ", ..."
        raise DataError(f"{found}{more}; raise --data.max_length or say --data.too_long drop")
    print(
        f"{path}: left out {len(too_long)} records of more than {args.max_length} tokens",
        file=sys.stderr,
    )


def facts(folder: Path, corpus: Corpus) -> dict[str, Any]:
    """What run.json says about the trained split."""
    return {
        "path": str(folder),
        "sha256": corpus.sha256,
        "examples": len(corpus),
        "tokens": corpus.n_tokens,
        "too_long": corpus.n_too_long,
        "in_file": corpus.n_in_file,
    }
