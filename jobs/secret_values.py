"""Secrets of a spec: names become values here, and values are kept from all that is readable."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from data.cli import UserError

TOKEN = "HF_TOKEN"
# A shorter value would be found by chance.
SHORTEST = 8


def secret_values(names: Iterable[str]) -> dict[str, str]:
    """Values from the environment, the token also from the saved login. Raises UserError."""
    values = {}
    for name in names:
        value = _token() if name == TOKEN else os.environ.get(name)
        if not value:
            how = "run `hf auth login`, or set it" if name == TOKEN else f"say export {name}=..."
            raise UserError(f"secrets: {name} is not set on this machine; {how}")
        values[name] = value
    return values


def _token() -> str | None:
    from huggingface_hub import get_token

    return get_token()


def check_hidden(place: str, text: str | bytes, secrets: Mapping[str, str]) -> None:
    """Raise UserError if a text that others may read holds the value of a secret."""
    content = text if isinstance(text, bytes) else text.encode()
    for name, value in secrets.items():
        if len(value) >= SHORTEST and value.encode() in content:
            raise UserError(f"{place}: holds the value of the secret {name}; remove it there")
