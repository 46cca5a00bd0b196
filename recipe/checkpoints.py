"""Checkpoints of a run that was stopped, and what makes two runs the same.

A run's folder is OUT.partial until it is done. It holds run_config.json, by which the same command
knows it again, and Trainer's checkpoint-N folders.
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from data.cli import UserError

RUN_CONFIG = "run_config.json"
# Trainer writes it last: where it can be read, the checkpoint is whole.
LAST_WRITTEN = "trainer_state.json"


def open_partial(folder: Path, identity: dict[str, Any]) -> Path | None:
    """The newest whole checkpoint of the same run in `folder`, or None and an empty folder.

    `identity`: the configuration and the dataset's hashes. Raises UserError where the folder holds
    checkpoints of another run.
    """
    checkpoint = newest_checkpoint(folder)
    if checkpoint is not None:
        changed = _changed(_begun_with(folder / RUN_CONFIG), identity)
        if changed:
            raise UserError(
                f"{folder}: holds a run with {changed}; remove it, or choose another --out"
            )
        return checkpoint
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    text = json.dumps(identity, indent=2) + "\n"
    (folder / RUN_CONFIG).write_text(text, encoding="utf-8")
    return None


def _begun_with(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        raise UserError(
            f"{file}: not JSON, so the run cannot be known again; remove {file.parent}"
        ) from None


def is_of(folder: Path, config: dict[str, Any]) -> bool:
    """Whether the folder holds a stopped run of this configuration."""
    try:
        there = json.loads((folder / RUN_CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return all(there.get(group) == values for group, values in config.items())


def newest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint-N with the highest N that was written to its end."""
    if not (folder / RUN_CONFIG).is_file():
        return None
    whole = [path for path in folder.glob("checkpoint-*") if _is_whole(path)]
    return max(whole, key=lambda path: int(path.name.split("-")[1]), default=None)


def _is_whole(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / LAST_WRITTEN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def write_copied(file: Path, step: int) -> None:
    """Say that the checkpoint of `step` needs no more waiting for."""
    whole = file.with_name(file.name + ".new")
    whole.write_text(str(step), encoding="ascii")
    whole.replace(file)


def copied_step(file: Path) -> int:
    """The step that the file names; -1 where it does not, or not yet."""
    with suppress(OSError, ValueError):
        return int(file.read_text(encoding="ascii"))
    return -1


def remove_checkpoints(folder: Path) -> None:
    """What only a stopped run needs."""
    for path in folder.glob("checkpoint-*"):
        shutil.rmtree(path)
    (folder / RUN_CONFIG).unlink()


def _changed(there: Any, here: Any, name: str = "") -> str:
    """The first difference of two configurations in words; empty where there is none."""
    if isinstance(there, dict) and isinstance(here, dict):
        keys = [*here, *(key for key in there if key not in here)]
        found = (_changed(there.get(k), here.get(k), f"{name}.{k}".lstrip(".")) for k in keys)
        return next(filter(None, found), "")
    return "" if there == here else f"{name} {there!r}, not {here!r}"
