"""Numbers, lengths of time, dates and times in the notations that people use for them.

Texts here are in lower case with single blanks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_UNITS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen"
]  # fmt: skip
_TENS = [
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"
]  # fmt: skip
_SMALL = {word: number for number, word in enumerate(_UNITS)}
_SMALL |= {word: 10 * number for number, word in enumerate(_TENS, 2)}
_ORDINALS = [
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth"
]  # fmt: skip
_OTHER = {"half": 0.5, "quarter": 0.25, "dozen": 12, "couple": 2, "pair": 2, "single": 1}
_OTHER |= {"once": 1, "twice": 2, "double": 2, "triple": 3, "none": 0, "a": 1, "an": 1}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_LETTERS = {"k": 10**3, "m": 10**6, "mn": 10**6, "b": 10**9, "bn": 10**9}
_DIGITS = re.compile(
    r"(?<![\w.])(?<![^\W\d_]-)([-+]|minus )?(\d{1,3}(?:[ ,]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?:(?:st|nd|rd|th)(?!\w)| ?(hundred|thousand|million|billion)(?!\w)|([a-z]{1,3})?(?!\w))"
)
_WORD = re.compile(r"[a-z]+")
_MONTHS = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december"
]  # fmt: skip
_MONTH = "|".join(f"{month}|{month[:3]}" for month in _MONTHS) + "|sept"
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(\d{4})"
_DAY_FIRST = re.compile(
    rf"(?<!\d){_DAY}(?: of)?[ -](?:({_MONTH})\b)\.?,?(?:[ -](?:of )?{_YEAR})?(?!\d)"
)
_MONTH_FIRST = re.compile(rf"\b({_MONTH})\b\.?[ -](?:the )?{_DAY}(?!\d)(?:,? {_YEAR})?")
_ISO = re.compile(r"(?<!\d)(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?!\d)")
_SLASHED = re.compile(r"(?<!\d)(\d{1,2})[/.](\d{1,2})[/.](\d{4})(?!\d)")
_MONTH_YEAR = re.compile(rf"\b({_MONTH})\b\.?,?(?: of)? {_YEAR}(?!\d)")
_CLOCK = re.compile(r"(?<![\d:])(\d{1,2})(?:[:.](\d{2}))?(?::\d{2})? ?([ap])\.?m\b")
_DAYTIME = re.compile(r"(?<![\d:])(\d{1,2}):(\d{2})(?::\d{2}(?:\.\d+)?)?(?!\d)")
_OCLOCK = re.compile(r"(?<![\d:])(\d{1,2})(?: o'clock)?(?: in the (morning|afternoon|evening))")
_UNIT_S = {
    "ms": 0.001, "millisecond": 0.001, "s": 1, "sec": 1, "second": 1, "min": 60, "m": 60,
    "minute": 60, "h": 3600, "hr": 3600, "hour": 3600, "d": 86400, "day": 86400, "night": 86400,
    "w": 604800, "week": 604800, "month": 2592000, "mo": 2592000, "year": 31536000, "y": 31536000,
}  # fmt: skip
_LENGTH = re.compile(
    rf"(\d+(?:\.\d+)?|[a-z]+)[ -]?(?:an? )?({'|'.join(sorted(_UNIT_S, key=len, reverse=True))})s?\b"
    r"( and a half)?"
)
_VALUE = re.compile(
    r"(?:(\d{4})-(\d\d)(?:-(\d\d))?)?(?:[T ]?(\d\d):(\d\d)(?::\d\d(?:\.\d+)?)?)?"
    r"(?:Z|[+-]\d\d:?\d\d)?"
)


def numbers_in(text: str) -> frozenset[float]:
    """Every number of a text, in digits or in words."""
    return frozenset([*_in_digits(text), *_in_words(text)])


def _in_digits(text: str) -> Iterator[float]:
    for sign, digits, scale, letters in _DIGITS.findall(text):
        number = float(re.sub(r"[ ,]", "", digits)) * _SCALES.get(scale, 1)
        number = -number if sign in ("-", "minus ") else number
        yield number
        if letters in _LETTERS:
            yield number * _LETTERS[letters]


def _in_words(text: str) -> Iterator[float]:
    """Runs of number words: "two hundred and fifty", "three", "a dozen", "third"."""
    run: list[str] = []
    before = ""
    for word in [*_WORD.findall(text), "."]:
        if word in _SMALL or word in _SCALES or (word == "and" and run):
            run.append(word)
            continue
        # "1.5 million" is no million: a scale alone counts after "a" only.
        if any(part in _SMALL for part in run) or (before == "a" and run):
            yield _sum(run)
        run, before = [], word
        if word in _OTHER:
            yield _OTHER[word]
        elif word in _ORDINALS:
            yield float(_ORDINALS.index(word) + 1)


def _sum(run: list[str]) -> float:
    total, part = 0, 0
    for word in run:
        if word == "hundred":
            part = max(part, 1) * 100
        elif word in _SCALES:
            total, part = total + max(part, 1) * _SCALES[word], 0
        else:
            part += _SMALL.get(word, 0)
    return float(total + part)


def lengths_in(text: str) -> frozenset[float]:
    """Every length of time in seconds; a month has 30 days, a year 365."""
    found = set()
    for amount, unit, more in _LENGTH.findall(text):
        number = _amount(amount)
        if number is not None:
            found.add((number + (0.5 if more else 0)) * _UNIT_S[unit])
    return frozenset(found)


def _amount(text: str) -> float | None:
    if text[0].isdigit():
        return float(text)
    if text in ("last", "past", "next", "every", "per"):
        return 1.0
    number = _SMALL.get(text, _OTHER.get(text))
    return None if number is None else float(number)


def moments_in(text: str) -> frozenset[str]:
    """Dates (2027-03-03, --03-03 without a year), months (2027-03) and times (17:30) of a text."""
    return frozenset([*_dates(text), *_times(text)])


def _dates(text: str) -> Iterator[str]:
    for year, month, day in _ISO.findall(text):
        yield from _date(year, int(month), int(day))
    for one, other, year in _SLASHED.findall(text):
        yield from _date(year, int(one), int(other))
        yield from _date(year, int(other), int(one))
    for day, month, year in _DAY_FIRST.findall(text):
        yield from _date(year, _month(month), int(day))
    for month, day, year in _MONTH_FIRST.findall(text):
        yield from _date(year, _month(month), int(day))
    for month, year in _MONTH_YEAR.findall(text):
        yield f"{year}-{_month(month):02}"
    for year in re.findall(r"(?<!\d)(?:19|20)\d\d(?!\d)", text):
        yield f"{year}-"


def _date(year: str, month: int, day: int) -> Iterator[str]:
    if 1 <= month <= 12 and 1 <= day <= 31:
        yield f"--{month:02}-{day:02}"
        if year:
            yield f"{year}-{month:02}-{day:02}"


def _month(name: str) -> int:
    return next(n for n, month in enumerate(_MONTHS, 1) if month[:3] == name[:3])


def _times(text: str) -> Iterator[str]:
    for hour, minute, half in _CLOCK.findall(text):
        yield f"{int(hour) % 12 + 12 * (half == 'p'):02}:{minute or '00'}"
    for hour, minute in _DAYTIME.findall(text):
        yield f"{int(hour):02}:{minute}"
    for hour, part in _OCLOCK.findall(text):
        yield f"{int(hour) % 12 + 12 * (part != 'morning'):02}:00"
    if "noon" in text:
        yield "12:00"
    if "midnight" in text:
        yield "00:00"


def moments_of(value: str) -> list[str]:
    """The parts of a value that is a date, a month, a time, or a date and a time; else none.

    A day must be said with its year, or with the year somewhere ("from May 3 to May 9, 2027").
    """
    match = _VALUE.fullmatch(value.strip())
    if match is None or not any(match.groups()):
        return []
    year, month, day, hour, minute = match.groups()
    parts = []
    if year:
        parts += [f"{year}-", f"--{month}-{day}"] if day else [f"{year}-{month}"]
    # A day from its start, and the start of an hour that nobody named, need no words.
    if hour and not (day and (hour, minute) in (("00", "00"), ("23", "59"))):
        parts.append(f"{hour}:{minute}")
    return parts
