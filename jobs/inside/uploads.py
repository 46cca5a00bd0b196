"""Push the checkpoints of a run that trains, each as soon as it is whole.

The trainer waits meanwhile (recipe/hold.py), so that a job which is killed has done at most one
interval in vain: it trains on when the checkpoint is on the Hub, or when pushing it has failed.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from jobs.inside.hub_checkpoints import Place, Restored, best_of, push, step_of
from jobs.log_lines import format_pushed
from recipe.checkpoints import LAST_WRITTEN, RUN_CONFIG, newest_checkpoint, write_copied

# Where several processes write a checkpoint: the first one's last file may not be the last of all.
SETTLED_S = 2.0


class Uploads:
    """The checkpoints of a run on their way to the Hub.

    `spent_s` says how long jobs have worked on the run. `settled_s`: how old a checkpoint must be
    to be taken. `copied`: the file that tells the trainer to go on.
    """

    def __init__(
        self,
        place: Place,
        partial: Path,
        spent_s: Callable[[], float],
        settled_s: float = 0,
        *,
        copied: Path,
    ) -> None:
        self.pushed_step = 0
        self.longest_s = 0.0
        """The longest that a push took."""
        self._place, self._partial = place, partial
        self._spent_s, self._settled_s, self._copied = spent_s, settled_s, copied
        self._aside = partial.with_name(partial.name + ".aside")
        self._pushed: set[str] = set()
        self._tried_step = 0
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._under_way: Future[None] | None = None

    def go_on_from(self, restored: Restored) -> None:
        """What has come from the Hub need not go there."""
        self.pushed_step = self._tried_step = restored.step
        self._pushed = {path.name for path in self._partial.glob("checkpoint-*")}

    def look(self) -> None:
        """Start to push the newest checkpoint, if it is a new one and none is under way."""
        if self._under_way is not None and not self._under_way.done():
            return
        newest = newest_checkpoint(self._partial)
        if newest is None or step_of(newest.name) <= self._tried_step:
            return
        try:
            if time.time() - (newest / LAST_WRITTEN).stat().st_mtime < self._settled_s:
                return
            names = dict.fromkeys([best_of(newest) or newest.name, newest.name])
            held = [self._hold(self._partial / name) for name in names if name not in self._pushed]
        except OSError:  # the run has just ended and removed it
            return
        self._tried_step = step_of(newest.name)
        self._under_way = self._pool.submit(self._push_and_tell, held)

    def finish(self) -> None:
        """Push what is there, now that training has ended; what failed is tried once more."""
        self._settled_s = 0
        for _ in range(2):
            self._wait()
            self._tried_step = self.pushed_step
            self.look()
        self.close()

    def close(self) -> None:
        """Let what is under way come to its end, and forget the rest."""
        self._wait()
        self._pool.shutdown()
        shutil.rmtree(self._aside, ignore_errors=True)

    def _wait(self) -> None:
        if self._under_way is not None:
            self._under_way.result()

    def _hold(self, checkpoint: Path) -> Path:
        """The checkpoint under a second name: Trainer removes its own when there are newer ones."""
        held = self._aside / checkpoint.name
        shutil.rmtree(held, ignore_errors=True)
        shutil.copytree(checkpoint, held, copy_function=_link)
        _link(str(self._partial / RUN_CONFIG), str(held / RUN_CONFIG))
        return held

    def _push_and_tell(self, held: list[Path]) -> None:
        try:
            self._push(held)
        finally:
            write_copied(self._copied, self._tried_step)

    def _push(self, held: list[Path]) -> None:
        for checkpoint in held:
            step, started = step_of(checkpoint.name), time.monotonic()
            try:
                push(self._place, checkpoint, self._spent_s())
            # Whatever it is, it must not end a training that is paid for: the next one is tried.
            except Exception as error:
                reason = " ".join(str(error).split()) or type(error).__name__
                print(f"warning: checkpoint step={step} not pushed: {reason}", flush=True)
                return
            self._pushed.add(checkpoint.name)
            self.pushed_step = max(self.pushed_step, step)
            self.longest_s = max(self.longest_s, time.monotonic() - started)
            print(format_pushed(step), flush=True)
            shutil.rmtree(checkpoint)


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)
    return target
