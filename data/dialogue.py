"""Compose conversations of every kind from the catalogue: a Scene in, a record's content out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from data.domains import Domain, Tool, substitute
from data.phrasing import dress, fill_all, plain, put
from data.record import Message
from data.slots import fill
from data.turns import (
    Scene,
    any_of,
    assistant,
    call,
    changed,
    question,
    request,
    result,
    served,
    served_as,
    too_little,
    user,
)
from data.wire import ToolCall, request_text, result_text
from data.wordings import (
    CORRECTED_AT_ONCE,
    CORRECTED_LATER,
    FOLLOW_UPS,
    JOINERS,
    NO_TOOL_FITS,
    SMALL_TALK,
    SUPPLIED,
    SYSTEM_PROMPTS,
)

TOOL_COUNTS = (1, 2, 2, 2, 2, 2, 3, 3, 3, 4, 5, 6, 8, 10, 12)
SAME_DOMAIN = 0.6
LATER_SHARE = 0.15


@dataclass(frozen=True)
class Dialogue:
    """The content of a record: offered tools and messages, ending with the turn that is learned."""

    tools: tuple[dict[str, Any], ...]
    messages: tuple[Message, ...]


Maker = Callable[[Scene, Random], Dialogue | None]


def tool_call(scene: Scene, rng: Random) -> Dialogue | None:
    """A request and its call; now and then with a history, or with a word taken back."""
    domain, tool = any_of(scene.tools, "tools", rng)
    with_history = rng.choices(_HISTORIES, _HISTORY_WEIGHTS)[0]
    if with_history is not None:
        return with_history(scene, domain, tool, rng)
    utterance = request(scene, domain, tool, rng)
    messages = [user(dress(utterance.text, rng)), call(1, tool, utterance.slots)]
    return _dialogue(scene, domain, [tool], messages, rng)


def parallel(scene: Scene, rng: Random) -> Dialogue | None:
    """Two or three requests in one message, and their calls in the order they were asked for."""
    domain, tool = any_of(scene.tools, "tools", rng)
    pairs = [(domain, tool)]
    for _ in range(rng.choice([1, 1, 2])):
        pairs.append(
            (domain, tool)
            if tool.slots and rng.random() < 0.6
            else any_of(scene.tools, "tools", rng)
        )
    utterances = [request(scene, *pair, rng) for pair in pairs]
    calls = [
        request_text(ToolCall(t.name, t.call_arguments(u.slots), number))
        for number, ((_, t), u) in enumerate(zip(pairs, utterances, strict=True), 1)
    ]
    if len({call.split('"params"')[1] for call in calls}) < len(calls):
        return None
    text = utterances[0].text
    for utterance in utterances[1:]:
        text = _ended(text) + rng.choice(JOINERS).format(utterance.text)
    tools = list({t.name: t for _, t in pairs}.values())
    return _dialogue(scene, domain, tools, [user(text), assistant("\n".join(calls))], rng)


def multi_step(scene: Scene, rng: Random) -> Dialogue | None:
    """A call, its result and the answer; or a chain in which a result feeds the next call."""
    if scene.chains and rng.random() < 0.4:
        return _chain(scene, rng)
    domain, tool = any_of(scene.tools, "tools", rng)
    return _dialogue(scene, domain, [tool], served(scene, domain, tool, rng), rng)


def clarification(scene: Scene, rng: Random) -> Dialogue | None:
    """A request that leaves out what the call needs, and the question for exactly that."""
    domain, tool = any_of(scene.tools, "tools", rng)
    utterance = too_little(scene, domain, tool, rng)
    if utterance is None:
        return None
    messages = [user(dress(utterance.text, rng)), assistant(question(tool, utterance, rng))]
    return _dialogue(scene, domain, [tool], messages, rng)


def refusal(scene: Scene, rng: Random) -> Dialogue | None:
    """A request that must not be served, with tools of its own domain at hand."""
    domain, entry = any_of(scene.refusals, "refusals", rng)
    text, slots = plain(entry["request"], domain.pools, entry.get("slots", {}), rng)
    near = [tool for d, tool in scene.tools if d is domain]
    tools = rng.sample(near, min(len(near), rng.choice([1, 2, 2])))
    messages = [user(dress(text, rng)), assistant(put(entry["refusal"], slots))]
    return _dialogue(scene, domain, tools, messages, rng)


def irrelevance(scene: Scene, rng: Random) -> Dialogue | None:
    """A request that none of the offered tools can serve, and a reply that says so."""
    domain, wanted = any_of(scene.tools, "tools", rng)
    utterance = request(scene, domain, wanted, rng)
    others = [tool for d, tool in scene.tools if d is not domain]
    tools = rng.sample(others, min(len(others), rng.choice(TOOL_COUNTS)))
    reply = rng.choice(NO_TOOL_FITS).format(does=wanted.does)
    messages = [user(dress(utterance.text, rng)), assistant(reply)]
    return Dialogue(_definitions(tools), _with_system(messages, rng))


def answer(scene: Scene, rng: Random) -> Dialogue | None:
    """A question that needs no tool, or small talk after a task is done."""
    if rng.random() < 0.25:
        domain, tool = any_of(scene.tools, "tools", rng)
        said, reply = rng.choice(SMALL_TALK)
        messages = [*served(scene, domain, tool, rng), user(said), assistant(reply)]
        return _dialogue(scene, domain, [tool], messages, rng)
    domain, entry = any_of(scene.answers, "answers", rng)
    text, slots = plain(entry["request"], domain.pools, entry.get("slots", {}), rng)
    near = [tool for d, tool in scene.tools if d is domain]
    tools = rng.sample(near, min(len(near), 1))
    messages = [user(dress(text, rng)), assistant(put(entry["answer"], slots))]
    return _dialogue(scene, domain, tools, messages, rng)


def _now_and_then_later(make: Maker) -> Maker:
    """The same, but in a part of the conversations one of the offered tools served before."""

    def later(scene: Scene, rng: Random) -> Dialogue | None:
        dialogue = make(scene, rng)
        if dialogue is None or rng.random() >= LATER_SHARE:
            return dialogue
        names = {tool["name"] for tool in dialogue.tools}
        domain, tool = any_of([(d, t) for d, t in scene.tools if t.name in names], "tools", rng)
        n_system = sum(message.role == "system" for message in dialogue.messages)
        system, own = dialogue.messages[:n_system], dialogue.messages[n_system:]
        return Dialogue(dialogue.tools, (*system, *served(scene, domain, tool, rng), *own))

    return later


MAKERS: dict[str, Maker] = {
    "tool_call": tool_call,
    "parallel": parallel,
    "multi_step": multi_step,
    "clarification": clarification,
    "refusal": _now_and_then_later(refusal),
    "irrelevance": _now_and_then_later(irrelevance),
    "answer": answer,
}


def _asked_back(scene: Scene, domain: Domain, tool: Tool, rng: Random) -> Dialogue | None:
    """Too little was said, the assistant asked, and now the rest comes."""
    utterance = too_little(scene, domain, tool, rng)
    if utterance is None:
        return None
    added = {name: fill(tool.slots[name], domain.pools, rng) for name in utterance.missing}
    supplied = " and ".join(slot.said for slot in added.values())
    messages = [
        user(dress(utterance.text, rng)),
        assistant(question(tool, utterance, rng)),
        user(rng.choice(SUPPLIED).format(supplied)),
        call(1, tool, utterance.slots | added),
    ]
    return _dialogue(scene, domain, [tool], messages, rng)


def _after_another_task(scene: Scene, domain: Domain, tool: Tool, rng: Random) -> Dialogue | None:
    """Another request was served before this one."""
    utterance = request(scene, domain, tool, rng)
    earlier_domain, earlier = any_of(scene.tools, "tools", rng)
    messages = [
        *served(scene, earlier_domain, earlier, rng),
        user(dress(utterance.text, rng)),
        call(2, tool, utterance.slots),
    ]
    return _dialogue(scene, domain, [tool, earlier], messages, rng)


def _followed_up(scene: Scene, domain: Domain, tool: Tool, rng: Random) -> Dialogue | None:
    """The same again with one value changed, because the user wants more or was wrong."""
    utterance = request(scene, domain, tool, rng)
    change = changed(utterance, domain, tool, rng)
    if change is None:
        return None
    said = rng.choice(rng.choice([FOLLOW_UPS, CORRECTED_LATER]))
    messages = [
        *served_as(utterance, domain, tool, rng),
        user(said.format(old=change.old, new=change.new)),
        call(2, tool, change.slots),
    ]
    return _dialogue(scene, domain, [tool], messages, rng)


def _taken_back(scene: Scene, domain: Domain, tool: Tool, rng: Random) -> Dialogue | None:
    """A request whose last sentence corrects one value of it."""
    utterance = request(scene, domain, tool, rng)
    change = changed(utterance, domain, tool, rng)
    if change is None:
        return None
    correction = rng.choice(CORRECTED_AT_ONCE).format(old=change.old, new=change.new)
    text = f"{_ended(utterance.text)} {correction}"
    messages = [user(text), call(1, tool, change.slots)]
    return _dialogue(scene, domain, [tool], messages, rng)


_HISTORIES = (None, _asked_back, _after_another_task, _followed_up, _taken_back)
_HISTORY_WEIGHTS = (70, 11, 8, 6, 5)


def _chain(scene: Scene, rng: Random) -> Dialogue | None:
    domain, chain = rng.choice(scene.chains)
    by_name = {tool.name: tool for tool in domain.tools}
    slots = fill_all(chain["slots"], domain.pools, rng)
    messages = [user(dress(put(rng.choice(chain["requests"]), slots), rng))]
    for number, step in enumerate(chain["steps"], 1):
        arguments = substitute(step["arguments"], slots)
        messages.append(assistant(request_text(ToolCall(step["tool"], arguments, number))))
        slots |= fill_all(step.get("yields", {}), domain.pools, rng)
        messages.append(Message("tool", result_text(number, result(step["result"], slots))))
    messages.append(assistant(put(chain["answer"], slots)))
    n_messages = rng.choice(range(4, len(messages) + 1, 2))
    tools = [by_name[name] for name in dict.fromkeys(step["tool"] for step in chain["steps"])]
    return _dialogue(scene, domain, tools, messages[:n_messages], rng)


def _ended(text: str) -> str:
    return text if text[-1] in ".?!" else text + "."


def _dialogue(
    scene: Scene, domain: Domain, needed: Sequence[Tool], messages: Sequence[Message], rng: Random
) -> Dialogue:
    """Offer the needed tools among distractors, most of them from the same domain."""
    names = {tool.name for tool in needed}
    near = [tool for d, tool in scene.tools if d is domain and tool.name not in names]
    far = [tool for d, tool in scene.tools if d is not domain and tool.name not in names]
    offered = list({tool.name: tool for tool in needed}.values())
    for _ in range(rng.choice(TOOL_COUNTS) - len(offered)):
        source = near if near and (rng.random() < SAME_DOMAIN or not far) else far
        if source:
            offered.append(source.pop(rng.randrange(len(source))))
    rng.shuffle(offered)
    return Dialogue(_definitions(offered), _with_system(messages, rng))


def _definitions(tools: Sequence[Tool]) -> tuple[dict[str, Any], ...]:
    return tuple(tool.definition() for tool in tools)


def _with_system(messages: Sequence[Message], rng: Random) -> tuple[Message, ...]:
    system = [Message("system", rng.choice(SYSTEM_PROMPTS))] if rng.random() < 0.4 else []
    return (*system, *messages)
