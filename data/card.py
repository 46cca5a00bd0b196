"""The data card of a built dataset: what is in it, where it comes from, how varied it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data.figures import Figures, table
from data.record import KINDS


@dataclass(frozen=True)
class About:
    """What the card says of where a dataset comes from. `licence` is the Hub's name of it."""

    licence: str
    command: str
    origin: str
    splits: str


CATALOGUE = About(
    licence="apache-2.0",
    command="python -m data.build",
    origin="""from a hand-written
catalogue of tools and phrasings; no text comes from a model or from another dataset. English only;
the language is that of templates with drawn values, so it is narrower than that of real users.""",
    splits="""\
`test_seen` has trained tools and phrasings that train does not have; `test_unseen` has tools that
occur nowhere else.""",
)


def card(manifest: Mapping[str, Any], figures: Mapping[str, Figures], about: About) -> str:
    """The text of README.md beside the splits."""
    splits = manifest["splits"]
    configs = "\n".join(f"  - split: {name}\n    path: parquet/{name}.parquet" for name in splits)
    rows = "\n".join(
        f"| {kind} | "
        + " | ".join(str(facts["kinds"].get(kind, 0)) for facts in splits.values())
        + " |"
        for kind in KINDS
    )
    totals = " | ".join(str(facts["examples"]) for facts in splits.values())
    return f"""---
license: {about.licence}
language: [en]
task_categories: [text-generation]
tags: [tool-calling, function-calling, json-rpc, mcp]
configs:
- config_name: default
  data_files:
{configs}
---
# Tool calls, refusals and clarifications

Built by `{about.command} --seed {manifest["seed"]}` of toolcall-sft {about.origin}

| kind | {" | ".join(splits)} |
| --- | {" | ".join("---" for _ in splits)} |
{rows}
| all | {totals} |

{about.splits}

## How varied it is
{table(figures, with_kinds=False)}

A phrasing is a first user turn with its values masked; files before are the splits to the left.
`python -m data.diversity FILE...` measures any record file; data/figures.py says what each means.
"""
