"""Build the dataset from the catalogue: four splits as JSONL and Parquet, a manifest and a card.

    python -m data.build --out out/dataset [--seed 42] [--scale 0.1]

The same seed and catalogue give the same bytes. Formats and split sizes: docs/dataset.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from tqdm import tqdm

from data import cli
from data.checks.prints import request_text
from data.dialogue import MAKERS
from data.domains import CATALOGUE_DIR, CatalogError, Domain, Tool, load_catalogue
from data.figures import Figures, measure, table
from data.novelty import Novelty
from data.parquet import write_parquet
from data.perturb import perturb
from data.record import Example, Message, write_examples
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


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    if not 0 < args.scale <= 1:
        raise cli.UserError(f"--scale {args.scale}: give a share above 0 and at most 1")
    try:
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
    return parser


def build(
    out: Path, seed: int = 42, scale: float = 1.0, catalogue: Path = CATALOGUE_DIR
) -> dict[str, Any]:
    """Write the dataset to `out`, whole or not at all, and return its manifest.

    Raises UserError if `out` holds something, CatalogError if the catalogue cannot be used.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise cli.UserError(f"{out}: already holds something; choose another --out or remove it")
    splits = examples_by_split(load_catalogue(catalogue), seed, scale)
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
    (partial / "README.md").write_text(_card(manifest, figures), encoding="utf-8")
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
    said = Novelty()
    splits = {}
    for split, size in SPLIT_SIZES.items():
        rng = Random(f"{seed}/{split}")
        splits[split] = list(_examples(scenes[split], round(size * scale), split, rng, said))
    return splits


def split_domains(
    catalogue: Sequence[Domain], seed: int
) -> tuple[tuple[Domain, ...], tuple[Domain, ...]]:
    """Domains that are trained and domains that are not; the latter share no name and no schema."""
    shuffled = sorted(catalogue, key=lambda domain: domain.name)
    Random(seed).shuffle(shuffled)
    n_unseen = max(1, round(len(shuffled) * UNSEEN_SHARE))
    unseen, seen = shuffled[:n_unseen], shuffled[n_unseen:]
    taken = {mark for domain in seen for tool in domain.tools for mark in _marks(tool)}
    return tuple(seen), tuple(_without_tools(domain, taken) for domain in unseen)


def _marks(tool: Tool) -> set[str]:
    """What a tool of test_unseen may share with no trained one: its name and its schema."""
    return {tool.name, json.dumps(tool.input_schema, sort_keys=True)}


def _without_tools(domain: Domain, taken: set[str]) -> Domain:
    kept = tuple(tool for tool in domain.tools if not _marks(tool) & taken)
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


def _examples(scene: Scene, size: int, split: str, rng: Random, said: Novelty) -> Iterator[Example]:
    kinds = [kind for kind, count in shares(size).items() for _ in range(count)]
    rng.shuffle(kinds)
    numbers: Counter[str] = Counter()
    for kind in tqdm(kinds, desc=split, unit="ex", disable=None, leave=False):
        numbers[kind] += 1
        yield _new_example(scene, kind, f"{split}-{kind}-{numbers[kind]:06d}", rng, said)


def shares(size: int) -> dict[str, int]:
    """How many examples of each kind a split of `size` gets, by largest remainder."""
    total = sum(MIX.values())
    counts = {kind: size * count // total for kind, count in MIX.items()}
    by_remainder = sorted(MIX, key=lambda kind: -(size * MIX[kind] % total))
    for kind in by_remainder[: size - sum(counts.values())]:
        counts[kind] += 1
    return counts


def _new_example(scene: Scene, kind: str, name: str, rng: Random, said: Novelty) -> Example:
    """One example whose user text is not like that of an earlier one, of any split."""
    for _ in range(MAX_TRIES):
        dialogue = MAKERS[kind](scene, rng)
        if dialogue is None:
            continue
        tools, messages = dialogue.tools, dialogue.messages
        if rng.random() < RENAMED_SHARE:
            tools, messages = perturb(tools, messages, rng)
        if _n_characters(tools, messages) > MAX_CHARACTERS:
            continue
        if said.admit(request_text([vars(message) for message in messages])):
            return Example(name, kind, "catalogue", tools, messages)
    raise CatalogError(
        f"the catalogue is too small for new {kind} examples; add requests or pool values"
    )


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


def _card(manifest: Mapping[str, Any], figures: Mapping[str, Figures]) -> str:
    splits = manifest["splits"]
    configs = "\n".join(f"  - split: {name}\n    path: parquet/{name}.parquet" for name in splits)
    rows = "\n".join(
        f"| {kind} | "
        + " | ".join(str(facts["kinds"].get(kind, 0)) for facts in splits.values())
        + " |"
        for kind in MIX
    )
    totals = " | ".join(str(facts["examples"]) for facts in splits.values())
    return f"""---
license: apache-2.0
language: [en]
task_categories: [text-generation]
tags: [tool-calling, function-calling, json-rpc, mcp]
configs:
- config_name: default
  data_files:
{configs}
---
# Tool calls, refusals and clarifications

Built by `python -m data.build --seed {manifest["seed"]}` of toolcall-sft from a hand-written
catalogue of tools and phrasings; no text comes from a model or from another dataset. English only;
the language is that of templates with drawn values, so it is narrower than that of real users.

| kind | {" | ".join(splits)} |
| --- | {" | ".join("---" for _ in splits)} |
{rows}
| all | {totals} |

`test_seen` has trained tools and phrasings that train does not have; `test_unseen` has tools that
occur nowhere else.

## How varied it is
{table(figures, with_kinds=False)}

A phrasing is a first user turn with its values masked; files before are the splits to the left.
`python -m data.diversity FILE...` measures any record file; data/figures.py says what each means.
"""


if __name__ == "__main__":
    cli.run(main)
