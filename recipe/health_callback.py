"""Watch a run as it trains: each finding is a line on stderr, and a fatal one stops the run."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

from tqdm import tqdm
from transformers import TrainerCallback

from recipe.health import Finding, Watch
from recipe.health_log import Plan


class HealthCallback(TrainerCallback):
    """Give it to the trainer after Progress, whose speed and memory it reads."""

    def __init__(self) -> None:
        self.stopped: Finding | None = None
        self._watch: Watch | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of the run, those before a checkpoint that it went on from included."""
        return tuple(self._watch.findings) if self._watch else ()

    def rows(self) -> list[dict[str, Any]]:
        """The findings as run.json has them."""
        return [asdict(finding) for finding in self.findings]

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.stopped = None
        self._watch = Watch(plan_of(args, state.max_steps))
        self._watch.resume(state.log_history)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, float], **kwargs: Any
    ) -> None:
        if self._watch is None:
            return
        for finding in self._watch.read({**logs, "step": state.global_step}):
            if state.is_world_process_zero:
                tqdm.write(str(finding), file=sys.stderr)
            if finding.fatal:
                self.stopped = finding
                control.should_training_stop = True


def plan_of(args: Any, max_steps: int) -> Plan:
    """The plan in Transformers' TrainingArguments."""
    schedule = getattr(args.lr_scheduler_type, "value", args.lr_scheduler_type)
    return Plan(max_steps, args.learning_rate, str(schedule), args.get_warmup_steps(max_steps))
