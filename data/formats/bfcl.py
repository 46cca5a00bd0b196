"""BFCL v4 files (Berkeley Function-Calling Leaderboard): single-turn categories in Python.

A question file has a JSON object a line: id, question (turns of messages), function (definitions).
The answer file has id and ground_truth: [{tool: {parameter: [accepted values]}}], where "" among
the values means: may be left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, product
from pathlib import Path
from typing import Any

from data.formats.parts.reject import Place, Reject, RowError
from data.formats.parts.rows import convert_rows
from data.formats.schema import mended
from data.record import Example, Message, read_rows
from data.wire import ToolCall, request_text

NAME = "bfcl"
LEFT_OUT = ""
MAX_ALTERNATIVES = 4096
# Its items have no answers: to call is right, whatever is called.
_ANY_CALL = "live_relevance"


def read(source: Path, answers: Path | None = None) -> Iterator[Example | Reject]:
    """A record or a reject a row. Without answers, no tool is to be called."""
    truths = {row["id"]: row["ground_truth"] for _, row in read_rows(answers)} if answers else {}

    def convert(row: dict[str, Any], place: Place) -> Example:
        if answers and row["id"] not in truths:
            raise RowError("field_missing", "the answer file has no such id")
        return _example(row, truths.get(row["id"]))

    return convert_rows(source, NAME, convert)


def _example(row: Mapping[str, Any], truth: list[dict[str, Any]] | None) -> Example:
    if len(row["question"]) != 1:
        raise RowError("unsupported", "more than one turn")
    tools = tuple(
        {
            "name": f["name"],
            "description": f.get("description", ""),
            "inputSchema": mended(f["parameters"]),
        }
        for f in row["function"]
    )
    messages = tuple(Message(m["role"], m["content"]) for m in row["question"][0])
    if truth is None:
        kind = "tool_call" if row["id"].startswith(_ANY_CALL) else "irrelevance"
        return Example(row["id"], kind, "bfcl", tools, messages)
    schemas = {tool["name"]: tool["inputSchema"] for tool in reversed(tools)}
    accepted = tuple(
        _accepted(name, given, schemas[name]) for call in truth for name, given in call.items()
    )
    gold = Message("assistant", "\n".join(_gold_line(n, a) for n, a in enumerate(accepted, 1)))
    kind = "tool_call" if len(accepted) == 1 else "parallel"
    return Example(row["id"], kind, "bfcl", tools, (*messages, gold), accepted)


def _accepted(
    name: str, given: Mapping[str, list[Any]], schema: Mapping[str, Any]
) -> dict[str, Any]:
    """BFCL's possible answer of one call as our accepted call.

    As its checker has it, a required parameter may not be left out whatever the answer says, and
    one that the function does not declare may not be given. Where nothing is right, nothing is
    accepted: an empty list.
    """
    declared, required = schema.get("properties", {}), schema.get("required", [])
    arguments = {key: _options(values, declared.get(key)) for key, values in given.items()}
    arguments |= {key: [] for key in required if key not in given}
    may_miss = {key for key, values in given.items() if LEFT_OUT in values} - set(required)
    return {
        "name": name,
        "arguments": {k: v for k, v in arguments.items() if v or k not in may_miss},
        "optional": [key for key in given if key in may_miss],
    }


def _options(values: list[Any], schema: Mapping[str, Any] | None) -> list[Any]:
    """The accepted values; alternatives inside an object are multiplied out.

    BFCL's mark for "may be left out" is the empty string, which its checker then also takes as a
    value of text, and as an empty list.
    """
    if schema is None:
        return []
    kept = [value for value in values if not _is_left_out(value)]
    options = [option for value in kept for option in islice(_expanded(value), MAX_ALTERNATIVES)]
    if len(kept) == len(values):
        return options
    kind = schema.get("type", "string")
    if kind == "string" or any(isinstance(option, str) for option in options):
        options.append("")
    elif kind == "array" and [] not in options:
        options.append([])
    return options


def _is_left_out(value: Any) -> bool:
    return isinstance(value, str) and value == LEFT_OUT


def _expanded(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from map(list, product(*(list(_expanded(item)) for item in value)))
    elif isinstance(value, Mapping):
        choices = [[(key, o) for o in _nested(options)] for key, options in value.items()]
        for picked in product(*choices):
            yield {key: option for key, option in picked if not _is_left_out(option)}
    else:
        yield value


def _nested(options: Any) -> list[Any]:
    if not isinstance(options, list):
        return [options]
    return [one for option in options for one in _expanded(option)]


def _gold_line(number: int, accepted: Mapping[str, Any]) -> str:
    arguments = {
        key: values[0]
        for key, values in accepted["arguments"].items()
        if values and key not in accepted["optional"]
    }
    return request_text(ToolCall(accepted["name"], arguments, number))
