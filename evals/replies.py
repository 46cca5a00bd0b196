"""The replies that are scored: given in a file, or made by each arm and kept as they come."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.cli import DataError
from data.record import json_line, read_rows
from data.wire import Wire
from evals.arms import Arm, GenerationArgs, arms_of, reply_key, skipped_arms
from evals.multi_step import earlier_turns, play
from evals.reply_store import ReplyStore, collect
from evals.splits import Split
from evals.task import Task

# Beside an arm's replies: how they came about, for when they are scored again.
FACTS_FILE = "generation.json"


@dataclass(frozen=True)
class ArmReplies:
    """An arm's replies by id, of turns and episodes too, and the facts of its backend."""

    name: str
    wire: Wire
    texts: Mapping[str, str]
    facts: dict[str, Any] = field(default_factory=dict)


def replies_of(task: Task, splits: Sequence[Split]) -> Iterator[ArmReplies]:
    """Each arm's replies, one arm after the other; replies that are there are not made again."""
    if task.replies is not None:
        yield _given(task.replies, task.wire, splits)
    elif task.generation is not None:
        shas = [split.sha256 for split in splits]
        for arm in wanted_arms(task, task.generation):
            yield _made(task, arm, reply_key(task.generation, arm.name, shas), splits)


def wanted_arms(task: Task, args: GenerationArgs) -> list[Arm]:
    """The arms of a task."""
    return [arm for arm in arms_of(args) if arm.name != "base_native" or task.base_native]


def left_out(task: Task) -> dict[str, str]:
    """Arms that were asked for and are not to be had, and why."""
    if task.generation is None:
        return {}
    skipped = skipped_arms(task.generation)
    return {arm: why for arm, why in skipped.items() if arm != "base_native" or task.base_native}


def _given(path: Path, wire: Wire, splits: Sequence[Split]) -> ArmReplies:
    """Replies of a file. Raises DataError where a line is none or an example has none."""
    texts: dict[str, str] = {}
    for number, row in read_rows(path):
        if number == 1 and isinstance(row, dict) and row.keys() == {"arm", "key"}:
            continue  # the file was made by this command
        if not isinstance(row, dict) or not all(
            isinstance(row.get(key), str) for key in ("id", "reply")
        ):
            raise DataError(f'{path}:{number}: not {{"id": text, "reply": text}}')
        texts[row["id"]] = row["reply"]
    missing = [e.id for split in splits for e in split.examples if e.id not in texts]
    if missing:
        raise DataError(
            f"{path}: no reply for {len(missing)} examples, {missing[0]!r} first; add them"
        )
    facts = {"replies_file": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    return ArmReplies("replies", wire, texts, facts)


def _made(task: Task, arm: Arm, key: str, splits: Sequence[Split]) -> ArmReplies:
    """Replies of an arm: to the examples, to single turns, and to episodes."""
    store = ReplyStore(task.out, arm.name, key)
    backend = arm.open()
    n_before, started = len(store.read()), time.monotonic()
    examples = [example for split in splits for example in split.examples]
    turns = earlier_turns(examples) if task.multi_step else []
    texts = collect(backend, [*examples, *turns], store)
    if task.multi_step:
        texts = play(examples, arm.wire, texts, lambda asked: collect(backend, asked, store))
    n_made = len(store.read()) - n_before
    path = store.path.with_name(FACTS_FILE)
    if n_made:
        seconds = round(time.monotonic() - started, 1)
        _write(path, {**backend.facts(), "seconds": seconds, "replies_made": n_made})
    else:
        print(f"{arm.name}: all {n_before} replies are in {store.path}", file=sys.stderr)
    return ArmReplies(arm.name, arm.wire, texts, _read(path) or backend.facts())


def _write(path: Path, facts: Mapping[str, Any]) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json_line(facts) + "\n", encoding="utf-8")
    os.replace(partial, path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return facts
