"""Patterns of other dialects of regular expressions in the syntax of Python's re."""

from __future__ import annotations

import re
from collections.abc import Callable

from data.checks.patterns import pattern_error

_DELIMITED = re.compile(r"/(.*)/([a-z]*)\Z", re.DOTALL)
_LATE_FLAGS = re.compile(r"(?<!\\)\(\?([aimsx]+)\)")
_CODE_POINT = re.compile(r"\\[ux]\{([0-9A-Fa-f]{1,6})\}")


def rewritten(pattern: str) -> str | None:
    """The pattern as re reads it, or None where there is no one way to say it."""
    for step in _STEPS:
        pattern = step(pattern)
        if pattern_error(pattern) is None:
            return pattern
    return None


def _undelimited(pattern: str) -> str:
    found = _DELIMITED.match(pattern)
    if not found:
        return pattern
    return f"(?i){found[1]}" if "i" in found[2] else found[1]


def _named_groups(pattern: str) -> str:
    pattern = re.sub(r"(?<!\\)\(\?<(?=[A-Za-z_])", "(?P<", pattern)
    return re.sub(r"\\k<(\w+)>", r"(?P=\1)", pattern)


def _code_points(pattern: str) -> str:
    def char(match: re.Match[str]) -> str:
        code = int(match[1], 16)
        return re.escape(chr(code)) if code < 0x110000 else match[0]

    return _CODE_POINT.sub(char, pattern)


def _letters(pattern: str) -> str:
    pattern = re.sub(r"\\p\{(?:N|Nd|Number)\}", r"\\d", pattern)
    if "[" not in pattern:  # inside of a class there is no way to say "a letter"
        pattern = re.sub(r"\\p\{(?:L|Letter)\}", r"[^\\W\\d_]", pattern)
    return pattern


def _ends(pattern: str) -> str:
    return re.sub(r"(?<!\\)((?:\\\\)*)\\z", r"\1\\Z", pattern)


def _flags_first(pattern: str) -> str:
    flags = "".join(dict.fromkeys("".join(_LATE_FLAGS.findall(pattern))))
    return f"(?{flags})" + _LATE_FLAGS.sub("", pattern) if flags else pattern


_STEPS: tuple[Callable[[str], str], ...] = (
    _named_groups,
    _code_points,
    _letters,
    _ends,
    _flags_first,
    _undelimited,
    _flags_first,
)
