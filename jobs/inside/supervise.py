"""Train in a process of its own: pass its lines on, push its checkpoints, end it in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from jobs.hub_calls import explained
from jobs.inside.clock import (
    LAST_S,
    PROJECTED_AFTER_STEPS,
    Clock,
    Ending,
    over_limits,
    project,
)
from jobs.inside.hub_checkpoints import Place, open_branch, restore
from jobs.inside.request import Request
from jobs.inside.uploads import SETTLED_S, Uploads
from jobs.log_lines import Projection, format_projection
from jobs.secret_values import SHORTEST
from recipe.progress_line import parse_line
from recipe.run_folder import partial_of

POLL_S = 0.1
ERROR = "error: "
# Without a GPU, several processes only show that they agree.
CPU_PROCESSES = 2


@dataclass
class Training:
    """What is seen of a run while it trains."""

    first_step: int
    step: int = 0
    seconds_left: float = 0.0
    heard_at: float | None = None
    longest_silence_s: float = 0.0
    error: str | None = None
    """The last line that said why the trainer failed."""

    def hear(self, line: str) -> None:
        """Take note of one line of the trainer."""
        if line.startswith(ERROR):
            self.error = line.removeprefix(ERROR)
        status = parse_line(line)
        if status is None:
            return
        self.step, self.seconds_left = int(status["step"]), status["seconds_left"]
        now = time.monotonic()
        if self.heard_at is not None:
            self.longest_silence_s = max(self.longest_silence_s, now - self.heard_at)
        self.heard_at = now


@dataclass
class Attempt:
    """One job's part of a run."""

    request: Request
    clock: Clock
    ending: Ending
    uploads: Uploads
    training: Training
    projection: Projection | None = None


def has_workers(request: Request, n_gpus: int) -> bool:
    """Whether accelerate starts the processes that train."""
    return request.spec.parallel != "none" and n_gpus != 1


def command(request: Request, code: Path, n_gpus: int) -> list[str]:
    """What starts the trainer: accelerate where the spec wants several processes."""
    module = ["-m", "recipe.train", *request.train_arguments()]
    if not has_workers(request, n_gpus):
        return [sys.executable, *module]
    config = code / "recipe" / "accelerate" / f"{request.spec.parallel}.yaml"
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(config)]
    return [*launch, "--num_processes", str(n_gpus or CPU_PROCESSES), *module]


def open_attempt(request: Request, started: float, ending: Ending) -> Attempt:
    """Fetch the run's newest checkpoint if it has one. Raises DataError."""
    place = Place(request.result_repo, request.branch)
    partial = partial_of(request.out)
    with explained(request.result_repo):
        open_branch(place)
        restored = restore(place, partial, partial.with_name(partial.name + ".fetched"))
    clock = Clock(started, request.timeout_s, restored.spent_s if restored else 0.0)
    settled_s = 0 if request.spec.parallel == "none" else SETTLED_S
    uploads = Uploads(place, partial, clock.spent_s, settled_s, copied=request.copied)
    if restored is not None:
        print(f"checkpoint step={restored.step} fetched", flush=True)
        uploads.go_on_from(restored)
    training = Training(first_step=uploads.pushed_step)
    return Attempt(request, clock, ending, uploads, training)


def train(attempt: Attempt, code: Path, n_gpus: int) -> int:
    """Run the trainer to its end, or until it is asked to stop; its exit code."""
    if attempt.ending.reason:
        return 0
    process = subprocess.Popen(
        command(attempt.request, code, n_gpus),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    lines, secrets = process.stdout, hidden(attempt.request)
    # Workers that outlive a killed launcher hold the other end of the pipe.
    reader = Thread(target=_pass_on, args=(lines, attempt.training, secrets), daemon=True)
    reader.start()
    _attend(attempt, process, has_workers(attempt.request, n_gpus))
    reader.join(LAST_S / 2)
    return process.returncode


def _attend(attempt: Attempt, process: subprocess.Popen[str], by_workers: bool) -> None:
    """Push checkpoints until the trainer ends, and see that it ends in time."""
    is_asked = False
    while process.poll() is None:
        attempt.uploads.look()
        _watch(attempt)
        if attempt.ending.reason and not is_asked:
            is_asked = True
            _ask_to_stop(_children(process.pid) if by_workers else [process.pid])
        if attempt.clock.is_over():
            process.kill()
        time.sleep(POLL_S)


def _watch(attempt: Attempt) -> None:
    """Ask the run to end where it will not end in time."""
    training = attempt.training
    if attempt.clock.is_late(training.longest_silence_s, attempt.uploads.longest_s):
        attempt.ending.ask("timeout")
    n_steps = training.step - training.first_step
    if attempt.projection is None and n_steps >= PROJECTED_AFTER_STEPS:
        request, left_s = attempt.request, training.seconds_left
        attempt.projection = project(request, attempt.clock.spent_s(), left_s)
        print(format_projection(attempt.projection), flush=True)
        if attempt.projection.over and request.spec.on_projection_over == "stop":
            attempt.ending.ask(over_limits(attempt.projection))


def hidden(request: Request) -> list[str]:
    """The values of the job's secrets, which no line may show."""
    values = (os.environ.get(name, "") for name in request.spec.secrets)
    return [value for value in values if len(value) >= SHORTEST]


def _pass_on(lines: Iterable[str], training: Training, secrets: Sequence[str]) -> None:
    for line in lines:
        for secret in secrets:
            line = line.replace(secret, "***")
        print(line, end="", flush=True)
        training.hear(line.rstrip("\n"))


def _ask_to_stop(pids: Sequence[int]) -> None:
    """SIGTERM to all that train; torch's launcher would kill its workers 30 s after its own."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def _children(pid: int) -> list[int]:
    """Processes that this one started; itself while there are none."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        text = ""
    return [int(child) for child in text.split()] or [pid]
