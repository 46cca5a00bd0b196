"""Does the text after a tool's result tell of it?

It does if it shares a word with the record's own answer that stands in the results or the request:
a value, a name, a number. What the text says of them is not judged.
"""

from __future__ import annotations

import re

from data.record import Example
from evals.questions import EMPTY

# Shorter words without a digit are too common to tell one result from another.
MIN_LETTERS = 4
_WORD = re.compile(r"[^\W_]+(?:[.:'-][^\W_]+)*")
_MAX_CHARS = 20_000


def words_to_tell(example: Example) -> frozenset[str]:
    """The words of the record's answer that come from the results or the request before it.

    Empty where the scored turn follows no result, or its answer shares no word with them.
    """
    if example.gold is None or not example.prompt or example.prompt[-1].role != "tool":
        return frozenset()
    users = [index for index, message in enumerate(example.prompt) if message.role == "user"]
    since = example.prompt[users[-1] if users else 0 :]
    known = [words_in(m.content) for m in since if m.role in ("user", "tool")]
    return words_in(example.gold) & frozenset().union(*known)


def words_in(text: str) -> frozenset[str]:
    """The words of a text that may tell one result from another, in lower case."""
    words = _WORD.findall(text[:_MAX_CHARS].lower())
    return frozenset(
        word
        for word in words
        if word not in EMPTY and (len(word) >= MIN_LETTERS or any(map(str.isdigit, word)))
    )
