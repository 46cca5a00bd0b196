"""Presets and flags: from a command line to a configuration.

Order: defaults < --config PRESET.yaml (may repeat, later ones win) < flags such as `--lora.r 4`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.cli import UserError
from recipe.config import DataArgs, LoraArgs, ModelArgs, RecipeConfig, TrainArgs

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

PRESETS_DIR = Path(__file__).parent / "presets"


@dataclass(frozen=True)
class Invocation:
    """A parsed command line: the configuration, its presets, and where the run goes."""

    config: RecipeConfig
    presets: tuple[str, ...]
    out: Path | None
    force: bool
    """Whether to start what preflight says will not fit."""
    hold_for: Path | None
    """Where somebody who copies checkpoints away says which he has."""


def preset_path(name: str) -> Path:
    """The file of a preset's name, or the path as it is. Raises UserError if there is none."""
    shipped = PRESETS_DIR / f"{name}.yaml"
    path = shipped if shipped.is_file() else Path(name)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in PRESETS_DIR.glob("*.yaml")))
        raise UserError(f"--config {name}: no such file and no preset; presets: {known}")
    return path


def parse(argv: Sequence[str] | None = None) -> Invocation:
    """Read presets and flags. Without --config the machine decides, and a line says what.

    Raises UserError, one line, for a key that does not exist or a value of the wrong type.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    files = [preset_path(preset) for preset in _presets(arguments) or _picked(arguments)]
    parser = _parser()
    for file in files:
        _values(parser, ["--config", str(file)], place=f"{file}: ")
    presets = [part for file in files for part in ("--config", str(file))]
    values = _values(parser, [*presets, *_without_presets(arguments)])
    config = RecipeConfig(values.model, values.data, values.lora, values.train)
    out = Path(values.out) if values.out else None
    hold_for = Path(values.hold_for) if values.hold_for else None
    return Invocation(config, tuple(file.stem for file in files), out, values.force, hold_for)


def _values(parser: ArgumentParser, arguments: Sequence[str], place: str = "") -> Any:
    """Parsed values with the groups as dataclasses. Raises UserError that starts with `place`."""
    from jsonargparse import ArgumentError

    try:
        return parser.instantiate(parser.parse_args(list(arguments)))
    except ArgumentError as error:
        raise UserError(place + _one_line(str(error))) from None
    except UserError as error:
        raise UserError(f"{place}{error}") from None


def _parser() -> ArgumentParser:
    from jsonargparse import ArgumentParser, set_parsing_settings

    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = ArgumentParser(
        prog="python -m recipe.train",
        description="Fine-tune a small model to call tools; no --config: what fits the machine.",
        exit_on_error=False,
        allow_abbrev=False,  # --train.max_step would be taken for max_steps
    )
    parser.add_argument(
        "--config", action="config", help="preset name or YAML file; may repeat, later ones win"
    )
    parser.add_argument(
        "--out", type=str, default=None, help="run folder; default: out/PRESET-DEVICE-DATE"
    )
    parser.add_argument(
        "--force", action="store_true", help="start even if preflight says that it will not fit"
    )
    parser.add_argument(
        "--hold_for",
        metavar="FILE",
        type=str,
        default=None,
        help="wait at each checkpoint until FILE holds its step; for who copies them away",
    )
    for name, kind in (
        ("model", ModelArgs),
        ("data", DataArgs),
        ("lora", LoraArgs),
        ("train", TrainArgs),
    ):
        parser.add_class_arguments(kind, name)
    return parser


def _presets(arguments: Sequence[str]) -> list[str]:
    """Values of --config, in order."""
    found = []
    for index, argument in enumerate(arguments):
        if argument == "--config" and index + 1 < len(arguments):
            found.append(arguments[index + 1])
        elif argument.startswith("--config="):
            found.append(argument.removeprefix("--config="))
    return found


def _picked(arguments: Sequence[str]) -> Sequence[str]:
    """The presets that fit this machine; to look for it takes seconds, which help does not."""
    if {"--help", "-h"} & set(arguments):
        return ["cpu"]
    from recipe.hardware import pick_presets

    presets, why = pick_presets()
    flags = " ".join(f"--config {name}" for name in presets)
    print(f"picked {flags}: {why}", file=sys.stderr)
    return presets


def _without_presets(arguments: Sequence[str]) -> list[str]:
    kept: list[str] = []
    skip = False
    for argument in arguments:
        if not skip and argument != "--config" and not argument.startswith("--config="):
            kept.append(argument)
        skip = argument == "--config"
    return kept


def _one_line(message: str) -> str:
    """jsonargparse's message on one line, without the parts that repeat."""
    lines = [line.strip(" -") for line in message.splitlines() if line.strip()]
    return " ".join(lines) + " (python -m recipe.train --help lists all keys)"
