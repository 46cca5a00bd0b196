"""Tool definitions inside a system prompt, and what is left of the prompt without them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from data.formats.parts.definitions import definitions, is_definition
from data.formats.parts.literals import read_literal
from data.formats.parts.reject import RowError
from data.formats.parts.turns import Turn

MAX_TRIES = 200
# Characters that values without an end may cost, beside one reading of the text.
RESCAN_CHARS = 200_000
_TAG = r"(?:available_)?(?:tools|functions)"
_OPEN, _CLOSE = (re.compile(f"<{slash}{_TAG}>", re.IGNORECASE) for slash in ("", "/"))
_VALUE = re.compile(r"\[\s*[\[{]|\{\s*[\"']")
_BRACKET = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[\[\]{}]""", re.DOTALL)
_DECODER = json.JSONDecoder()
# Where prompts that explain a format of their own begin; our template explains ours.
_EXPLAINS = re.compile(
    r"You are a function[- ]calling AI model|You are an expert in composing functions"
    r"|You are a helpful assistant,? with (?:no )?access to|(?:^|\n)#+ Tools\b|SYSTEM:"
    r"|You (?:may|can) call one or more functions|You have access to the following"
    r"|(?:^|\n)(?:Available|Here are the (?:available )?) ?(?:tools|functions)",
    re.IGNORECASE,
)


class PromptTools(NamedTuple):
    """Definitions as they stand in a prompt, and the words that remain."""

    definitions: list[Any]
    rest: str


def tools_in_prompt(text: str) -> PromptTools:
    """The definitions in a system prompt: in <tools> tags, or as JSON or Python literals.

    The rest is what stands before a known explanation of tools, or all but the definitions.
    """
    spans: list[tuple[int, int]] = []
    found: list[Any] = []
    for start, end, body in _tagged(text):
        spans.append((start, end))
        if body.strip():
            found.extend(_definitions_of(body))
    if not found:
        for start, end, value in _values(text):
            found.extend(value)
            spans.append((start, end))
    return PromptTools(found, _rest(text, spans) if found else text)


def _tagged(text: str) -> Iterator[tuple[int, int, str]]:
    """Where tags of tools stand in a text, and what stands in them."""
    opened = _OPEN.search(text)
    while opened is not None and (closed := _CLOSE.search(text, opened.end())):
        yield opened.start(), closed.end(), text[opened.end() : closed.start()]
        opened = _OPEN.search(text, closed.end())


def _definitions_of(text: str) -> list[Any]:
    try:
        return definitions(text)
    except RowError:
        return [one for _, _, values in _values(text) for one in values]


def _values(text: str) -> Iterator[tuple[int, int, list[Any]]]:
    """Where definitions stand in a text, and what they are."""
    position, left = 0, len(text) + RESCAN_CHARS
    for _ in range(MAX_TRIES):
        match = _VALUE.search(text, position)
        if match is None or left < 0:
            return
        start = match.start()
        value, end = _value_at(text, start)
        left -= end - start
        found = _definitions_among(value)
        position = end if value is not None else start + 1
        if found:
            yield start, end, found


def _value_at(text: str, start: int) -> tuple[Any, int]:
    """The value that starts here and its end; None, and how far was read, where there is none."""
    try:
        return _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        pass
    end = _closing(text, start)
    if end is None:
        return None, len(text)
    try:
        return read_literal(text[start:end]), end
    except ValueError:
        return None, end


def _closing(text: str, start: int) -> int | None:
    depth = 0
    for match in _BRACKET.finditer(text, start):
        if match[0] in "[{":
            depth += 1
        elif match[0] in "]}":
            depth -= 1
            if depth == 0:
                return match.end()
    return None


def _definitions_among(value: Any) -> list[Any]:
    if isinstance(value, dict) and not is_definition(value):
        inner = next((value[key] for key in ("tools", "functions") if key in value), None)
        return _definitions_among(inner) if isinstance(inner, list) else []
    items = value if isinstance(value, list) else [value]
    return items if items and all(is_definition(item) for item in items) else []


def _rest(text: str, spans: list[tuple[int, int]]) -> str:
    explains = _EXPLAINS.search(text)
    if explains is not None:
        return text[: explains.start()].strip()
    kept, position = [], 0
    for start, end in sorted(spans):
        kept.append(text[position:start])
        position = max(position, end)
    return "".join([*kept, text[position:]]).strip()


def without_explanation(turns: Sequence[Turn]) -> tuple[list[Turn], list[Any]]:
    """The turns with what is left of their system prompt, and the definitions that stood in it."""
    kept: list[Turn] = []
    found: list[Any] = []
    for turn in turns:
        if turn.role == "system":
            prompt = tools_in_prompt(turn.text)
            found.extend(prompt.definitions)
            turn = replace(turn, text=prompt.rest)
        kept.append(turn)
    return kept, found
