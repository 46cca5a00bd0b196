"""Say a catalogue phrasing: optional parts chosen, slots filled, the sentence tidied."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from random import Random
from typing import Any

from data.domains import SLOT, Tool, segments, slots_of
from data.slots import Pools, Slot, fill

KEEP_OPTIONAL = 0.5
TYPO_SHARE = 0.05
TYPABLE = re.compile(r"(?<![\w{])[a-z]{4,}(?![\w}])")
OPENERS = (
    *[""] * 12,
    "Hi! ",
    "Hello! ",
    "Hey. ",
    "Good morning. ",
    "Good evening! ",
    "Quick one. ",
    "One more thing. ",
    "Sorry to bother you. ",
    "Next task. ",
    "Okay. ",
    "If you have a moment: ",
)
CLOSERS = (
    *[""] * 12,
    " Thanks!",
    " Thank you.",
    " Much appreciated.",
    " No rush.",
    " Thanks in advance.",
    " It's a bit urgent.",
    " Cheers",
)


@dataclass(frozen=True)
class Utterance:
    """A request as it was said: the slots it mentions and the needed ones it leaves out."""

    text: str
    slots: dict[str, Slot]
    missing: tuple[str, ...] = ()


def say(phrasing: str, tool: Tool, pools: Pools, rng: Random) -> Utterance:
    """Say all that the tool needs, and each optional part half of the time."""
    return _say(phrasing, tool, pools, rng, dropped=())


def say_too_little(phrasing: str, tool: Tool, pools: Pools, rng: Random) -> Utterance | None:
    """Leave out one or more needed slots; None where the phrasing has none to leave out."""
    droppable = droppable_needs(phrasing, tool)
    if not droppable:
        return None
    n_dropped = 1 if len(droppable) == 1 or rng.random() < 0.7 else 2
    return _say(phrasing, tool, pools, rng, dropped=rng.sample(droppable, n_dropped))


def droppable_needs(phrasing: str, tool: Tool) -> list[str]:
    """Needed slots that stand only in optional parts of a phrasing."""
    fixed = {
        name for text, optional in segments(phrasing) if not optional for name in slots_of(text)
    }
    return [
        name
        for name in dict.fromkeys(slots_of(phrasing))
        if name in tool.needs and name not in fixed
    ]


def _say(
    phrasing: str, tool: Tool, pools: Pools, rng: Random, dropped: Collection[str]
) -> Utterance:
    parts: list[str] = []
    for text, optional in segments(phrasing):
        names = set(slots_of(text))
        if optional and (names & set(dropped) or not _kept(names, tool, rng)):
            continue
        parts.append(text)
    said = "".join(parts)
    if rng.random() < TYPO_SHARE:
        said = mistype(said, rng)
    slots = {name: fill(tool.slots[name], pools, rng) for name in dict.fromkeys(slots_of(said))}
    missing = tuple(name for name in tool.needs if name not in slots)
    return Utterance(put(tidy(said), slots), slots, missing)


def mistype(text: str, rng: Random) -> str:
    """One slip of the fingers in a word of the phrasing; a slot's value is never touched."""
    words = list(TYPABLE.finditer(text))
    if not words:
        return text
    word = rng.choice(words)
    at = word.start() + rng.randrange(1, len(word[0]) - 1)
    slips = [
        text[:at] + text[at + 1 :],
        text[: at + 1] + text[at:],
        text[:at] + text[at + 1] + text[at] + text[at + 2 :],
    ]
    return rng.choice(slips)


def _kept(names: set[str], tool: Tool, rng: Random) -> bool:
    return bool(names & set(tool.needs)) or rng.random() < KEEP_OPTIONAL


def put(text: str, slots: dict[str, Slot]) -> str:
    """The text with each slot as it is said."""
    return SLOT.sub(lambda match: slots[match[1]].said, text)


def fill_all(specs: dict[str, Any], pools: Pools, rng: Random) -> dict[str, Slot]:
    """One value for each named spec."""
    return {name: fill(spec, pools, rng) for name, spec in specs.items()}


def plain(
    phrasing: str, pools: Pools, specs: dict[str, Any], rng: Random
) -> tuple[str, dict[str, Slot]]:
    """Say a request that belongs to no tool; optional parts come half of the time."""
    said = "".join(
        text
        for text, optional in segments(phrasing)
        if not optional or rng.random() < KEEP_OPTIONAL
    )
    slots = fill_all(specs, pools, rng)
    return put(tidy(said), slots), slots


def tidy(text: str) -> str:
    """Mend what a left-out part leaves behind: doubled blanks, lonely commas.

    Before the slots are filled: a path said as "./src" keeps its dot.
    """
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r" +([,.?!;:])(?=\s|$)", r"\1", text)
    text = re.sub(r"([,;:]) *(?=[.?!]( |$))", "", text)
    text = re.sub(r"[,;:] *$", "", text)
    return re.sub(r"^[,.;:] *", "", text)


def dress(text: str, rng: Random) -> str:
    """A greeting before or a word of thanks after, now and then."""
    opener, closer = rng.choice(OPENERS), rng.choice(CLOSERS)
    if closer and text[-1].isalnum():
        text += rng.choice([".", "."]) if closer.strip()[0].isupper() else ""
    return opener + text + closer


def undress(text: str) -> str:
    """The text without what `dress` puts around it: two requests may differ in more than that."""
    opener = max((o for o in OPENERS if text.startswith(o)), key=len)
    closer = max((c for c in CLOSERS if text.endswith(c)), key=len)
    return text[len(opener) : len(text) - len(closer)]
