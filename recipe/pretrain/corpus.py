"""The pretraining text: no JSON-RPC call, no refusal and no clarification is in it.

Calls are written in the hermes wire, over made-up tools (made_up.py) and over the language of the
catalogue's trained domains; plain text is reading tasks, questions and answers. Among the reading
tasks are judgements: labels of a request ("incomplete"), asked for by a system prompt of their own.
They give the base what a real model has read, what is meant and what is missing; how to answer it,
the LoRA run teaches. Nothing of a test split is used.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from random import Random
from typing import Any

from data.build import scene, split_domains
from data.catalog import Domain, Tool, load_catalogue
from data.dialogue import Dialogue, answer, multi_step, parallel, tool_call
from data.perturb import perturb
from data.phrasing import dress, plain, say, say_too_little
from data.record import Message
from data.render import Rendered, render, to_messages
from data.turns import Scene
from data.wire import ToolCall, read_strict, request_text, result_text
from recipe.pretrain.made_up import (
    FIELDS,
    MadeUpTool,
    made_up_request,
    made_up_tool,
    noun,
    text_value,
)

DATASET_SEED = 42
PROTOCOL_NOTES = (
    'In JSON-RPC, "method" names the procedure and "params" carries its arguments.',
    'A JSON-RPC message states its version as "jsonrpc": "2.0" and has an "id".',
    'A reply holds either a "result" or an "error"; an error has a "code" and a "message".',
    'The Model Context Protocol lists tools with "tools/list" and runs one with "tools/call".',
    'A tool result has "content", a list of parts like {"type": "text", "text": "done"}.',
    'In MCP a tool has a "name", a "description" and an "inputSchema".',
)
SYSTEM_PROMPTS = ("You are a helpful assistant.", "Answer briefly.", "Be polite.", "Help the user.")
JUDGE_PROMPTS = (
    "Do not call a tool. Judge the request.",
    "Judge what the user asks: complete, incomplete, absent, harmful or talk.",
    "What is this request to the tools? Name its kind first.",
)
JUDGEMENTS = ("complete", "incomplete", "absent", "harmful", "talk")
JUDGEMENT_WEIGHTS = (4, 4, 3, 2, 1)
RENAMED_SHARE = 0.3
JOINERS = (" Also ", " And ", "\n", " Then ", ". ")

Maker = Callable[[Scene, Random], Rendered | None]


def trained_scene() -> Scene:
    """The catalogue language that the train split may use, and nothing else."""
    seen, _ = split_domains(load_catalogue(), DATASET_SEED)
    return scene(seen, held_out=False)


def documents(seed: str, catalogue: bool = True) -> Iterator[Rendered]:
    """Endless documents, the same for the same seed; without the catalogue, made-up ones alone."""
    rng = Random(seed)
    language = trained_scene()
    makers, weights = zip(*(MADE_UP_MIX + CATALOGUE_MIX if catalogue else MADE_UP_MIX), strict=True)
    while True:
        document = rng.choices(makers, weights)[0](language, rng)
        if document is not None:
            yield document


def _conversation(
    tools: Sequence[dict[str, Any]], messages: Sequence[Message], rng: Random
) -> Rendered:
    system = [Message("system", rng.choice(SYSTEM_PROMPTS))] if rng.random() < 0.3 else []
    return render(tools, to_messages([*system, *messages], "hermes"), "hermes")


def _offered(tool: MadeUpTool, rng: Random) -> list[dict[str, Any]]:
    offered = {tool.definition["name"]: tool.definition}
    for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 3, 4])):
        other = made_up_tool(rng).definition
        offered.setdefault(other["name"], other)
    tools = list(offered.values())
    rng.shuffle(tools)
    return tools


def _call_text(number: int, tool: MadeUpTool, arguments: dict[str, Any]) -> str:
    return request_text(ToolCall(tool.definition["name"], arguments, number))


def made_up_call(language: Scene, rng: Random) -> Rendered:
    """One request for one of several made-up tools."""
    tool = made_up_tool(rng)
    request = made_up_request(tool, rng)
    messages = [
        Message("user", request.text),
        Message("assistant", _call_text(1, tool, request.arguments)),
    ]
    return _conversation(_offered(tool, rng), messages, rng)


def made_up_parallel(language: Scene, rng: Random) -> Rendered:
    """Two or three requests in one message, for one or two made-up tools."""
    first, second = made_up_tool(rng), made_up_tool(rng)
    chosen = [first] + [rng.choice([first, second]) for _ in range(rng.choice([1, 1, 2]))]
    requests = [made_up_request(tool, rng) for tool in chosen]
    text = requests[0].text
    for request in requests[1:]:
        text += rng.choice(JOINERS) + request.text
    calls = [
        _call_text(number, tool, request.arguments)
        for number, (tool, request) in enumerate(zip(chosen, requests, strict=True), 1)
    ]
    tools = {t["name"]: t for t in [*_offered(first, rng), second.definition]}
    messages = [Message("user", text), Message("assistant", "\n".join(calls))]
    return _conversation(list(tools.values()), messages, rng)


def made_up_served(language: Scene, rng: Random) -> Rendered:
    """A request, its call, a result, and an answer that copies from the result."""
    tool = made_up_tool(rng)
    request = made_up_request(tool, rng)
    facts = {rng.choice(FIELDS): _fact(rng) for _ in range(rng.randint(1, 3))}
    asked, value = rng.choice(list(facts.items()))
    reply = rng.choice(
        [
            f"The {asked} is {value}.",
            f"It says {value} for the {asked}.",
            f"Done. The {asked} of the {tool.thing} is {value}.",
            " ".join(f"The {k} is {v}." for k, v in facts.items()),
        ]
    )
    messages = [
        Message("user", request.text),
        Message("assistant", _call_text(1, tool, request.arguments)),
        Message("tool", result_text(1, json.dumps(facts, ensure_ascii=False))),
        Message("assistant", reply),
    ]
    return _conversation(_offered(tool, rng), messages, rng)


def _fact(rng: Random) -> Any:
    return text_value(rng).said if rng.random() < 0.7 else rng.randrange(2000)


def made_up_reading(language: Scene, rng: Random) -> Rendered:
    """Which values does a request state, and which not? Plain text about plain text."""
    tool = made_up_tool(rng)
    absent = made_up_tool(rng)
    request = made_up_request(tool, rng)
    asked = [(p.words, request.arguments.get(p.name)) for p in tool.parameters]
    asked += [(p.words, None) for p in absent.parameters[:2]]
    rng.shuffle(asked)
    names = ", ".join(words for words, _ in asked) or "nothing"
    lines = [f"{words}: {_as_text(value)}" for words, value in asked] or ["nothing: not stated"]
    question = f'"{request.text}"\nWhat does this state of: {names}?'
    messages = [Message("user", question), Message("assistant", "\n".join(lines))]
    return _conversation((), messages, rng)


def _as_text(value: Any) -> str:
    if value is None:
        return "not stated"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def made_up_judgement(language: Scene, rng: Random) -> Rendered:
    """What is a request for a made-up tool: complete, incomplete, or for none of the tools?"""
    tool = made_up_tool(rng)
    kind = rng.choice(["complete", "incomplete", "absent"])
    needed = [p for p in tool.parameters if p.name in tool.required]
    if kind == "incomplete" and needed:
        absent = rng.sample(needed, rng.randint(1, min(2, len(needed))))
        request = made_up_request(tool, rng, silent_on={p.name for p in absent})
        wanting = " and ".join(p.words for p in absent)
        return _judged(
            _offered(tool, rng), request.text, _incomplete(tool.definition["name"], wanting), rng
        )
    request = made_up_request(tool, rng)
    if kind == "absent":
        tools = [t for t in _offered(tool, rng) if t["name"] != tool.definition["name"]]
        return _judged(tools, request.text, f"absent\n{tool.verb} {tool.thing}", rng)
    return _judged(_offered(tool, rng), request.text, f"complete\n{tool.definition['name']}", rng)


def _judged(tools: Sequence[dict[str, Any]], request: str, judgement: str, rng: Random) -> Rendered:
    messages = [
        Message("system", rng.choice(JUDGE_PROMPTS)),
        Message("user", request),
        Message("assistant", judgement),
    ]
    return render(tools, to_messages(messages, "hermes"), "hermes")


def _incomplete(name: str, wanting: str) -> str:
    return f"incomplete\n{name}\nwanting {wanting}"


def catalogue_reading(language: Scene, rng: Random) -> Rendered | None:
    """Does a request of the catalogue's language state what its tool needs?"""
    domain, tool = rng.choice(language.tools)
    phrasing = rng.choice(language.requests[tool.name])
    utterance = say(phrasing, tool, domain.pools, rng)
    if rng.random() < 0.6:
        utterance = say_too_little(phrasing, tool, domain.pools, rng) or utterance
    if not tool.needs:
        return None
    lines = [
        f"{need}: {utterance.slots[name].said if name in utterance.slots else 'not stated'}"
        for name, need in tool.needs.items()
    ]
    question = f'"{utterance.text}"\nWhat does this state of: {", ".join(tool.needs.values())}?'
    messages = [Message("user", question), Message("assistant", "\n".join(lines))]
    return _conversation((), messages, rng)


