"""Build the dataset from the catalogue: four splits as JSONL and Parquet, a manifest and a card.

    python -m data.build --out out/dataset [--seed 42] [--scale 0.1]
    python -m data.build --tools tools.json --out out/mine [--records 2000]

The same seed and catalogue give the same bytes. Formats and split sizes: docs/dataset.md; a dataset
for imported tools: docs/tools.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from tqdm import tqdm

from data import cli
from data.card import CATALOGUE, About, card
from data.checks.prints import request_text
from data.dialogue import MAKERS, Dialogue
from data.domains import CATALOGUE_DIR, CatalogError, Domain, Tool, load_catalogue
from data.figures import measure
from data.novelty import Novelty
from data.parquet import write_parquet
from data.perturb import perturb
from data.record import Example, Message, write_examples
from data.shares import apportion
from data.turns import Scene

MIX = {
    "tool_call": 6000,
    "parallel": 1700,
    "multi_step": 2400,
    "clarification": 2000,
    "refusal": 1500,
    "irrelevance": 1200,
    "answer": 894,
}
SPLIT_SIZES = {"train": 15694, "validation": 826, "test_seen": 1000, "test_unseen": 1000}
UNSEEN_SHARE = 0.12
HELD_OUT_SHARE = 0.2
RENAMED_SHARE = 0.2
MAX_TRIES = 400
# With the fixed part of the prompt at most 2,048 of Qwen3's tokens, which hold 3.7 characters each
# in the record that is worst for it (English and JSON; other scripts count as their escapes here).
MAX_CHARACTERS = 6800

Make = Callable[[str, Random], Dialogue | None]


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    if not 0 < args.scale <= 1:
        raise cli.UserError(f"--scale {args.scale}: give a share above 0 and at most 1")
    if args.tools is None and args.records is not None:
        raise cli.UserError("--records goes with --tools; without it use --scale")
    if args.tools and (args.scale != 1 or args.catalogue != CATALOGUE_DIR):
        raise cli.UserError("--tools goes without --scale and --catalogue; use --records")
    try:
        if args.tools:
            from data.imported.dataset import build_imported

            manifest = build_imported(args.out, args.tools, args.records, args.seed)
        else:
            manifest = build(args.out, args.seed, args.scale, args.catalogue)
    except CatalogError as error:
        raise cli.DataError(str(error)) from None
    for split, facts in manifest["splits"].items():
        print(
            f"{split:12} {facts['examples']:6} examples  {facts['tools']:4} tools  "
            f"{facts['sha256'][:12]}"
        )
    print(f"next: python -m data.validate {args.out}/train.jsonl")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Build the dataset from the tool catalogue.")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder to write; must not exist or be empty"
    )
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="share of the full size, for a quick look"
    )
    parser.add_argument(
        "--catalogue", type=Path, default=CATALOGUE_DIR, help="folder of domain files"
    )
    parser.add_argument(
        "--tools", type=Path, metavar="FILE", help="imported tools, of python -m data.tools import"
    )
    parser.add_argument(
        "--records", type=int, metavar="N", help="of all splits, for imported tools; default 2,000"
    )
    return parser


def build(
    out: Path, seed: int = 42, scale: float = 1.0, catalogue: Path = CATALOGUE_DIR
) -> dict[str, Any]:
    """Write the dataset to `out`, whole or not at all, and return its manifest.

    Raises UserError if `out` holds something, CatalogError if the catalogue cannot be used.
    """
    check_empty(out)
    splits = examples_by_split(load_catalogue(catalogue), seed, scale)
    return write_dataset(out, splits, seed, CATALOGUE)


def check_empty(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise cli.UserError(f"{out}: already holds something; choose another --out or remove it")


def write_dataset(
    out: Path, splits: Mapping[str, list[Example]], seed: int, about: About
) -> dict[str, Any]:
    """Write splits, manifest and card to `out`, whole or not at all; returns the manifest."""
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "parquet").mkdir(parents=True)
    for split, examples in splits.items():
        write_examples(partial / f"{split}.jsonl", examples)
        write_parquet(partial / "parquet" / f"{split}.parquet", examples)
    manifest = _manifest(splits, partial, seed)
    text = json.dumps(manifest, indent=2) + "\n"
    (partial / "manifest.json").write_text(text, encoding="utf-8")
    figures = measure((split, examples) for split, examples in splits.items() if examples)
    (partial / "README.md").write_text(card(manifest, figures, about), encoding="utf-8")
    if out.exists():
        out.rmdir()
    partial.rename(out)
    return manifest


def examples_by_split(
    catalogue: Sequence[Domain], seed: int, scale: float = 1.0
) -> dict[str, list[Example]]:
    """All splits. A request of a test split never occurs in another split."""
    seen, unseen = split_domains(catalogue, seed)
    scenes = {
        "train": scene(seen, held_out=False),
        "validation": scene(seen, held_out=True),
        "test_seen": scene(seen, held_out=True),
        "test_unseen": scene(unseen, held_out=None),
    }
    sizes = {split: round(size * scale) for split, size in SPLIT_SIZES.items()}
    said = Novelty()
    return {
        split: list(_examples(catalogue_maker(scenes[split]), size, split, seed, said))
        for split, size in sizes.items()
    }


def split_domains(
    catalogue: Sequence[Domain], seed: int
) -> tuple[tuple[Domain, ...], tuple[Domain, ...]]:
    """Domains that are trained and domains that are not; the latter share no name and no schema."""
    shuffled = sorted(catalogue, key=lambda domain: domain.name)
    Random(seed).shuffle(shuffled)
    n_unseen = max(1, round(len(shuffled) * UNSEEN_SHARE))
    unseen, seen = shuffled[:n_unseen], shuffled[n_unseen:]
    taken = {mark for domain in seen for tool in domain.tools for mark in marks_of(tool)}
    return tuple(seen), tuple(without_tools(domain, taken) for domain in unseen)


def marks_of(tool: Tool) -> set[str]:
    """What a tool of test_unseen may share with no trained one: its name and its schema."""
    return {tool.name, json.dumps(tool.input_schema, sort_keys=True)}


def without_tools(domain: Domain, taken: set[str]) -> Domain:
    kept = tuple(tool for tool in domain.tools if not marks_of(tool) & taken)
    names = {tool.name for tool in kept}
    chains = tuple(c for c in domain.chains if {step["tool"] for step in c["steps"]} <= names)
    return Domain(
        domain.name, domain.about, kept, domain.pools, chains, domain.refusals, domain.answers
    )


def scene(domains: Sequence[Domain], held_out: bool | None) -> Scene:
    """The language one split may use: phrasings held out for tests, the rest, or (None) all."""
    return Scene(
        domains=tuple(domains),
        requests={
            tool.name: tuple(_part(tool.requests, held_out)) for d in domains for tool in d.tools
        },
        refusals=tuple((d, entry) for d in domains for entry in _part(d.refusals, held_out)),
        answers=tuple((d, entry) for d in domains for entry in _part(d.answers, held_out)),
        chains=tuple((d, entry) for d in domains for entry in _part(d.chains, held_out)),
    )


def _part(items: Sequence[Any], held_out: bool | None) -> list[Any]:
    """The last fifth (one at least) is held out; of a single item nothing is."""
    n_held_out = max(1, round(len(items) * HELD_OUT_SHARE)) if len(items) > 1 else 0
    border = len(items) - n_held_out
    if held_out is None:
        return list(items)
    return list(items[border:] if held_out else items[:border])


def catalogue_maker(scene: Scene) -> Make:
    """Makes a record's content from the catalogue, in a share of the cases under other names."""

    def make(kind: str, rng: Random) -> Dialogue | None:
        dialogue = MAKERS[kind](scene, rng)
        if dialogue is not None and rng.random() < RENAMED_SHARE:
            return Dialogue(*perturb(dialogue.tools, dialogue.messages, rng))
        return dialogue

    return make


