"""The examples of a page: prompt, tools, reply, reading, verdict and reason, ready for JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from data.record import Example
from data.wire import Reading, ToolCall, Wire, read_forgiving, read_strict
from evals.evaluation import ArmResult
from evals.score import Score, due_decision
from evals.splits import Split

# A page with longer texts gets slow; the whole reply is in examples.jsonl.
MAX_CHARS = 20_000


class Shown(NamedTuple):
    """What the page's script reads, and what its filters offer."""

    data: dict[str, Any]
    choices: dict[str, list[str]]


def shown_examples(splits: Sequence[Split], arms: Sequence[ArmResult]) -> Shown:
    """All examples with the answer of every arm; equal tools are kept once."""
    tools: dict[str, int] = {}
    rows = []
    for split in splits:
        for index, example in enumerate(split.examples):
            answers = {arm.name: _answer(arm.scores[split.name][index], arm.wire) for arm in arms}
            offered = [tools.setdefault(json.dumps(tool), len(tools)) for tool in example.tools]
            place = {"split": split.name, "tools": offered, "answers": answers}
            rows.append({**_example(example), **place})
    return shown([arm.name for arm in arms], rows, [_tool(json.loads(text)) for text in tools])


def shown(
    arms: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, str]] = (),
) -> Shown:
    """The page's data, and filters with the splits, kinds and failures that occur."""
    failures = {answer["failure"] for row in rows for answer in row["answers"].values()}
    choices = {
        "split": list(dict.fromkeys(row["split"] for row in rows)),
        "kind": sorted({row["kind"] for row in rows}),
        "failure": sorted(failures - {""}),
    }
    return Shown({"arms": arms, "tools": tools, "examples": rows}, choices)


def _tool(tool: Mapping[str, Any]) -> dict[str, str]:
    """Its JSON as text: a schema may hold NaN, which no browser reads."""
    return {"name": tool["name"], "text": cut(json.dumps(tool, indent=1, ensure_ascii=False))}


def _example(example: Example) -> dict[str, Any]:
    accepted = "\n".join(map(json.dumps, example.accepted or ()))
    return {
        "id": example.id,
        "kind": example.kind,
        "expected": due_decision(example),
        "messages": [{"role": m.role, "content": cut(m.content)} for m in example.prompt],
        "gold": cut(accepted or example.gold or ""),
    }


def _answer(score: Score, wire: Wire) -> dict[str, Any]:
    return {**answer_of(score), "reading": cut(_reading(score, wire))}


def answer_of(score: Score) -> dict[str, Any]:
    """What is shown of a score."""
    return {
        "reply": cut(score.reply),
        "decision": score.decision,
        "correct": score.correct,
        "failure": score.failure,
        "reason": score.reason,
        "reading": "",
    }


def _reading(score: Score, wire: Wire) -> str:
    """What was read in a reply, strictly and, where that failed, forgivingly."""
    reading: Reading = read_strict(score.reply, wire)
    if reading.calls:
        return _calls(reading.calls)
    if reading.error is None:
        return ""
    code = f" ({reading.error.code})" if reading.error.code is not None else ""
    refused = f"{reading.error.kind}{code}: {reading.error.message}"
    recovered = read_forgiving(score.reply) if score.recovered else ()
    return refused + (f"\nrecovered: {_calls(recovered)}" if recovered else "")


def _calls(calls: Sequence[ToolCall]) -> str:
    return "\n".join(
        f"{call.name}({json.dumps(call.arguments, ensure_ascii=False)})" for call in calls
    )


def cut(text: str) -> str:
    """A text of bounded length."""
    if len(text) <= MAX_CHARS:
        return text
    return f"{text[:MAX_CHARS]}\n[{len(text) - MAX_CHARS:,} more characters]"
