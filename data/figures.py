"""The figures of a set of records: words, repeats, phrasings, tools and lengths.

- words: runs of letters, digits and underscores in lower case, an apostrophe inside included; each
  Chinese or Japanese character is one. Only the user's turns count.
- distinct-n: different n-grams / all n-grams, 0 to 1; none spans two turns (Li et al. 2016, "A
  Diversity-Promoting Objective Function for Neural Conversation Models", who divide by the words).
  It falls as a file grows, so it is also taken of a sample of N words: whole turns in an order
  that is always the same, the last one cut. A file with fewer words has none.
- near duplicates: records of whose user text more than 80% of the 5-character sequences are those
  of an earlier record's (Jaccard), of the same file, or of the files given before it. Case,
  punctuation, a greeting and a word of thanks do not count (data.checks.prints.request_text).
- phrasing: the first user turn (its first 4,000 characters) without greeting and thanks, with a `*`
  in place of what looks like a value: a text in quotes; a token with a digit, @, slash, backslash
  or underscore, with a dot or a capital inside; a word with a capital that starts no sentence (I
  aside); and every text that an argument of the record's calls repeats. Values that touch are one.
  A value in lower case that no call repeats stays, so the same phrasing can count as several.
- quantiles are values that occur (nearest rank).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from data.checks.prints import MAX_REQUEST_CHARS, request_text
from data.novelty import Novelty
from data.phrasing import undress
from data.record import KINDS, Example
from data.wire import read_strict

if TYPE_CHECKING:
    from data.checks.lengths import TokenCounter

SAMPLE_WORDS = 10_000
SAMPLE_SEED = 42
BLOCK = 256
_CJK = "\u3000-\u30ff\u3400-\u9fff\uff00-\uffef"  # with its punctuation; no blanks between words
_WORD = re.compile(rf"[\u3040-\u30ff\u3400-\u9fff]|[^\W{_CJK}]+(?:['’][^\W{_CJK}]+)*")
_IN_QUOTES = re.compile(r'\s*["“]([^"“”]*)["”]\s*')
_MASK = "0"  # no digit of a text is left beside it, and it passes as a word
_MASKS = re.compile(rf"\b{_MASK}(?: {_MASK})+\b")
_MAYBE_VALUE = re.compile(
    rf""""[^"]*" | “[^”]*” | `[^`]*` | (?<!\w)['‘][^'’]+['’](?!\w)
    | (?<![^\s{_CJK}]) [^\s{_CJK}]* (?: [@/\\_\d] | \w\.\w | [^\W\d_{_CJK}][A-Z] ) [^\s{_CJK}]*
    | (?!^) (?<![.!?:]\s) (?<![\w'’]) (?P<word> (?!I\b) [^\W{_CJK}]+ (?:['’&-]\w+)* )""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Wording:
    """User turns and their words; a distinct_n is None where no turn has n words."""

    n_turns: int
    n_words: int
    vocabulary: int
    distinct_2: float | None
    distinct_3: float | None


@dataclass(frozen=True)
class Repeats:
    """Shares of near duplicates, of the same set and of those before (None: it is the first)."""

    within: float
    across: float | None


@dataclass(frozen=True)
class Phrasings:
    """How many masked first turns there are, the share of the most used one, and its text."""

    n_different: int
    most_used: float
    text: str


@dataclass(frozen=True)
class Spread:
    """Quantiles of a number that every record has."""

    median: int
    p95: int
    max: int


@dataclass(frozen=True)
class Figures:
    """What is measured of one set of records. Shares are of its records, 0 to 1."""

    records: int
    words: Wording
    sample: Wording | None
    repeats: Repeats
    phrasings: Phrasings
    tool_names: int
    tools_per_prompt: Spread
    kinds: dict[str, float]
    tokens: Spread | None


def measure(
    sets: Iterable[tuple[str, Sequence[Example]]],
    sample_words: int = SAMPLE_WORDS,
    counter: TokenCounter | None = None,
) -> dict[str, Figures]:
    """The figures of each named set, none of them empty; their order says what came before."""
    before: list[Novelty] = []
    return {name: _figures(examples, before, sample_words, counter) for name, examples in sets}


def _figures(
    examples: Sequence[Example],
    before: list[Novelty],
    sample_words: int,
    counter: TokenCounter | None,
) -> Figures:
    turns = [words_of(m.content) for e in examples for m in e.messages if m.role == "user"]
    kinds = Counter(example.kind for example in examples)
    return Figures(
        records=len(examples),
        words=wording_of(turns),
        sample=_sample(turns, sample_words),
        repeats=_repeats(examples, before),
        phrasings=_phrasings(examples),
        tool_names=len({tool["name"] for example in examples for tool in example.tools}),
        tools_per_prompt=spread_of([len(example.tools) for example in examples]),
        kinds={kind: n / len(examples) for kind, n in sorted(kinds.items())},
        tokens=spread_of(_token_counts(examples, counter)) if counter else None,
    )


