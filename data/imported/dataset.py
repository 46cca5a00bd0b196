"""The dataset for imported tools: the four splits, each imported tool among the trained ones."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from data import cli
from data.build import (
    Make,
    catalogue_maker,
    check_empty,
    kinds_of,
    marks_of,
    new_dialogue,
    scene,
    without_tools,
    write_dataset,
)
from data.card import About
from data.domains import CatalogError, load_catalogue
from data.imported.domain import domain_of
from data.imported.makers import maker_of
from data.novelty import Novelty
from data.record import Example
from data.tools.catalogue import read_tools

N_RECORDS = 2000
LEAST_RECORDS = 40
SHARES = {"train": 0.75, "validation": 0.05, "test_seen": 0.1, "test_unseen": 0.1}
ABOUT = About(
    licence="unknown",
    command="python -m data.build --tools FILE",
    origin="""for imported
tools, from hand-written phrasings that fit any tool; no text comes from a model. The definitions
are those of the tools' owners. English only; requests name each value with its parameter, so the
language is much narrower than that of real users (python -m data.synthesize has better).""",
    splits="""\
`test_seen` has the imported tools in phrasings that train does not have; `test_unseen` has tools
of the built-in catalogue, which occur nowhere else.""",
)


def build_imported(
    out: Path, tools: Path, n_records: int | None = None, seed: int = 42
) -> dict[str, Any]:
    """Write a dataset for imported tools to `out`, whole or not at all; returns its manifest.

    Raises UserError, DataError and CatalogError, as `build` and `read_tools` do.
    """
    n_records = N_RECORDS if n_records is None else n_records
    if n_records < LEAST_RECORDS:
        raise cli.UserError(f"--records {n_records}: give {LEAST_RECORDS} or more")
    check_empty(out)
    splits = imported_by_split(read_tools(tools), n_records, seed)
    return write_dataset(out, splits, seed, ABOUT)


def imported_by_split(
    tools: Sequence[dict[str, Any]], n_records: int, seed: int
) -> dict[str, list[Example]]:
    """All splits of a dataset for imported tools; each of them is trained.

    `test_unseen` has tools of the built-in catalogue, none of which shares a name or a schema with
    an imported one. Fewer records come where the tools leave too little to say.
    """
    catalogue = load_catalogue()
    rng = Random(f"{seed}/imported")
    own, left_out = domain_of(tools, catalogue, rng)
    for one in left_out:
        print(f"{one.tool}: left out: {one.reason}", file=sys.stderr)
    if not own.tools:
        raise CatalogError("no records can be made for any of the tools; see the lines above")
    taken = {mark for tool in own.tools for mark in marks_of(tool)}
    others = [without_tools(domain, taken) for domain in catalogue]
    makes = {
        "train": maker_of(scene([own], held_out=False), scene(others, held_out=False)),
        "validation": maker_of(scene([own], held_out=True), scene(others, held_out=True)),
        "test_seen": maker_of(scene([own], held_out=True), scene(others, held_out=True)),
        "test_unseen": catalogue_maker(scene(others, held_out=True)),
    }
    said = Novelty()
    sizes = {split: round(n_records * share) for split, share in SHARES.items()}
    return {
        split: list(_examples(make, sizes[split], split, seed, said))
        for split, make in makes.items()
    }


def _examples(make: Make, size: int, split: str, seed: int, said: Novelty) -> Iterator[Example]:
    """As many as the tools allow: a kind that has nothing new to say is given up."""
    rng = Random(f"{seed}/{split}")
    numbers: Counter[str] = Counter()
    given_up: set[str] = set()
    for kind in kinds_of(size, split, rng):
        dialogue = None if kind in given_up else new_dialogue(make, kind, rng, said)
        if dialogue is None:
            given_up.add(kind)
            continue
        numbers[kind] += 1
        name = f"{split}-{kind}-{numbers[kind]:06d}"
        yield Example(name, kind, "imported", dialogue.tools, dialogue.messages)
    if given_up:
        print(
            f"{split}: {numbers.total()} of {size} records: the tools leave nothing new to say "
            f"for {', '.join(sorted(given_up))}",
            file=sys.stderr,
        )
