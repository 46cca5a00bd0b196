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

from data.formats.schema import mended
from data.record import Example, Message, read_rows
from data.wire import ToolCall, request_text

LEFT_OUT = ""
MAX_ALTERNATIVES = 256


def read(source: Path, answers: Path | None = None) -> Iterator[Example | dict[str, Any]]:
    """A record or a reject with its reason a row. Without answers, no tool is to be called."""
    truths = {row["id"]: row["ground_truth"] for _, row in read_rows(answers)} if answers else {}
    for number, row in read_rows(source):
        try:
            if answers and row["id"] not in truths:
                raise ValueError("the answer file has no such id")
            yield _example(row, truths.get(row["id"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            yield {
                "line": number,
                "id": str(row.get("id")),
                "reason": f"{type(error).__name__}: {error}",
            }


def _example(row: Mapping[str, Any], truth: list[dict[str, Any]] | None) -> Example:
    if len(row["question"]) != 1:
        raise ValueError("more than one turn")
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
        return Example(row["id"], "irrelevance", "bfcl", tools, messages)
    accepted = tuple(_accepted(name, given) for call in truth for name, given in call.items())
    gold = Message("assistant", "\n".join(_gold_line(n, a) for n, a in enumerate(accepted, 1)))
    kind = "tool_call" if len(accepted) == 1 else "parallel"
    return Example(row["id"], kind, "bfcl", tools, (*messages, gold), accepted)


def _accepted(name: str, given: Mapping[str, list[Any]]) -> dict[str, Any]:
    """BFCL's possible answer of one call as our accepted call."""
    options = {key: _options(values) for key, values in given.items()}
    return {
        "name": name,
        "arguments": {key: values for key, values in options.items() if values},
        "optional": [key for key, values in given.items() if LEFT_OUT in values],
    }


def _options(values: list[Any]) -> list[Any]:
    """The accepted values; alternatives inside an object are multiplied out."""
    kept = [value for value in values if not _is_left_out(value)]
    return [option for value in kept for option in islice(_expanded(value), MAX_ALTERNATIVES)]


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
        if key not in accepted["optional"]
    }
    return request_text(ToolCall(accepted["name"], arguments, number))
