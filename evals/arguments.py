"""The arguments of the scoring command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, get_args

from data.embedded import NAME
from data.wire import Wire
from evals.splits import SUITES

EVAL_FOLDER = "eval"


def parser(usage: str) -> argparse.ArgumentParser:
    """The command's arguments; `usage` stands above them in --help."""
    made = argparse.ArgumentParser(
        prog="python -m evals.tool_accuracy",
        description=usage,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_inputs(made.add_argument_group("what is scored"))
    _add_generation(made.add_argument_group("how replies are made"))
    _add_results(made.add_argument_group("what comes of it"))
    return made


def _add_inputs(group: Any) -> None:
    group.add_argument(
        "--run",
        type=Path,
        help="a folder that recipe.train wrote: its model, adapter and test splits",
    )
    group.add_argument(
        "--model", default=NAME, help=f"`{NAME}` (default), a model folder or a Hub id"
    )
    group.add_argument("--revision", help="branch, tag or commit of a model on the Hub")
    group.add_argument(
        "--adapter", type=Path, help="LoRA adapter folder; the base is scored beside it"
    )
    group.add_argument(
        "--data", type=Path, nargs="+", help="record files, or a dataset folder (its test splits)"
    )
    group.add_argument(
        "--suite",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "PATH"),
        help=f"a benchmark in its own files; NAME: {', '.join(SUITES)}",
    )
    group.add_argument("--replies", type=Path, help="score these replies instead of generating")
    group.add_argument("--wire", choices=get_args(Wire), default="jsonrpc")
    group.add_argument(
        "--max_length",
        type=int,
        help="leave out records of more tokens (default with --run: the run's)",
    )
    group.add_argument("--limit", type=int, help="only the first N of each file: not a real score")


def _add_generation(group: Any) -> None:
    group.add_argument("--max_new_tokens", type=int, default=256)
    group.add_argument("--batch_size", type=int, default=64)
    group.add_argument("--temperature", type=float, default=0.0, help="0 (default): greedy")
    group.add_argument("--seed", type=int, default=0, help="of sampling")
    group.add_argument(
        "--base_native",
        action=argparse.BooleanOptionalAction,
        help="the base in its own tool format, too (default: where there is an adapter)",
    )
    group.add_argument(
        "--constrain", action="store_true", help="add arms that a grammar of the tools holds"
    )
    group.add_argument(
        "--multi_step",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="also score records of several steps turn by turn and end to end (default)",
    )
    group.add_argument("--endpoint", metavar="URL", help="ask an OpenAI-compatible server instead")
    group.add_argument("--endpoint_model", help="the name that the server knows the model by")
    group.add_argument("--concurrency", type=int, default=8, help="requests to it at a time")


def _add_results(group: Any) -> None:
    group.add_argument(
        "--out", type=Path, help=f"folder for the results (default with --run: RUN/{EVAL_FOLDER})"
    )
    group.add_argument(
        "--mcp", metavar="COMMAND", help="send the calls to this MCP server, over stdio, for real"
    )
    group.add_argument(
        "--fail-under",
        "--fail_under",
        action="append",
        default=[],
        metavar="[SPLIT.]METRIC=VALUE",
        help="exit with 1 where it is missed; over_call, under_call: where it is exceeded",
    )
    group.add_argument("--dollars_per_hour", type=float, help="price of this machine, for the cost")