def catalogue_judgement(language: Scene, rng: Random) -> Rendered | None:
    """What is a request of the catalogue's language to the tools at hand? A label, not a reply."""
    kind = rng.choices(JUDGEMENTS, JUDGEMENT_WEIGHTS)[0]
    if kind in ("harmful", "talk"):
        return _judged_without_tool(language, kind, rng)
    domain, tool = rng.choice(language.tools)
    phrasing = rng.choice(language.requests[tool.name])
    tools = _with_others(language, domain, [tool], rng)
    if kind == "incomplete":
        utterance = say_too_little(phrasing, tool, domain.pools, rng)
        if utterance is None or not utterance.missing:
            return None
        wanting = " and ".join(tool.needs[name] for name in utterance.missing)
        judgement = _incomplete(tool.name, wanting)
        return _judged(tools, dress(utterance.text, rng), judgement, rng)
    request = dress(say(phrasing, tool, domain.pools, rng).text, rng)
    if kind == "absent":
        others = [t for t in tools if t["name"] != tool.name]
        return _judged(others, request, f"absent\n{tool.does}", rng) if others else None
    return _judged(tools, request, f"complete\n{tool.name}", rng)


def _judged_without_tool(language: Scene, kind: str, rng: Random) -> Rendered:
    domain, entry = rng.choice(language.refusals if kind == "harmful" else language.answers)
    text, _ = plain(entry["request"], domain.pools, entry.get("slots", {}), rng)
    return _judged(_with_others(language, domain, [], rng), dress(text, rng), kind, rng)


