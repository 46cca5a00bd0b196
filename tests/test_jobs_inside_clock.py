"""A job ends while there is time to save, for the first reason that it was given."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest
from inside_job import payload

from jobs.inside.clock import Clock, Ending, over_limits, project
from jobs.inside.request import Request, request_of
from jobs.inside.supervise import Training, _ask_to_stop, _children, _pass_on, command, hidden
from recipe.progress_line import format_line


def _request(**changes) -> Request:
    return request_of(payload("r", "builtin", **changes))


@pytest.mark.parametrize(
    ("gone_s", "silence_s", "push_s", "is_late"),
    [
        (3400, 0, 60, False),
        (3455, 0, 60, True),  # 30 to spare, two pushes of 60
        (3455, 0, 0, True),  # a push that was not measured counts as one of 60
        (3540, 0, 10, False),
        (3400, 100, 60, True),  # an evaluation of 100 may just have begun
        (1700, 9000, 60, False),  # and never more than half of the time
        (1801, 9000, 60, True),
    ],
)
def test_time_to_save_and_push_is_spared(gone_s, silence_s, push_s, is_late):
    job = Clock(monotonic() - gone_s, timeout_s=3600)
    assert job.is_late(silence_s, push_s) is is_late
    assert not job.is_over()


def test_at_the_very_end_nothing_is_waited_for():
    assert Clock(monotonic() - 3595, timeout_s=3600).is_over()


def test_a_run_counts_what_earlier_attempts_took():
    assert Clock(monotonic() - 100, 3600, spent_before_s=1000).spent_s() == pytest.approx(1100, 0.1)


def test_a_projection_is_held_against_all_attempts_and_the_budget():
    request = _request(timeout_s=3600, spec={"attempts": 2, "max_cost_usd": 0.5})
    within = project(request, spent_s=1800, seconds_left=2700)
    assert (within.hours, within.dollars) == (1.25, 0.5)
    assert (within.limit_hours, within.limit_dollars) == (2.0, 0.5)
    assert not within.over
    beyond = project(request, spent_s=1800, seconds_left=5500)
    assert beyond.over
    assert over_limits(beyond).startswith(
        "the run would take 2.0 h and $0.81; allowed: 2.0 h and $"
    )


def test_the_first_reason_stays():
    ending = Ending()
    ending.on_signal(signal.SIGTERM, None)
    ending.ask("timeout")
    assert ending.reason == "sigterm"


def test_the_trainer_s_lines_are_read_and_secrets_are_hidden(monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", "hf_very_secret")
    monkeypatch.setenv("SHORT", "1")
    secrets = hidden(_request(spec={"secrets": ["HF_TOKEN", "SHORT", "NOT_SET"]}))
    status = {"step": 31, "max_steps": 100, "tokens_per_second": 1.0, "seconds_left": 77.0}
    training = Training(first_step=0)
    lines = [f"{format_line(status)}\n", "url?token=hf_very_secret\n", "error: no room\n"]
    _pass_on(lines, training, secrets)
    assert (training.step, training.seconds_left, training.error) == (31, 77.0, "no room")
    out = capsys.readouterr().out
    assert out == f"{format_line(status)}\nurl?token=***\nerror: no room\n"


def test_the_longest_silence_is_between_lines_of_training(monkeypatch):
    line = format_line({"step": 1, "max_steps": 9, "tokens_per_second": 1, "seconds_left": 1})
    training = Training(first_step=0)
    for now_s in (100.0, 101.0, 131.0, 132.0):
        monkeypatch.setattr("time.monotonic", lambda now_s=now_s: now_s)
        training.hear(line)
        training.hear("another line")
    assert training.longest_silence_s == 30.0


def test_several_gpus_are_started_by_accelerate():
    several = _request(spec={"parallel": "ddp"})
    started = command(several, Path("/bundle/code"), n_gpus=4)
    assert started[1:3] == ["-m", "accelerate.commands.launch"]
    assert "/bundle/code/recipe/accelerate/ddp.yaml" in started
    assert started[started.index("--num_processes") + 1] == "4"
    for alone in (command(several, Path(), n_gpus=1), command(_request(), Path(), n_gpus=4)):
        assert alone[:3] == [sys.executable, "-m", "recipe.train"]


def test_no_secret_is_in_what_is_started(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_very_secret")
    assert "hf_very_secret" not in " ".join(command(_request(), Path(), 0))


PARENT = """
import subprocess, sys
waits = "import os, time; os.write(1, b'here' + bytes([10])); time.sleep(60)"
child = [sys.executable, "-c", waits]
children = [subprocess.Popen(child) for _ in range(2)]
print([child.wait() for child in children], flush=True)
"""


def test_workers_are_asked_and_their_launcher_is_not():
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert [parent.stdout.readline() for _ in range(2)] == ["here\n", "here\n"]
        workers = _children(parent.pid)
        assert len(workers) == 2
        _ask_to_stop(workers)
        assert parent.stdout.readline() == "[-15, -15]\n"
    assert parent.returncode == 0
    _ask_to_stop([parent.pid])  # gone, and that is no error
