"""Identifiers as words, and words as identifiers in the usual styles."""

from __future__ import annotations

import re
from collections.abc import Sequence


def words_of(name: str) -> list[str]:
    """The words of an identifier in any style: `getUserName` and `get-user.name` are alike."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [word.lower() for word in re.split(r"[\W_]+", parted) if word]


def styles_of(words: Sequence[str]) -> tuple[str, str, str]:
    """The words in snake_case, kebab-case and camelCase."""
    camel = words[0] + "".join(word.capitalize() for word in words[1:])
    return "_".join(words), "-".join(words), camel
