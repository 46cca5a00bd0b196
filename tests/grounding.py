"""Where a value of a call comes from: the rules by which it can be found in the conversation.

`rule_for(leaf, said)` names the first rule that accounts for one leaf of a call's arguments, or
gives None: a value out of the air. The rules know a tool's schema and the conversation before the
call (user texts and tool results); of how a dataset was generated they know nothing.

said      the value stands there, case and blanks aside, as whole words
pieces    a text whose two halves stand there at different places ("copy of" + "May", "front" door)
number    a number said another way: 45.50, 10,000, 300k, three, "an" item; none of something is 0
length    a length of time: "half an hour" is 30 minutes or 30m, "the past seven days" 7d or week
date      a date, a month or a time in another notation; a weekday; a cron line of those
constant  the schema allows nothing else here
words     a value of a closed set (enum) or of a code that the schema names, of which every word is
          said, by its stem or as said_as.yaml has it
switch    a boolean whose parameter is spoken of, true or, in a negated clause, false; or in a
          wording that said_as.yaml lists for that parameter
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from jsonschema import Draft202012Validator
from notations import UNIT_S, UNITS, WEEKDAYS, cron_pattern, lengths_in, moment_pattern, numbers_in

from data.record import Message

SAID_AS = yaml.safe_load(Path(__file__).with_name("said_as.yaml").read_text(encoding="utf-8"))
NEGATION = re.compile(
    r"no|not|non|\w*n't|without|never|nothing|leav\w+|skip\w*|drop|strip|ignor\w+|regardless"
)
# Words of a parameter's name that say nothing about what it is.
EMPTY_WORDS = {
    "a", "all", "also", "an", "and", "as", "at", "be", "by", "count", "field", "from", "has",
    "if", "in", "include", "input", "into", "is", "it", "keep", "may", "must", "of", "on", "only",
    "or", "others", "p", "param", "place", "put", "set", "show", "stay", "that", "the", "to",
    "use", "user", "value", "when", "whether", "with"
}  # fmt: skip


class Leaf(NamedTuple):
    """One value of a call: its parameter's words, its schemas, and the texts that stand beside."""

    path: str
    value: Any
    schemas: tuple[dict[str, Any], ...]
    beside: tuple[str, ...]

    @property
    def closed(self) -> bool:
        """Whether the schema lists the values that are possible."""
        return any("enum" in schema or "const" in schema for schema in self.schemas)

    @property
    def is_code(self) -> bool:
        """Whether the schema says that the value is one of a known code."""
        return any("code" in schema.get("description", "").split() for schema in self.schemas)


@dataclass(frozen=True)
class Said:
    """User texts and tool results, folded: lower case, single blanks."""

    text: str

    def has(self, phrase: str) -> bool:
        """Whether a phrase stands there as whole words."""
        return re.search(rf"(?<!\w){re.escape(fold(phrase))}(?!\w)", self.text) is not None

    def fits(self, pattern: str) -> bool:
        return re.search(rf"(?<![\w-])(?:{pattern})(?!\w)", self.text) is not None

    @cached_property
    def stems(self) -> frozenset[str]:
        return frozenset(map(stem, re.findall(r"[^\W_]+", self.text)))

    @cached_property
    def numbers(self) -> frozenset[float]:
        return numbers_in(self.text)

    @cached_property
    def lengths_s(self) -> frozenset[float]:
        return lengths_in(self.text)


def fold(text: str) -> str:
    return re.sub(r"\s+", " ", text).casefold()


@cache
def stem(word: str) -> str:
    """A word without its ending: running, run -> run; daily, day -> day."""
    word = re.sub(r"(?<=..)(ing|ed|es|s|ly|e|y|i)$", "", re.sub(r"ily$", "y", word))
    word = re.sub(r"(?<=..)(e|i|y)$", "", word)
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def said_in(messages: tuple[Message, ...]) -> Said:
    """What the users said and the tools answered."""
    texts = []
    for message in messages:
        if message.role == "user":
            texts.append(message.content)
        elif message.role == "tool":
            response = json.loads(message.content)
            shown = response.get("result", {}).get("content") or [response["error"]]
            texts.extend(part.get("text") or part["message"] for part in shown)
    return Said("\n".join(map(fold, texts)))


def leaves_of(arguments: dict[str, Any], schema: dict[str, Any]) -> Iterator[Leaf]:
    """Every value of a call that is no object and no array."""
    yield from _leaves(arguments, (schema,), schema, "", ())


def _leaves(
    value: Any, schemas: tuple[Any, ...], root: dict[str, Any], path: str, beside: tuple[str, ...]
) -> Iterator[Leaf]:
    schemas = tuple(part for schema in schemas for part in _that_hold(schema, value, root))
    if isinstance(value, dict):
        texts = tuple(text for text in value.values() if isinstance(text, str))
        for key, inner in value.items():
            parts = tuple(s["properties"][key] for s in schemas if key in s.get("properties", {}))
            yield from _leaves(inner, parts, root, f"{path}/{key}", texts)
    elif isinstance(value, list):
        for item in value:
            parts = tuple(s["items"] for s in schemas if "items" in s)
            yield from _leaves(item, parts, root, path, beside)
    else:
        yield Leaf(path, value, schemas, beside)


