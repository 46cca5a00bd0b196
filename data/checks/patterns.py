"""Patterns of schemas: whether Python can compile them, and matching that cannot hang.

A pattern that ran into PATTERN_LIMIT_S once is not tried again.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

PATTERN_LIMIT_S = 0.2
SHORT = 100


class PatternTooSlow(Exception):
    """A pattern ran into PATTERN_LIMIT_S."""


@lru_cache(maxsize=4096)
def pattern_error(pattern: str) -> str | None:
    """Why Python's re cannot compile a pattern, or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, RecursionError, OverflowError, ValueError) as error:
        return str(error)[:120] or type(error).__name__
    return None


_slow_patterns: set[str] = set()


# What `regex` reads otherwise than `re`: POSIX classes, fuzzy matches in braces, \\B on no text.
_READ_OTHERWISE = re.compile(r"\[\[?:|\{(?!\d*,?\d*\})|\\B")


@lru_cache(maxsize=4096)
def _bounded_pattern(pattern: str) -> Any:
    """`regex`'s pattern, whose search can be bounded in time; None where it cannot compile it."""
    import regex

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return regex.compile(pattern)
        except regex.error:
            return None


@lru_cache(maxsize=4096)
def _reference_pattern(pattern: str) -> re.Pattern[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return re.compile(pattern)


def matches(pattern: str, text: str) -> bool:
    """re.search, bounded. Raises PatternTooSlow; at once for a pattern that was too slow before.

    `regex` finds out whether a search ends in time. Where its own verdict may not be re's, such as
    on letters beyond ASCII, re is asked next; should it hang, the time limit of the line ends it.
    """
    if pattern in _slow_patterns:
        raise PatternTooSlow(pattern)
    bounded = _bounded_pattern(pattern)
    try:
        found = bounded is not None and bounded.search(text, timeout=PATTERN_LIMIT_S) is not None
    except TimeoutError:
        _slow_patterns.add(pattern)
        raise PatternTooSlow(pattern) from None
    is_shared = (
        bounded is not None
        and pattern.isascii()
        and text.isascii()
        and text.isprintable()
        and not _READ_OTHERWISE.search(pattern)
    )
    return found if is_shared else _reference_pattern(pattern).search(text) is not None


def matches_soon(pattern: str, text: str) -> bool:
    """Whether re finds it, for sure and soon; False where that cannot be told beforehand."""
    if len(text) > SHORT or not _is_quick(pattern):
        return False
    return _reference_pattern(pattern).search(text) is not None


@lru_cache(maxsize=4096)
def _is_quick(pattern: str) -> bool:
    """Without groups, and with few open repeats: a search takes at most SHORT ** 3 steps."""
    n_repeats = pattern.count("*") + pattern.count("+") + pattern.count(",}")
    return "(" not in pattern and n_repeats <= 2


def check_pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    """jsonschema's `pattern` keyword, bounded."""
    from jsonschema.exceptions import ValidationError

    if isinstance(instance, str) and not matches(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def check_pattern_properties(
    validator: Any, patterns: Any, instance: Any, schema: Any
) -> Iterator[Any]:
    """jsonschema's `patternProperties` keyword, bounded."""
    if not isinstance(instance, dict):
        return
    for pattern, inner in patterns.items():
        for key, value in instance.items():
            if matches(pattern, key):
                yield from validator.descend(value, inner, path=key, schema_path=pattern)
