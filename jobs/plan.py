"""The plan of a run: how long, for how much, from what to where. Nothing is sent to make it."""

from __future__ import annotations

from dataclasses import dataclass

from data.cli import DataError
from jobs.bundle import BUCKET, Bundle
from jobs.local_checks import Forecast
from jobs.run_ticket import Ticket
from jobs.spec import JobSpec

# The service bills whole minutes, so each attempt may cost one more than it runs.
BILLED_S = 60
SHORTEST_S = 60


@dataclass(frozen=True)
class Budget:
    """What may still be spent, and in how many attempts. Dollars."""

    dollars: float
    attempts: int
    dollars_per_hour: float

    def timeout_s(self, asked_s: float) -> int:
        """The limit of one attempt, so that all attempts together stay in the budget.

        Raises DataError where the budget pays for nothing.
        """
        paid_s = self.dollars / self.dollars_per_hour * 3600 / self.attempts - BILLED_S
        if paid_s < SHORTEST_S:
            raise DataError(
                f"max_cost_usd: ${self.dollars:.2f} left for {self.attempts} attempts at "
                f"${self.dollars_per_hour:.2f} an hour is too little; raise it, or lower attempts"
            )
        return int(min(asked_s, paid_s))


@dataclass(frozen=True)
class Plan:
    """All that is shown before a run is submitted."""

    ticket: Ticket
    owner: str
    forecast: Forecast | None
    bundles: tuple[Bundle, ...]
    ram_gb: float | None = None

    @property
    def spec(self) -> JobSpec:
        return self.ticket.spec

    @property
    def dollars_per_hour(self) -> float:
        return self.ticket.dollars_per_hour

    @property
    def timeout_s(self) -> int:
        return self.ticket.timeout_s

    def text(self) -> str:
        """The plan for people, a line a fact."""
        spec = self.spec
        rows = {
            "run": self.ticket.run_id,
            "machine": f"{spec.flavor} at ${self.dollars_per_hour:.2f} an hour",
            "image": spec.image,
            "hours": self._hours(),
            "dollars": self._dollars(),
            "memory": self._memory(),
            "limit": self._limit(),
            "dataset": spec.dataset.path,
            "uploads": "; ".join(self._upload(bundle) for bundle in self.bundles),
            "result": f"{self.ticket.result_repo} (tag {self.ticket.tag}), then "
            f"{spec.pull.out}/{self.ticket.run_id} here",
        }
        lines = [*rows.items(), *(("warning", text) for text in self.warnings())]
        return "\n".join(f"{name:9}{value}" for name, value in lines)

    def _hours(self) -> str:
        if self.forecast is None:
            return f"unknown: preflight has no figures of {self.spec.flavor}"
        low, expected, high = self._low_expected_high(1.0)
        note = f"; {self.forecast.note}" if self.forecast.note else ""
        return f"{expected:.2f} ({low:.2f} to {high:.2f}), predicted{note}"

    def _dollars(self) -> str:
        if self.forecast is None:
            return f"at most {self.spec.max_cost_usd:.2f}"
        low, expected, high = self._low_expected_high(self.dollars_per_hour)
        most = self.spec.max_cost_usd
        return f"{expected:.2f} ({low:.2f} to {high:.2f}), at most {most:.2f}"

    def _limit(self) -> str:
        each = f"{self.timeout_s / 3600:.2f} hours an attempt"
        return f"{each}, {self.spec.attempts} attempts share the {self.spec.max_cost_usd:.2f}"

    def _memory(self) -> str:
        if self.forecast is None:
            return f"of the GPU: unknown; {self._ram()} of the machine"
        return f"fits the GPU; about {self.forecast.host_gib:.0f} of {self._ram()} of the machine"

    def _ram(self) -> str:
        return "an unknown amount" if self.ram_gb is None else f"{self.ram_gb:.0f} GB"

    def _low_expected_high(self, factor: float) -> tuple[float, float, float]:
        assert self.forecast is not None
        found = self.forecast
        return found.low * factor, found.expected * factor, found.high * factor

    def _upload(self, bundle: Bundle) -> str:
        size = f"{len(bundle.paths)} files, {bundle.n_bytes / 1e6:.1f} MB"
        return f"{size} to {self.owner}/{BUCKET}/{bundle.name}"

    def check(self) -> None:
        """Raise DataError for a run that is expected to break its limits."""
        if self.forecast is None:
            return
        hours = self.forecast
        spec, expected = self.spec, hours.expected * self.dollars_per_hour
        if expected > spec.max_cost_usd:
            raise DataError(
                f"max_cost_usd: ${expected:.2f} are expected and {spec.max_cost_usd:.2f} allowed; "
                "nothing was sent; raise it, or train less (train.num_train_epochs)"
            )
        if hours.expected * 3600 > self.timeout_s * spec.attempts:
            raise DataError(
                f"timeout: {hours.expected:.2f} hours are expected and {spec.attempts} attempts of "
                f"{self.timeout_s / 3600:.2f} allowed; nothing was sent; raise timeout"
            )

    def warnings(self) -> list[str]:
        """What may happen that the user should know of."""
        if self.forecast is None:
            return []
        hours = self.forecast
        spec, high = self.spec, hours.high * self.dollars_per_hour
        warnings = []
        if high > spec.max_cost_usd:
            warnings.append(f"it may cost up to ${high:.2f}, and stops at {spec.max_cost_usd:.2f}")
        if self.ram_gb is not None and hours.host_gib > self.ram_gb:
            warnings.append(
                f"{spec.flavor} has {self.ram_gb:.0f} GB of memory and about {hours.host_gib:.0f} "
                "are needed; take a larger machine with the same GPU (t4-medium for t4-small)"
            )
        if hours.high * 3600 > self.timeout_s:
            warnings.append(
                f"it may take up to {hours.high:.2f} hours, more than one attempt may; it would go "
                "on from its last checkpoint in the next"
            )
        return warnings
