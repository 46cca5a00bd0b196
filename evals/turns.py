"""Multi-step records: scored turn by turn with gold history, and end to end with a simulated tool.

    items = gold_turns(example)          # one Example a turn, ids RECORD#1, RECORD#2, ...

    episode = Episode(example)           # or: run the model against the record
    while not episode.take(reply_to(episode.prompt_messages())):
        pass
    episode.score()

The simulated tool knows the record only: a call that fits one of the record's own gets the result
that stands there, any other a JSON-RPC error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from data.record import Example, Message
from data.wire import (
    INVALID_PARAMS,
    ToolCall,
    Wire,
    compact,
    error_text,
    read_strict,
    request_text,
)
from evals.call_match import accept_exactly, match_call
from evals.labels import label
from evals.score import MALFORMED, Score, accepted_calls, schema_of, score_example

# Turns that a model may take beyond those of the record before the episode is ended.
SPARE_TURNS = 3
_MAX_SHOWN = 200
_TEXT_KINDS = {"clarify": "clarification", "refuse": "refusal", "answer": "answer"}


def gold_turns(example: Example) -> list[Example]:
    """Every assistant turn of a record as a record of its own, with the gold turns before it."""
    ends = [i for i, message in enumerate(example.messages, 1) if message.role == "assistant"]
    if not example.ends_with_gold:
        ends.append(len(example.messages))
    turns = [_turn(example, number, end) for number, end in enumerate(ends, 1)]
    return [*turns[:-1], replace(example, id=turns[-1].id)]


def _turn(example: Example, number: int, end: int) -> Example:
    turn = replace(
        example, id=f"{example.id}#{number}", messages=example.messages[:end], accepted=None
    )
    return replace(turn, kind=_kind_of(turn))


def _kind_of(turn: Example) -> str:
    """The kind of a turn: multi_step stays; a text asks, declines or answers by its label."""
    if turn.kind == "multi_step" or (len(turn.messages) > 1 and turn.messages[-2].role == "tool"):
        return "multi_step"
    n_calls = len(read_strict(turn.messages[-1].content).calls)
    if n_calls:
        return "tool_call" if n_calls == 1 else "parallel"
    return _TEXT_KINDS[label(turn.messages[-1].content)]


@dataclass(frozen=True)
class EpisodeScore:
    """What came of a record played to its end.

    `n_calls_due` counts the record's calls after its last user message, `n_calls_right` those of
    them that were made, `n_calls_wrong` all others that were made.
    """

    id: str
    kind: str
    expected: str
    decision: str
    correct: bool
    n_turns: int
    n_calls_due: int
    n_calls_right: int
    n_calls_wrong: int
    failure: str
    reason: str
    replies: tuple[str, ...]

    def row(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _GoldCall:
    """A call of the record and its result; None where the record ends with the call."""

    accepted: Mapping[str, Any]
    result: str | None


class Episode:
    """A record from its last user message on, played by a model that the caller asks."""

    def __init__(self, example: Example, wire: Wire = "jsonrpc") -> None:
        users = [i for i, m in enumerate(example.prompt, 1) if m.role == "user"]
        start = users[-1] if users else len(example.prompt)
        rest = example.messages[start:]
        self._example, self._wire = example, wire
        self._messages = list(example.messages[:start])
        self._gold = _gold_calls(example, rest)
        self._schemas = {tool["name"]: schema_of(tool) for tool in example.tools}
        self._max_turns = SPARE_TURNS + sum(m.role == "assistant" for m in rest)
        self._made: set[int] = set()
        self._wrong: list[str] = []
        self._replies: list[str] = []

    def prompt_messages(self) -> tuple[Message, ...]:
        """The conversation so far, to be answered next."""
        return tuple(self._messages)

    def take(self, reply: str) -> bool:
        """Take the model's next reply and let the tools answer it; is the episode over?"""
        self._replies.append(reply)
        calls = read_strict(reply, self._wire).calls
        if not calls:
            return True
        calls = _numbered(calls, self._messages)
        self._messages.append(Message("assistant", "\n".join(map(request_text, calls))))
        results = [self._result(call) for call in calls]
        self._messages += [Message("tool", text) for text in results if text is not None]
        return None in results or len(self._replies) >= self._max_turns

    def _result(self, call: ToolCall) -> str | None:
        """What the record's tool answers; None where the record ends before the result."""
        fits = [i for i, gold in enumerate(self._gold) if self._fits(call, gold)]
        call_id = call.id if call.id is not None else 0
        if not fits:
            self._wrong.append(f"{call.name}({compact(call.arguments)})"[:_MAX_SHOWN])
            known = call.name in self._schemas
            message = "no result for these arguments" if known else f"unknown tool: {call.name}"
            return error_text(call_id, INVALID_PARAMS, message[:_MAX_SHOWN])
        chosen = next((i for i in fits if i not in self._made), None)
        if chosen is None:
            self._wrong.append(f"{call.name} once more"[:_MAX_SHOWN])
        self._made.add(fits[0] if chosen is None else chosen)
        result = self._gold[fits[0] if chosen is None else chosen].result
        return None if result is None else _with_id(result, call_id)

    def _fits(self, call: ToolCall, gold: _GoldCall) -> bool:
        return match_call(call, gold.accepted, self._schemas.get(call.name, {})).ok

    def score(self) -> EpisodeScore:
        """What came of the replies taken so far."""
        final = score_example(self._example, (self._replies or [""])[-1], self._wire)
        failure, reason = self._failure(final)
        return EpisodeScore(
            id=self._example.id,
            kind=self._example.kind,
            expected=final.expected,
            decision=final.decision,
            correct=not failure,
            n_turns=len(self._replies),
            n_calls_due=len(self._gold),
            n_calls_right=len(self._made),
            n_calls_wrong=len(self._wrong),
            failure=failure,
            reason=reason,
            replies=tuple(self._replies),
        )

    def _failure(self, final: Score) -> tuple[str, str]:
        """The first thing that went wrong and what was seen; how it ended comes last."""
        if self._wrong:
            return "wrong_call", self._wrong[0]
        if len(self._made) < len(self._gold):
            missed = next(g for i, g in enumerate(self._gold) if i not in self._made)
            ended = final.reason if final.decision == MALFORMED else f"ends with {final.decision}"
            return "missed_call", f"{missed.accepted['name']} was not called; {ended}"
        return ("", "") if final.expected == "call" else (final.failure, final.reason)


