"""Where does a value of a call come from? Each must be said before it, or follow from the schema.

`ungrounded(arguments, schema, said)` names the values that come out of the air. A value counts as
grounded where

- the schema fixes it (const, or the default), or
- it stands in the text as whole words, however its words are joined (new-york is New York), or
- it is a number said in another notation (45.50, 10,000, 300k, three hundred, 15% as 0.15), or a
  length of time in another unit, or
- it is a date or a time in another notation; "tomorrow" gives no date, or
- its schema lists the values and its words are said, by their stems, or more of them than of any
  other value; or a usual name for it is (Celsius is metric, euros are EUR), or
- it is a text of four words and more, and four of five of its words are said, or
- it is a boolean and its parameter is spoken of, in a negated clause for false.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from data.names import words_of
from data.synthesize.notations import lengths_in, moments_in, moments_of, numbers_in

FREE_TEXT_WORDS = 4
FREE_TEXT_SHARE = 0.8
_SPACE = re.compile(r"\s+")
_NOT_WORD = re.compile(r"[\W_]+")
_CLAUSE = re.compile(r"[.,;:?!\n]|\b(?:but|and)\b")
_NEGATION = re.compile(
    r"\b(?:no|not|non|never|without|don't|doesn't|do not|does not|isn't|aren't|skip\w*|exclud\w+"
    r"|ignor\w+|disabl\w+|off|except|leave out|nothing|neither)\b"
)
# Words of a parameter's name or description that do not say what it is about.
_EMPTY = {
    "a", "all", "also", "an", "and", "any", "are", "as", "at", "be", "by", "can", "default",
    "enable", "false", "flag", "for", "from", "has", "have", "if", "in", "include", "is", "it",
    "its", "not", "of", "on", "only", "optional", "or", "should", "show", "that", "the", "this",
    "to", "true", "use", "used", "user", "value", "whether", "which", "when", "with", "will"
}  # fmt: skip
# What people say for values of closed sets and of codes.
_NAMED = {
    "usd": r"us dollars?|dollars?|\$", "eur": r"euros?|€", "gbp": r"(?:british )?pounds?|£",
    "jpy": r"(?:japanese )?yen|¥", "chf": r"(?:swiss )?francs?", "cad": r"canadian dollars?",
    "aud": r"australian dollars?", "inr": r"(?:indian )?rupees?", "cny": r"yuan|renminbi",
    "metric": r"celsius|metres?|meters?|kilomet\w+|kilos?|kg|km|cm",
    "imperial": r"fahrenheit|miles?|feet|pounds|inch\w*", "c": r"celsius", "f": r"fahrenheit",
    "celsius": r"metric|°c", "fahrenheit": r"imperial|°f", "en": r"english", "de": r"german",
    "fr": r"french", "es": r"spanish", "it": r"italian", "pt": r"portuguese", "ja": r"japanese",
    "zh": r"chinese", "ko": r"korean", "ru": r"russian", "ar": r"arabic", "nl": r"dutch",
    "hi": r"hindi", "tr": r"turkish", "pl": r"polish", "sv": r"swedish",
    "asc": r"ascending|lowest|oldest|smallest|cheapest|alphabetical\w*",
    "desc": r"descending|highest|newest|latest|largest|most",
    "km": r"kilomet\w+", "mi": r"miles?", "kg": r"kilos?|kilograms?", "lb": r"pounds?",
    "m": r"met(?:re|er)s?", "cm": r"centimet\w+", "ft": r"feet|foot", "us": r"usa?|united states",
    "gb": r"uk|britain|united kingdom|england", "uk": r"britain|united kingdom|england",
}  # fmt: skip


class Said:
    """What was said before a call: the user's texts and the tools' results."""

    def __init__(self, text: str) -> None:
        self.text = _folded(text)

    def has(self, phrase: str) -> bool:
        """Whether a phrase stands there as whole words, however they are joined."""
        if re.search(rf"(?<!\w){re.escape(_folded(phrase))}(?!\w)", self.text):
            return True
        words = _joined(phrase)
        return bool(words) and f" {words} " in self._words

    def fits(self, pattern: str) -> bool:
        return re.search(rf"(?<!\w)(?:{pattern})(?!\w)", self.text) is not None

    @cached_property
    def _words(self) -> str:
        return f" {_joined(self.text)} "

    @cached_property
    def stems(self) -> frozenset[str]:
        return frozenset(map(stem, self._words.split()))

    @cached_property
    def numbers(self) -> frozenset[float]:
        return numbers_in(self.text)

    @cached_property
    def lengths_s(self) -> frozenset[float]:
        return lengths_in(self.text)

    @cached_property
    def moments(self) -> frozenset[str]:
        return moments_in(self.text)

    def speaks_of(self, words: frozenset[str], negated: bool) -> bool:
        """Whether a clause has one of the stems, and is negated or is not."""
        for clause in _CLAUSE.split(self.text):
            heard = {stem(word) for word in _joined(clause).split()}
            if words & heard and bool(_NEGATION.search(clause)) == negated:
                return True
        return False


def ungrounded(arguments: Mapping[str, Any], schema: Any, said: Said) -> list[str]:
    """JSON pointers and values of what comes out of the air; empty where nothing does."""
    return [
        f"{path} {value!r}"[:120]
        for path, value, own in leaves_of(arguments, schema)
        if not is_grounded(path, value, own, said)
    ]


def leaves_of(
    arguments: Mapping[str, Any], schema: Any
) -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    """Pointer, value and schema of every value that is no object and no array with content."""
    yield from _leaves(arguments, schema, schema, "")


def _leaves(value: Any, schema: Any, root: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    schema = _resolved(schema, root, value)
    if isinstance(value, Mapping) and (value or not path):
        properties = schema.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        for key, item in value.items():
            part = properties.get(key, schema.get("additionalProperties"))
            yield from _leaves(item, part, root, f"{path}/{key}")
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, schema.get("items"), root, f"{path}/{index}")
    else:
        yield path, value, schema


def _resolved(schema: Any, root: Any, value: Any, depth: int = 8) -> Mapping[str, Any]:
    """The schema with local references followed, and the branch that has the value's type."""
    if not isinstance(schema, Mapping) or not depth:
        return {}
    target = schema.get("$ref")
    if isinstance(target, str) and target.startswith("#/"):
        found = root
        for key in target[2:].split("/"):
            found = found.get(key) if isinstance(found, Mapping) else None
        return _resolved(found, root, value, depth - 1)
    for key in ("anyOf", "oneOf"):
        branches = schema.get(key)
        if isinstance(branches, list):
            resolved = [_resolved(branch, root, value, depth - 1) for branch in branches]
            fitting = [branch for branch in resolved if _may_be(branch, value)]
            return {**(fitting or [{}])[0], **{k: v for k, v in schema.items() if k != key}}
    return schema


