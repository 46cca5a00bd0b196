"""Following a job: what its lines say, what is shown of them, and how it ended."""

import io
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx2
import pytest

from jobs import follow as module
from jobs.follow import Ending, Findings, Screen, lines_until_end
from jobs.log_lines import (
    Continued,
    Result,
    format_continued,
    format_result,
    format_stopped,
)
from recipe.progress_line import format_line

RESULT = Result("alice/lora", "1f0c", "run-x", "a" * 64)
STEP = {"step": 10, "max_steps": 40, "tokens_per_second": 815, "seconds_left": 120, "loss": 0.41}


def _ended(stage, *lines, message=None):
    findings = Findings()
    for line in lines:
        findings.read(line)
    return Ending(SimpleNamespace(status=SimpleNamespace(stage=stage, message=message)), findings)


def test_a_job_with_a_result_is_done():
    ending = _ended("COMPLETED", format_line(STEP), format_result(RESULT))
    assert ending.is_done
    assert not ending.is_to_be_continued
    assert ending.findings.result == RESULT
    assert ending.findings.last_step == 10


def test_a_job_that_says_so_is_to_be_continued():
    ending = _ended("COMPLETED", format_continued(Continued("x", 10, "timeout")))
    assert ending.is_to_be_continued
    assert not ending.is_done


def test_an_attempt_that_went_on_to_the_result_is_done():
    lines = (format_continued(Continued("x", 10, "sigterm")), format_result(RESULT))
    assert _ended("COMPLETED", *lines).is_done


@pytest.mark.parametrize(
    "ending, reason",
    [
        (_ended("ERROR", format_stopped("no GPU"), message="exit code 1"), "no GPU"),
        (_ended("ERROR", "error: loss is nan", message="exit code 1"), "loss is nan"),
        (_ended("ERROR", message="Job timeout"), "ERROR (Job timeout)"),
        (_ended("CANCELED"), "CANCELED"),
    ],
)
def test_a_job_that_failed_says_why(ending, reason):
    assert not ending.is_done
    assert reason in ending.reason()


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def test_without_a_terminal_each_line_is_shown_as_it_is():
    out = io.StringIO()
    screen = Screen(0.4, out=out)
    for line in ("loading", format_line(STEP)):
        screen.show(line)
    screen.close()
    assert out.getvalue() == f"loading\n{format_line(STEP)}\n"


def test_on_a_terminal_steps_move_a_bar_with_loss_time_left_and_dollars():
    out = _Terminal()
    screen = Screen(0.4, datetime.now(UTC) - timedelta(hours=2), out=out)
    for line in ("loading", format_line(STEP), "checkpoint step=10 pushed"):
        screen.show(line)
    screen.close()
    shown = out.getvalue()
    assert "loss 0.41, 2 min left, $0.80 so far" in shown
    assert "10/40" in shown
    assert "checkpoint step=10 pushed" in shown
    assert "tokens/s" not in shown


class _BreakingService:
    """A job whose log breaks off now and then, and is not there at first."""

    def __init__(self, lines, breaks):
        self.lines, self.breaks, self.n_calls = lines, breaks, 0

    def inspect_job(self, job_id, namespace):
        stage = "RUNNING" if self.breaks else "COMPLETED"
        return SimpleNamespace(status=SimpleNamespace(stage=stage))

    def fetch_job_logs(self, job_id, namespace, follow):
        end = self.breaks.pop(0) if self.breaks else None
        yield from self.lines[:end]
        if end == 0:
            response = httpx2.Response(404, request=httpx2.Request("GET", "http://x"))
            raise httpx2.HTTPStatusError("no log yet", request=response.request, response=response)
        if end is not None:
            raise httpx2.ReadError("connection lost")


def test_a_log_that_breaks_off_is_read_on_and_no_line_comes_twice(monkeypatch):
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    lines = [f"line {number}" for number in range(20)]
    service = _BreakingService(lines, [0, 3, 3, 0, 11, 20])
    assert list(lines_until_end(service, "id", "alice")) == lines


def test_a_log_that_is_lost_for_good_ends_the_following(monkeypatch):
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    service = _BreakingService(["line"], [1] * 100)
    with pytest.raises(httpx2.ReadError):
        list(lines_until_end(service, "id", "alice"))
