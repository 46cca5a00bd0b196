r"""Seal-Tools (fairyshine/Seal-Tools): tools and calls as Python literals inside a prompt.

    {"id": "...", "conversations": [{"from": "human", "value": "... api_list = [{'api_name': ...,
     'parameters': {...}, 'required': [...], 'responses': {...}}]\ntask_instruction = '...'"},
     {"from": "gpt", "value": "[{'api': ..., 'parameters': {...}, 'responses': ['API_call_0']}]"}]}

A parameter whose value is API_call_N uses a response of an earlier call; results are made up for
it (data.formats.parts.references). Calls that use none are parallel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from data.formats.parts.chat import Reply, call_of, messages_of, turns_of, value_of
from data.formats.parts.conversation import Draft, assemble
from data.formats.parts.definitions import read_tools
from data.formats.parts.references import MADE_UP, NOTE, Reference, tell
from data.formats.parts.reject import Place, Reject, RowError
from data.formats.parts.rows import convert_rows
from data.formats.parts.turns import Turn
from data.record import Example

NAME = "seal_tools"
_API_LIST = re.compile(r"\bapi_list\s*[=:]\s*")
_TASK = re.compile(r"\n\s*task_instruction\s*[=:]\s*")
_OUTPUT = re.compile(r"\s*(?:\n\s*Output:?\s*)?\Z")
_RESPONSE = re.compile(r"\bAPI_call_(\d+)\b")


def read(source: Path, answers: Path | None = None) -> Iterator[Example | Reject]:
    """A record or a reject a row."""
    return convert_rows(source, NAME, _example)


def _example(row: dict[str, Any], place: Place) -> Example:
    turns = [turn for turn in turns_of(messages_of(row), _as_text) if turn.text.strip()]
    if len(turns) < 2:
        raise RowError("reply_missing", "less than a prompt and its calls")
    prompt, reply = turns[-2].text, turns[-1].text
    api_list, request = _prompt_parts(prompt)
    tools = read_tools(api_list)
    given = value_of(reply, "call_unreadable")
    if not isinstance(given, list) or not given:
        raise RowError("call_unreadable", "no list of calls")
    calls = [call_of(one) for one in given]
    owners = _owners(given, _responses_of(api_list))
    told = tell(calls, partial(_references, owners=owners), tools.tools)
    draft = Draft(place.id, NAME, tools, [Turn("user", request), *told.turns])
    if told.is_made_up:
        draft = replace(draft, source=NAME + MADE_UP, notes=(NOTE,))
    return assemble(draft)


def _as_text(text: str) -> Reply:
    return Reply(text=text)


def _prompt_parts(prompt: str) -> tuple[list[Any], str]:
    """The list of tools and the request inside a prompt. Raises RowError."""
    start = _API_LIST.search(prompt)
    task = _TASK.search(prompt, start.end()) if start else None
    if start is None or task is None:
        raise RowError("field_missing", "the prompt has no api_list and task_instruction")
    tools = value_of(prompt[start.end() : task.start()], "tools_unreadable")
    request = _OUTPUT.sub("", prompt[task.end() :]).strip()
    if len(request) > 1 and request[0] == request[-1] and request[0] in "\"'":
        request = request[1:-1]
    return (tools if isinstance(tools, list) else [tools]), request


def _responses_of(tools: Sequence[Any]) -> dict[str, list[str]]:
    """The names of what each tool gives back."""
    found = {}
    for tool in tools:
        if isinstance(tool, Mapping) and isinstance(tool.get("responses"), Mapping):
            found[str(tool.get("api_name", tool.get("name")))] = list(tool["responses"])
    return found


def _owners(given: Sequence[Any], names: Mapping[str, Sequence[str]]) -> dict[str, tuple[int, str]]:
    """Which call gives API_call_N, and under which name."""
    owners: dict[str, tuple[int, str]] = {}
    for number, call in enumerate(given):
        own = names.get(str(call.get("api", call.get("name"))), ())
        responses = call.get("responses")
        for place, label in enumerate(responses if isinstance(responses, list) else ()):
            owners[str(label)] = (number, own[place] if place < len(own) else str(label))
    return owners


def _references(text: str, owners: Mapping[str, tuple[int, str]]) -> list[Reference]:
    found = []
    for match in _RESPONSE.finditer(text):
        if match[0] not in owners:
            raise RowError("reference_unresolved", f"{match[0]} is no response of a call")
        number, name = owners[match[0]]
        found.append(Reference(match[0], number, (name,)))
    return found
