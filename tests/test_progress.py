"""Progress: what a line says, that it is read back, and what speed, time and cost are made of."""

import math
import sys

import pytest
from transformers import TrainerControl, TrainerState

from recipe import progress
from recipe.progress import Progress
from recipe.progress_line import format_line, parse_line

STATUS = {
    "step": 10,
    "max_steps": 300,
    "loss": 0.41,
    "learning_rate": 2e-4,
    "grad_norm": 1.25,
    "tokens_per_second": 812,
    "seconds_left": 61,
}


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "monotonic", clock)
    return clock


class Run:
    """A run of 100 steps, ten of them an epoch of 1,000 tokens, driven event by event."""

    def __init__(self, clock, dollars_per_hour=None, step=0, log=()):
        self.clock = clock
        self.progress = Progress(1000, dollars_per_hour)
        self.state = TrainerState(max_steps=100, global_step=step, epoch=step / 10)
        self.state.log_history = list(log)
        self.tell("on_train_begin")

    def tell(self, event, **more):
        getattr(self.progress, event)(None, self.state, TrainerControl(), **more)

    def steps(self, count, seconds):
        for _ in range(count):
            self.clock.now += seconds / 10
            self.tell("on_step_begin")
            self.clock.now += seconds * 9 / 10
            self.state.global_step += 1
            self.state.epoch = self.state.global_step / 10
            self.tell("on_step_end")

    def log(self, **values):
        self.state.log_history.append({**values, "step": self.state.global_step})
        self.tell("on_log", logs=values)
        return values


def shown(capsys):
    return [parse_line(line) for line in capsys.readouterr().err.splitlines() if line]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"eval_loss": 0.5, "eval_schema_valid": 0.9375, "eval_over_call": 0.0},
        {"dollars": 0.02, "dollars_in_all": 0.1},
        {"loss": math.inf},
        {"learning_rate": 1.5e-08, "grad_norm": 123400.0},
    ],
)
def test_a_line_is_read_back_as_it_was_written(more):
    line = format_line({**STATUS, **more})
    assert parse_line(line) == {**STATUS, **more}
    assert parse_line(f"2026-01-01T00:00:00Z {line}\n") == {**STATUS, **more}


def test_a_line_has_the_shape_that_the_launcher_knows():
    assert format_line(STATUS) == (
        "step 10/300 loss 0.41 learning_rate 0.0002 grad_norm 1.25 tokens/s 812 left 61 s"
    )
    assert format_line({**STATUS, "dollars": 0.5, "dollars_in_all": 1.25}).endswith(
        " left 61 s dollars 0.5 of 1.25"
    )
    assert math.isnan(parse_line(format_line({**STATUS, "loss": math.nan}))["loss"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "step 120: loss is rising (0.41 at step 80, 0.93 now); lower --train.learning_rate",
        "step 10/300 loss 0.41",
        "adapter in out/first after 300 steps, 61 s, loss 0.410",
        "step 10/300 loss oops tokens/s 812 left 61 s",
    ],
)
def test_any_other_line_is_none(text):
    assert parse_line(text) is None


def test_reading_lines_needs_neither_torch_nor_transformers(tmp_path):
    import subprocess

    code = (
        "import sys, recipe.progress_line as p, recipe.health as h; "
        "assert not {'torch', 'transformers', 'tqdm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_speed_is_that_of_the_recent_lines_and_goes_into_the_log(clock, capsys):
    run = Run(clock)
    for _ in range(3):
        run.steps(5, seconds=1)
        run.log(loss=1.0)
    for _ in range(progress.RECENT_LINES):
        run.steps(5, seconds=4)
        last = run.log(loss=1.0, learning_rate=1e-4, grad_norm=0.5)
    lines = shown(capsys)
    assert lines[0]["tokens_per_second"] == 100
    assert lines[-1]["tokens_per_second"] == 25
    assert last["tokens_per_second"] == run.state.log_history[-1]["tokens_per_second"] == 25.0
    assert lines[-1]["grad_norm"] == 0.5


def test_evaluations_and_checkpoints_do_not_slow_training_but_take_time(clock, capsys):
    run = Run(clock)
    run.steps(5, seconds=1)
    run.log(loss=1.0)
    clock.now += 30
    evaluation = run.log(eval_loss=1.1)
    run.tell("on_evaluate")
    clock.now += 15
    run.tell("on_save")
    run.steps(5, seconds=1)
    run.log(loss=0.9)
    first, evaluated, last = shown(capsys)
    assert first["tokens_per_second"] == 100
    # The load of the first batch after a break counts as break: a tenth of a second here.
    assert last["tokens_per_second"] == pytest.approx(100, abs=2)
    assert evaluated["eval_loss"] == 1.1
    assert "tokens_per_second" not in evaluation
    assert last["seconds_left"] == pytest.approx(55 / 10 * 90)


def test_a_resumed_run_counts_only_its_own_steps_for_speed_and_all_for_cost(clock, capsys):
    before = [{"step": 50, "loss": 1.0, "dollars": 2.0}]
    run = Run(clock, dollars_per_hour=3600.0, step=50, log=before)
    run.steps(10, seconds=2)
    entry = run.log(loss=0.9)
    (line,) = shown(capsys)
    assert line["tokens_per_second"] == 50
    assert line["seconds_left"] == 80
    assert line["dollars"] == entry["dollars"] == 22.0
    assert line["dollars_in_all"] == 102.0


def test_without_a_price_there_are_no_dollars(clock, capsys):
    run = Run(clock)
    run.steps(1, seconds=1)
    assert "dollars" not in run.log(loss=1.0)
    assert "dollars" not in capsys.readouterr().err


def test_a_log_entry_with_nothing_to_show_prints_nothing(clock, capsys):
    run = Run(clock)
    run.log(train_runtime=3.0)
    assert shown(capsys) == []


def test_only_the_first_process_prints(clock, capsys):
    run = Run(clock)
    run.state.is_world_process_zero = False
    run.steps(1, seconds=1)
    assert run.log(loss=1.0)["tokens_per_second"] > 0
    assert shown(capsys) == []


def test_on_a_terminal_there_is_a_bar_that_starts_where_the_run_goes_on(clock, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    run = Run(clock, dollars_per_hour=1.0, step=50)
    run.steps(10, seconds=1)
    run.log(loss=0.9)
    run.tell("on_train_end")
    err = capsys.readouterr().err
    assert "60/100" in err
    assert "tok/s=100" in err
    assert parse_line(err.splitlines()[-1]) is None


def test_memory_is_measured_on_a_gpu_alone():
    import torch

    share = progress.memory_share()
    assert share is None if not torch.cuda.is_available() else 0 <= share <= 1
