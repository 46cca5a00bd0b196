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


@lru_cache(maxsize=4096)
def _bounded_pattern(pattern: str) -> Any:
    import regex

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return regex.compile(pattern)


def matches(pattern: str, text: str) -> bool:
    """re.search, bounded. Raises PatternTooSlow; at once for a pattern that was too slow before."""
    if pattern in _slow_patterns:
        raise PatternTooSlow(pattern)
    try:
        return _bounded_pattern(pattern).search(text, timeout=PATTERN_LIMIT_S) is not None
    except TimeoutError:
        _slow_patterns.add(pattern)
        raise PatternTooSlow(pattern) from None


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
