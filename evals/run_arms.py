"""A task becomes an evaluation: each arm's replies are collected, scored and sent to a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evals.evaluation import ArmResult, Evaluation, comparisons_of, scores_of, split_metrics
from evals.multi_step import multi_step_of
from evals.provenance import provenance
from evals.replies import ArmReplies, left_out, replies_of
from evals.splits import Split, trained_tools
from evals.task import Task


def evaluate(task: Task, splits: Sequence[Split]) -> Evaluation:
    """Every arm of the task on every split."""
    trained = trained_tools(task.train) if task.train else None
    arms = tuple(_result(task, splits, replies, trained) for replies in replies_of(task, splits))
    return Evaluation(
        splits=tuple(splits),
        arms=arms,
        comparisons=tuple(comparisons_of(splits, arms)),
        skipped=left_out(task),
        limit=task.limit,
        max_length=task.max_length,
    )


def _result(
    task: Task, splits: Sequence[Split], replies: ArmReplies, trained: frozenset[str] | None
) -> ArmResult:
    scores = {split.name: scores_of(split, replies.texts, replies.wire) for split in splits}
    metrics = {split.name: split_metrics(split, scores[split.name], trained) for split in splits}
    several = {s.name: multi_step_of(s.examples, replies.wire, replies.texts) for s in splits}
    for name, found in several.items():
        metrics[name]["multi_step"] = found.metrics()
    return ArmResult(
        name=replies.name,
        wire=replies.wire,
        scores=scores,
        metrics=metrics,
        multi_step=several,
        provenance=provenance(replies.facts, splits, task.dollars_per_hour),
        live=_live(task.mcp, splits, replies) if task.mcp else None,
    )


def _live(command: str, splits: Sequence[Split], replies: ArmReplies) -> Mapping[str, Any]:
    """What a real server says to the calls of the replies, as they are."""
    from evals.mcp_live import LiveArgs, run_live, summary

    args = LiveArgs(command, replies.wire)
    ids = [example.id for split in splits for example in split.examples]
    outcomes = run_live(args, [(name, replies.texts[name]) for name in ids])
    rows = [outcome.row() for outcome in outcomes]
    return {"command": args.shown, **summary(outcomes), "outcomes": rows}
