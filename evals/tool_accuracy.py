"""Score a model, or replies that exist: does it call, ask, refuse and answer as it should?

    python -m evals.tool_accuracy --run out/first    # base against tuned, on the run's test splits
    python -m evals.tool_accuracy --model Qwen/Qwen3-1.7B --adapter DIR --data FILE... --out DIR
    python -m evals.tool_accuracy --data FILE --replies REPLIES.jsonl --out DIR

Writes examples.jsonl (a line an example) and metrics.json to DIR, with --adapter in DIR/base and
DIR/tuned, and table.md. Replies are lines of {"id", "reply"}.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from data import cli
from data.embedded import NAME
from data.record import Example, json_line, read_examples, read_rows, write_rows
from data.wire import Wire

TEST_SPLITS = ("test_seen", "test_unseen")
SHOWN = (
    "schema_valid",
    "call_match",
    "decision_macro_f1",
    "accuracy",
    "over_call",
    "under_call",
    "parsed",
)


@dataclass(frozen=True)
class Split:
    """The examples of one file that are scored, and how many the file holds."""

    name: str
    examples: tuple[Example, ...]
    n_in_file: int


@dataclass(frozen=True)
class Task:
    """What is to be scored, and where the result goes."""

    model: str
    adapter: Path | None
    files: tuple[Path, ...]
    out: Path
    replies: Path | None
    wire: Wire
    max_length: int | None
    limit: int | None
    max_new_tokens: int
    batch_size: int


def main(argv: Sequence[str] | None = None) -> int:
    task = _task(_parser().parse_args(argv))
    splits = [read_split(path, task.limit) for path in task.files]
    if task.replies is not None:
        arms = {"replies": _given_replies(task.replies, splits)}
    else:
        arms, splits = _generated_replies(task, splits)
    metrics = {
        arm: _score_arm(task, splits, replies, arm, len(arms)) for arm, replies in arms.items()
    }
    table = table_of(splits, metrics, task)
    (task.out / "table.md").write_text(table, encoding="utf-8")
    print(table)
    print(
        f"next: every reply and its reason are in "
        f"{task.out}/{'tuned/' if len(arms) > 1 else ''}examples.jsonl"
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evals.tool_accuracy",
        description="Score tool calls, clarifications and refusals.",
    )
    parser.add_argument(
        "--run",
        type=Path,
        help="a folder that recipe.train wrote: its model, adapter and test splits",
    )
    parser.add_argument(
        "--model", default=NAME, help=f"`{NAME}` (default), a model folder or a Hub id"
    )
    parser.add_argument(
        "--adapter", type=Path, help="LoRA adapter folder; the base is scored beside it"
    )
    parser.add_argument(
        "--data", type=Path, nargs="+", help="record files, or a dataset folder (its test splits)"
    )
    parser.add_argument(
        "--out", type=Path, help="folder for the results (default with --run: RUN/eval)"
    )
    parser.add_argument("--replies", type=Path, help="score these replies instead of generating")
    parser.add_argument("--wire", choices=get_args(Wire), default="jsonrpc")
    parser.add_argument(
        "--max_length",
        type=int,
        help="leave out records of more tokens (default with --run: the run's)",
    )
    parser.add_argument("--limit", type=int, help="only the first N of each file: not a real score")
    parser.add_argument("--max_new_tokens", type=int, default=256)
    parser.add_argument("--batch_size", type=int, default=64)
    return parser


def _task(args: argparse.Namespace) -> Task:
    """The task that the arguments describe. Raises UserError for a combination that makes none."""
    chosen = vars(args)
    if args.run is not None:
        chosen |= _from_run(args)
    if not chosen["data"]:
        raise cli.UserError(
            "nothing to score: give --run FOLDER, or --data FILE... and --out FOLDER"
        )
    if chosen["out"] is None:
        raise cli.UserError("--out is missing: give a folder for the results")
    if args.replies is not None and args.adapter is not None:
        raise cli.UserError("--replies and --adapter exclude each other: replies need no model")
    files = tuple(file for path in chosen["data"] for file in _files(path))
    names = [file.stem for file in files]
    if len(set(names)) < len(names):
        raise cli.UserError(f"--data: two files have the same name: {', '.join(sorted(names))}")
    fields = {name: chosen[name] for name in Task.__annotations__ if name != "files"}
    return Task(files=files, **fields)


def _from_run(args: argparse.Namespace) -> dict[str, Any]:
    path = args.run / "run.json"
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
        config = run["config"]
        return {
            "model": config["model"]["name"],
            "adapter": args.run,
            "data": args.data or [Path(run["dataset"]["path"])],
            "out": args.out or args.run / "eval",
            "wire": config["data"]["wire"],
            "max_length": args.max_length or config["data"]["max_length"],
        }
    except OSError as error:
        raise cli.UserError(
            f"{path}: {error.strerror}; --run takes a folder that recipe.train finished"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise cli.DataError(f"{path}: not the run.json of a run ({error}); train again") from None


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = [path / f"{split}.jsonl" for split in TEST_SPLITS]
    found = [file for file in files if file.is_file()]
    if not found:
        raise cli.UserError(
            f"{path}: holds no {' or '.join(file.name for file in files)}; name record files"
        )
    return found


def read_split(path: Path, limit: int | None = None) -> Split:
    """The examples of a file. Raises UserError, or DataError for a file without any."""
    examples = tuple(read_examples(path))
    if not examples:
        raise cli.DataError(f"{path}: no records; python -m data.build makes some")
    return Split(path.stem, examples[:limit], len(examples))


def _given_replies(path: Path, splits: Sequence[Split]) -> dict[str, str]:
    """Reply by id. Raises DataError where a line is no reply or an example has none."""
    replies: dict[str, str] = {}
    for number, row in read_rows(path):
        if not isinstance(row, dict) or not all(
            isinstance(row.get(k), str) for k in ("id", "reply")
        ):
            raise cli.DataError(f'{path}:{number}: not {{"id": text, "reply": text}}')
        replies[row["id"]] = row["reply"]
    missing = [e.id for split in splits for e in split.examples if e.id not in replies]
    if missing:
        raise cli.DataError(
            f"{path}: no reply for {len(missing)} examples, {missing[0]!r} first; add them"
        )
    return replies


def _generated_replies(
    task: Task, splits: Sequence[Split]
) -> tuple[dict[str, dict[str, str]], list[Split]]:
    """Replies of the base model and, with an adapter, of the tuned one, to the records that fit."""
    from data.render import prompt_of
    from evals.generate import generate_replies
    from evals.models import (
        compute_dtype,
        load_adapter,
        load_model,
        load_tokenizer,
        quiet_libraries,
    )

    quiet_libraries()
    tokenizer = load_tokenizer(task.model)
    fitting = [_fitting(split, task, tokenizer) for split in splits]
    examples = [example for split in fitting for example in split.examples]
    prompts = [prompt_of(example, task.wire) for example in examples]
    arms: dict[str, dict[str, str]] = {}
    for arm in ("base", "tuned") if task.adapter else ("base",):
        model = load_model(task.model, compute_dtype())
        if arm == "tuned" and task.adapter:
            model = load_adapter(model, task.adapter)
        texts = generate_replies(
            model, tokenizer, prompts, task.max_new_tokens, task.batch_size, arm
        )
        arms[arm] = {example.id: text for example, text in zip(examples, texts, strict=True)}
    return arms, fitting


def _fitting(split: Split, task: Task, tokenizer: Any) -> Split:
    """The examples of at most `max_length` tokens, gold reply included."""
    from data.render import encode, render_example

    if task.max_length is None:
        return split
    kept = tuple(
        example
        for example in split.examples
        if len(encode(tokenizer, render_example(example, task.wire)).input_ids) <= task.max_length
    )
    if not kept:
        raise cli.DataError(
            f"{split.name}: no record has at most {task.max_length} tokens; raise --max_length"
        )
    return Split(split.name, kept, split.n_in_file)


def _score_arm(
    task: Task, splits: Sequence[Split], replies: Mapping[str, str], arm: str, n_arms: int
) -> dict[str, Any]:
    """Score one arm's replies, write its files, and return its metrics by split."""
    from evals.metrics import metrics_of
    from evals.score import score_example

    folder = task.out / arm if n_arms > 1 else task.out
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    by_split = {}
    for split in splits:
        scores = [
            score_example(example, replies[example.id], task.wire) for example in split.examples
        ]
        rows += [{**score.row(), "split": split.name} for score in scores]
        by_split[split.name] = {**metrics_of(scores), "n_in_file": split.n_in_file}
    write_rows(folder / "examples.jsonl", rows)
    metrics = {
        "arm": arm,
        "limit": task.limit,
        "max_length": task.max_length,
        "wire": task.wire,
        "splits": by_split,
    }
    (folder / "metrics.json").write_text(json_line(metrics) + "\n", encoding="utf-8")
    return by_split


def table_of(splits: Sequence[Split], metrics: Mapping[str, Mapping[str, Any]], task: Task) -> str:
    """A Markdown table a split: a row a metric, a column an arm, values with 95% intervals."""
    from evals.metrics import Rate

    lines: list[str] = []
    for split in splits:
        lines += [f"**{split.name}**: {_part(split, task)}", ""]
        lines += [
            "| metric | n | " + " | ".join(metrics) + " |",
            "| --- " * (len(metrics) + 2) + "|",
        ]
        for name in SHOWN:
            rates = [Rate(**by_split[split.name]["rates"][name]) for by_split in metrics.values()]
            lines.append(
                f"| {name} | {max(r.n for r in rates)} | " + " | ".join(map(str, rates)) + " |"
            )
        lines.append("")
    return "\n".join(lines)


def _part(split: Split, task: Task) -> str:
    part = f"{len(split.examples)} of {split.n_in_file} examples"
    if task.max_length is not None and task.replies is None:
        part += f", those of at most {task.max_length} tokens"
    if task.limit is not None:
        part += f" and --limit {task.limit}: NOT A REAL SCORE"
    return part


if __name__ == "__main__":
    cli.run(main)
