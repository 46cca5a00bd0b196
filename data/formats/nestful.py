"""NESTful (IBM/NESTFUL): sequences of calls that use each other's results.

    {"input": "...", "output": [{"name": "Search", "arguments": {...}, "label": "var1"},
     {"name": "Book", "arguments": {"id": "$var1.id$"}, "label": "var2"},
     {"name": "var_result", "arguments": {"booking": "$var2$"}}]}

The pseudo call var_result is left out. The tools are in the row (`tools`), or in the second file
(the set's *-spec.json), of which a row is offered those that it calls and some others; where there
are none at all they are inferred from the calls of the whole file. Results are made up
(data.formats.parts.references).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from data.formats.parts.chat import calls_of
from data.formats.parts.conversation import Draft, assemble
from data.formats.parts.definitions import Tools, read_tools
from data.formats.parts.inferred import infer_tools
from data.formats.parts.references import MADE_UP, NOTE, Reference, tell
from data.formats.parts.reject import Place, Reject, RowError
from data.formats.parts.rows import convert_rows, read_rows
from data.formats.parts.turns import Call, Turn
from data.record import Example

NAME = "nestful"
N_OFFERED = 6
_PSEUDO = "var_result"
_REFERENCE = re.compile(r"\$(var_?\d+)((?:\.[^$.]+|\[\d+\])*)\$")
_STEP = re.compile(r"\.([^.\[$]+)|\[(\d+)\]")


def read(source: Path, answers: Path | None = None) -> Iterator[Example | Reject]:
    """A record or a reject a row; `answers`: the file of the tools' definitions."""
    known = read_tools([row.value for row in read_rows(answers)]) if answers else None
    tools = known or infer_tools(
        call for row in read_rows(source) for call in _safe_calls(row.value)
    )
    return convert_rows(source, NAME, partial(_example, known=tools))


def _safe_calls(row: Any) -> list[Call]:
    try:
        return [] if row.get("tools") else _labelled(row)[0]
    except (ValueError, AttributeError, TypeError, RecursionError):
        return []


def _example(row: dict[str, Any], place: Place, known: Tools) -> Example:
    request = row.get("input", row.get("question"))
    if not isinstance(request, str) or not request.strip():
        raise RowError("request_missing", "'input' is missing or no text")
    calls, labels = _labelled(row)
    if not calls:
        raise RowError("reply_missing", "'output' has no call")
    tools = read_tools(row["tools"]) if row.get("tools") else _offered(known, calls, place.line)
    told = tell(calls, partial(_references, labels=labels), tools.tools)
    turns = [Turn("user", request), *told.turns]
    draft = Draft(place.id, NAME, tools, turns)
    if told.is_made_up:
        draft = replace(draft, source=NAME + MADE_UP, notes=(NOTE,))
    return assemble(draft)


def _labelled(row: Mapping[str, Any]) -> tuple[list[Call], list[str]]:
    """The calls of a row, without var_result, and their labels. Raises RowError."""
    output = row.get("output")
    if isinstance(output, str):
        try:
            output = json.loads(output)
        except ValueError as error:
            raise RowError("call_unreadable", str(error)) from None
    if not isinstance(output, list):
        raise RowError("field_missing", "'output' is missing or no list")
    calls: list[Call] = []
    labels: list[str] = []
    for given in output:
        call = calls_of(given)[0]
        if call.name != _PSEUDO:
            calls.append(call)
            label = given.get("label") if isinstance(given, Mapping) else None
            labels.append(str(label or f"var{len(calls)}").strip("$"))
    return calls, labels


def _references(text: str, labels: Sequence[str]) -> list[Reference]:
    found = []
    for match in _REFERENCE.finditer(text):
        if match[1] not in labels:
            raise RowError("reference_unresolved", f"{match[0]!r} is no label of the row")
        path = tuple(name or number for name, number in _STEP.findall(match[2]))
        found.append(Reference(match[0], labels.index(match[1]), path))
    return found


def _offered(known: Tools, calls: Sequence[Call], line: int) -> Tools:
    """The tools that a row calls and some others of the set, in an order that is the row's own."""
    names = {call.name for call in calls}
    called = [tool for tool in known.tools if tool["name"] in names]
    others = [tool for tool in known.tools if tool["name"] not in names]
    choice = Random(line)
    chosen = called + choice.sample(others, min(len(others), max(0, N_OFFERED - len(called))))
    choice.shuffle(chosen)
    return known._replace(
        tools=tuple(chosen), left_out={n: p for n, p in known.left_out.items() if n in names}
    )
