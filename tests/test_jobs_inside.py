"""A job that is killed, told to end or out of time is gone on with, to the same adapter."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from inside_job import OVERRIDES, REPO, environment, payload, run_job, start
from local_hub import WRITE, needs_hub, running_hub

from jobs.log_lines import (
    Continued,
    Result,
    parse_continued,
    parse_projection,
    parse_pushed,
    parse_result,
    parse_stopped,
)
from recipe.progress_line import parse_line

pytestmark = [pytest.mark.slow, needs_hub]


def _found(lines: list[str], read: Any) -> list[Any]:
    return [value for line in lines if (value := read(line)) is not None]


def _steps(lines: list[str]) -> list[int]:
    return [int(status["step"]) for status in _found(lines, parse_line)]


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with running_hub(tmp_path_factory.mktemp("hub") / "root") as hub:
        yield hub


@pytest.fixture(scope="module")
def undisturbed(hub, dataset, tmp_path_factory) -> Result:
    """The result of a run that nothing befell."""
    env = environment(hub, tmp_path_factory.mktemp("job") / "home", payload("whole", dataset))
    code, lines = run_job(env)
    assert code == 0, "\n".join(lines[-5:])
    assert lines[-1].startswith("result ")
    (result,) = _found(lines, parse_result)
    return result


def test_the_result_is_one_tagged_commit_that_says_what_it_is(hub, undisturbed, tmp_path):
    api = hub.api()
    titles = [c.title for c in api.list_repo_commits(REPO) if "whole" in c.title]
    assert titles == ["Run whole"]
    refs = api.list_repo_refs(REPO)
    assert [(t.name, t.target_commit) for t in refs.tags if t.name == "run-whole"] == [
        ("run-whole", undisturbed.commit)
    ]
    assert "checkpoints-whole" not in [branch.name for branch in refs.branches]
    folder = Path(api.snapshot_download(REPO, revision=undisturbed.commit, local_dir=tmp_path))
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert record["adapter_sha256"] == undisturbed.adapter_sha256
    assert record["job"]["run_id"] == "whole"
    assert record["job"]["dollars"] == pytest.approx(record["job"]["hours"] * 0.4, abs=1e-4)
    assert undisturbed.adapter_sha256 in (folder / "README.md").read_text(encoding="utf-8")
    wanted = "adapter_model.safetensors chat_template.jinja tokenizer.json summary.md curves.svg"
    assert not [name for name in wanted.split() if not (folder / name).is_file()]
    assert not [path for path in folder.rglob("*") if WRITE.encode() in _bytes(path)]


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def test_a_run_that_is_done_is_not_trained_again(hub, undisturbed, dataset, tmp_path):
    code, lines = run_job(environment(hub, tmp_path / "home", payload("whole", dataset)))
    assert code == 0
    assert _found(lines, parse_result) == [undisturbed]
    assert not _steps(lines)


def test_a_result_without_its_tag_gets_it(hub, undisturbed, dataset, tmp_path):
    hub.api().delete_tag(REPO, tag="run-whole")
    code, lines = run_job(environment(hub, tmp_path / "home", payload("whole", dataset)))
    assert code == 0
    assert _found(lines, parse_result) == [undisturbed]
    assert hub.api().repo_info(REPO, revision="run-whole").sha == undisturbed.commit


def test_a_killed_job_goes_on_from_the_hub_to_the_same_bytes(dataset, undisturbed, tmp_path):
    with running_hub(tmp_path / "hub", "--job-dies-on", "checkpoint step=16 pushed") as hub:
        api = hub.api()
        job = api.run_job(
            image="python:3.12",
            command=["bash", "-c", f"cd {ROOT} && exec python -m jobs.inside"],
            env={
                "TOOLCALL_SFT_JOB": json.dumps(payload("killed", dataset)),
                "OMP_NUM_THREADS": "1",
            },
            secrets={"HF_TOKEN": WRITE},
            flavor="cpu-basic",
            attempts=2,
        )
        lines = list(api.fetch_job_logs(job_id=job.id, follow=True))
        while (ended := api.inspect_job(job_id=job.id)).status.stage == "RUNNING":
            time.sleep(0.1)
        assert ended.status.stage == "COMPLETED", "\n".join(lines[-5:])
        seen = (hub.root / "jobs" / job.id / "job.json").read_text(encoding="utf-8")
    assert [attempt["exit"] for attempt in json.loads(seen)["attempts"]] == [-9, 0]
    fetched = lines.index("checkpoint step=16 fetched")
    last, again = max(_steps(lines[:fetched])), min(_steps(lines[fetched:]))
    assert again == 17
    assert last - again < OVERRIDES["train.save_steps"]
    (result,) = _found(lines, parse_result)
    assert result.adapter_sha256 == undisturbed.adapter_sha256
    assert not [line for line in lines if WRITE in line]


def _asked_to_end(env: dict[str, str], at_step: int) -> tuple[int, list[str]]:
    """A job that gets SIGTERM when it shows a step."""
    lines = []
    with start(env) as job:
        assert job.stdout is not None
        for line in job.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith(f"step {at_step}/"):
                job.send_signal(signal.SIGTERM)
    return job.returncode, lines


def test_sigterm_saves_pushes_and_leaves_the_rest_to_another_job(
    hub, dataset, undisturbed, tmp_path
):
    asked = payload("asked", dataset)
    code, lines = _asked_to_end(environment(hub, tmp_path / "first", asked), at_step=14)
    assert code == 0, "\n".join(lines[-5:])
    continued = parse_continued(lines[-1])
    assert continued == Continued("asked", max(_found(lines, parse_pushed)), "sigterm")
    assert 14 <= continued.step < 36
    assert not _found(lines, parse_result)
    code, rest = run_job(environment(hub, tmp_path / "second", asked))
    assert code == 0, "\n".join(rest[-5:])
    assert _steps(rest)[0] == continued.step + 1
    (result,) = _found(rest, parse_result)
    assert result.adapter_sha256 == undisturbed.adapter_sha256
    job = _record(hub, result)["job"]
    assert job["hours"] * 3600 > _seconds(lines) + 1


def _record(hub: Any, result: Result) -> dict[str, Any]:
    file = hub.api().hf_hub_download(REPO, "run.json", revision=result.commit)
    return json.loads(Path(file).read_text(encoding="utf-8"))


def _seconds(lines: list[str]) -> float:
    """What the lines say that training took."""
    dollars = [status["dollars"] for status in _found(lines, parse_line)]
    return dollars[-1] / 0.4 * 3600


def test_a_job_that_runs_out_of_time_is_to_be_continued(hub, dataset, tmp_path):
    overrides = {**OVERRIDES, "train.max_steps": 2000, "train.save_steps": 1000}
    changes = {"overrides": overrides, "on_projection_over": "warn"}
    late = payload("late", dataset, timeout_s=30, spec=changes)
    started = time.monotonic()
    code, lines = run_job(environment(hub, tmp_path / "home", late))
    took_s = time.monotonic() - started
    assert code == 0, "\n".join(lines[-5:])
    continued = parse_continued(lines[-1])
    assert continued is not None
    assert continued.reason == "timeout"
    assert continued.step == max(_found(lines, parse_pushed)) > 0
    assert took_s < 30


def test_a_run_that_would_cost_too_much_stops_after_its_first_steps(hub, dataset, tmp_path):
    overrides = {**OVERRIDES, "train.max_steps": 5000}
    dear = payload("dear", dataset, spec={"overrides": overrides, "max_cost_usd": 0.004})
    code, lines = run_job(environment(hub, tmp_path / "home", dear))
    assert code == 1, "\n".join(lines[-5:])
    (projection,) = _found(lines, parse_projection)
    assert projection.dollars > projection.limit_dollars == 0.004
    reason = parse_stopped(lines[-1])
    assert reason is not None
    assert "raise timeout, attempts or max_cost_usd" in reason
    assert 30 <= max(_found(lines, parse_pushed)) < 5000


def test_a_warning_lets_it_go_on(hub, dataset, tmp_path):
    changes = {"max_cost_usd": 0.00001, "on_projection_over": "warn"}
    dear = payload("warned", dataset, spec=changes)
    code, lines = run_job(environment(hub, tmp_path / "home", dear))
    assert code == 0, "\n".join(lines[-5:])
    assert [projection.over for projection in _found(lines, parse_projection)] == [True]
    assert _found(lines, parse_result)


def test_two_processes_give_the_losses_of_one_and_stop_together(hub, dataset, tmp_path):
    halved = {"train.max_steps": 20, "lora.dropout": 0}
    losses, hashes = {}, {}
    for name, size, parallel in (("one", 2, "none"), ("two", 1, "ddp")):
        overrides = {**OVERRIDES, **halved, "train.per_device_train_batch_size": size}
        asked = payload(name, dataset, spec={"overrides": overrides, "parallel": parallel})
        code, lines = _asked_to_end(environment(hub, tmp_path / f"{name}-1", asked), at_step=6)
        assert code == 0, "\n".join(lines[-5:])
        continued = parse_continued(lines[-1])
        assert continued is not None
        assert 6 <= continued.step < 20
        code, rest = run_job(environment(hub, tmp_path / f"{name}-2", asked))
        assert code == 0, "\n".join(rest[-5:])
        record = _record(hub, _found(rest, parse_result)[0])
        assert record["processes"] == size % 2 + 1
        losses[name] = [entry["loss"] for entry in record["log"] if "loss" in entry]
        hashes[name] = record["adapter_sha256"]
    assert len(losses["one"]) == 20
    assert losses["two"] == pytest.approx(losses["one"], rel=1e-3)
