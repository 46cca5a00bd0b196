"""Score one reply against one record: every field of the metrics, and why it failed where it did.

Malformed output is an outcome with its reason, never an exception. Schema validity stands beside
correctness and never gates it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from jsonschema_specifications import REGISTRY

from data.record import Example
from data.wire import Reading, ToolCall, Wire, read_forgiving, read_strict
from evals.call_match import accept_exactly, match_arguments, match_calls, match_names
from evals.labels import label

MALFORMED = "malformed"


@dataclass(frozen=True)
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
    reply: str

    def row(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _Finding:
    """A failure class of the taxonomy and what was seen."""

    failure: str
    reason: str


def score_example(example: Example, reply: str, wire: Wire = "jsonrpc") -> Score:
    """Judge a reply by the record's `accepted`, or by its last assistant message."""
    reading = read_strict(reply, wire)
    recovered = read_forgiving(reply)
    decision = decide(reading, recovered, after_result=example.prompt[-1].role == "tool")
    accepted = accepted_calls(example)
    call_due = example.decision == "call"
    schemas = {tool["name"]: _schema(tool) for tool in example.tools}
    judged = call_due or bool(recovered)
    known = bool(reading.calls) and all(call.name in schemas for call in reading.calls)
    breach = _schema_breach(reading.calls, schemas)
    names = call_due and bool(reading.calls) and match_names(reading.calls, accepted)
    match = match_calls(reading.calls, accepted, schemas)
    called = call_due and bool(reading.calls) and match.ok
    correct = called if call_due else decision == example.decision
    finding = _finding(example.decision, decision, reading, known, breach, names, match.reason)
    return Score(
        id=example.id,
        kind=example.kind,
        expected=example.decision,
        decision=decision,
        correct=correct,
        parsed=reading.error is None and bool(reply.strip()),
        recovered=bool(recovered),
        known_tool=known if judged else None,
        schema_valid=(known and breach is None) if judged else None,
        name_match=names if call_due else None,
        arguments_match=bool(reading.calls) and match_arguments(reading.calls, accepted, schemas)
        if call_due
        else None,
        call_match=called if call_due else None,
        failure="" if correct else finding.failure,
        reason="" if correct else finding.reason,
        reply=reply,
    )


def accepted_calls(example: Example) -> list[Mapping[str, Any]]:
    """The record's accepted calls; those of its gold turn where it lists none."""
    if example.accepted is not None:
        return list(example.accepted)
    return [accept_exactly(call) for call in read_strict(example.gold or "").calls]


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
    expected: str,
    decision: str,
    reading: Reading,
    known: bool,
    breach: str | None,
    names: bool,
    mismatch: str,
) -> _Finding:
    """Name what went wrong first, from the wire inwards."""
    if decision == MALFORMED:
        error = reading.error
        return _Finding("malformed", f"{error.kind}: {error.message}" if error else "empty reply")
    if decision != expected:
        wrong = {"over_call": decision == "call", "under_call": expected == "call"}
        failure = next((name for name, holds in wrong.items() if holds), "wrong_decision")
        return _Finding(failure, f"{decision} where {expected} is right")
    if reading.error is not None:
        return _Finding("wrong_format", f"{reading.error.kind}: {reading.error.message}")
    if not known:
        return _Finding("unknown_tool", mismatch)
    if not names:
        return _Finding("wrong_tool", mismatch)
    if breach is not None:
        return _Finding("schema_invalid", breach)
    return _Finding("wrong_arguments", mismatch)


def _schema(tool: Mapping[str, Any]) -> dict[str, Any]:
    schema = tool.get("inputSchema")
    return schema if isinstance(schema, dict) else {}


def _schema_breach(
    calls: Sequence[ToolCall], schemas: Mapping[str, Mapping[str, Any]]
) -> str | None:
    """The first thing in which a call's arguments break their tool's schema."""
    for call in calls:
        if call.name not in schemas:
            continue
        validator = _validator(json.dumps(schemas[call.name]))
        if isinstance(validator, str):
            return validator
        try:
            error = best_match(validator.iter_errors(call.arguments))
        except (
            Exception
        ) as problem:  # a pattern Python cannot compile, a reference that leads nowhere
            return f"{call.name}: its schema cannot be applied: {type(problem).__name__}"
        if error is not None:
            return f"{call.name}: {error.json_path}: {error.message}"[:300]
    return None


@lru_cache(maxsize=4096)
def _validator(schema_text: str) -> Validator | str:
    """A validator for a schema, or why there is none. Remote references are not fetched."""
    schema = json.loads(schema_text)
    kind = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        return f"the tool's own schema is invalid: {error.message}"[:300]
    return kind(schema, registry=REGISTRY, format_checker=kind.FORMAT_CHECKER)