def _examples(make: Make, size: int, split: str, seed: int, said: Novelty) -> Iterator[Example]:
    rng = Random(f"{seed}/{split}")
    numbers: Counter[str] = Counter()
    for kind in kinds_of(size, split, rng):
        dialogue = new_dialogue(make, kind, rng, said)
        if dialogue is None:
            raise CatalogError(
                f"the catalogue is too small for new {kind} examples; add requests or pool values"
            )
        numbers[kind] += 1
        name = f"{split}-{kind}-{numbers[kind]:06d}"
        yield Example(name, kind, "catalogue", dialogue.tools, dialogue.messages)


def kinds_of(size: int, split: str, rng: Random) -> Iterator[str]:
    """The kinds of a split's records, in the order in which they are made."""
    kinds = [kind for kind, count in apportion(size, MIX).items() for _ in range(count)]
    rng.shuffle(kinds)
    yield from tqdm(kinds, desc=split, unit="ex", disable=None, leave=False)


def new_dialogue(make: Make, kind: str, rng: Random, said: Novelty) -> Dialogue | None:
    """Content whose user text is not like that of an earlier one, of any split."""
    for _ in range(MAX_TRIES):
        dialogue = make(kind, rng)
        if dialogue is None or _n_characters(dialogue.tools, dialogue.messages) > MAX_CHARACTERS:
            continue
        if said.admit(request_text([vars(message) for message in dialogue.messages])):
            return dialogue
    return None


def _n_characters(tools: Sequence[Mapping[str, Any]], messages: Sequence[Message]) -> int:
    return len(json.dumps(tools)) + sum(len(message.content) for message in messages)


def _manifest(splits: Mapping[str, list[Example]], folder: Path, seed: int) -> dict[str, Any]:
    return {
        "seed": seed,
        "splits": {
            split: {
                "examples": len(examples),
                # By description: a tool that goes by another name is still the same tool.
                "tools": len(
                    {tool["description"] for example in examples for tool in example.tools}
                ),
                "kinds": dict(sorted(Counter(example.kind for example in examples).items())),
                "sha256": hashlib.sha256((folder / f"{split}.jsonl").read_bytes()).hexdigest(),
            }
            for split, examples in splits.items()
        },
    }


if __name__ == "__main__":
    cli.run(main)
