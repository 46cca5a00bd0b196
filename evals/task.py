"""What the scoring command is asked to do: its arguments, checked, and completed from a run."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from data.cli import DataError, UserError
from data.wire import Wire
from evals.arguments import EVAL_FOLDER
from evals.arms import GenerationArgs
from evals.splits import SUITES, TRAIN_FILE, files_of
from evals.thresholds import Threshold, parse_threshold


class Suite(NamedTuple):
    """A published benchmark, and where its files lie."""

    name: str
    path: Path


@dataclass(frozen=True)
class Task:
    """What is to be scored, and where the result goes.

    `generation` is None where replies are given. `run`: the folder whose card gets the table.
    `train`: the records that the model was trained on, where they are known.
    """

    files: tuple[Path, ...]
    suites: tuple[Suite, ...]
    out: Path
    replies: Path | None
    generation: GenerationArgs | None
    model: str
    wire: Wire
    run: Path | None
    train: Path | None
    max_length: int | None
    limit: int | None
    base_native: bool
    multi_step: bool
    mcp: str | None
    thresholds: tuple[Threshold, ...]
    dollars_per_hour: float | None


def task_of(args: argparse.Namespace) -> Task:
    """The task that the arguments describe. Raises UserError for a combination that makes none."""
    chosen = {**vars(args), "train": None}
    if args.run is not None:
        chosen |= _from_run(args)
    _check(chosen)
    files = tuple(file for path in chosen["data"] or () for file in files_of(path))
    names = [file.stem for file in files] + [name for name, _ in args.suite]
    if len(set(names)) < len(names):
        raise UserError(f"--data: two files have the same name: {', '.join(sorted(names))}")
    return Task(
        files=files,
        suites=tuple(Suite(name, Path(path)) for name, path in args.suite),
        generation=None if args.replies else _generation(chosen),
        base_native=_base_native(chosen),
        thresholds=tuple(map(parse_threshold, args.fail_under)),
        train=chosen["train"] or _train_beside(files),
        **{name: chosen[name] for name in _TAKEN_AS_GIVEN},
    )


_TAKEN_AS_GIVEN = (
    *("out", "replies", "model", "wire", "run", "max_length", "limit"),
    *("multi_step", "mcp", "dollars_per_hour"),
)


def _check(chosen: dict[str, Any]) -> None:
    """Raise UserError for what cannot be scored."""
    if not chosen["data"] and not chosen["suite"]:
        raise UserError("nothing to score: give --run FOLDER, or --data FILE... and --out FOLDER")
    if chosen["out"] is None:
        raise UserError("--out is missing: give a folder for the results")
    if chosen["replies"] is not None and chosen["adapter"] is not None:
        raise UserError("--replies excludes --adapter and --run: replies need no model")
    if chosen["replies"] is not None and chosen["endpoint"] is not None:
        raise UserError("--replies and --endpoint exclude each other")
    for name in ("limit", "max_length"):
        if chosen[name] is not None and chosen[name] < 1:
            raise UserError(f"--{name} {chosen[name]}: give 1 or more")
    unknown = [name for name, _ in chosen["suite"] if name not in SUITES]
    if unknown:
        raise UserError(f"--suite {unknown[0]}: no such suite; one of {', '.join(SUITES)}")


def _generation(chosen: dict[str, Any]) -> GenerationArgs:
    given = {name: chosen[name] for name in GenerationArgs.__annotations__}
    return GenerationArgs(**given)


def _base_native(chosen: dict[str, Any]) -> bool:
    asked = chosen["base_native"]
    return chosen["adapter"] is not None if asked is None else asked


def _from_run(args: argparse.Namespace) -> dict[str, Any]:
    """What a run folder says: its model and adapter, its data, and where the result goes."""
    path = args.run / "run.json"
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
        config = run["config"]
        folder = Path(run["dataset"]["path"])
        return {
            "model": config["model"]["name"],
            "revision": args.revision or config["model"].get("revision"),
            "adapter": None if args.endpoint else args.run,
            "data": args.data or ([] if args.suite else [folder]),
            "train": folder / TRAIN_FILE if (folder / TRAIN_FILE).is_file() else None,
            "out": args.out or args.run / EVAL_FOLDER,
            "wire": config["data"]["wire"],
            "max_length": args.max_length or config["data"]["max_length"],
        }
    except OSError as error:
        raise UserError(
            f"{path}: {error.strerror}; --run takes a folder that recipe.train finished"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not the run.json of a run ({error}); train again") from None


def _train_beside(files: Sequence[Path]) -> Path | None:
    """The train split of the dataset folder that a scored file lies in."""
    found = (file.with_name(TRAIN_FILE) for file in files if file.name != TRAIN_FILE)
    return next((path for path in found if path.is_file()), None)
