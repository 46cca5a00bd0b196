"""Does what a record's last turn does fit its kind?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from data.checks.calls import Conversation
from data.checks.rules import Problem
from data.checks.schemas import ToolEntry
from data.names import words_of

TEXT_KINDS = ("clarification", "refusal", "irrelevance", "answer")
ASKS = re.compile(
    r"[?\uff1f]|\b(?:please|kindly)\s+(?:\w+\s+)?"
    r"(?:provide|tell|give|specify|share|clarify|confirm|supply|enter|send|say|add|choose|pick|name)\b"
    r"|\b(?:i|we)(?:'ll| will| still)?\s+(?:still\s+)?(?:need|require)\b|\b(?:i am|i'm) missing\b"
    r"|\blet me know\b|\btell me\b",
    re.IGNORECASE,
)
DECLINES = re.compile(
    r"\b(?:can't|cannot|can not|won't|will not|not able|unable|not allowed|not permitted|refuse"
    r"|decline|sorry|afraid|apologi[sz]e|no tool|none of|no function|rather not|outside"
    r"|beyond|don't|do not|isn't|is not|not going to|i'll not|no:|have no|there is no|without"
    r"|never|not)\b",
    re.IGNORECASE,
)
_SHAPES = {
    "email": re.compile(r"\b[\w.+-]+@[\w-]+\.\w"),
    "uri": re.compile(r"\bhttps?://\S"),
    "uuid": re.compile(
        r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE
    ),
}
# "the name of the recipe" asks for a name, not for a recipe.
_ASKED_FOR = re.compile(r"(?<!of )(?<!for )\b(?:the|which|what|your)\s+")
_WORD_GOES_ON = re.compile(r"\w")
_BY_LINE = re.IGNORECASE | re.MULTILINE


def check_kind(
    row: dict[str, Any], said: Conversation, tools: Sequence[ToolEntry]
) -> Iterator[Problem]:
    """Problems of the last turn, given a record whose messages are well-formed."""
    kind, messages = row["kind"], row["messages"]
    at = f"/messages/{len(messages) - 1}/content"
    if kind == "multi_step" and said.n_results == 0:
        yield Problem("kind_no_result", "/kind", "multi_step, but no tool message")
    if messages[-1]["role"] == "assistant":
        n_calls = len(said.calls.get(len(messages) - 1, ()))
        if n_calls == 0 and any(p.pointer == at for p in said.problems):
            return
    elif isinstance(row.get("accepted"), list) and row["accepted"]:
        n_calls, at = len(row["accepted"]), "/accepted"
    else:
        return
    yield from _count_problems(kind, n_calls, at)
    if n_calls == 0 and messages[-1]["role"] == "assistant":
        yield from _text_problems(kind, messages, at, tools)


def _count_problems(kind: str, n_calls: int, at: str) -> Iterator[Problem]:
    if kind in TEXT_KINDS and n_calls:
        yield Problem("kind_calls", at, f"{kind}, but the last turn calls")
    elif kind in ("tool_call", "parallel") and n_calls == 0:
        yield Problem("kind_no_call", at, f"{kind}, but the last turn is text")
    elif kind == "tool_call" and n_calls > 1:
        yield Problem("kind_one_call", at, f"{n_calls} calls")
    elif kind == "parallel" and n_calls == 1:
        yield Problem("kind_parallel", at, "one call")


def _text_problems(
    kind: str, messages: Sequence[Any], at: str, tools: Sequence[ToolEntry]
) -> Iterator[Problem]:
    reply = messages[-1]["content"].replace("\u2019", "'")
    if kind == "clarification":
        if not ASKS.search(reply):
            yield Problem("clarify_no_question", at, f"{reply[:80]!r}")
        elif reason := needless(reply, _user_text(messages), tools):
            yield Problem("clarify_needless", at, reason)
    elif kind in ("refusal", "irrelevance") and not DECLINES.search(reply):
        yield Problem("refuse_no_reason", at, f"{reply[:80]!r}")


def _user_text(messages: Sequence[Any]) -> str:
    return "\n".join(message["content"] for message in messages if message["role"] == "user")


def needless(reply: str, said: str, tools: Sequence[ToolEntry]) -> str | None:
    """Why a question need not be asked, or None where it may.

    A value counts as given only where its schema makes it recognisable: an enum's value beside the
    parameter's name, an email address, a URL, a UUID, or "name: value"; and only if everything the
    reply names is given.
    """
    if not any(entry.requires for entry in tools if entry.schema):
        return "no offered tool has a required argument"
    asked = reply.lower()
    starts = [match.end() for match in _ASKED_FOR.finditer(asked)]
    given: list[str] = []
    for entry in tools:
        properties = entry.definition["inputSchema"].get("properties", {}) if entry.schema else {}
        for name in entry.needs:
            if name not in properties or not _names(_words(name), asked, starts):
                continue
            if not _is_given(name, properties[name], said):
                return None
            given.append(name)
    return f"the request already gives {', '.join(sorted(set(given)))}" if given else None


def _names(words: str, asked: str, starts: Sequence[int]) -> bool:
    """Whether the whole words stand at one of the places where something is asked for."""
    return any(
        asked.startswith(words, start) and not _WORD_GOES_ON.match(asked, start + len(words))
        for start in starts
    )


@lru_cache(maxsize=20_000)
def _words(name: str) -> str:
    return " ".join(words_of(name))


def _is_given(name: str, schema: Any, said: str) -> bool:
    label = re.escape(_words(name))
    is_named = _words(name) in said.lower()  # most often not, and a pattern takes time to compile
    # "channel: general" gives it; "tell the channel: we are done" does not.
    if is_named and re.search(
        rf"(?:^|[,;(.!?]\s*){label}\s*:\s*\w|\b{label}\s*=\s*\w", said, _BY_LINE
    ):
        return True
    if not isinstance(schema, dict):
        return False
    values = schema.get("enum")
    if isinstance(values, list):
        words = [v for v in values if isinstance(v, str) and len(v) > 2]
        return is_named and any(_beside(label, re.escape(v), said) for v in words)
    shape = _SHAPES.get(str(schema.get("format")))
    return shape is not None and shape.search(said) is not None


def _beside(name: str, value: str, said: str) -> bool:
    """Whether a value stands right before a name, or at most two words after it."""
    pattern = rf"\b{name}\W+(?:\w+\W+){{0,2}}?{value}(?!\w)|(?<![\w.]){value}\W+{name}\b"
    return re.search(pattern, said, re.IGNORECASE) is not None