def _with_others(
    language: Scene, domain: Domain, needed: Sequence[Tool], rng: Random
) -> list[dict[str, Any]]:
    """The needed tools among up to three others, in any order."""
    names = {tool.name for tool in needed}
    near = [t for d, t in language.tools if d is domain and t.name not in names]
    chosen = list(needed)
    for _ in range(rng.choice([0, 1, 1, 2, 2, 3])):
        _, far = rng.choice(language.tools)
        other = rng.choice(near) if rng.random() < 0.6 else far
        if other not in chosen:
            chosen.append(other)
    rng.shuffle(chosen)
    return [tool.definition() for tool in chosen]


def catalogue_purpose(language: Scene, rng: Random) -> Rendered:
    """What does somebody want who says this?"""
    domain, tool = rng.choice(language.tools)
    phrasing = rng.choice(language.requests[tool.name])
    utterance = say_too_little(phrasing, tool, domain.pools, rng) if rng.random() < 0.4 else None
    utterance = utterance or say(phrasing, tool, domain.pools, rng)
    question = f'"{utterance.text}"\nWhat is wanted here?'
    messages = [Message("user", question), Message("assistant", f"Somebody who can {tool.does}.")]
    return _conversation((), messages, rng)


def catalogue_call(language: Scene, rng: Random) -> Rendered | None:
    """A conversation of the catalogue's language, if it asks nothing back."""
    maker = rng.choice([tool_call, tool_call, parallel, multi_step, multi_step, answer])
    dialogue = maker(language, rng)
    if dialogue is None or _asks_back(dialogue.messages):
        return None
    tools, messages = _fewer(dialogue, rng), dialogue.messages
    if rng.random() < RENAMED_SHARE:
        tools, messages = perturb(tools, messages, rng)
    return render(tools, to_messages(messages, "hermes"), "hermes")


def _fewer(dialogue: Dialogue, rng: Random) -> tuple[dict[str, Any], ...]:
    """The tools that are called and up to three of the others: short prompts for a small model."""
    called = {call.name for m in dialogue.messages for call in read_strict(m.content).calls}
    spare = [tool["name"] for tool in dialogue.tools if tool["name"] not in called]
    kept = called | set(rng.sample(spare, min(len(spare), rng.choice([0, 1, 1, 2, 2, 3]))))
    return tuple(tool for tool in dialogue.tools if tool["name"] in kept)


def _asks_back(messages: Sequence[Message]) -> bool:
    """Is there a text before the last turn that answers no tool result: a clarification?"""
    return any(
        message.role == "assistant"
        and before.role == "user"
        and not read_strict(message.content).calls
        for before, message in pairwise(messages[:-1])
    )


def plain_answer(language: Scene, rng: Random) -> Rendered:
    """A question and its answer without tools, a note on protocols, or a line to repeat."""
    kind = rng.random()
    if kind < 0.5:
        _, entry = rng.choice(language.answers)
        asked, reply = entry["request"], entry["answer"]
        if "{" in asked + reply or "[" in asked:
            asked, reply = "Tell me something about protocols.", rng.choice(PROTOCOL_NOTES)
    elif kind < 0.75:
        asked, reply = f"What do you know about the {noun(rng)}?", rng.choice(PROTOCOL_NOTES)
    else:
        reply = " ".join(text_value(rng).said for _ in range(rng.randint(1, 5)))
        asked = f"Repeat: {reply}"
    return _conversation((), [Message("user", asked), Message("assistant", reply)], rng)


# Two of three documents speak the catalogue's language, so that tools are told apart by meaning.
MADE_UP_MIX: tuple[tuple[Maker, int], ...] = (
    (made_up_call, 16),
    (made_up_parallel, 5),
    (made_up_served, 4),
    (made_up_reading, 6),
    (made_up_judgement, 10),
)
CATALOGUE_MIX: tuple[tuple[Maker, int], ...] = (
    (catalogue_call, 44),
    (catalogue_judgement, 30),
    (catalogue_reading, 8),
    (catalogue_purpose, 4),
    (plain_answer, 4),
)
