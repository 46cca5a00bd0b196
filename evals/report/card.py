"""The model card: a run folder's README.md gets the table of its evaluation, between markers."""

from __future__ import annotations

import os
from pathlib import Path

BEGIN, END = "<!-- evaluation: begin -->", "<!-- evaluation: end -->"


def with_table(card: str, table: str) -> str:
    """The card with the table in the place of an earlier one, or at its end."""
    section = f"{BEGIN}\n## Evaluation\n\n{table.strip()}\n{END}\n"
    before, begun, rest = card.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if begun and ended:
        return before + section + after.removeprefix("\n")
    return f"{card.rstrip()}\n\n{section}"


def update_card(folder: Path, table: str) -> bool:
    """Put the table into the folder's README.md; False where there is none."""
    path = folder / "README.md"
    if not path.is_file():
        return False
    partial = path.with_name("README.md.partial")
    partial.write_text(with_table(path.read_text(encoding="utf-8"), table), encoding="utf-8")
    os.replace(partial, path)
    return True
