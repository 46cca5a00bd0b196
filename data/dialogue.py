"""Compose conversations of every kind from the catalogue: a Scene in, a record's content out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from data.catalog import CatalogError, Domain, Tool, substitute
from data.phrasing import Utterance, dress, fill_all, plain, put, say, say_too_little
from data.record import Message
from data.slots import Slot, fill
from data.wire import ToolCall, error_text, request_text, result_text

TOOL_COUNTS = (1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 6, 7, 8, 10, 12)
SAME_DOMAIN = 0.6
SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "You are a careful assistant. Use the tools when they help.",
    "Answer briefly.",
    "You work for a small company and help its staff.",
    "Be polite and precise.",
    "You are the assistant inside a mobile app.",
    "Help the user. Never make up values for a tool.",
)
ASK_BACK = (
    "Could you tell me {need}?",
    "To {does}, I need {need}. Could you give me that?",
    "What should I use as {need}? I need it to {does}.",
    "Happy to {does}. Please tell me {need}.",
    "Before I can {does}, please tell me {need}.",
    "I can {does}, but I still need {need}. What is it?",
    "May I ask you for {need}?",
    "I am missing {need}. Could you add that?",
)
NO_TOOL_FITS = (
    "I can't {does}: none of the tools I have here does that.",
    "None of my tools can {does}, so I can't help with this one.",
    "I'm unable to {does} with the tools available to me.",
    "Sorry, there is no tool here to {does}.",
    "That is outside of what my tools do: I cannot {does}.",
    "I have no tool to {does}.",
)
JOINERS = (" {}", "\n{}", " Also: {}", " Second: {}", " Then this: {}", " One more: {}", " And: {}")
SMALL_TALK = (
    ("Thanks, that was all.", "You're welcome!"),
    ("thank you so much", "Glad I could help."),
    ("Hello, how are you?", "Doing well, thank you. What can I do for you today?"),
    ("Perfect, exactly what I needed.", "Good to hear. I'm here if anything else comes up."),
    ("Good morning!", "Good morning! How can I help?"),
    ("Great work, bye", "Goodbye, and have a good day!"),
)


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


@dataclass(frozen=True)
class Dialogue:
    """The content of a record: offered tools and messages, ending with the turn that is learned."""

    tools: tuple[dict[str, Any], ...]
    messages: tuple[Message, ...]


Drawn = TypeVar("Drawn")
Maker = Callable[[Scene, Random], Dialogue | None]


def user(text: str) -> Message:
    return Message("user", text)


def assistant(text: str) -> Message:
    return Message("assistant", text)


def tool_call(scene: Scene, rng: Random) -> Dialogue | None:
    """A request and its call; now and then after a question asked back or an earlier task."""
    domain, tool = _any(scene.tools, "tools", rng)
    style = rng.random()
    if style < 0.12:
        return _asked_back_then_call(scene, domain, tool, rng)
    utterance = _request(scene, domain, tool, rng)
    messages = [user(dress(utterance.text, rng)), _call(1, tool, utterance.slots)]
    tools = [tool]
    if style < 0.22:
        earlier_domain, earlier = _any(scene.tools, "tools", rng)
        history = _served(scene, earlier_domain, earlier, 1, rng)
        messages = [*history, messages[0], _call(2, tool, utterance.slots)]
        tools.append(earlier)
    return _dialogue(scene, domain, tools, messages, rng)


def parallel(scene: Scene, rng: Random) -> Dialogue | None:
    """Two or three requests in one message, and their calls in the order they were asked for."""
    domain, tool = _any(scene.tools, "tools", rng)
    pairs = [(domain, tool)]
    for _ in range(rng.choice([1, 1, 2])):
        pairs.append(
            (domain, tool) if tool.slots and rng.random() < 0.6 else _any(scene.tools, "tools", rng)
        )
    utterances = [_request(scene, *pair, rng) for pair in pairs]
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
    domain, tool = _any(scene.tools, "tools", rng)
    return _dialogue(scene, domain, [tool], _served(scene, domain, tool, 1, rng), rng)


def clarification(scene: Scene, rng: Random) -> Dialogue | None:
    """A request that leaves out what the call needs, and the question for exactly that."""
    domain, tool = _any(scene.tools, "tools", rng)
    utterance = _too_little(scene, domain, tool, rng)
    if utterance is None:
        return None
    messages = [user(dress(utterance.text, rng)), assistant(_question(tool, utterance, rng))]
    return _dialogue(scene, domain, [tool], messages, rng)


def refusal(scene: Scene, rng: Random) -> Dialogue | None:
    """A request that must not be served, with tools of its own domain at hand."""
    domain, entry = _any(scene.refusals, "refusals", rng)
    text, slots = plain(entry["request"], domain.pools, entry.get("slots", {}), rng)
    near = [tool for d, tool in scene.tools if d is domain]
    tools = rng.sample(near, min(len(near), rng.choice([1, 2, 2])))
    messages = [user(dress(text, rng)), assistant(put(entry["refusal"], slots))]
    return _dialogue(scene, domain, tools, messages, rng)


def irrelevance(scene: Scene, rng: Random) -> Dialogue | None:
    """A request that none of the offered tools can serve, and a reply that says so."""
    domain, wanted = _any(scene.tools, "tools", rng)
    utterance = _request(scene, domain, wanted, rng)
    others = [tool for d, tool in scene.tools if d is not domain]
    tools = rng.sample(others, min(len(others), rng.choice(TOOL_COUNTS)))
    reply = rng.choice(NO_TOOL_FITS).format(does=wanted.does)
    messages = [user(dress(utterance.text, rng)), assistant(reply)]
    return Dialogue(_definitions(tools), _with_system(messages, rng))


def answer(scene: Scene, rng: Random) -> Dialogue | None:
    """A question that needs no tool, or small talk after a task is done."""
    if rng.random() < 0.25:
        domain, tool = _any(scene.tools, "tools", rng)
        said, reply = rng.choice(SMALL_TALK)
        messages = [*_served(scene, domain, tool, 1, rng), user(said), assistant(reply)]
        return _dialogue(scene, domain, [tool], messages, rng)
    domain, entry = _any(scene.answers, "answers", rng)
    text, slots = plain(entry["request"], domain.pools, entry.get("slots", {}), rng)
    near = [tool for d, tool in scene.tools if d is domain]
    tools = rng.sample(near, min(len(near), 1))
    messages = [user(dress(text, rng)), assistant(put(entry["answer"], slots))]
    return _dialogue(scene, domain, tools, messages, rng)


MAKERS: dict[str, Maker] = {
    "tool_call": tool_call,
    "parallel": parallel,
    "multi_step": multi_step,
    "clarification": clarification,
    "refusal": refusal,
    "irrelevance": irrelevance,
    "answer": answer,
}


def _any(items: Sequence[Drawn], what: str, rng: Random) -> Drawn:
    if not items:
        raise CatalogError(f"the catalogue has no {what} for this split; add domains or {what}")
    return rng.choice(items)


def _request(scene: Scene, domain: Domain, tool: Tool, rng: Random) -> Utterance:
    return say(rng.choice(scene.requests[tool.name]), tool, domain.pools, rng)


def _too_little(scene: Scene, domain: Domain, tool: Tool, rng: Random) -> Utterance | None:
    phrasings = list(scene.requests[tool.name])
    rng.shuffle(phrasings)
    spoken = (say_too_little(phrasing, tool, domain.pools, rng) for phrasing in phrasings)
    return next((utterance for utterance in spoken if utterance and utterance.missing), None)


def _question(tool: Tool, utterance: Utterance, rng: Random) -> str:
    need = " and ".join(tool.needs[name] for name in utterance.missing)
    return rng.choice(ASK_BACK).format(need=need, does=tool.does)


def _asked_back_then_call(scene: Scene, domain: Domain, tool: Tool, rng: Random) -> Dialogue | None:
    utterance = _too_little(scene, domain, tool, rng)
    if utterance is None:
        return None
    added = {name: fill(tool.slots[name], domain.pools, rng) for name in utterance.missing}
    supplied = " and ".join(slot.said for slot in added.values())
    messages = [
        user(dress(utterance.text, rng)),
        assistant(_question(tool, utterance, rng)),
        user(
            rng.choice(["{}", "{}, please.", "Oh, of course: {}", "It's {}.", "{} - sorry"]).format(
                supplied
            )
        ),
        _call(1, tool, utterance.slots | added),
    ]
    return _dialogue(scene, domain, [tool], messages, rng)


def _served(scene: Scene, domain: Domain, tool: Tool, call_id: int, rng: Random) -> list[Message]:
    """A request, its call, the result or error, and what the assistant makes of it."""
    utterance = _request(scene, domain, tool, rng)
    messages = [user(dress(utterance.text, rng)), _call(call_id, tool, utterance.slots)]
    if tool.errors and rng.random() < 0.15:
        error = rng.choice(tool.errors)
        failure = put(error["message"], utterance.slots)
        reply = put(error["answer"], utterance.slots)
        wire = rng.choice(
            [result_text(call_id, failure, True), error_text(call_id, -32603, failure)]
        )
        return [*messages, Message("tool", wire), assistant(reply)]
    outcome = rng.choice(tool.outcomes)
    slots = utterance.slots | fill_all(tool.yields, domain.pools, rng)
    result = Message("tool", result_text(call_id, _result(outcome.result, slots)))
    return [*messages, result, assistant(put(outcome.answer, slots))]


def _chain(scene: Scene, rng: Random) -> Dialogue | None:
    domain, chain = rng.choice(scene.chains)
    by_name = {tool.name: tool for tool in domain.tools}
    slots = fill_all(chain["slots"], domain.pools, rng)
    messages = [user(dress(put(chain["request"], slots), rng))]
    for number, step in enumerate(chain["steps"], 1):
        arguments = substitute(step["arguments"], slots)
        messages.append(assistant(request_text(ToolCall(step["tool"], arguments, number))))
        slots |= fill_all(step.get("yields", {}), domain.pools, rng)
        messages.append(Message("tool", result_text(number, _result(step["result"], slots))))
    messages.append(assistant(put(chain["answer"], slots)))
    n_messages = rng.choice(range(4, len(messages) + 1, 2))
    tools = [by_name[name] for name in dict.fromkeys(step["tool"] for step in chain["steps"])]
    return _dialogue(scene, domain, tools, messages[:n_messages], rng)


def _result(template: Any, slots: Mapping[str, Slot]) -> str:
    """A tool's answer as text; of an object, JSON."""
    if isinstance(template, str):
        return put(template, {name: Slot(str(s.value), s.value) for name, s in slots.items()})
    return json.dumps(substitute(template, slots), ensure_ascii=False)


def _call(call_id: int, tool: Tool, slots: Mapping[str, Slot]) -> Message:
    return assistant(request_text(ToolCall(tool.name, tool.call_arguments(slots), call_id)))


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
