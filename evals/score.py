"""Score one reply against one record: every field of the metrics, and why it failed where it did.

Malformed output is an outcome with its reason, never an exception. Schema validity stands beside
correctness and never gates it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from data.record import Example
from data.wire import Reading, ToolCall, Wire, read_forgiving, read_strict
from evals.asks import asks_for, lack_of
from evals.call_match import accept_exactly, match_arguments, match_calls, match_names
from evals.labels import label
from evals.results_told import words_in, words_to_tell
from evals.schema_breach import schema_breach

MALFORMED = "malformed"
_MAX_REASON_CHARS = 500


@dataclass(frozen=True, kw_only=True)
class Score:
    """What came of one example. None: does not apply (no call was due and none was made)."""

    id: str
    kind: str
    expected: str
    decision: str
    correct: bool
    parsed: bool
    recovered: bool
    known_tool: bool | None
    schema_valid: bool | None
    name_match: bool | None
    arguments_match: bool | None
    call_match: bool | None
    failure: str
    reason: str
    recovered_schema_valid: bool | None = None
    recovered_call_match: bool | None = None
    asks_missing: bool | None = None
    tells_result: bool | None = None
    reply: str

    def row(self) -> dict[str, Any]:
        return asdict(self)


class _Judgement(NamedTuple):
    """What is to be said of some calls. The matches are None where no call is due."""

    known: bool
    breach: str | None
    names: bool | None = None
    arguments: bool | None = None
    match: bool | None = None
    mismatch: str = ""

    @property
    def schema_valid(self) -> bool:
        return self.known and self.breach is None


class _Finding(NamedTuple):
    """A failure class of the taxonomy and what was seen."""

    failure: str = ""
    reason: str = ""


class _TextJudgement(NamedTuple):
    """What is to be said of a text: None where it cannot be told, or where other things count."""

    asks: bool | None
    tells: bool | None
    finding: _Finding


def score_example(example: Example, reply: str, wire: Wire = "jsonrpc") -> Score:
    """Judge a reply by the record's `accepted`, or by its last assistant message."""
    reading = read_strict(reply, wire)
    recovered = read_forgiving(reply)
    due = due_decision(example)
    decision = decide(reading, recovered, after_result=_follows_result(example))
    strict = _judge(reading.calls, example, due)
    forgiving = strict if recovered == reading.calls else _judge(recovered, example, due)
    text = _judge_text(example, decision, reading.text or "")
    finding = _finding(due, decision, reading, strict, text)
    judged = due == "call" or bool(recovered)
    return Score(
        id=example.id,
        kind=example.kind,
        expected=due,
        decision=decision,
        correct=not finding.failure,
        parsed=reading.error is None and bool(reply.strip()),
        recovered=bool(recovered),
        known_tool=strict.known if judged else None,
        schema_valid=strict.schema_valid if judged else None,
        name_match=strict.names,
        arguments_match=strict.arguments,
        call_match=strict.match,
        failure=finding.failure,
        reason=finding.reason[:_MAX_REASON_CHARS],
        recovered_schema_valid=forgiving.schema_valid if judged else None,
        recovered_call_match=forgiving.match,
        asks_missing=text.asks,
        tells_result=text.tells,
        reply=reply,
    )


def due_decision(example: Example) -> str:
    """What the scored turn should do. A call record without a gold asks for any call."""
    any_call = example.kind in ("tool_call", "parallel") and accepted_calls(example) is None
    return "call" if any_call else example.decision


def accepted_calls(example: Example) -> list[Mapping[str, Any]] | None:
    """The record's accepted calls, or those of its gold turn; None where it has neither."""
    if example.accepted is not None:
        return list(example.accepted)
    if example.gold is None:
        return None
    return [accept_exactly(call) for call in read_strict(example.gold).calls]


def _follows_result(example: Example) -> bool:
    return bool(example.prompt) and example.prompt[-1].role == "tool"


def _judge(calls: Sequence[ToolCall], example: Example, due: str) -> _Judgement:
    schemas = {tool["name"]: schema_of(tool) for tool in example.tools}
    known = bool(calls) and all(call.name in schemas for call in calls)
    breach = schema_breach(calls, schemas)
    accepted = accepted_calls(example)
    if due != "call" or accepted is None:
        return _Judgement(known, breach)
    if not calls:
        return _Judgement(known, breach, False, False, False)
    match = match_calls(calls, accepted, schemas)
    return _Judgement(
        known,
        breach,
        match.ok or match_names(calls, accepted),
        match.ok or match_arguments(calls, accepted, schemas),
        match.ok,
        match.reason,
    )


def _judge_text(example: Example, decision: str, said: str) -> _TextJudgement:
    lack, words = lack_of(example), words_to_tell(example)
    asks = None if lack is None else decision == "clarify" and asks_for(lack, said)
    tells = bool(words & words_in(said)) if words and example.decision == "answer" else None
    if asks is False and lack is not None:
        reason = f"does not ask for {' or '.join(lack.names) or 'what is missing'}"
        return _TextJudgement(asks, tells, _Finding("asks_wrong", reason))
    if tells is False:
        reason = f"tells nothing of the results, such as {', '.join(sorted(words)[:5])}"
        return _TextJudgement(asks, tells, _Finding("tells_nothing", reason))
    return _TextJudgement(asks, tells, _Finding())


def decide(reading: Reading, recovered: Sequence[ToolCall], after_result: bool) -> str:
    """The decision a reply takes: call, clarify, refuse or answer; `malformed` where it takes none.

    A call in another format is still a decision to call. A text right after a tool result reports
    that result, also where it has to say that something did not work.
    """
    if reading.calls or recovered:
        return "call"
    if reading.error is not None or not (reading.text or "").strip():
        return MALFORMED
    text = reading.text or ""
    return "answer" if after_result and "?" not in text else label(text)


def _finding(
    due: str,
    decision: str,
    reading: Reading,
    judgement: _Judgement,
    text: _TextJudgement,
) -> _Finding:
    """Name what went wrong first, from the wire inwards."""
    if decision == MALFORMED:
        error = reading.error
        return _Finding(MALFORMED, f"{error.kind}: {error.message}" if error else "empty reply")
    if decision != due:
        wrong = {"over_call": decision == "call", "under_call": due == "call"}
        failure = next((name for name, holds in wrong.items() if holds), "wrong_decision")
        return _Finding(failure, f"{decision} where {due} is right")
    return _call_finding(reading, judgement) if due == "call" else text.finding


def _call_finding(reading: Reading, judgement: _Judgement) -> _Finding:
    if reading.error is not None:
        return _Finding("wrong_format", f"{reading.error.kind}: {reading.error.message}")
    if judgement.match or (judgement.match is None and judgement.known):
        return _Finding()
    if not judgement.known:
        return _Finding("unknown_tool", judgement.mismatch or "a tool that is not offered")
    if not judgement.names:
        return _Finding("wrong_tool", judgement.mismatch)
    if judgement.breach is not None:
        return _Finding("schema_invalid", judgement.breach)
    return _Finding("wrong_arguments", judgement.mismatch)


def schema_of(tool: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a tool's arguments; empty where it has none."""
    schema = tool.get("inputSchema")
    return schema if isinstance(schema, dict) else {}
