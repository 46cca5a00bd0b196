"""Does a clarification ask for the argument that is missing?

The record says what is missing: the required parameter that its own question fits best. A reply is
right if one of the things it asks for fits that parameter, or the words of that question, at least
as well as any other parameter of the offered tools. What a parameter may be called: its name, the
words of its description, its enum values, and a small list of synonyms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from data.names import words_of
from data.record import Example
from evals.questions import (
    AFFIXES,
    ASKED,
    GENERAL,
    HINTS,
    MAX_CHARS,
    OPPOSITES,
    alike,
    asked_things,
    stem,
    stems,
)

# How much a word says: in a parameter's name, in a hint of its type, anywhere else, as a synonym.
NAMED, HINTED, DESCRIBED, ALIKE = 2.0, 1.5, 1.0, 0.5
# The least share of a question's words that the missing argument must account for; a general word
# ("number") counts less.
EXPLAINED, GENERAL_COUNTS = 0.4, 0.3

MAX_LEVELS = 3


@dataclass(frozen=True)
class Parameter:
    """What a parameter may be called: words and how much each says."""

    tool: str
    name: str
    required: bool
    words: Mapping[str, float]


@dataclass(frozen=True)
class Lack:
    """What a record's request leaves open: parameters, and the words of the record's question."""

    names: tuple[str, ...]
    words: Mapping[str, float]
    others: tuple[Mapping[str, float], ...]


def lack_of(example: Example) -> Lack | None:
    """What a clarification has to ask for; None where the record does not show it."""
    if example.kind != "clarification" or not (asked := asked_things(example.gold or "")):
        return None
    parameters = [p for tool in example.tools for p in _parameters(tool)]
    missing = _missing(example, parameters, asked)
    names = {p.name for p in missing}
    question = [{word: NAMED * weight for word, weight in words.items()} for words in asked]
    return Lack(
        names=tuple(sorted(names)),
        words=_merged([*(p.words for p in missing), *question]),
        others=tuple(p.words for p in parameters if p.name not in names),
    )


def asks_for(lack: Lack, reply: str) -> bool:
    """Does one of the things that a reply asks for fit the lack, and no other parameter better?"""
    totals = _totals([lack.words, *lack.others])
    return any(
        _explained(asked, lack.words) >= EXPLAINED
        and not _is_opposite(asked, lack.words)
        and _fit(asked, lack.words, totals)
        >= max((_fit(asked, other, totals) for other in lack.others), default=0)
        for asked in asked_things(reply)
    )


def _explained(asked: Mapping[str, float], own: Mapping[str, float]) -> float:
    """The share of what is asked for that the missing argument's words account for."""
    weights = {w: GENERAL_COUNTS if w in GENERAL else 1.0 for w, v in asked.items() if v == ASKED}
    known = sum(weight for word, weight in weights.items() if own.get(word, 0.0) >= ALIKE)
    return known / sum(weights.values())


def _is_opposite(asked: Mapping[str, float], own: Mapping[str, float]) -> bool:
    said, meant = set(asked), {word for word, weight in own.items() if weight >= NAMED}
    return any(
        said & here and meant & there and not (said & there or meant & here)
        for one, other in OPPOSITES
        for here, there in ((one, other), (other, one))
    )


def _missing(
    example: Example, parameters: list[Parameter], asked: list[dict[str, float]]
) -> list[Parameter]:
    """The required parameters that the record's own question fits best.

    Where it fits none ("what shall I order?" for `items`), all that its tool requires; where
    nothing is required, any parameter.
    """
    required = [p for p in parameters if p.required]
    return (
        _best(required, asked) or _required_of_tool(example, required) or _best(parameters, asked)
    )


