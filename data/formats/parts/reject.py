"""What becomes of a row of a published set: a record, with notes of what was changed, or a reject.

Codes are stable: a code is never renamed and never changes its meaning. docs/formats.md lists them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from data.record import Example

REASONS = {
    "not_json": "the line is not JSON, or not UTF-8",
    "not_object": "the row is no object",
    "field_missing": "a column that the format needs is missing",
    "field_type": "a column does not hold what the format says",
    "tools_unreadable": "the tool definitions cannot be read",
    "tools_missing": "there are calls, but no tool definitions",
    "call_unreadable": "a call cannot be read",
    "arguments_type": "the arguments of a call are no object",
    "role_unknown": "a message of an unknown role",
    "roles_order": "a message where its role cannot stand",
    "request_missing": "no user message with text",
    "reply_missing": "no assistant message to learn from",
    "text_like_call": "a text reply that the wire would read as a call",
    "result_without_call": "a tool result that no call asked for",
    "results_unmatched": "more tool results than calls",
    "reference_unresolved": "a placeholder that no earlier result can fill",
    "value_not_json": "a value that JSON cannot carry: NaN, bytes, code",
    "too_deep": "values nested too deep",
    "unsupported": "a part of the format that records cannot hold",
    "shape_unknown": "the row has another shape than the format",
    "invalid": "the record breaks a rule of data.validate (--strict)",
}
NOTES = {
    "results_made_up": "results that the set lacks were made up, so that references have values",
    "schemas_mended": "type names or nulls of tool schemas were mended",
    "tail_cut": "what follows the last reply that can be trained was cut",
    "text_beside_call": "text beside a call was dropped: a turn is calls or text",
    "thinking_dropped": "the reasoning before a reply was dropped",
    "tool_left_out": "a tool that is not called was left out: its definition cannot be mended",
    "tool_repeated": "a tool that is offered twice, word for word, is offered once",
    "tools_inferred": "tools were inferred from the calls: the set has no definitions",
    "turns_merged": "messages of one role in a row were joined",
    "head_cut": "what stands before the first user message was cut",
    "nulls_dropped": "arguments that are null and may not be were dropped",
}


@dataclass(frozen=True)
class Reject:
    """A row that is not carried over. `line` is the row's number, from 1; `code` of REASONS."""

    line: int
    id: str
    code: str
    reason: str


@dataclass(frozen=True)
class Converted(Example):
    """A record and the codes of NOTES that say what was changed."""

    notes: tuple[str, ...] = ()


class RowError(ValueError):
    """Why a row cannot be carried over; `code` is one of REASONS."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class Place:
    """Where a row stands: its number, and the id that its record gets."""

    line: int
    id: str


def attempt(place: Place, build: Callable[[], Example]) -> Example | Reject:
    """The record, or a reject where the row cannot be read, however odd it is."""
    try:
        return build()
    except RowError as error:
        return Reject(place.line, place.id, error.code, str(error)[:300])
    except RecursionError:
        return Reject(place.line, place.id, "too_deep", "deeper than can be read")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        return Reject(place.line, place.id, "shape_unknown", reason)
