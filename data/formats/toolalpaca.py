"""ToolAlpaca (tangqiaoyu/ToolAlpaca): one API a row, with many instructions.

    {"Name": ..., "Documentation": "{OpenAPI document}",
     "Function_Projection": {name: [path, method]}, "Instructions": ["..."],
     "Golden_Answers": [[{"Action": "search", "Action_Input": "{...}"}]]}

The training files have `Instances` with `intermediate_steps` (calls and their true results) and an
`output` instead. Each instruction is a record. `${id from search}` uses an earlier call's result,
which is made up (data.formats.parts.references); `getDetails` is the set's way to ask the user, so
it becomes a clarification.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from data.formats.parts.chat import call_of, value_of
from data.formats.parts.conversation import Draft, assemble
from data.formats.parts.definitions import Tools, read_tools
from data.formats.parts.operations import definitions_of_document
from data.formats.parts.references import MADE_UP, NOTE, Reference, tell
from data.formats.parts.reject import Converted, Place, Reject, RowError, attempt
from data.formats.parts.rows import object_of, read_rows
from data.formats.parts.turns import Call, Turn
from data.record import Example

NAME = "toolalpaca"
ASK_THE_USER = "getDetails"
# A placeholder as a JSON value: it stands without quotes, at times with one of them.
_BARE = re.compile(r'"?\$\{([^{}"]*)\}?"?')
_REFERENCE = re.compile(r"\$\{\s*(.+?)\s+from\s+([\w.-]+)[^}]*\}")
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}|\A\{[A-Za-z][\w ]*\}\Z")
_STATUS = re.compile(r"\AStatus Code:\s*\d+\.?\s*Response:\s*", re.IGNORECASE)


def read(source: Path, answers: Path | None = None) -> Iterator[Example | Reject]:
    """A record or a reject for each instruction of each row."""
    for row in read_rows(source):
        place = Place(row.number, f"{NAME}-{row.number:06d}")
        try:
            value = object_of(row)
            tasks = _tasks(value)
        except (ValueError, TypeError, AttributeError) as error:
            code = error.code if isinstance(error, RowError) else "shape_unknown"
            yield Reject(place.line, place.id, code, str(error)[:300])
            continue
        tools: list[Tools] = []
        for number, task in enumerate(tasks):
            own = Place(row.number, f"{value.get('Name') or place.id}-{number}")
            yield attempt(own, partial(_example, value, task, own, tools))


def _tasks(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Instruction and answer of each example of a row. Raises RowError."""
    if isinstance(row.get("Instances"), list):
        return list(row["Instances"]) or _none("Instances")
    instructions, answers = row.get("Instructions"), row.get("Golden_Answers")
    if not isinstance(instructions, list) or not instructions:
        return _none("Instructions")
    given = answers if isinstance(answers, list) else []
    padded = [*given, *[None] * len(instructions)]
    return [{"input": text, "answer": padded[n]} for n, text in enumerate(instructions)]


def _none(column: str) -> list[Mapping[str, Any]]:
    raise RowError("field_missing", f"{column!r} is missing or empty")


def _example(
    row: Mapping[str, Any], task: Mapping[str, Any], place: Place, read_before: list[Tools]
) -> Converted:
    if not read_before:
        read_before.append(_tools(row))
    tools = read_before[0]
    request = task.get("input")
    if not isinstance(request, str) or not request.strip():
        raise RowError("request_missing", "an instruction without text")
    user = Turn("user", request)
    if "intermediate_steps" in task:
        return assemble(Draft(place.id, NAME, tools, [user, *_lived(task)]))
    answer = task.get("answer")
    if not isinstance(answer, list) or not answer:
        raise RowError("reply_missing", "no golden answer")
    if answer[0].get("Action") == ASK_THE_USER:
        return _clarification(answer, place, tools, user)
    calls = [_call(step["Action"], step.get("Action_Input")) for step in answer]
    told = tell(calls, partial(_references, calls=calls), tools.tools)
    draft = Draft(place.id, NAME, tools, [user, *told.turns])
    if told.is_made_up:
        draft = replace(draft, source=NAME + MADE_UP, notes=(NOTE,))
    return assemble(draft)


def _tools(row: Mapping[str, Any]) -> Tools:
    document = row.get("Documentation")
    if isinstance(document, str):
        document = value_of(document, "tools_unreadable")
    names = row.get("Function_Projection")
    return read_tools(definitions_of_document(document, names if isinstance(names, dict) else {}))


def _clarification(
    answer: Sequence[Mapping[str, Any]], place: Place, tools: Tools, user: Turn
) -> Converted:
    """The question that the set asks the user first; what would follow its answer is cut."""
    asked = _call(ASK_THE_USER, answer[0].get("Action_Input")).arguments
    question = next((text for text in asked.values() if isinstance(text, str) and text), None)
    if question is None:
        raise RowError("call_unreadable", "getDetails without a question")
    notes = ("tail_cut",) if len(answer) > 1 else ()
    turns = [user, Turn("assistant", question)]
    return assemble(Draft(place.id, NAME, tools, turns, kind="clarification", notes=notes))


def _lived(task: Mapping[str, Any]) -> Iterator[Turn]:
    """The calls that were made and what came back, and the answer."""
    for step, result in task["intermediate_steps"]:
        if step[0] == ASK_THE_USER:
            question = _call(step[0], step[1]).arguments
            yield Turn("assistant", str(next(iter(question.values()), "")))
            yield Turn("user", str(result))
        else:
            yield Turn("assistant", calls=(_call(step[0], step[1]),))
            yield Turn("tool", _STATUS.sub("", str(result)))
    if isinstance(task.get("output"), str):
        yield Turn("assistant", task["output"])


def _call(name: Any, given: Any) -> Call:
    if isinstance(given, str):
        try:
            return call_of({"name": name, "arguments": given})
        except RowError:
            given = _BARE.sub(lambda match: f'"${{{match[1]}}}"', given)
    return call_of({"name": name, "arguments": given or {}})


def _references(text: str, calls: Sequence[Call]) -> list[Reference]:
    if "{" not in text or not _PLACEHOLDER.search(text):
        return []
    names = [call.name for call in calls]
    found = []
    for match in _REFERENCE.finditer(text):
        if match[2] not in names:
            raise RowError("reference_unresolved", f"{match[0][:60]!r}: no call of {match[2]!r}")
        found.append(Reference(match[0], names.index(match[2]), (match[1].split()[0],)))
    if not found:
        raise RowError("reference_unresolved", f"{text[:60]!r} says no earlier call")
    return found
