"""Formats of strings, by rules that do not depend on which packages are installed.

RFC 3339 wants an offset in date-time and time; a value that lacks only that is told apart
(`lacks_offset`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import date, time
from functools import cache
from typing import Any
from uuid import UUID

_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_TIME = re.compile(r"\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\Z")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+\Z")


def _is_date(text: str) -> bool:
    return _DATE.match(text) is not None and _parses(date.fromisoformat, text)


def _is_time(text: str) -> bool:
    if _TIME.match(text) is None:
        return False
    plain = text[:8].replace(":60", ":59") if text[6:8] == "60" else text[:8]
    return _parses(time.fromisoformat, plain)


def _is_date_time(text: str) -> bool:
    return text[10:11] in ("T", "t", " ") and _is_date(text[:10]) and _is_time(text[11:])


def _is_uuid(text: str) -> bool:
    return (
        len(text) == 36
        and text[8] == text[13] == text[18] == text[23] == "-"
        and _parses(UUID, text)
    )


def _parses(read: Callable[[str], Any], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


FORMATS: dict[str, Callable[[str], bool]] = {
    "date": _is_date,
    "time": _is_time,
    "date-time": _is_date_time,
    "email": lambda text: _EMAIL.match(text) is not None,
    "uri": lambda text: _URI.match(text) is not None,
    "uuid": _is_uuid,
    "ipv4": lambda text: _parses(ipaddress.IPv4Address, text),
    "ipv6": lambda text: _parses(ipaddress.IPv6Address, text),
}


def lacks_offset(name: str, value: object) -> bool:
    """Whether a date-time or time would be right with an offset."""
    return name in ("date-time", "time") and isinstance(value, str) and FORMATS[name](f"{value}Z")


@cache
def format_checker() -> Any:
    """FORMATS as jsonschema takes them."""
    from jsonschema import FormatChecker

    checker = FormatChecker(formats=())
    for name, check in FORMATS.items():
        checker.checkers[name] = (_for_text(check), ())
    return checker


def _for_text(check: Callable[[str], bool]) -> Callable[[object], bool]:
    return lambda value: not isinstance(value, str) or check(value)
