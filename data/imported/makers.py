"""Conversations about imported tools: the catalogue's makers, and three that need other tools."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import Any

from data.checks.checker import Checker, Options, RawLine
from data.checks.rules import ERROR, RULES
from data.dialogue import MAKERS, TOOL_COUNTS, Dialogue
from data.domains import Tool
from data.imported.speech import VERBS
from data.names import words_of
from data.phrasing import dress
from data.record import Example, Message, json_line, row_of
from data.turns import Scene, any_of, assistant, request, user
from data.wordings import NO_TOOL_FITS, SYSTEM_PROMPTS

Make = Callable[[str, Random], Dialogue | None]
SYSTEM_SHARE = 0.4
OWN_SHARE = 0.5


def maker_of(own: Scene, others: Scene) -> Make:
    """Makes the content of a record of a kind; None where it did not come out right.

    `others` are the scenes of the built-in catalogue: what is asked for where no tool fits.
    """
    checker = Checker(Options())

    def make(kind: str, rng: Random) -> Dialogue | None:
        if kind == "irrelevance":
            dialogue = _irrelevance(own, others, rng)
        elif kind == "refusal":
            dialogue = _refusal(own, rng)
        else:
            dialogue = MAKERS[kind](own, rng)
        return dialogue if dialogue and _is_valid(checker, kind, dialogue) else None

    return make


def _is_valid(checker: Checker, kind: str, dialogue: Dialogue) -> bool:
    """Whether the validator finds no error: schemas of others may hold any trap."""
    row = row_of(Example("drawn", kind, "imported", dialogue.tools, dialogue.messages))
    line = json_line(row).encode("utf-8")
    _, problems = checker.problems(RawLine(1, 0, line))
    return not any(RULES[problem.code].severity == ERROR for problem in problems)


def _irrelevance(own: Scene, others: Scene, rng: Random) -> Dialogue | None:
    """A request for a tool that is not offered, beside tools that have nothing to do with it."""
    source = own if rng.random() < OWN_SHARE and len(own.tools) > 1 else others
    domain, wanted = any_of(source.tools, "tools", rng)
    fitting = [tool for _, tool in own.tools if not _are_related(wanted, tool)]
    if not fitting or (source is others and len(fitting) < len(own.tools)):
        return None
    utterance = request(source, domain, wanted, rng)
    offered = rng.sample(fitting, min(len(fitting), rng.choice(TOOL_COUNTS)))
    reply = rng.choice(NO_TOOL_FITS).format(does=wanted.does)
    return _dialogue(offered, [user(dress(utterance.text, rng)), assistant(reply)], rng)


def _refusal(own: Scene, rng: Random) -> Dialogue | None:
    """A request that must not be served, though the tool for it is there."""
    _, entry = any_of(own.refusals, "refusals", rng)
    tool = next((tool for _, tool in own.tools if tool.name == entry["tool"]), None)
    if tool is None:
        return None
    others = [other for _, other in own.tools if other is not tool]
    n_others = min(len(others), rng.choice(TOOL_COUNTS) - 1)
    offered = [tool, *rng.sample(others, n_others)]
    messages = [user(dress(entry["request"], rng)), assistant(entry["refusal"])]
    return _dialogue(offered, messages, rng)


def _dialogue(offered: list[Tool], messages: list[Message], rng: Random) -> Dialogue:
    rng.shuffle(offered)
    definitions: tuple[dict[str, Any], ...] = tuple(tool.definition() for tool in offered)
    has_system = rng.random() < SYSTEM_SHARE
    system = [Message("system", rng.choice(SYSTEM_PROMPTS))] if has_system else []
    return Dialogue(definitions, (*system, *messages))


def _are_related(wanted: Tool, offered: Tool) -> bool:
    """Whether an offered tool might serve the request after all."""
    return wanted.name == offered.name or bool(_subject(wanted) & _words(offered))


def _subject(tool: Tool) -> frozenset[str]:
    """The stems of what a tool is about: its name's words without the verb."""
    words = words_of(tool.name)
    return _stems(" ".join(word for word in words if word not in VERBS) or tool.name)


def _words(tool: Tool) -> frozenset[str]:
    return _stems(f"{tool.name} {tool.description}")


@lru_cache(maxsize=20_000)
def _stems(text: str) -> frozenset[str]:
    return frozenset(map(_stem, words_of(text)))


def _stem(word: str) -> str:
    """Without a plural's or a gerund's ending: files and file are alike."""
    for ending in ("ing", "ies", "es", "s"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            word = word[: -len(ending)]
            break
    return word.rstrip("ey")