def _may_be(schema: Mapping[str, Any], value: Any) -> bool:
    if "enum" in schema or "const" in schema:
        return value in (schema.get("enum") or []) or value == schema.get("const")
    names = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array"}
    name = names.get(type(value), "object" if isinstance(value, Mapping) else "null")
    types = schema.get("type")
    wanted = types if isinstance(types, list) else [types]
    return name in wanted or types is None or (name == "integer" and "number" in wanted)


def is_grounded(path: str, value: Any, schema: Mapping[str, Any], said: Said) -> bool:
    """Whether one value of a call is said, or follows from its schema."""
    for key in ("const", "default"):
        if key in schema and type(schema[key]) is type(value) and schema[key] == value:
            return True
    if isinstance(value, bool):
        return _is_switched(path, value, schema, said)
    if isinstance(value, int | float):
        return _is_number(path, value, schema, said)
    if isinstance(value, str):
        return _is_said(value, schema, said)
    return False


def _is_number(path: str, value: float, schema: Mapping[str, Any], said: Said) -> bool:
    if float(value) in said.numbers:
        return True
    if "%" in said.text and round(value * 100, 9) in said.numbers:
        return True
    if any(value * unit_s in said.lengths_s for unit_s in (0.001, 1, 60, 3600, 86400, 604800)):
        return True
    if value == 0:
        return said.speaks_of(_topic(path, schema), negated=True)
    return value == 1 and said.fits(r"an?|single|one|once")


def _is_switched(path: str, value: bool, schema: Mapping[str, Any], said: Said) -> bool:
    return said.speaks_of(_topic(path, schema), negated=not value)


def _topic(path: str, schema: Mapping[str, Any]) -> frozenset[str]:
    """Stems of the words that say what a parameter is about."""
    name = next((part for part in reversed(path.split("/")) if not part.isdigit()), "")
    words = [*words_of(name), *words_of(str(schema.get("description", "")))]
    return frozenset(stem(word) for word in words if word not in _EMPTY and len(word) > 1)


def _is_said(value: str, schema: Mapping[str, Any], said: Said) -> bool:
    if not value.strip():
        return False
    bare = re.sub(r"\Ahttps?://(?:www\.)?", "", value).rstrip("/.!? ") or value
    if said.has(value) or said.has(bare) or _is_moment(value, said):
        return True
    if "enum" in schema or len(value) <= 3:
        named = _NAMED.get(value.casefold())
        if named and said.fits(named):
            return True
    if isinstance(schema.get("enum"), list):
        return _is_the_option(value, schema["enum"], said)
    words = [stem(word) for word in words_of(value)]
    n_said = sum(word in said.stems for word in words)
    # A code is said as it is; its digits, met elsewhere, are no evidence.
    if len(words) < FREE_TEXT_WORDS:
        return _is_quantity(value, said)
    return n_said >= FREE_TEXT_SHARE * len(words)


def _is_the_option(value: str, options: list[Any], said: Said) -> bool:
    """Whether all words of a value are said, or more of them than of any other option."""
    n_said = {}
    for option in {value, *(option for option in options if isinstance(option, str))}:
        words = [stem(word) for word in words_of(option)]
        n_said[option] = sum(word in said.stems for word in words) / max(1, len(words))
    best = n_said.pop(value)
    return best == 1 or best > max(n_said.values(), default=0)


def _is_moment(value: str, said: Said) -> bool:
    """Whether a value is a date, a time, or both, and each part is said."""
    parts = moments_of(value)
    return bool(parts) and all(part in said.moments for part in parts)


def _is_quantity(value: str, said: Said) -> bool:
    """A number, or a number and its unit, as text: "3", "30m"."""
    match = re.fullmatch(r"(-?\d+(?:\.\d+)?)\s*(%|[a-z]{0,7})", value.casefold())
    if match is None:
        return False
    if match[2] and lengths_in(f"{match[1]} {match[2]}") & said.lengths_s:
        return True
    unit_is_said = match[2] in ("", "%") or stem(match[2]) in said.stems
    return unit_is_said and float(match[1]) in said.numbers


def stem(word: str) -> str:
    """A word without its ending: running, runs -> run; cities -> city."""
    word = re.sub(r"(?<=..)ies\Z", "y", word.casefold())
    word = re.sub(r"(?<=...)(?:ing|ed|es|s|ly|e)\Z", "", word)
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def _folded(text: str) -> str:
    return _SPACE.sub(" ", text.replace("\u2019", "'")).casefold().strip()


def _joined(text: str) -> str:
    """The words of a text with single blanks between them, camelCase apart."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return _NOT_WORD.sub(" ", parted.casefold()).strip()