def _that_hold(schema: Any, value: Any, root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A schema and those it is made of, references followed, as far as the value obeys them."""
    if not isinstance(schema, dict):
        return
    if schema is not root:
        definitions = {key: root[key] for key in ("$defs", "definitions") if key in root}
        if not Draft202012Validator({**definitions, **schema}).is_valid(value):
            return
    yield schema
    if "$ref" in schema:
        target: Any = root
        for key in schema["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        yield from _that_hold(target, value, root)
    for key in ("anyOf", "oneOf", "allOf"):
        for part in schema.get(key, ()):
            yield from _that_hold(part, value, root)


def is_said(leaf: Leaf, said: Said) -> bool:
    if isinstance(leaf.value, str):
        return said.has(leaf.value)
    is_literal = leaf.value is None or isinstance(leaf.value, bool)
    return is_literal and len(leaf.schemas) > 1 and said.has(json.dumps(leaf.value))


def is_of_two_pieces(leaf: Leaf, said: Said) -> bool:
    if not isinstance(leaf.value, str) or leaf.closed:
        return False
    blanks = [match.start() for match in re.finditer(" ", leaf.value)]
    return any(said.has(leaf.value[:at]) and said.has(leaf.value[at + 1 :]) for at in blanks)


def is_number(leaf: Leaf, said: Said) -> bool:
    value = leaf.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if float(value) in said.numbers:
        return True
    if value == 0:
        return _spoken_of(leaf, said, negated=True)
    words = [word for text in leaf.beside for word in words_in(text)]
    return value == 1 and any(said.fits(rf"(?:an?|single) {re.escape(word)}") for word in words)


def is_length(leaf: Leaf, said: Said) -> bool:
    value = leaf.value
    if isinstance(value, int) and not isinstance(value, bool):
        return value * 60 in said.lengths_s
    match = re.fullmatch(r"(\d*)(s|m|h|d|w|mo|y|day|week|month|year)", str(value))
    if match is None:
        return False
    unit_s = UNIT_S[UNITS.get(match[2], match[2])]
    return int(match[1] or 1) * unit_s in said.lengths_s


def is_date(leaf: Leaf, said: Said) -> bool:
    if not isinstance(leaf.value, str):
        return False
    if leaf.value in [*WEEKDAYS, *(day[:3] for day in WEEKDAYS)]:
        return _is_weekday(leaf.value[:3], said)
    pattern = moment_pattern(leaf.value) or cron_pattern(leaf.value)
    if pattern is not None and said.fits(pattern):
        return True
    date, _, time = leaf.value.removesuffix("Z").partition("T")
    parts = [moment_pattern(date), moment_pattern(time)]
    return bool(time) and all(part is not None and said.fits(part) for part in parts)


def _is_weekday(short: str, said: Said) -> bool:
    group = "weekends?" if short in ("sat", "sun") else "weekdays"
    return said.fits(rf"{short}(\w*day)?s?|{group}")


def is_constant(leaf: Leaf, said: Said) -> bool:
    return any("const" in schema and schema["const"] == leaf.value for schema in leaf.schemas)


def is_in_words(leaf: Leaf, said: Said) -> bool:
    if isinstance(leaf.value, bool) or not (leaf.closed or leaf.is_code):
        return False
    named = SAID_AS["values"].get(fold(str(leaf.value)))
    if named and said.fits(named):
        return True
    words = words_in(str(leaf.value))
    return bool(words) and all(_word_is_said(word, said) for word in words)


def _word_is_said(word: str, said: Said) -> bool:
    other = SAID_AS["words"].get(word)
    return stem(word) in said.stems or bool(other and said.fits(other))


def words_in(text: str) -> list[str]:
    """The words of a name or a value, in lower case, in whatever style they are joined."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return [word.casefold() for word in re.findall(r"[^\W_]+", parted)]


def is_switch(leaf: Leaf, said: Said) -> bool:
    if not isinstance(leaf.value, bool):
        return False
    for value in (leaf.value, not leaf.value):
        if _is_switched(leaf, value, said):
            return bool(value == leaf.value)
    return _spoken_of(leaf, said, negated=not leaf.value)


def _is_switched(leaf: Leaf, value: bool, said: Said) -> bool:
    words = set(words_in(leaf.path))
    ways = SAID_AS["on" if value else "off"]
    return any(words >= set(name.split()) and said.fits(way) for name, way in ways.items())


def _spoken_of(leaf: Leaf, said: Said, negated: bool) -> bool:
    """Whether a clause that is negated, or one that is not, has a word of the parameter."""
    names = " ".join([leaf.path.split("/")[-1], *(s.get("description", "") for s in leaf.schemas)])
    stems = {stem(word) for word in words_in(names) if word not in EMPTY_WORDS}
    for clause in re.split(r"[.,;:?!\n]", said.text):
        words = re.findall(r"[\w']+", clause)
        at = [n for n, word in enumerate(words) if stem(word) in stems]
        near = [words[max(0, n - 5) : n + 4] for n in at]
        if any(any(map(NEGATION.fullmatch, around)) == negated for around in near):
            return True
    return False


RULES: dict[str, Callable[[Leaf, Said], bool]] = {
    "said": is_said,
    "number": is_number,
    "length": is_length,
    "date": is_date,
    "constant": is_constant,
    "words": is_in_words,
    "switch": is_switch,
    "pieces": is_of_two_pieces,
}


def rule_for(leaf: Leaf, said: Said) -> str | None:
    """The name of the first rule that accounts for a value; None where there is none."""
    return next((name for name, holds in RULES.items() if holds(leaf, said)), None)
