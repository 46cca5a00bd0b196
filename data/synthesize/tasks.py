"""What the teacher is asked for, one example a task; the same seed gives the same tasks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from data.build import MAX_CHARACTERS

Tool = dict[str, Any]
MAX_OFFERED = 8
# What the tools may take of a record, so that the conversation has room.
MAX_TOOL_CHARACTERS = MAX_CHARACTERS * 2 // 3
MAX_PARALLEL = 3

WHO = (
    "someone at home in the evening", "a student with a deadline", "an office manager",
    "a nurse between two shifts", "a software developer", "a small-shop owner", "a retired teacher",
    "a project lead in a hurry", "a data analyst", "a parent with a child on the arm",
    "a field engineer on the road", "a freelance designer", "a researcher", "a support agent who "
    "passes on what a customer wants", "a newcomer who does not know the right words",
    "an accountant at the end of the month", "a volunteer who organises an event", "a journalist",
    "a system administrator on call", "someone who plans a journey",
)  # fmt: skip
HOW = (
    "plain and polite", "short, almost a telegram", "chatty, with a bit of background first",
    "formal, in full sentences", "as a question", "as an order", "all in lower case, little "
    "punctuation", "with one slip of the fingers", "starting with the reason, ending with the wish",
    "with the details in an unusual order", "in two or three short sentences", "indirect: hinting "
    "at what is wanted", "precise and technical", "a little impatient", "friendly, with thanks",
)  # fmt: skip
VALUES = (
    "everyday values", "values that are rare but real", "long proper names", "exact numbers and "
    "codes", "values from another country than usual", "round numbers", "dates written out in "
    "words with the year", "values with punctuation in them",
)  # fmt: skip


@dataclass(frozen=True)
class Task:
    """One example to be written. `targets` are names of tools; `missing` of arguments."""

    id: str
    kind: str
    tools: tuple[Tool, ...]
    """Offered in the record."""
    targets: tuple[Tool, ...]
    """What the example is about; for irrelevance a tool that is not offered, or none."""
    missing: tuple[str, ...]
    ends_in_call: bool
    voice: str


def fits(tool: Tool) -> bool:
    """Whether a record about a tool can be short enough to be trained."""
    return len(json.dumps(tool)) <= MAX_TOOL_CHARACTERS


def possible_kinds(tools: Sequence[Tool], kinds: Sequence[str]) -> tuple[str, ...]:
    """The kinds that these tools allow: without a required argument nothing can be missing."""
    can_miss = any(required_of(tool) for tool in tools)
    return tuple(kind for kind in kinds if kind != "clarification" or can_miss)


def required_of(tool: Tool) -> list[str]:
    """The arguments that a call must have and that are not fixed by the schema."""
    schema = tool["inputSchema"]
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict) or not isinstance(required, list):
        return []
    known = [name for name in required if isinstance(properties.get(name), dict)]
    return [name for name in known if "const" not in properties[name]]


def make_task(tools: Sequence[Tool], kind: str, number: int, seed: int) -> Task:
    """The task of a kind and number."""
    rng = Random(f"{seed}/{kind}/{number}")
    targets = _targets(tools, kind, rng)
    missing: tuple[str, ...] = ()
    if kind == "clarification":
        required = required_of(targets[0])
        missing = tuple(sorted(rng.sample(required, rng.randint(1, min(2, len(required))))))
    is_offered = kind != "irrelevance"
    return Task(
        id=f"{kind}-{number:06d}",
        kind=kind,
        tools=_offered(tools, targets, is_offered, rng),
        targets=targets,
        missing=missing,
        ends_in_call=kind == "multi_step" and rng.random() < 0.4,
        voice=f"{rng.choice(WHO)}; {rng.choice(HOW)}; {rng.choice(VALUES)}",
    )


def _targets(tools: Sequence[Tool], kind: str, rng: Random) -> tuple[Tool, ...]:
    if kind == "clarification":
        return (rng.choice([tool for tool in tools if required_of(tool)]),)
    if kind == "parallel":
        n_tools = rng.randint(1, min(MAX_PARALLEL, len(tools)))
        return tuple(rng.sample(list(tools), n_tools))
    if kind == "multi_step":
        return tuple(rng.sample(list(tools), min(len(tools), rng.randint(1, 2))))
    if kind == "irrelevance" and len(tools) == 1:
        return ()
    return (rng.choice(list(tools)),)


def _offered(
    tools: Sequence[Tool], targets: Sequence[Tool], is_offered: bool, rng: Random
) -> tuple[Tool, ...]:
    """The targets (or all but them) among others, as many as fit."""
    chosen = list(targets) if is_offered else []
    n_characters = sum(len(json.dumps(tool)) for tool in chosen)
    names = {tool["name"] for tool in targets}
    others = [tool for tool in tools if tool["name"] not in names]
    rng.shuffle(others)
    wanted = rng.randint(max(1, len(chosen)), MAX_OFFERED)
    for tool in others:
        n_characters += len(json.dumps(tool))
        if len(chosen) >= wanted or (chosen and n_characters > MAX_TOOL_CHARACTERS):
            break
        chosen.append(tool)
    rng.shuffle(chosen)
    return tuple(chosen)
