"""Numbers, lengths of time, dates and times, in the notations that people use for them.

Text here is folded: lower case, single blanks. Two functions read all that stands in a text; two
turn a value into the pattern of its notations.
"""

from __future__ import annotations

import re

DIGITS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve"
]  # fmt: skip
TENS = [
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"
]  # fmt: skip
ORDINALS = [
    "zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth",
    "ninth", "tenth"
]  # fmt: skip
MONTHS = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december"
]  # fmt: skip
WEEKDAYS = [
    "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"
]  # fmt: skip
UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "mo": 2592000, "y": 31104000}
UNITS = {
    "second": "s", "minute": "m", "hour": "h", "day": "d", "week": "w", "month": "mo", "year": "y"
}  # fmt: skip
# 3, -12.6, 10,000, 300k, x2, 14x, 25kg; not the digits of a code such as INV-0417, no 10th.
NUMBER = re.compile(
    r"(?:(?<![\w.])[x-]|(?<![\w.]))(?<!\w-)"
    r"(\d[\d,]*(?:\.\d+)?)(?!th|st|nd|rd)(k|[a-z]{1,2})?(?!\w)"
)
MONTH = rf"(?:{'|'.join(f'{month}|{month[:3]}' for month in MONTHS)})"
# Days and times, which are no numbers of anything.
CALENDAR = re.compile(
    r"\d{4}-\d\d-\d\d|\d?\d:\d\d(?::\d\d)?|\b\d?\d ?[ap]m\b|"
    rf"\b{MONTH} \d?\d(?:st|nd|rd|th)?\b|(?<![\d.])\d?\d(?: (?:to|until) \d?\d)? {MONTH}\b"
)
LENGTH = re.compile(
    rf"(half(?: an?)?|an?|quarter of an|past|last|length of an|\d+|{'|'.join(DIGITS)}) "
    rf"(half )?({'|'.join(UNITS)})s?( and a half)?\b"
)


def numbers_in(text: str) -> frozenset[float]:
    """Every number, in digits or as a word; those of dates and times apart."""
    words = set(re.findall(r"(?<!\w)[a-z]+(?!\w)", text))
    found = {float(n) for n, word in enumerate(DIGITS) if word in words}
    found |= {10.0 * n for n, word in enumerate(TENS, 2) if word in words}
    found |= {1.0} if "single" in words else set()
    for match in NUMBER.finditer(CALENDAR.sub(" ", text)):
        sign = -1 if match[0].startswith("-") else 1
        found.add(sign * float(match[1].replace(",", "")) * (1000 if match[2] == "k" else 1))
    return frozenset(found)


def lengths_in(text: str) -> frozenset[float]:
    """Every length of time in seconds; a month counts 30 days, a year 12 months."""
    found = set()
    for many, half, unit, more in LENGTH.findall(text):
        n = float(many) if many.isdigit() else _amount(many)
        n = n / 2 if half else n + 0.5 if more else n
        found.add(n * UNIT_S[UNITS[unit]])
    return frozenset(found)


def _amount(word: str) -> float:
    if word in DIGITS:
        return float(DIGITS.index(word))
    return 0.5 if word.startswith("half") else 0.25 if word.startswith("quarter") else 1.0


def moment_pattern(value: str) -> str | None:
    """Notations of a date, a month, a time, or a date and a time; None of something else."""
    match = re.fullmatch(r"(?:(\d{4})-(\d\d)(?:-(\d\d))?)?T?(?:(\d\d):(\d\d)(?::00)?)?(Z?)", value)
    if match is None or not value:
        return None
    year, month, day, hour, minute, zone = match.groups()
    time = _time_pattern(int(hour), int(minute)) if hour else ""
    if not year:
        return time
    date = _day_pattern(year, int(month), int(day)) if day else _month_pattern(year, int(month))
    if not time:
        return date
    return f"(?:{date})(?: at |, | )(?:{time})" + (" utc" if zone else "")


def _month_pattern(year: str, month: int) -> str:
    name = MONTHS[month - 1]
    return f"(?:{name}|{name[:3]}),? (?:of )?{year}"


def _day_pattern(year: str, month: int, day: int) -> str:
    """A day alone or as an end of "from ... to ...", where it may share month and year."""
    name = MONTHS[month - 1]
    m, d, end = f"(?:{name}|{name[:3]})", rf"0?{day}(?:st|nd|rd|th)?", "(?:to|until)"
    return (
        rf"{year}-{month:02}-{day:02}|{m} {d},? {year}|{d} {m},? {year}|"
        rf"{m} {d} {end} \w+ \w+,? {year}|{d} (?:{m} )?{end} \w+ \w+ {year}"
    )


def _time_pattern(hour: int, minute: int) -> str:
    twelve, half = (hour - 1) % 12 + 1, "am" if hour < 12 else "pm"
    minutes = f":{minute:02}" if minute else "(?::00)?"
    named = {(12, 0): "|noon", (0, 0): "|midnight"}.get((hour, minute), "")
    morning = f"|{twelve}{minutes} in the morning" if hour < 12 else ""
    return f"0?{hour}:{minute:02}|{twelve}{minutes} ?{half}{named}{morning}"


def cron_pattern(value: str) -> str | None:
    """How a cron line of a minute, an hour and perhaps a day is said; None of something else."""
    match = re.fullmatch(r"(\*/)?(\d+) (\d+|\*) (\d+|\*) \* (\d|\*)", value)
    if match is None:
        return None
    step, minute, hour, day, weekday = match.groups()
    if step:
        word = DIGITS[int(minute)] if int(minute) < len(DIGITS) else minute
        return f"every (?:{minute}|{word}) minutes"
    if hour == "*":
        return "every hour"
    when = "every (?:day|night)|daily"
    if weekday != "*":
        when = f"every {WEEKDAYS[int(weekday)]}"
    if day != "*":
        nth = f"|{ORDINALS[int(day)]}" if int(day) < len(ORDINALS) else ""
        when = rf"(?:{day}(?:st|nd|rd|th){nth}) of (?:each|every) month"
    return f"(?:{when}) at (?:{_time_pattern(int(hour), int(minute))})"
