"""What a run may spend, and what it has spent: requests, tokens, dollars.

A request is counted at its most before it is sent, and at what it took once that is known; so the
limits hold with many requests on their way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from data.synthesize.settings import Settings

# English has 4 bytes a token and more; JSON 3.
BYTES_PER_TOKEN = 3


@dataclass(frozen=True)
class Cost:
    """Tokens sent and answered by one request."""

    tokens_in: int
    tokens_out: int


class Budget:
    """Limits of a run and what was counted against them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.n_requests = 0
        self.tokens_in = 0
        self.tokens_out = 0

    @property
    def dollars(self) -> float | None:
        """What the tokens cost; None where no prices are given."""
        return self._dollars(Cost(self.tokens_in, self.tokens_out))

    def _dollars(self, cost: Cost) -> float | None:
        settings = self._settings
        if settings.price_in is None or settings.price_out is None:
            return None
        return (cost.tokens_in * settings.price_in + cost.tokens_out * settings.price_out) / 1e6

    def most(self, prompt: str) -> Cost:
        """The most that a request can take."""
        n_bytes = len(prompt.encode("utf-8", "surrogatepass"))
        return Cost(n_bytes // BYTES_PER_TOKEN + 16, self._settings.max_reply_tokens)

    def limit_reached(self, cost: Cost) -> str | None:
        """Which limit one more request of this cost would pass."""
        settings = self._settings
        if self.n_requests + 1 > settings.request_limit:
            return f"--max_requests {settings.request_limit}"
        after = Cost(self.tokens_in + cost.tokens_in, self.tokens_out + cost.tokens_out)
        if settings.max_tokens is not None and (
            after.tokens_in + after.tokens_out > settings.max_tokens
        ):
            return f"--max_tokens {settings.max_tokens}"
        dollars = self._dollars(after)
        most = settings.max_dollars
        if most is not None and dollars is not None and dollars > most:
            return f"--max_dollars {most:g}"
        return None

    def reserve(self, cost: Cost) -> None:
        """Count a request that is about to be sent."""
        self.n_requests += 1
        self.tokens_in += cost.tokens_in
        self.tokens_out += cost.tokens_out

    def settle(self, reserved: Cost, taken: Cost) -> None:
        """Count what it took instead of what was reserved."""
        self.tokens_in += taken.tokens_in - reserved.tokens_in
        self.tokens_out += taken.tokens_out - reserved.tokens_out

    def facts(self) -> dict[str, Any]:
        return {
            "requests": self.n_requests,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "dollars": self.dollars,
        }