def _required_of_tool(example: Example, required: list[Parameter]) -> list[Parameter]:
    """The required parameters of the tool that the conversation's end speaks of most."""
    said = dict.fromkeys(
        stems(" ".join(m.content for m in example.messages[-2:])[-MAX_CHARS:]), 1.0
    )
    told = {
        tool["name"]: dict.fromkeys(
            stems(f"{' '.join(words_of(tool['name']))} {tool.get('description', '')}"[:400]), 1.0
        )
        for tool in example.tools
        if any(p.tool == tool["name"] for p in required)
    }
    totals = _totals(told.values())
    fits = {name: _fit(said, words, totals) for name, words in told.items()}
    best = max(fits.values(), default=0.0)
    return [p for p in required if best and fits[p.tool] == best]


def _best(parameters: list[Parameter], asked: list[dict[str, float]]) -> list[Parameter]:
    """The parameters that fit best each thing that is asked; none where nothing fits."""
    totals = _totals([p.words for p in parameters])
    found: list[Parameter] = []
    for thing in asked:
        fits = [_fit(thing, p.words, totals) for p in parameters]
        best = max(fits, default=0.0)
        found += [p for p, fit in zip(parameters, fits, strict=True) if best and fit == best]
    return found


def _fit(asked: Mapping[str, float], words: Mapping[str, float], totals: Counter[str]) -> float:
    """How much of what is asked the words say; a word that many share says less."""
    return sum(
        weight * words[word] ** 2 / totals[word] for word, weight in asked.items() if word in words
    )


def _totals(all_words: Iterable[Mapping[str, float]]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for words in all_words:
        totals.update(words)
    return totals


def _merged(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    merged: dict[str, float] = {}
    for words in parts:
        for word, weight in words.items():
            merged[word] = max(weight, merged.get(word, 0.0))
    return merged


def _parameters(tool: Mapping[str, Any]) -> list[Parameter]:
    """A tool's parameters; those inside its objects too."""
    schema = tool.get("inputSchema")
    definitions = schema.get("$defs") if isinstance(schema, dict) else None
    given = definitions if isinstance(definitions, dict) else {}
    return [
        Parameter(str(tool.get("name")), *found) for found in _leaves(schema, given, MAX_LEVELS)
    ]


def _leaves(
    schema: Any, definitions: Mapping[str, Any], levels: int, within: str = ""
) -> Iterator[tuple[str, bool, dict[str, float]]]:
    """Name, whether required, and words of every parameter that is no object of others."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return
    required = schema.get("required")
    names = required if isinstance(required, list) else ()
    for name, part in properties.items():
        if isinstance(part, dict) and isinstance(part.get("$ref"), str):
            part = {**part, **_object(definitions.get(part["$ref"].removeprefix("#/$defs/")))}
        inner = list(_leaves(part, definitions, levels - 1, name)) if levels else []
        for leaf, is_needed, words in inner or [(name, True, _words(name, within, *_told(part)))]:
            yield leaf, is_needed and name in names, words


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _told(schema: Any) -> tuple[str, str]:
    """A parameter's description with its enum values, and the question words that go with it."""
    if not isinstance(schema, dict):
        return "", ""
    description, values = schema.get("description"), schema.get("enum")
    told = [description[:300]] if isinstance(description, str) else []
    told += [v for v in values[:50] if isinstance(v, str)] if isinstance(values, list) else []
    hint = HINTS.get(str(schema.get("format")), HINTS.get(str(schema.get("type")), ""))
    return " ".join(told), hint


@lru_cache(maxsize=20_000)
def _words(name: str, within: str, told: str, hint: str) -> dict[str, float]:
    parts = words_of(name)
    named = [stem(part) for part in parts if part not in AFFIXES] or list(map(stem, parts))
    words = dict.fromkeys(stems(within.replace("_", " ")), ALIKE)
    for part in parts:
        words |= dict.fromkeys(alike(part), ALIKE)
    words |= dict.fromkeys(stems(told), DESCRIBED)
    return words | dict.fromkeys(stems(hint), HINTED) | dict.fromkeys(named, NAMED)
