"""A run whose checkpoints are copied away waits at each until the copy is made.

What a machine that may vanish has trained since the last copy is lost, and paid for twice: with
this at most the steps from one checkpoint to the next.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from recipe.checkpoints import copied_step

# A copier that died must not keep a GPU idle; the other processes of a run give up after 600 s.
LONGEST_S = 300.0
POLL_S = 0.05


class HoldAtCheckpoints(TrainerCallback):
    """Waits, at each checkpoint but that of the last step, until `copied` names its step.

    Give it to the trainer after StopOnSignal, whose last checkpoint nothing waits for.
    """

    def __init__(self, copied: Path) -> None:
        self._copied = copied

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if not state.is_world_process_zero or state.global_step >= state.max_steps:
            return
        until = time.monotonic() + LONGEST_S
        while copied_step(self._copied) < state.global_step and time.monotonic() < until:
            time.sleep(POLL_S)
