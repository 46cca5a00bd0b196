"""The kind of a record that ends in text: a clarification, a refusal, irrelevance, an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from data.checks.kinds import ASKS, needless
from data.checks.schemas import ToolEntry, tool_entry
from data.names import words_of

# The end of a reply decides: what an assistant offers or asks at last is what it does.
LAST_CHARS = 400
MAX_TOOLS_KEPT = 20_000
_HARMFUL = re.compile(
    r"\b(?:illegal|unethical|harmful|malicious|dangerous|against (?:the law|my guidelines|polic)"
    r"|violat\w+|not appropriate|inappropriate)\b",
    re.IGNORECASE,
)
_DECLINES = re.compile(
    r"\b(?:i(?:'m| am) (?:sorry|afraid|unable|not able)|unfortunately|i apologi[sz]e"
    r"|i (?:can(?:'t|not| not)|don't have|do not have|won't|am not able)"
    r"|none of the|no (?:suitable |available |relevant )?(?:tool|function)s?\b"
    r"|beyond my|outside (?:of )?my|not (?:something|equipped|possible))"
    r"|抱歉|无法|不能|没有.{0,12}(?:功能|能力|工具|权限)",
    re.IGNORECASE,
)
_DECLINE_CHARS = 240


def kind_of_text(reply: str, said: str, tools: Sequence[dict[str, Any]]) -> str:
    """One of clarification, refusal, irrelevance, answer; `said` are the user's words.

    A question counts as a clarification only where it names an argument that a tool requires, and
    that the request does not give by data.validate's rule.
    """
    if not tools:
        return "answer"
    text = reply.replace("\u2019", "'")
    entries = [_entry(json.dumps(tool)) for tool in tools]
    asks = ASKS.search(text[-LAST_CHARS:]) is not None
    if asks and _names_a_need(text, entries) and needless(reply, said, entries) is None:
        return "clarification"
    if not _DECLINES.search(text[:_DECLINE_CHARS]):
        return "answer"
    return "refusal" if _HARMFUL.search(text) else "irrelevance"


@lru_cache(maxsize=MAX_TOOLS_KEPT)
def _entry(text: str) -> ToolEntry:
    return tool_entry(json.loads(text), text)


def _names_a_need(reply: str, entries: Sequence[ToolEntry]) -> bool:
    """Does a reply name a required argument, by all the words of its name?"""
    words = set(words_of(reply))
    words |= {word[:-1] for word in words if word.endswith("s")}
    return any(
        (parts := words_of(name)) and set(parts) <= words
        for entry in entries
        for name in entry.needs
    )
