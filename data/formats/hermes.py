r"""Hermes, the form of Qwen too: tools in the system prompt, calls in <tool_call> tags.

    {"conversations": [{"from": "system", "value": "... <tools> [...] </tools> ..."},
     {"from": "human", "value": "..."},
     {"from": "gpt", "value": "<tool_call>\n{"name": ..., "arguments": {...}}\n</tool_call>"},
     {"from": "tool", "value": "<tool_response>\n...\n</tool_response>"}]}

The explanation of the format in the system prompt is left out: the template has its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from data.formats.parts.chat import label_of, messages_of, tools_column, turns_of
from data.formats.parts.conversation import Draft, assemble
from data.formats.parts.definitions import as_function, read_tools
from data.formats.parts.prompt_tools import without_explanation
from data.formats.parts.reject import Place, Reject
from data.formats.parts.replies import read_tagged, single_results
from data.formats.parts.rows import convert_rows
from data.formats.parts.wire_messages import plain_calls, plain_result
from data.record import Example, Message
from data.wire import compact

NAME = "hermes"
_EXPLANATION = (
    "# Tools\n\nYou may call one or more functions. They are described in <tools></tools> tags:\n"
    "<tools>\n{tools}\n</tools>\n\nFor each call, write its name and arguments as JSON in "
    "<tool_call></tool_call> tags."
)


def read(source: Path, answers: Path | None = None) -> Iterator[Example | Reject]:
    """A record or a reject a row."""
    return convert_rows(source, NAME, _example)


def _example(row: dict[str, Any], place: Place) -> Example:
    turns, found = without_explanation(list(turns_of(messages_of(row), read_tagged)))
    tools = read_tools(found if found else tools_column(row))
    label = label_of(row, NAME)
    turns = list(single_results(turns))
    return assemble(Draft(place.id, label.source, tools, turns, kind=label.kind))


def write(examples: Iterable[Example]) -> Iterator[dict[str, Any]]:
    """A row a record."""
    for example in examples:
        row: dict[str, Any] = {"id": example.id, "kind": example.kind, "source": example.source}
        row["conversations"] = list(_said(example))
        yield row


def _said(example: Example) -> Iterator[dict[str, str]]:
    messages = list(example.messages)
    own = messages.pop(0).content if messages and messages[0].role == "system" else ""
    lines = [compact({"type": "function", "function": as_function(tool)}) for tool in example.tools]
    explained = _EXPLANATION.format(tools="\n".join(lines)) if lines else ""
    if system := "\n\n".join(part for part in (own, explained) if part):
        yield {"from": "system", "value": system}
    for message in messages:
        yield {"from": _FROM[message.role], "value": _text(message)}


_FROM = {"system": "system", "user": "human", "assistant": "gpt", "tool": "tool"}


def _text(message: Message) -> str:
    if calls := plain_calls(message):
        texts = [compact({"name": call.name, "arguments": call.arguments}) for call in calls]
        return "\n".join(f"<tool_call>\n{text}\n</tool_call>" for text in texts)
    if message.role == "tool":
        result = plain_result(message)
        text = result.text if result else message.content
        return f"<tool_response>\n{text}\n</tool_response>"
    return message.content
