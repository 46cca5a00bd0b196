"""Show how training goes: a bar on a terminal, one plain line every logging step elsewhere."""

from __future__ import annotations

import sys
from collections import deque
from time import monotonic
from typing import Any, NamedTuple

from tqdm import tqdm
from transformers import TrainerCallback

from recipe.progress_line import SHOWN, format_line

# Log lines over which speed is measured: enough to even out record lengths, few enough for news.
RECENT_LINES = 5


class _Mark(NamedTuple):
    """How far training was after how many seconds of training steps."""

    seconds: float
    epoch: float


class Progress(TrainerCallback):
    """Losses, speed, time left and cost, on stderr; `n_tokens`: of one epoch.

    Adds `tokens_per_second`, `memory_share` (of the device, 0 to 1; on a GPU) and, with a price,
    `dollars` (so far) to the log entries of training steps.
    """

    def __init__(self, n_tokens: int, dollars_per_hour: float | None = None) -> None:
        self.n_tokens = n_tokens
        self.dollars_per_hour = dollars_per_hour
        self.bar: tqdm[Any] | None = None
        self.rate = 0.0
        self._marks: deque[_Mark] = deque(maxlen=RECENT_LINES)
        self._started = self._step_started = monotonic()
        self._first_step, self._dollars_before = 0, 0.0
        self._step_seconds, self._was_interrupted = 0.0, False

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start to measure; what a run did before its checkpoint counts for its cost alone."""
        self._started = self._step_started = monotonic()
        self._first_step, self._step_seconds, self.rate = state.global_step, 0.0, 0.0
        self._dollars_before = max(
            (entry["dollars"] for entry in state.log_history if "dollars" in entry), default=0.0
        )
        reset_peak_memory()
        self._marks.clear()
        self._marks.append(_Mark(0.0, state.epoch or 0.0))
        self.bar = tqdm(
            total=state.max_steps,
            initial=state.global_step,
            desc="training",
            unit="step",
            disable=None if state.is_world_process_zero else True,
        )

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._was_interrupted:
            self._step_started, self._was_interrupted = monotonic(), False

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        now = monotonic()
        self._step_seconds += now - self._step_started
        self._step_started = now
        if self.bar is not None:
            self.bar.update(1)

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._was_interrupted = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._was_interrupted = True

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, float], **kwargs: Any
    ) -> None:
        cost = self._cost(state)
        if "loss" in logs:
            added = self._measured(state) | ({"dollars": cost["dollars"]} if cost else {})
            logs |= added
            if state.log_history:
                state.log_history[-1] |= added
        if (
            self.bar is not None
            and state.is_world_process_zero
            and not logs.keys().isdisjoint(SHOWN)
        ):
            self._show({key: logs[key] for key in SHOWN if key in logs}, state, cost)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.bar is not None:
            self.bar.close()

    def _show(self, shown: dict[str, float], state: Any, cost: dict[str, float]) -> None:
        if self.bar is not None and not self.bar.disable:
            values = {key: f"{value:.3g}" for key, value in (shown | cost).items()}
            self.bar.set_postfix({**values, "tok/s": f"{self.rate:.0f}"})
            return
        status = {
            "step": state.global_step,
            "max_steps": state.max_steps,
            "tokens_per_second": self.rate,
            "seconds_left": self._seconds_left(state),
        }
        print(format_line({**status, **shown, **cost}), file=sys.stderr, flush=True)

    def _measured(self, state: Any) -> dict[str, float]:
        """Speed over the recent lines, without evaluations and checkpoints; memory in use."""
        now, before = _Mark(self._step_seconds, state.epoch or 0.0), self._marks[0]
        self._marks.append(now)
        seconds = max(now.seconds - before.seconds, 1e-9)
        self.rate = self.n_tokens * (now.epoch - before.epoch) / seconds
        share = memory_share()
        measured = {"tokens_per_second": round(self.rate, 1)}
        return measured if share is None else {**measured, "memory_share": round(share, 4)}

    def _seconds_left(self, state: Any) -> float:
        n_done = max(state.global_step - self._first_step, 1)
        return (monotonic() - self._started) / n_done * (state.max_steps - state.global_step)

    def _cost(self, state: Any) -> dict[str, float]:
        """Dollars so far and expected in all; empty without a price."""
        if self.dollars_per_hour is None:
            return {}
        per_second = self.dollars_per_hour / 3600
        so_far = self._dollars_before + per_second * (monotonic() - self._started)
        in_all = so_far + per_second * self._seconds_left(state)
        return {"dollars": round(so_far, 4), "dollars_in_all": round(in_all, 4)}


def reset_peak_memory() -> None:
    """Forget what was tried before training: a preflight fills the memory on purpose."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def memory_share() -> float | None:
    """Peak use of the GPU's memory since training began, 0 to 1; None without a GPU.

    What the allocator keeps for later is not in use; what others hold on the device is.
    """
    import torch

    if not torch.cuda.is_available():
        return None
    free, total = torch.cuda.mem_get_info()
    others = total - free - torch.cuda.memory_reserved()
    return float((torch.cuda.max_memory_allocated() + others) / total)