def _gold_calls(example: Example, rest: Sequence[Message]) -> list[_GoldCall]:
    """The calls of the messages after the last user message, those of the last turn as accepted."""
    results = {_id_of(m.content): m.content for m in rest if m.role == "tool"}
    played = rest[:-1] if example.ends_with_gold else rest
    calls = [call for m in played if m.role == "assistant" for call in read_strict(m.content).calls]
    last = accepted_calls(example) or []
    return [
        *(_GoldCall(accept_exactly(call), results.get(call.id)) for call in calls),
        *(_GoldCall(accepted, None) for accepted in last),
    ]


def _numbered(calls: Sequence[ToolCall], messages: Sequence[Message]) -> tuple[ToolCall, ...]:
    """The calls with ids: where the wire has none, counting on from the calls before."""
    first = 1 + sum(len(read_strict(m.content).calls) for m in messages if m.role == "assistant")
    return tuple(
        call if call.id is not None else replace(call, id=number)
        for number, call in enumerate(calls, first)
    )


def _id_of(result: str) -> Any:
    value = _parsed(result)
    return value.get("id") if isinstance(value, dict) else None


def _with_id(result: str, call_id: int | str) -> str:
    value = _parsed(result)
    return compact({**value, "id": call_id}) if isinstance(value, dict) else result


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
