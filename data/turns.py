"""The pieces that conversations are made of: what one split may say, and turns in its language."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from data.domains import CatalogError, Domain, Tool, substitute
from data.phrasing import Utterance, dress, fill_all, put, say, say_too_little
from data.record import Message
from data.slots import Slot, fill
from data.wire import ToolCall, error_text, request_text, result_text
from data.wordings import ASK_BACK, INJECTIONS, LEFT_ALONE

ERROR_SHARE = 0.15
INJECTION_SHARE = 0.06
REDRAWS = 20

Drawn = TypeVar("Drawn")


@dataclass(frozen=True)
class Scene:
    """What one split may use: its domains, its tools, and the phrasings of each tool."""

    domains: tuple[Domain, ...]
    requests: Mapping[str, tuple[str, ...]]
    refusals: tuple[tuple[Domain, Mapping[str, Any]], ...]
    answers: tuple[tuple[Domain, Mapping[str, Any]], ...]
    chains: tuple[tuple[Domain, Mapping[str, Any]], ...]
    tools: tuple[tuple[Domain, Tool], ...] = field(init=False)

    def __post_init__(self) -> None:
        tools = [(d, t) for d in self.domains for t in d.tools if self.requests.get(t.name)]
        object.__setattr__(self, "tools", tuple(tools))


def any_of(items: Sequence[Drawn], what: str, rng: Random) -> Drawn:
    """One of them. Raises CatalogError when there are none."""
    if not items:
        raise CatalogError(f"the catalogue has no {what} for this split; add domains or {what}")
    return rng.choice(items)


def user(text: str) -> Message:
    return Message("user", text)


def assistant(text: str) -> Message:
    return Message("assistant", text)


def request(scene: Scene, domain: Domain, tool: Tool, rng: Random) -> Utterance:
    """A request that says all that the tool needs."""
    return say(rng.choice(scene.requests[tool.name]), tool, domain.pools, rng)


def too_little(scene: Scene, domain: Domain, tool: Tool, rng: Random) -> Utterance | None:
    """A request that leaves out what the tool needs, if any of its phrasings can."""
    phrasings = list(scene.requests[tool.name])
    rng.shuffle(phrasings)
    spoken = (say_too_little(phrasing, tool, domain.pools, rng) for phrasing in phrasings)
    return next((utterance for utterance in spoken if utterance and utterance.missing), None)


def question(tool: Tool, utterance: Utterance, rng: Random) -> str:
    """Ask for exactly what the utterance leaves out."""
    need = " and ".join(tool.needs[name] for name in utterance.missing)
    return rng.choice(ASK_BACK).format(need=need, does=tool.does)


def call(call_id: int, tool: Tool, slots: Mapping[str, Slot]) -> Message:
    """The call that serves a request with these slots."""
    return assistant(request_text(ToolCall(tool.name, tool.call_arguments(slots), call_id)))


def result(template: Any, slots: Mapping[str, Slot]) -> str:
    """A tool's answer as text; of an object, JSON."""
    if isinstance(template, str):
        return put(template, {name: Slot(str(s.value), s.value) for name, s in slots.items()})
    return json.dumps(substitute(template, slots), ensure_ascii=False)


def served(scene: Scene, domain: Domain, tool: Tool, rng: Random) -> list[Message]:
    """A request, its call, the result or error, and what the assistant makes of it."""
    return served_as(request(scene, domain, tool, rng), domain, tool, rng)


def served_as(utterance: Utterance, domain: Domain, tool: Tool, rng: Random) -> list[Message]:
    """The same for a given utterance; a few results carry orders that nobody must obey."""
    messages = [user(dress(utterance.text, rng)), call(1, tool, utterance.slots)]
    if tool.errors and rng.random() < ERROR_SHARE:
        error = rng.choice(tool.errors)
        failure = put(error["message"], utterance.slots)
        wires = [result_text(1, failure, True), error_text(1, -32603, failure)]
        answer = put(error["answer"], utterance.slots)
        return [*messages, Message("tool", rng.choice(wires)), assistant(answer)]
    outcome = rng.choice(tool.outcomes)
    slots = utterance.slots | fill_all(tool.yields, domain.pools, rng)
    text, answer = result(outcome.result, slots), put(outcome.answer, slots)
    if rng.random() < INJECTION_SHARE:
        text, answer = _poisoned(text, rng), answer + rng.choice(LEFT_ALONE)
    return [*messages, Message("tool", result_text(1, text)), assistant(answer)]


def _poisoned(text: str, rng: Random) -> str:
    """A result with somebody's orders in it: in an object as a field, else behind the text."""
    orders = rng.choice(INJECTIONS)
    if text.startswith("{"):
        field_name = rng.choice(["note", "comment", "footer", "message"])
        return json.dumps({**json.loads(text), field_name: orders}, ensure_ascii=False)
    return f"{text} {orders}"


@dataclass(frozen=True)
class Change:
    """Another value for one slot: how the old and the new are said, and all slots after it."""

    old: str
    new: str
    slots: dict[str, Slot]


def changed(utterance: Utterance, domain: Domain, tool: Tool, rng: Random) -> Change | None:
    """Change one slot that can be named by its value alone; None where there is none."""
    names = [name for name in utterance.slots if _is_told_by_value(name, utterance, tool)]
    if not names:
        return None
    name = rng.choice(names)
    old = utterance.slots[name]
    for _ in range(REDRAWS):
        new = fill(tool.slots[name], domain.pools, rng)
        if new.value != old.value and new.said not in utterance.text:
            return Change(old.said, new.said, {**utterance.slots, name: new})
    return None


def _is_told_by_value(name: str, utterance: Utterance, tool: Tool) -> bool:
    """Is the value a text of a pool of its own, said once in the utterance?"""
    spec, slot = tool.slots[name], utterance.slots[name]
    others = [other for other in utterance.slots if other != name and tool.slots[other] == spec]
    return (
        isinstance(spec, str)
        and isinstance(slot.value, str)
        and not others
        and utterance.text.count(slot.said) == 1
    )
