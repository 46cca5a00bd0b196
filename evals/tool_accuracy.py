"""Score a model, or replies that exist: does it call, ask, refuse and answer as it should?

    python -m evals.tool_accuracy --run out/first    # base against tuned, on the run's test splits
    python -m evals.tool_accuracy --model Qwen/Qwen3-1.7B --adapter DIR --data FILE... --out DIR
    python -m evals.tool_accuracy --endpoint URL --endpoint_model NAME --suite bfcl DIR --out DIR
    python -m evals.tool_accuracy --data FILE --replies REPLIES.jsonl --out DIR

Writes table.md, report.html and evaluation.json to DIR, and examples.jsonl (a line an example) and
metrics.json, of several arms in DIR/ARM. Replies are lines of {"id", "reply"}; those that are made
are kept in DIR/ARM/replies.jsonl, and the same command makes only what is missing. With --run, the
table also goes into the model card RUN/README.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from data import cli
from evals.arguments import parser
from evals.splits import Split, check_ids, fitting, read_split, read_suite
from evals.task import Task, task_of
from evals.thresholds import check_names, check_thresholds


def main(argv: Sequence[str] | None = None) -> int:
    from evals.report.card import update_card
    from evals.report.files import write_evaluation
    from evals.report.table import table_of
    from evals.run_arms import evaluate

    task = task_of(parser(__doc__ or "").parse_args(argv))
    splits = open_splits(task)
    check_names(task.thresholds, [split.name for split in splits])
    evaluation = evaluate(task, splits)
    table = table_of(evaluation)
    write_evaluation(task.out, evaluation, table)
    if task.run is not None:
        update_card(task.run, table)
    print(table)
    print(f"next: every reply and its reason are in {task.out}/report.html")
    lead = evaluation.lead
    check_thresholds(task.thresholds, lead.name, lead.metrics)
    return 0


def open_splits(task: Task) -> list[Split]:
    """The examples that are scored: those of the files and suites that are short enough."""
    splits = [read_split(path, task.limit) for path in task.files]
    splits += [read_suite(suite.name, suite.path, task.limit) for suite in task.suites]
    check_ids(splits)
    if task.max_length is None:
        return splits
    from evals.models import load_tokenizer, quiet_libraries

    quiet_libraries()
    revision = task.generation.revision if task.generation else None
    tokenizer = load_tokenizer(task.model, revision)
    return [fitting(split, tokenizer, task.wire, task.max_length) for split in splits]


if __name__ == "__main__":
    cli.run(main)
