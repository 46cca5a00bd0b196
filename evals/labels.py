"""Label a text reply by rule: does it ask for something, decline, or answer?

    python -m evals.labels FILE... [--half even|odd]    # how often is the label right?

FILE has records (their gold texts are labelled by their kind) or When2Call's rows (three labelled
texts each).
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data import cli
from data.formats.when2call import Labelled, labelled_texts
from data.record import example_from, read_rows

LABELS = ("clarify", "refuse", "answer")

# Words that decline. Searched in the first sentences only: an answer may say "cannot" further down.
_DECLINES = re.compile(
    r"\b(?:i|we)(?:'m| am|'re| are)? (?:currently )?(?:unable|not able|not going to)\b"
    r"|\b(?:i|we)(?:'m| am|'re| are) (?:sorry|afraid),? (?:but|no|i|we|there|none)\b"
    r"|\b(?:i|we)(?:'m| am|'re| are)? not (?:allowed|permitted)\b"
    r"|\b(?:i|we) (?:can't|cannot|can not|won't|will not|refuse|must decline)\b"
    r"|\b(?:i|we) (?:do not have|don't have|have no)\b"
    r"|\b(?:i|we)(?:'ll| will) not\b|\b(?:i|we)(?:'d| would) rather not\b"
    r"|\bsorry, (?:no|but|there|i|that is)\b"
    r"|\bapologi(?:[sz]e|es)\b[^.?!]{0,60}\bbut (?!could|can|would|may|please|i need)"
    r"|\bnone of (?:my|the|these) (?:\w+ )?(?:tools|functions)\b"
    r"|\bno (?:\w+ )?(?:tool|function)\b|\bthat is (?:outside|not something)\b"
    r"|\boutside of what my tools\b|\bmy tools (?:here )?(?:don't|do not|cannot|can't)\b"
    r"|\bwould need another tool\b"
    r"|\b(?:that|this) (?:is|would be) (?:beyond|fraud|illegal|theft|a crime)\b"
    r"|\bnot something (?:i|we)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\?\s*$|\?\s|\b(?:could|can|would|may|might) (?:you|i)\b[^.?!]{0,300}\?"
    r"|\b(?:please|kindly) (?:provide|tell|give|specify|share|let me know)\b"
    r"|\b(?:please|kindly) (?:clarify|confirm|supply|enter|send)\b"
    r"|\b(?:i|we)(?:'ll| will)? (?:still )?(?:need|require)\b"
    r"|\b(?:i am|i'm) missing\b|\blet me know (?:the|which|what|your)\b",
    re.IGNORECASE,
)
# Courtesies and offers after what was done: questions, but nothing is missing.
_OFFERS_MORE = re.compile(
    r"(?:is there anything else|anything else i|how can i help|how may i|what can i do for you)"
    r"[^?]{0,300}\?",
    re.IGNORECASE,
)
_OFFERS_NEXT = re.compile(
    r"(?<=[.!] )(?:would you like|do you want|shall i|should i) (?:me to |more |further "
    r"|to \w+ (?:it|that|this|those|these|them|one)\b)[^?]{0,300}\?",
    re.IGNORECASE,
)
_OPENING = re.compile(
    r"(?:sure|of course|okay|ok|certainly|absolutely|great|thanks|thank you|i can|i'd|i would"
    r"|i'll|happy to|to )\b[^.!?]{0,200}[.!]\s*$",
    re.IGNORECASE,
)
# "Sorry, I did not understand" and "sorry, I need the number" decline nothing.
_NO_DECLINE = re.compile(
    r"\bsorry,? (?:but )?i (?:(?:did not|didn't|do not|don't) (?:quite |fully )?"
    r"(?:understand|catch|follow|get)|(?:still |will |also )?(?:need|require))\b",
    re.IGNORECASE,
)
_HEAD_CHARS = 400
# A reply is read to this length from both ends: no sensible one is longer.
_END_CHARS = 3000


def label(text: str) -> str:
    """One of `clarify`, `refuse`, `answer` for a reply that holds no call."""
    said = _without_offers(_ends_of(text).replace("\u2019", "'")).strip()
    declines = _DECLINES.search(_NO_DECLINE.sub(_blank, said[:_HEAD_CHARS]))
    asks = _ASKS.search(said)
    if declines and not (asks and asks.start() < declines.start()):
        return "refuse"
    return "clarify" if asks else "answer"


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


def _ends_of(text: str) -> str:
    if len(text) <= 2 * _END_CHARS:
        return text
    return f"{text[:_END_CHARS]} {text[-_END_CHARS:]}"


def _without_offers(text: str) -> str:
    said = _OFFERS_MORE.sub("", text)
    offer = _OFFERS_NEXT.search(said)
    if offer is None or _OPENING.match(said[: offer.start()].lstrip()):
        return said
    return said[: offer.start()] + said[offer.end() :]


@dataclass(frozen=True)
class LabelAccuracy:
    """How often labels are right on texts that people or a catalogue labelled, 0 to 1."""

    data: str
    n: int
    macro_f1: float
    accuracy: float


# What this module's command prints; docs/scoring.md says how the halves were used.
MEASURED = (
    LabelAccuracy("When2Call, rows the rules were written on (even)", 225, 0.987, 0.987),
    LabelAccuracy("When2Call, rows the rules were not written on (odd)", 225, 0.973, 0.973),
    LabelAccuracy("built-in dataset, test_seen", 357, 1.0, 1.0),
    LabelAccuracy("built-in dataset, test_unseen", 357, 1.0, 1.0),
)


def label_accuracy(name: str, texts: Sequence[Labelled]) -> LabelAccuracy:
    """Label the texts and compare. Macro F1 is the mean over the labels that occur."""
    pairs = [(text.decision, label(text.text)) for text in texts]
    f1s = [_f1(pairs, name) for name in LABELS if any(name == due for due, _ in pairs)]
    hits = sum(due == found for due, found in pairs)
    return LabelAccuracy(name, len(pairs), sum(f1s) / max(1, len(f1s)), hits / max(1, len(pairs)))


def _f1(pairs: Sequence[tuple[str, str]], name: str) -> float:
    hits = sum(pair == (name, name) for pair in pairs)
    return 2 * hits / sum((due == name) + (found == name) for due, found in pairs)


def labelled(path: Path, half: str | None = None) -> Iterator[Labelled]:
    """The labelled texts of a file. Raises DataError for a row that has none of either form."""
    for index, (number, row) in enumerate(read_rows(path)):
        if half is None or half == ("even", "odd")[index % 2]:
            try:
                yield from labelled_texts(row) if "answers" in row else _gold_texts(row)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise cli.DataError(
                    f"{path}:{number}: no record and no row of When2Call ({error}); mend the line"
                ) from None


def _gold_texts(row: dict[str, object]) -> Iterable[Labelled]:
    """The gold of a record that is a text and does not report a tool's result."""
    example = example_from(row)
    if example.gold is None or example.decision == "call" or example.prompt[-1].role == "tool":
        return []
    return [Labelled(example.gold, example.decision)]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m evals.labels",
        description="How often are the labels of text replies right?",
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="labelled texts")
    parser.add_argument("--half", choices=("even", "odd"), help="only the rows of this half")
    args = parser.parse_args(argv)
    print("| texts | n | macro F1 | accuracy |\n| --- | --- | --- | --- |")
    for path in args.files:
        found = label_accuracy(path.name, list(labelled(path, args.half)))
        print(f"| {found.data} | {found.n} | {found.macro_f1:.3f} | {found.accuracy:.3f} |")
    return 0


if __name__ == "__main__":
    cli.run(main)
