"""What a tool does, in words: an imperative from its description, or from its name."""

from __future__ import annotations

import re
from typing import Any

from data.names import words_of

MAX_WORDS = 12
MAX_NAME_WORDS = 7
_END = re.compile(r"(?<=\w)[.!?](?=\s|\Z)|[;:(\n\[{]| [-–—] |, (?:e\.g|i\.e|such|including|using)")
_LATE = re.compile(r"\s+(?:that|which|so that|in order|if|when|where|by|using|with optional)\b.*")
_LEAD = re.compile(
    r"(?:(?:use )?this tool|this function|a tool|tool|allows? you|used)\s+(?:to|can|will)?\s*"
)
# Verbs that tools begin with; a description that begins with one reads as an imperative.
VERBS = frozenset(
    words_of(
        "add analyze append apply approve archive assign book build calculate cancel change check "
        "clear close combine commit compare complete compute configure connect convert copy count "
        "create deactivate delete deploy describe detect determine disable display download draft "
        "echo edit enable estimate evaluate execute explain export extract fetch filter find fork "
        "format generate get give import insert inspect install invite join launch lend list load "
        "locate lock log look make manage mark measure merge modify monitor move navigate open "
        "order parse pause perform play post predict press preview print process publish pull push "
        "put query read recommend record redeem refresh register release remove rename render "
        "replace reply report request reserve reset resize resolve restart restore retrieve return "
        "revoke run save scan schedule scrape search select send set share show simulate solve "
        "sort split start stop store submit subscribe suggest summarize switch sync take test "
        "toggle track transcribe transfer transform translate trigger uninstall unlock unsubscribe "
        "update upload validate verify view wait write zip"
    )
)
READING = frozenset(
    words_of(
        "analyze calculate check compare compute count describe detect determine display estimate "
        "evaluate explain extract fetch find get inspect list locate look measure monitor parse "
        "predict preview query read recommend retrieve return scan search show summarize track "
        "validate verify view"
    )
)


def deeds_of(tool: dict[str, Any]) -> tuple[str, ...]:
    """Ways to say what a tool does; each reads on after "please". The best comes first."""
    from_name = _from_name(tool["name"])
    from_text = _from_description(tool["description"])
    ways = [from_text, from_name] if from_text else [from_name]
    return tuple(dict.fromkeys(way for way in ways if way))


def is_reading(deed: str) -> bool:
    """Whether the deed only looks at something."""
    return deed.split()[0] in READING


def label_of(name: str) -> str:
    """A parameter's name as it is said."""
    return " ".join(words_of(name)) or "value"


def _from_name(name: str) -> str:
    words = words_of(re.sub(r"^.*__", "", name))[:MAX_NAME_WORDS]
    if not words:
        return "use the tool"
    if words[0] in VERBS:
        if len(words) == 1:
            return f"{words[0]} something" if words[0] not in ("echo", "wait") else words[0]
        return " ".join(words)
    return f"use {' '.join(words)}"


def _from_description(text: str) -> str:
    sentence = _END.split(text.strip(), maxsplit=1)[0]
    words = _LEAD.sub("", sentence.strip().lower(), count=1).split()
    original = sentence.split()[len(sentence.split()) - len(words) :]
    if not words:
        return ""
    verb = _verb(re.sub(r"\W", "", words[0]))
    if not verb:
        return ""
    deed = " ".join([verb, *original[1:]])
    if len(deed.split()) > MAX_WORDS:
        deed = _LATE.sub("", deed)
    return deed.rstrip(" ,") if 1 < len(deed.split()) <= MAX_WORDS and _is_sayable(deed) else ""


def _verb(word: str) -> str:
    """The base form of a verb that descriptions begin with, or nothing."""
    for base in (word, word[:-1], word[:-2], word[:-3] + "y"):
        if base in VERBS and (base == word or word.endswith("s")):
            return base
    return ""


def _is_sayable(text: str) -> bool:
    return not re.search(r"[\[\]{}<>|`*#]", text)
