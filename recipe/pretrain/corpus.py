"""The pretraining text: no JSON-RPC call, no refusal and no clarification is in it.

Calls are written in the hermes wire, over made-up tools (made_up.py) and over the language of the
catalogue's trained domains; plain text is reading tasks, questions and answers. Among the reading
tasks are judgements: labels of a request ("incomplete"). They give the base what a real model has
read, what is meant and what is missing; how to answer it, the LoRA run teaches. Nothing of a test
split is used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from random import Random
from typing import Any

from data.build import scene, split_domains
from data.dialogue import Dialogue, answer, multi_step, parallel, tool_call
from data.domains import Domain, Tool, load_catalogue
from data.perturb import perturb
from data.phrasing import dress, plain, say, say_too_little
from data.record import Message
from data.render import Rendered, render, to_messages
from data.turns import Scene, call
from data.wire import ToolCall, compact, read_strict, request_text, result_text
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
TOLD_SHARE = 0.5
TIGHT_SHARE = 0.5
CALL = re.compile(r"(?<=<tool_call>\n).*(?=\n</tool_call>)")
RENAMED_SHARE = 0.3
ASK_FOR_QUESTIONS = ("Write a question about {}.", "Turn into a question: {}", "A question: {}")
QUESTIONS = ("What is {}?", "What would {} be?", "Is {} known?", "Who can name {}?", "Where is {}?")
JOINERS = (" Also ", " And ", "\n", " Then ", ". ")

Maker = Callable[[Scene, Random], Rendered | None]
Judged = tuple[str, str]
Offered = tuple[Domain, Tool]


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
            yield _tight(document) if rng.random() < TIGHT_SHARE else document


def _tight(document: Rendered) -> Rendered:
    """The document with its calls in JSON without blanks, as many models write them."""
    pieces = tuple(
        CALL.sub(lambda found: compact(json.loads(found[0])), piece) if trained else piece
        for piece, trained in zip(document.pieces, document.trained, strict=True)
    )
    return Rendered(pieces, document.trained)


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
    """What are requests to some made-up tools: complete, incomplete, or for none of the tools?"""
    present = [made_up_tool(rng) for _ in range(rng.choice([1, 1, 2, 2, 3, 4]))]
    judged = [
        _made_up_judgement(rng.choice(present), rng) for _ in range(rng.choice([1, 2, 3, 4, 5]))
    ]
    return _judged([tool.definition for tool in present], judged, rng)


def _made_up_judgement(tool: MadeUpTool, rng: Random) -> Judged:
    kind = rng.choice(["complete", "incomplete", "absent"])
    if kind == "absent":
        tool = made_up_tool(rng)
    needed = [p for p in tool.parameters if p.name in tool.required]
    if kind == "incomplete" and needed:
        left_out = rng.sample(needed, rng.randint(1, min(2, len(needed))))
        request = made_up_request(tool, rng, silent_on={p.name for p in left_out})
        wanting = " and ".join(p.words for p in left_out)
        return request.text, _incomplete(tool.definition["name"], wanting)
    request = made_up_request(tool, rng)
    if kind == "absent":
        return request.text, f"absent\n{tool.verb} {tool.thing}"
    return request.text, f"complete\n{tool.definition['name']}"


def _judged(tools: Sequence[dict[str, Any]], judged: Sequence[Judged], rng: Random) -> Rendered:
    """Requests and their judgements in one conversation, half of the time without being told to.

    Many requests share one list of tools, because the list is most of a prompt's tokens.
    """
    messages = [Message("system", rng.choice(JUDGE_PROMPTS))] if rng.random() < TOLD_SHARE else []
    for request, judgement in judged:
        messages += [Message("user", request), Message("assistant", judgement)]
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
    """What are requests of the catalogue's language to the tools at hand? Labels, not replies."""
    present = _some_tools(language, rng)
    kinds = rng.choices(JUDGEMENTS, JUDGEMENT_WEIGHTS, k=rng.choice([1, 2, 3, 4, 5, 6]))
    judged = [_catalogue_judgement(language, kind, present, rng) for kind in kinds]
    found = [one for one in judged if one is not None]
    return _judged([tool.definition() for _, tool in present], found, rng) if found else None


