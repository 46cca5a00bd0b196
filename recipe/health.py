"""Read a training log as a teacher would: what goes wrong, since when, and what to do about it.

    watch = Watch(Plan(max_steps=300, learning_rate=2e-4, schedule="cosine", warmup_steps=30))
    for finding in watch.read({"step": 10, "loss": 3.1, "grad_norm": 0.8}):
        print(finding)      # step 120: loss is rising (0.41 at step 80, 0.93 now); lower --train...

Entries are those of Transformers' Trainer, with `tokens_per_second`, `memory_share` (0 to 1) and
`skipped_steps` (so far) where there are any. Each code is found once a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from recipe import health_checks as checks
from recipe.health_log import Log, Plan

# By code: the value whose entries are looked at, and the check. Fatal ones first.
CHECKS: dict[str, tuple[str, Callable[[Log], checks.Sign | None]]] = {
    "loss_exploding": ("loss", checks.loss_exploding),
    "gradient_exploding": ("grad_norm", checks.gradient_exploding),
    "loss_flat": ("loss", checks.loss_flat),
    "loss_stuck": ("loss", checks.loss_stuck),
    "loss_rising": ("loss", checks.loss_rising),
    "overfitting": ("eval_loss", checks.overfitting),
    "gradient_vanishing": ("grad_norm", checks.gradient_vanishing),
    "speed_falling": ("tokens_per_second", checks.speed_falling),
    "memory_full": ("memory_share", checks.memory_full),
    "rate_off_schedule": ("learning_rate", checks.rate_off_schedule),
    "steps_skipped": ("skipped_steps", checks.steps_skipped),
}


@dataclass(frozen=True)
class Finding:
    """Something wrong with a run. `evidence` says what, with numbers; `advice` what to do."""

    code: str
    step: int
    evidence: str
    advice: str
    fatal: bool = False

    def __str__(self) -> str:
        end = "; the run stops here" if self.fatal else ""
        return f"step {self.step}: {self.evidence}; {self.advice}{end}"


class Watch:
    """Takes a run's log entries in order and keeps what they show."""

    def __init__(self, plan: Plan) -> None:
        self.findings: list[Finding] = []
        self._log = Log(plan)

    def read(self, entry: Mapping[str, Any]) -> list[Finding]:
        """Findings that this entry shows for the first time; a fatal one alone."""
        self._log.add(entry)
        found: list[Finding] = []
        known = {finding.code for finding in self.findings}
        for code, (name, check) in CHECKS.items():
            sign = check(self._log) if name in entry and code not in known else None
            if sign:
                found.append(Finding(code, int(entry.get("step", 0)), *sign))
            if sign and sign.fatal:
                found = found[-1:]
                break
        self.findings += found
        return found

    def resume(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Take the entries before the checkpoint from which a run goes on.

        What they show is known. Speed is measured anew, for the machine may be another; a fatal
        finding may be found again.
        """
        for entry in entries:
            self.read(entry)
        self._log.forget("tokens_per_second")
        self._log.forget("skipped_steps")
        self.findings = [finding for finding in self.findings if not finding.fatal]
