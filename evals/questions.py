"""What does a text ask for? Its questions as words without endings; which words are alike."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

# Each line is a group of words that may stand for one another.
_ALIKE = (
    "text message content body say write note comment wording",
    "query search keyword term phrase look",
    "date day when",
    "time hour when clock moment",
    "start begin from since depart first",
    "end until finish till stop return last",
    "recipient payee to whom who receiver addressee send",
    "min minimum lower lowest least",
    "max maximum upper highest most",
    "name title call label",
    "id identifier number code reference",
    "amount quantity count many much sum total",
    "place location city town where address area",
    "origin from where depart leave",
    "destination to where arrive go fly travel",
    "duration long length minute hour night",
    "file document path folder image photo picture",
    "url link website page address site",
    "price cost much budget",
    "item product article what thing",
    "email mail address",
    "person who whom user username handle contact customer people",
    "reason why cause",
    "kind type sort category",
    "phone telephone mobile number",
    "language tongue",
    "currency money",
    "unit measure",
    "size big large dimension",
)
# Opposites: who asks for the one does not ask for the other.
_OPPOSITES = (
    ("first", "second third other last"),
    ("start begin", "end finish until"),
    ("origin from depart leave begin", "to destination arrive fly go"),
    ("min minimum lower lowest", "max maximum upper highest"),
    ("old current", "new"),
)
# Question words that go with a format or a type of JSON Schema.
HINTS = {
    "integer": "many much long",
    "number": "many much",
    "date": "when date day",
    "date-time": "when date time",
    "time": "when time",
    "email": "email address",
    "uri": "url link address",
}
_EMPTY = """
a about all also am an and any are as ask at be been but by can choose clarify confirm could d did
do does enter for get give had happy has have hello help hi how i if in is it its know let like ll
may me might missing more must my need of ok okay on one open or our pick please provide re s select
shall share should so specify still supply sure take tell that the their them then there these they
thing this those to up use ve want was we were what which will with would you your
"""
# Words that go with too many arguments to tell them apart, stemmed.
_GENERAL = "name number id code date day tim text titl detail exact kind typ list new"
_AFFIXES = "value arg input param p the field user"

EMPTY, GENERAL, AFFIXES = (frozenset(text.split()) for text in (_EMPTY, _GENERAL, _AFFIXES))
_WORD = re.compile(r"[^\W_]+")
# How much a word says where it is asked for, and beside that.
ASKED, BESIDE = 1.0, 0.2
_PURPOSE = re.compile(
    r"(?:^|(?<=[.?!;:])\s)\s*(?:sure[,.!] )?(?:in order )?to [^.,?!]{0,200},"
    r"|\b(?:before|so(?: that)?|then|once|and then) i (?:can|could|may|will) [^.,?!]{0,200}"
    r"|\bi (?:need|require) (?:it|that|this|them) (?:to|for|in order) [^.?!]{0,200}"
    r"|\b(?:happy|glad|able|pleased) to [^.?!]{0,200}[.!]"
    r"|\bi can [^.,?!]{0,200}, but\b",
    re.IGNORECASE,
)
_CUE = re.compile(
    r"\b(?:which|what|whose|whom?|where|when|why"
    r"|how (?:many|much|long|often|far|big|large|old|soon)"
    r"|need|require|missing|tell me|give me|provide|share|specify|confirm|enter|supply|let me know"
    r"|know|(?:ask|asking)(?: you)? for|as|open|clarify|choose|pick|select)\b:?",
    re.IGNORECASE,
)
_HEAD = re.compile(
    r"(?:to )?(?:(?!\b(?:should|would|do|does|did|is|are|was|were|will|can|could|shall|may|so|to"
    r"|i|we|it|you|that)\b)[^.,;?!]){0,80}"
)
_QUESTIONS = ("how", "when", "where", "who")
_CLAUSE = re.compile(r"[^.,;?!]{0,80}")
_IS = re.compile(r"\s*(?:(?:is|are|was|would be|'s|one|exactly)\s+)+", re.IGNORECASE)
_APART = re.compile(r"\s+(?:and|or)\s+|[,/]")
MAX_CHARS = 2000
_ENDINGS = ("ies", "ing", "es", "ed", "s", "e", "y")
_MIN_STEM = 3


def stems(text: str) -> list[str]:
    """The words of a text that say something, each once, without their endings."""
    words = (word for word in _WORD.findall(text.lower()) if word not in EMPTY)
    return list(dict.fromkeys(map(stem, words)))


def stem(word: str) -> str:
    """A word without its ending: crude, but the same for "dates" and "date"."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _MIN_STEM:
            return word if word.endswith("ss") else word[: -len(ending)]
    return word


@lru_cache(maxsize=20_000)
def alike(word: str) -> frozenset[str]:
    """The stems of all words that may stand for a word, itself included."""
    groups = (group.split() for group in _ALIKE)
    return frozenset(stem(like) for group in groups if word in group for like in group)


OPPOSITES = tuple(tuple(frozenset(map(stem, pole.split())) for pole in pair) for pair in _OPPOSITES)


def asked_things(text: str) -> list[dict[str, float]]:
    """The things that a text asks for: the words of each, then the other words for less."""
    said = _PURPOSE.sub(" ", text[:MAX_CHARS].replace("\u2019", "'").lower())
    beside = dict.fromkeys(stems(said), BESIDE)
    heads = [words for head in _heads(said) if (words := stems(head))]
    if not heads:
        return [dict.fromkeys(beside, ASKED)] if beside else []
    return [{**beside, **dict.fromkeys(head, ASKED)} for head in heads]


def _heads(said: str) -> Iterator[str]:
    """What stands right after the words that ask: "which city", "tell me when it should start"."""
    for cue in _CUE.finditer(said):
        start = (_IS.match(said, cue.end()) or cue).end()
        start += said.startswith(" ", start)
        if _CUE.match(said, start):
            continue
        question = cue[0] if cue[0].startswith(_QUESTIONS) else ""
        found = _HEAD.match(said, start)
        thing = found[0] if found else ""
        if not stems(thing) and not question.startswith("how"):
            clause = _CLAUSE.match(said, start)
            thing = clause[0] if clause else ""
        first, *more = _APART.split(thing)
        yield from (f"{question} {first}", *more)