def _catalogue_judgement(
    language: Scene, kind: str, present: Sequence[Offered], rng: Random
) -> Judged | None:
    if kind in ("harmful", "talk"):
        return _of_no_tool(language, kind, present, rng)
    domain, tool = rng.choice(present)
    if kind == "absent":
        missing = [one for one in language.tools if one not in present]
        near = [one for one in missing if one[0] is domain]
        domain, tool = rng.choice(near if near and rng.random() < 0.6 else missing)
    phrasing = rng.choice(language.requests[tool.name])
    if kind == "incomplete":
        utterance = say_too_little(phrasing, tool, domain.pools, rng)
        if utterance is None or not utterance.missing:
            return None
        wanting = " and ".join(tool.needs[name] for name in utterance.missing)
        return dress(utterance.text, rng), _incomplete(tool.name, wanting)
    request = dress(say(phrasing, tool, domain.pools, rng).text, rng)
    return request, f"absent\n{tool.does}" if kind == "absent" else f"complete\n{tool.name}"


def _of_no_tool(language: Scene, kind: str, present: Sequence[Offered], rng: Random) -> Judged:
    entries = language.refusals if kind == "harmful" else language.answers
    domains = {domain.name for domain, _ in present}
    near = [entry for entry in entries if entry[0].name in domains]
    domain, entry = rng.choice(near if near and rng.random() < 0.5 else entries)
    text, _ = plain(entry["request"], domain.pools, entry.get("slots", {}), rng)
    return dress(text, rng), kind


def _some_tools(language: Scene, rng: Random) -> list[Offered]:
    """One to four tools, most of them of one domain, in any order."""
    first = rng.choice(language.tools)
    near = [one for one in language.tools if one[0] is first[0]]
    chosen = [first]
    for _ in range(rng.choice([0, 1, 1, 2, 2, 3])):
        other = rng.choice(near if rng.random() < 0.6 else language.tools)
        if other not in chosen:
            chosen.append(other)
    rng.shuffle(chosen)
    return chosen


def catalogue_requests(language: Scene, rng: Random) -> Rendered:
    """Several requests in a row to the same tools, each with its call."""
    present = _some_tools(language, rng)
    messages: list[Message] = []
    for number in range(1, rng.choice([2, 3, 4, 5]) + 1):
        domain, tool = rng.choice(present)
        spoken = say(rng.choice(language.requests[tool.name]), tool, domain.pools, rng)
        messages += [Message("user", dress(spoken.text, rng)), call(number, tool, spoken.slots)]
    tools: Sequence[dict[str, Any]] = [tool.definition() for _, tool in present]
    if rng.random() < RENAMED_SHARE:
        tools, renamed = perturb(tools, messages, rng)
        messages = list(renamed)
    return render(tools, to_messages(messages, "hermes"), "hermes")


def catalogue_purpose(language: Scene, rng: Random) -> Rendered:
    """What does somebody want who says this?"""
    domain, tool = rng.choice(language.tools)
    phrasing = rng.choice(language.requests[tool.name])
    utterance = say_too_little(phrasing, tool, domain.pools, rng) if rng.random() < 0.4 else None
    utterance = utterance or say(phrasing, tool, domain.pools, rng)
    question = f'"{utterance.text}"\nWhat is wanted here?'
    messages = [Message("user", question), Message("assistant", f"Somebody who can {tool.does}.")]
    return _conversation((), messages, rng)


def catalogue_question(language: Scene, rng: Random) -> Rendered | None:
    """A question in words: plain text, with no tool and no request it could be asked back on."""
    _, tool = rng.choice(language.tools)
    if not tool.needs:
        return None
    needs = list(tool.needs.values())
    subject = " and ".join(rng.sample(needs, rng.randint(1, min(2, len(needs)))))
    messages = [
        Message("user", rng.choice(ASK_FOR_QUESTIONS).format(subject)),
        Message("assistant", rng.choice(QUESTIONS).format(subject)),
    ]
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


# Five of six documents speak the catalogue's language, so that tools are told apart by meaning.
MADE_UP_MIX: tuple[tuple[Maker, int], ...] = (
    (made_up_call, 16),
    (made_up_parallel, 5),
    (made_up_served, 4),
    (made_up_reading, 6),
    (made_up_judgement, 10),
)
CATALOGUE_MIX: tuple[tuple[Maker, int], ...] = (
    (catalogue_call, 60),
    (catalogue_requests, 50),
    (catalogue_judgement, 70),
    (catalogue_reading, 10),
    (catalogue_purpose, 6),
    (catalogue_question, 8),
    (plain_answer, 8),
)
