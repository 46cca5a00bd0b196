"""A run that gets SIGTERM saves where it is and leaves; the same command goes on from there.

Transformers' own enable_jit_checkpoint (5.23) would not do: it can save in the middle of a step,
whose dropout is then drawn anew; each process decides by itself, and saving needs all of them; and
training ends as if it were done, which loads the best checkpoint and may delete the newest.
"""

from __future__ import annotations

import signal
import threading
from typing import Any

from transformers import TrainerCallback


class Stopped(Exception):
    """Training ended before its last step because it was asked to; its checkpoint is saved."""

    def __init__(self, step: int, max_steps: int) -> None:
        super().__init__(f"stopped at step {step} of {max_steps}; the same command goes on")


class StopOnSignal(TrainerCallback):
    """Raises Stopped at the end of the step in which SIGTERM came, once the checkpoint is whole.

    Give it to the trainer last: what it raises keeps later callbacks from seeing that save. A
    signal in the last step or after it changes nothing: what remains is written.
    """

    def __init__(self) -> None:
        self._is_asked = False
        self._is_stopping = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._ask)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        asked = any_process(self._is_asked, args.device)
        if asked and state.global_step < state.max_steps:
            self._is_stopping = control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._is_stopping:
            raise Stopped(state.global_step, state.max_steps)

    def _ask(self, signum: int, frame: Any) -> None:
        self._is_asked = True


def any_process(here: bool, device: Any) -> bool:
    """Whether it holds in any process of the run; all of them must ask, at the same step."""
    import torch
    from torch import distributed

    if not (distributed.is_available() and distributed.is_initialized()):
        return here
    anywhere = torch.tensor(int(here), device=device)
    distributed.all_reduce(anywhere, op=distributed.ReduceOp.MAX)
    return bool(anywhere.item())
