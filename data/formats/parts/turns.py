"""A message of a row before it is a record's: its text, its calls, or a tool's result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Call:
    """A call as the row has it; `key` is the row's own id of it."""

    name: str
    arguments: dict[str, Any]
    key: str | None = None


@dataclass(frozen=True)
class Turn:
    """One message: text, or calls, or of a tool a result; `key` is the call that it answers."""

    role: str
    text: str = ""
    calls: tuple[Call, ...] = ()
    key: str | None = None
