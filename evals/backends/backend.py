"""What every backend does: examples in, replies out, and the facts of how they came about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from data.record import Example


class Reply(NamedTuple):
    """What a model said to one example, as it came."""

    id: str
    text: str


class Backend(Protocol):
    """One model behind one way of asking it."""

    name: str

    def replies(self, examples: Sequence[Example]) -> Iterator[Reply]:
        """One reply an example, in any order, each as soon as it is finished."""
        ...

    def facts(self) -> dict[str, Any]:
        """Model, template, decoding, versions and hardware: what a reader needs to repeat it."""
        ...
