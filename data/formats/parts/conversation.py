"""Messages as any format has them, made one record: calls in their wire form, results matched.

What a record cannot hold is cut or dropped only where the rest stays right, and noted; a row for
which there is no right way raises RowError.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from data.formats.parts.definitions import Tools
from data.formats.parts.literals import is_json, is_too_deep
from data.formats.parts.reject import Converted, RowError
from data.formats.parts.results import response_text, shared_out
from data.formats.parts.text_kind import kind_of_text
from data.formats.parts.turns import Turn
from data.record import Message
from data.wire import ToolCall, read_strict, request_text, without_thinking

_EMPTY_THINKING = re.compile(r"<think>\s*</think>")


@dataclass(frozen=True)
class Draft:
    """All that a row says. `kind`: where the row tells; `notes`: of what its reader changed."""

    id: str
    source: str
    tools: Tools
    turns: Sequence[Turn]
    kind: str | None = None
    notes: tuple[str, ...] = ()


@dataclass
class _Written:
    """The conversation so far, as it will stand in the record."""

    turns: list[Turn] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    is_cut: bool = False

    def note(self, code: str) -> None:
        if code not in self.notes:
            self.notes.append(code)

    @property
    def last(self) -> Turn | None:
        return self.turns[-1] if self.turns else None


def assemble(draft: Draft) -> Converted:
    """The record of a draft. Raises RowError."""
    written = _Written(notes=[*draft.tools.notes, *draft.notes])
    for turn in shared_out(draft.turns):
        _TAKERS[turn.role](written, turn)
        if written.is_cut:
            written.note("tail_cut")
            break
    _trim(written)
    _check_calls(written, draft.tools)
    messages = tuple(_messages(written.turns))
    return Converted(
        id=draft.id,
        kind=draft.kind or _kind(written.turns, draft.tools.tools),
        source=draft.source,
        tools=draft.tools.tools,
        messages=messages,
        notes=tuple(dict.fromkeys(written.notes)),
    )


def _take_system(written: _Written, turn: Turn) -> None:
    if not turn.text.strip():
        return
    last = written.last
    if last is not None and last.role != "system":
        raise RowError("roles_order", "a system message in the middle")
    _join_or_add(written, turn)


def _take_user(written: _Written, turn: Turn) -> None:
    if not turn.text.strip():
        raise RowError("request_missing", "a user message without text")
    last = written.last
    if last is not None and (last.role == "tool" or last.calls):
        written.is_cut = True  # calls without results, or results that nobody told
        return
    _join_or_add(written, turn)


def _take_assistant(written: _Written, turn: Turn) -> None:
    text = without_thinking(turn.text).strip()
    if _EMPTY_THINKING.sub("", turn.text).strip() != text:
        written.note("thinking_dropped")
    if not text and not turn.calls:
        return
    last = written.last
    if last is None or last.role == "system":
        written.note("head_cut")
        return
    if turn.calls:
        _take_calls(written, turn, text)
    elif last.calls:
        written.is_cut = True
    else:
        _join_or_add(written, Turn("assistant", text))


def _take_calls(written: _Written, turn: Turn, text: str) -> None:
    last = written.last
    if text:
        written.note("text_beside_call")
    if last is not None and last.role == "assistant" and not last.calls:
        written.note("text_beside_call")
        written.turns.pop()
    if last is not None and last.calls:
        written.turns[-1] = Turn("assistant", calls=(*last.calls, *turn.calls))
    else:
        written.turns.append(Turn("assistant", calls=turn.calls))


def _take_tool(written: _Written, turn: Turn) -> None:
    last = written.last
    if last is None or (last.role != "tool" and not last.calls):
        raise RowError("result_without_call", f"result {turn.text[:60]!r}")
    written.turns.append(turn)


_TAKERS = {
    "system": _take_system,
    "user": _take_user,
    "assistant": _take_assistant,
    "tool": _take_tool,
}


def _join_or_add(written: _Written, turn: Turn) -> None:
    last = written.last
    if last is None or last.role != turn.role:
        written.turns.append(turn)
        return
    written.note("turns_merged")
    written.turns[-1] = Turn(turn.role, f"{last.text.strip()}\n\n{turn.text.strip()}")


def _trim(written: _Written) -> None:
    """End with the last assistant turn. Raises RowError where there is none, or no request."""
    turns = written.turns
    n_before = len(turns)
    while turns and turns[-1].role != "assistant":
        turns.pop()
    if len(turns) < n_before:
        written.note("tail_cut")
    if not turns:
        raise RowError("reply_missing", "no assistant message that can be trained")
    if not any(turn.role == "user" for turn in turns):
        raise RowError("request_missing", "no user message")


def _check_calls(written: _Written, tools: Tools) -> None:
    calls = [call for turn in written.turns for call in turn.calls]
    for call in calls:
        if call.name in tools.left_out:
            reason = tools.left_out[call.name]
            raise RowError("tools_unreadable", f"{call.name[:80]!r} is called: {reason}")
        if is_too_deep(call.arguments):
            raise RowError("too_deep", f"arguments of {call.name[:80]!r}")
        if not is_json(call.arguments):
            raise RowError("value_not_json", f"arguments of {call.name[:80]!r}")
    if calls and not tools.tools:
        raise RowError("tools_missing", f"{calls[0].name[:80]!r} is called, and no tool is offered")
    if tools.left_out:
        written.note("tool_left_out")


def _messages(turns: Sequence[Turn]) -> Iterator[Message]:
    """The turns as they stand in the record; calls are numbered from 1."""
    n_calls, first = 0, 1
    for turn in turns:
        if turn.calls:
            first = n_calls + 1
            n_calls += len(turn.calls)
            numbered = enumerate(turn.calls, first)
            lines = (request_text(ToolCall(c.name, c.arguments, n)) for n, c in numbered)
            yield Message("assistant", "\n".join(lines))
        elif turn.role == "tool":
            yield Message("tool", response_text(first + int(turn.key or 0), turn.text))
        else:
            yield Message(turn.role, _plain_text(turn))


def _plain_text(turn: Turn) -> str:
    """The text of a turn. Raises RowError where a reply would be read as a call."""
    text = turn.text.strip()
    if turn.role == "assistant" and read_strict(text).text is None:
        raise RowError("text_like_call", f"{text[:60]!r}")
    return text


def _kind(turns: Sequence[Turn], tools: Sequence[dict[str, Any]]) -> str:
    last = turns[-1]
    since_user = []
    for turn in reversed(turns[:-1]):
        if turn.role == "user":
            break
        since_user.append(turn.role)
    if "tool" in since_user:
        return "multi_step"
    if last.calls:
        return "tool_call" if len(last.calls) == 1 else "parallel"
    said = "\n".join(turn.text for turn in turns if turn.role == "user")
    return kind_of_text(last.text, said, tools)
