"""What a run of data.synthesize is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.build import MIX
from data.cli import UserError


@dataclass(frozen=True)
class Settings:
    """The command line, checked."""

    tools: Path
    out: Path
    endpoint: str
    """Base URL of an OpenAI-compatible API, up to and with /v1."""
    teacher: str
    student: str
    """The base model that will be trained on the records."""
    records: int
    kinds: tuple[str, ...] = tuple(MIX)
    seed: int = 42
    concurrency: int = 8
    """Requests at the same time."""
    max_requests: int | None = None
    """None: four a record, and 20."""
    max_tokens: int | None = None
    max_dollars: float | None = None
    price_in: float | None = None
    """Dollars for a million tokens that are sent; price_out: that are answered."""
    price_out: float | None = None
    max_reply_tokens: int = 1024
    temperature: float = 0.9
    timeout_s: float = 120
    retries: int = 5
    """After an answer of 429 or 5xx, or none, for each request."""
    retry_delay_s: float = 1.0
    """Doubled with each retry; what the endpoint asks for (Retry-After) wins."""
    against: tuple[Path, ...] = ()
    """Record files whose requests must not be written again."""

    def __post_init__(self) -> None:
        for name in ("records", "concurrency", "max_reply_tokens"):
            _at_least(name, getattr(self, name), 1)
        for name in ("max_requests", "max_tokens"):
            _at_least(name, getattr(self, name), 1)
        for name in ("max_dollars", "price_in", "price_out", "temperature", "retry_delay_s"):
            _at_least(name, getattr(self, name), 0)
        _at_least("retries", self.retries, 0)
        if not self.timeout_s > 0:
            raise UserError(f"--timeout_s {self.timeout_s}: give seconds above 0")
        if self.max_dollars is not None and None in (self.price_in, self.price_out):
            raise UserError(
                f"--max_dollars {self.max_dollars:g}: needs --price_in and --price_out, in dollars "
                "a million tokens, as the endpoint's price list has them"
            )

    @property
    def request_limit(self) -> int:
        return self.max_requests or 4 * self.records + 20

    def identity(self) -> dict[str, Any]:
        """What may not change when a stopped run goes on."""
        return {
            "teacher": self.teacher,
            "student": self.student,
            "seed": self.seed,
            "kinds": list(self.kinds),
            "max_reply_tokens": self.max_reply_tokens,
            "temperature": self.temperature,
        }


def _at_least(name: str, value: float | None, least: int) -> None:
    if value is not None and not value >= least:
        raise UserError(f"--{name} {value}: give {least} or more")
