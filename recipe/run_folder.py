"""Where a run goes, and by which settings it is known again when it was stopped."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data import cli
from recipe.checkpoints import is_of
from recipe.command_line import Invocation
from recipe.config import RecipeConfig
from recipe.hardware import device_name

if TYPE_CHECKING:
    from recipe.dataset import Corpus

RUNS = Path("out")
PARTIAL = ".partial"
# Settings on which no result depends.
_FREE = {
    "data": ("path", "cache"),
    "train": ("tracker", "dollars_per_hour", "dataloader_num_workers", "dataloader_pin_memory"),
}


def decisive_settings(config: RecipeConfig) -> dict[str, Any]:
    """The configuration without what changes no result, as JSON reads it back."""
    groups = {
        group: {key: value for key, value in values.items() if key not in _FREE.get(group, ())}
        for group, values in config.as_dict().items()
    }
    return json.loads(json.dumps(groups))


def identity(config: RecipeConfig, precision: str, corpora: dict[str, Corpus]) -> dict[str, Any]:
    """What must be the same for a run to go on from the checkpoints of another."""
    hashes = {split: corpus.sha256 for split, corpus in corpora.items()}
    return {**decisive_settings(config), "precision": precision, "sha256": hashes}


def run_folder(invocation: Invocation) -> Path:
    """Where the run goes: --out, or out/PRESET-DEVICE-DATE of the day that it was begun.

    Raises UserError if --out holds something.
    """
    if invocation.out is not None:
        if invocation.out.exists() and (
            not invocation.out.is_dir() or any(invocation.out.iterdir())
        ):
            raise cli.UserError(
                f"{invocation.out}: already holds something; choose another --out or remove it"
            )
        return invocation.out
    device = re.sub(r"[^a-z0-9]+", "-", device_name().lower()).strip("-")
    kind = "-".join([*invocation.presets, device])
    decisive = decisive_settings(invocation.config)
    for stopped in sorted(RUNS.glob(f"{kind}-*{PARTIAL}")):
        if is_of(stopped, decisive):
            return stopped.with_name(stopped.name.removesuffix(PARTIAL))
    name = f"{kind}-{dt.date.today().isoformat()}"
    numbered = [RUNS / name, *(RUNS / f"{name}-{number}" for number in range(2, 1000))]
    return next(path for path in numbered if not (path.exists() or partial_of(path).exists()))


def partial_of(out: Path) -> Path:
    """What the run's folder is called until the run is done."""
    return out.with_name(out.name + PARTIAL)
