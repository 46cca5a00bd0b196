"""Show how training goes: a bar on a terminal, one plain line every logging step elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any

from tqdm import tqdm
from transformers import TrainerCallback


class Progress(TrainerCallback):
    """Loss, learning rate, tokens a second and time left, on stderr. `n_tokens`: of one epoch."""

    def __init__(self, n_tokens: int) -> None:
        self.n_tokens = n_tokens
        self.started = time.monotonic()
        self.bar: tqdm[Any] | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.started = time.monotonic()
        self.bar = tqdm(total=state.max_steps, desc="training", unit="step", disable=None)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.bar is not None:
            self.bar.update(1)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, float], **kwargs: Any
    ) -> None:
        shown = {key: logs[key] for key in ("loss", "eval_loss", "learning_rate") if key in logs}
        if not shown or self.bar is None:
            return
        seconds = time.monotonic() - self.started
        rate = self.n_tokens * (state.epoch or 0.0) / max(seconds, 1e-9)
        if not self.bar.disable:
            self.bar.set_postfix(
                {**{k: f"{v:.3g}" for k, v in shown.items()}, "tok/s": f"{rate:.0f}"}
            )
            return
        left = seconds / max(state.global_step, 1) * (state.max_steps - state.global_step)
        values = " ".join(f"{key} {value:.4g}" for key, value in shown.items())
        step = f"step {state.global_step}/{state.max_steps}"
        line = f"{step} {values} tokens/s {rate:.0f} left {left:.0f} s"
        print(line, file=sys.stderr, flush=True)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.bar is not None:
            self.bar.close()