def words_of(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return _WORD.findall(text.lower())


def wording_of(turns: Sequence[Sequence[str]]) -> Wording:
    """The words of turns that are split already."""
    return Wording(
        n_turns=len(turns),
        n_words=sum(map(len, turns)),
        vocabulary=len({word for turn in turns for word in turn}),
        distinct_2=distinct(turns, 2),
        distinct_3=distinct(turns, 3),
    )


def distinct(turns: Sequence[Sequence[str]], n: int) -> float | None:
    """Different n-grams / all n-grams, 0 to 1; None where no turn has n words."""
    seen: set[tuple[str, ...]] = set()
    n_grams = 0
    for turn in turns:
        grams = list(zip(*(turn[start:] for start in range(n)), strict=False))
        n_grams += len(grams)
        seen.update(grams)
    return len(seen) / n_grams if n_grams else None


def _sample(turns: Sequence[Sequence[str]], n_words: int) -> Wording | None:
    if sum(map(len, turns)) < n_words:
        return None
    sample, n_left = [], n_words
    for turn in Random(SAMPLE_SEED).sample(turns, len(turns)):
        sample.append(turn[:n_left])
        n_left -= len(sample[-1])
        if not n_left:
            break
    return wording_of(sample)


def _repeats(examples: Sequence[Example], before: list[Novelty]) -> Repeats:
    """Compares with what came before, and adds the set to that."""
    said, within, across = Novelty(), 0, 0
    for example in examples:
        text = request_text([vars(m) for m in example.messages])
        if text:
            within += not said.is_new(text)
            across += not all(other.is_new(text) for other in before)
            said.add(text)
    n_records = len(examples)
    shares = Repeats(within / n_records, across / n_records if before else None)
    before.append(said)
    return shares


def _phrasings(examples: Sequence[Example]) -> Phrasings:
    counts = Counter(map(phrasing_of, examples))
    text, n_most = min(counts.items(), key=lambda item: (-item[1], item[0]))
    return Phrasings(len(counts), n_most / len(examples), text)


def phrasing_of(example: Example) -> str:
    """The first user turn in lower case, with `*` for what looks like a value."""
    first = next((m.content for m in example.messages if m.role == "user"), "")
    said = undress(first[:MAX_REQUEST_CHARS])
    if whole := _IN_QUOTES.fullmatch(said):
        said = whole[1]
    if repeated := _said_values(example, said):
        found = "|".join(map(re.escape, sorted(repeated, key=len, reverse=True)))
        said = re.sub(rf"(?<!\w)(?:{found})(?!\w)", f" {_MASK} ", said, flags=re.IGNORECASE)
    lines = (" ".join(line.split()) for line in said.splitlines())
    masked = " ".join(_MAYBE_VALUE.sub(_masked, line) for line in lines)
    bare = request_text([{"role": "user", "content": masked}])
    return _MASKS.sub(_MASK, bare).replace(_MASK, "*")


def _masked(found: re.Match[str]) -> str:
    word = found["word"]
    return word if word and not word[0].isupper() else f" {_MASK} "


def _said_values(example: Example, said: str) -> set[str]:
    """The texts in arguments of the record's calls that stand in what was said, in any case."""
    calls = (read_strict(m.content).calls for m in example.messages if m.role == "assistant")
    texts = set(_texts([call.arguments for some in calls for call in some]))
    return {text for text in texts if len(text) > 1 and text.lower() in said.lower()}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value.strip()
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _token_counts(examples: Sequence[Example], counter: TokenCounter) -> list[int]:
    blocks = (examples[start : start + BLOCK] for start in range(0, len(examples), BLOCK))
    return [n_tokens for block in blocks for n_tokens in counter.count(block)]


def spread_of(values: Sequence[int]) -> Spread:
    """Quantiles of values, of which there is one at least."""
    ordered = sorted(values)
    median, p95 = (ordered[(percent * len(ordered) + 99) // 100 - 1] for percent in (50, 95))
    return Spread(median, p95, ordered[-1])


def table(
    figures: Mapping[str, Figures], sample_words: int = SAMPLE_WORDS, with_kinds: bool = True
) -> str:
    """An aligned Markdown table, one column a set; "-" where there is nothing to say."""
    columns = [_cells(found, sample_words) for found in figures.values()]
    for kind in _kinds_of(figures) if with_kinds else ():
        for column, found in zip(columns, figures.values(), strict=True):
            column[f"kind {kind}"] = _percent(found.kinds.get(kind))
    said = {label for column in columns for label, cell in column.items() if cell != "-"}
    labels = [label for label in (columns[0] if columns else ()) if label in said]
    rows = [["figure", *figures], *([label, *(c[label] for c in columns)] for label in labels)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_line(row, widths) for row in [rows[0], rule, *rows[1:]])


def _kinds_of(figures: Mapping[str, Figures]) -> list[str]:
    kinds = {kind for found in figures.values() for kind in found.kinds}
    return [kind for kind in KINDS if kind in kinds] + sorted(kinds.difference(KINDS))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = widths
    padded = [cells[0].ljust(first)]
    padded += [cell.rjust(width) for cell, width in zip(cells[1:], rest, strict=True)]
    return f"| {' | '.join(padded)} |"


def _cells(found: Figures, sample_words: int) -> dict[str, str]:
    words, repeats, sample, tokens = found.words, found.repeats, found.sample, found.tokens
    of_sample = f"in {sample_words:,} words"
    return {
        "records": _number(found.records),
        "user turns": _number(words.n_turns),
        "user words": _number(words.n_words),
        "vocabulary": _number(words.vocabulary),
        "distinct-2": _ratio(words.distinct_2),
        "distinct-3": _ratio(words.distinct_3),
        f"vocabulary {of_sample}": _number(sample.vocabulary if sample else None),
        f"distinct-2 {of_sample}": _ratio(sample.distinct_2 if sample else None),
        f"distinct-3 {of_sample}": _ratio(sample.distinct_3 if sample else None),
        "near duplicates": _percent(repeats.within),
        "near duplicates of files before": _percent(repeats.across),
        "phrasings": _number(found.phrasings.n_different),
        "most used phrasing": _percent(found.phrasings.most_used),
        "tool names": _number(found.tool_names),
        "tools per prompt, median": _number(found.tools_per_prompt.median),
        "tools per prompt, p95": _number(found.tools_per_prompt.p95),
        "tokens, median": _number(tokens.median if tokens else None),
        "tokens, p95": _number(tokens.p95 if tokens else None),
        "tokens, max": _number(tokens.max if tokens else None),
    }


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"
