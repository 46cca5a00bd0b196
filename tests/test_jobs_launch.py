"""The launcher against the stand-in for the service, with a stand-in for what runs in the job."""

import http.client
import http.server
import json
import re
import signal
import socketserver
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from conftest import assert_one_line_error
from jobs_hub import EXPIRED, READ, WRITE, desk, make_checkout, path_with_uv, stock_uv_run
from local_hub import Hub, needs_hub

from jobs.spec import load_spec

pytestmark = needs_hub


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return make_checkout(tmp_path_factory.mktemp("checkout"), stand_in=True)


@pytest.fixture(scope="module")
def shared(checkout, tmp_path_factory):
    """A desk for tests that change nothing on the hub."""
    with desk(checkout, tmp_path_factory.mktemp("shared")) as place:
        yield place


@pytest.fixture
def place(checkout, tmp_path):
    with desk(checkout, tmp_path / "desk") as one:
        yield one


def _faults(hub, **faults):
    body = json.dumps(faults).encode()
    request = urllib.request.Request(f"{hub.url}/_loopback/faults", body, method="POST")
    urllib.request.urlopen(request).close()


def _job_id(result):
    found = re.search(r"job ([0-9a-f]{24})", result.stdout)
    assert found, result.stdout + result.stderr
    return found[1]


def test_a_dry_run_shows_plan_and_request_and_sends_nothing(shared):
    result = shared.run("jobs.launch", shared.spec(secrets=["HF_TOKEN"]), "--dry-run")
    assert result.returncode == 0, result.stderr
    plan, request = result.stdout.split("{", 1)
    assert "cpu-basic at $0.01 an hour" in plan
    assert re.search(r"\d+ files, [\d.]+ MB to alice/jobs-artifacts/code-[0-9a-f]{16}", plan)
    body = json.loads("{" + request)["body"]
    assert body["secrets"] == {"HF_TOKEN": "***"}
    assert WRITE not in result.stdout + result.stderr
    assert shared.changing_requests() == []


def test_a_wrong_spec_is_not_even_a_question_to_the_service(shared):
    n_before = len(shared.hub.requests())
    result = shared.run("jobs.launch", shared.spec(flavor="t4-smal"))
    assert_one_line_error(result, 2, "flavor", "t4-smal", "t4-small")
    assert len(shared.hub.requests()) == n_before


def test_a_dataset_with_errors_is_stopped_before_any_request(shared):
    data = shared.folder / "bad"
    data.mkdir()
    (data / "train.jsonl").write_text('{"id": 1}\n')
    n_before = len(shared.hub.requests())
    result = shared.run("jobs.launch", shared.spec(dataset={"path": str(data)}))
    assert_one_line_error(result, 1, "dataset: ", "train.jsonl:1", "nothing was sent")
    assert len(shared.hub.requests()) == n_before


@pytest.mark.slow
def test_a_run_that_the_gpu_cannot_do_is_stopped_before_any_request(shared):
    n_before = len(shared.hub.requests())
    changes = {
        "flavor": "t4-small",
        "presets": ["t4"],
        "overrides": {"model.precision": "bf16"},
        "timeout": "12h",
    }
    result = shared.run("jobs.launch", shared.spec(**changes))
    assert_one_line_error(result, 1, "preflight: does not fit t4-small", "bf16")
    assert len(shared.hub.requests()) == n_before


@pytest.mark.slow
def test_a_run_that_would_cost_too_much_is_stopped_before_anything_is_sent(shared):
    changes = {"flavor": "t4-small", "presets": ["t4"], "timeout": "12h", "max_cost_usd": 2}
    result = shared.run("jobs.launch", shared.spec(**changes))
    assert_one_line_error(result, 1, "max_cost_usd: $2.4", "2.00 allowed", "nothing was sent")
    assert shared.changing_requests() == []


def test_a_budget_that_pays_for_nothing_is_stopped(shared):
    result = shared.run("jobs.launch", shared.spec(max_cost_usd=0.0001))
    assert_one_line_error(result, 1, "max_cost_usd: $0.00 left for 2 attempts", "raise it")
    assert shared.changing_requests() == []


@pytest.mark.parametrize(
    "token, changes, code, parts",
    [
        (None, {}, 2, ("HF_TOKEN is not set", "hf auth login")),
        (WRITE, {"secrets": ["HF_TOKEN", "WANDB_KEY"]}, 2, ("WANDB_KEY", "export WANDB_KEY")),
        (READ, {}, 1, ("token: alice's may only read", "settings/tokens")),
        (EXPIRED, {}, 1, ("token: the token is not valid", "hf auth login")),
        (WRITE, {"result": {"repo": "bob/lora"}}, 1, ("bob/lora is not yours", "alice")),
        (WRITE, {"flavor": "cpu-xl"}, 2, ("found cpu-xl", "not on offer", "cpu-basic")),
        (WRITE, {"env": {"A": WRITE}}, 2, ("the request: holds the value of", "HF_TOKEN")),
    ],
    ids=["no token", "no secret", "read", "expired", "other's repo", "flavor", "secret in env"],
)
def test_what_the_user_lacks_is_one_line_and_nothing_is_made(shared, token, changes, code, parts):
    result = shared.run("jobs.launch", shared.spec(**changes), token=token)
    assert_one_line_error(result, code, *parts)
    assert shared.changing_requests() == []
    assert WRITE not in result.stderr


def test_a_service_that_cannot_be_reached_is_one_line(shared):
    away = replace(shared, hub=Hub("http://127.0.0.1:9", shared.hub.root))
    result = away.run("jobs.launch", shared.spec())
    assert_one_line_error(result, 1, "token: no connection", "HF_ENDPOINT")


def test_a_run_is_submitted_followed_pulled_and_checked(place):
    result = place.run("jobs.launch", place.spec(env={"STORY": "done"}))
    assert result.returncode == 0, result.stderr
    assert "step 2/4 loss 1.5" in result.stderr
    (folder,) = (place.folder / "out").iterdir()
    assert f"adapter in out/{folder.name}, checked" in result.stdout
    assert {"adapter_model.safetensors", "run.json"} <= {path.name for path in folder.iterdir()}
    assert not list((place.folder / "out").glob("*.partial"))
    assert len(place.submissions()) == 1


def test_the_job_is_the_one_that_the_dry_run_showed(place):
    shown = place.run("jobs.launch", place.spec(env={"STORY": "done"}), "--dry-run")
    body = json.loads("{" + shown.stdout.split("{", 1)[1])["body"]
    assert place.run("jobs.launch", place.spec(env={"STORY": "done"}), "--detach").returncode == 0
    (job,) = place.jobs()
    for key in ("command", "flavor", "dockerImage", "volumes"):
        assert job[key] == body[key]
    assert job["timeout"] == body["timeoutSeconds"]
    assert job["retry"] == body["attempts"] - 1
    assert set(job["labels"]) == set(body["labels"])
    assert set(job["secrets"]) == set(body["secrets"])


@pytest.mark.slow
def test_a_job_goes_on_by_its_id_from_another_machine(place):
    launched = place.run("jobs.launch", place.spec(env={"STORY": "done"}), "--detach")
    job_id = _job_id(launched)
    other = replace(place, folder=place.folder / "elsewhere")
    other.folder.mkdir()
    assert f"resume {job_id}" in launched.stdout
    resumed = other.run("jobs.launch", "resume", job_id)
    assert resumed.returncode == 0, resumed.stderr
    assert (other.folder / "out").is_dir()
    status = other.run("jobs.launch", "status", f"alice/{job_id}")
    assert f"job {job_id} attempt 1 COMPLETED" in status.stdout
    logs = other.run("jobs.launch", "logs", job_id)
    assert "step 2/4 loss 1.5" in logs.stdout
    run_id = re.search(r"run (tiny-\d{8}-[0-9a-f]{6})", status.stdout)[1]
    third = replace(place, folder=place.folder / "third")
    third.folder.mkdir()
    pulled = third.run("jobs.launch", "pull", run_id)
    assert f"adapter in out/{run_id}, checked" in pulled.stdout, pulled.stderr
    assert len(place.submissions()) == 1


@pytest.mark.slow
def test_a_run_to_be_continued_is_continued_within_its_attempts(place):
    story = {"STORY": "continued,continued,done"}
    result = place.run("jobs.launch", place.spec(env=story, attempts=3))
    assert result.returncode == 0, result.stderr
    jobs = sorted(place.jobs(), key=lambda job: job["createdAt"])
    assert [job["labels"]["attempt"] for job in jobs] == ["1", "2", "3"]
    assert [job["retry"] for job in jobs] == [2, 1, 0]
    assert len({job["labels"]["run"] for job in jobs}) == 1
    assert len({json.dumps(job["volumes"]) for job in jobs}) == 1


def test_attempts_that_are_used_up_end_the_run_and_can_be_raised(place):
    result = place.run("jobs.launch", place.spec(env={"STORY": "continued,done"}, attempts=1))
    assert_one_line_error(result, 1, "attempts: all 1 of run", "resume", "--more-usd")
    resumed = place.run("jobs.launch", "resume", _job_id(result), "--more-usd", "0.5")
    assert resumed.returncode == 0, resumed.stderr
    assert len(place.submissions()) == 2


def test_a_job_that_fails_is_one_line_with_its_reason(place):
    result = place.run("jobs.launch", place.spec(env={"STORY": "fails"}, attempts=1))
    assert_one_line_error(result, 1, "exit code: 1", "the image lacks trl", "resume")


@pytest.mark.slow
def test_a_cancelled_job_is_no_success(place):
    launched = place.run("jobs.launch", place.spec(env={"STORY": "waits"}), "--detach")
    job_id = _job_id(launched)
    assert_one_line_error(place.run("jobs.launch", "pull", job_id), 1, "resume", "waits")
    cancelled = place.run("jobs.launch", "cancel", job_id)
    assert cancelled.stdout == f"job {job_id} is cancelled\n"
    assert "is over already" in place.run("jobs.launch", "cancel", job_id).stdout
    assert "CANCELED" in place.run("jobs.launch", "status", job_id).stdout
    assert_one_line_error(place.run("jobs.launch", "pull", job_id), 1, "tag run-tiny", "resume")


def test_ids_of_nothing_are_one_line(shared):
    for text in ("0" * 24, "no-such-run"):
        assert_one_line_error(shared.run("jobs.launch", "status", text), 1, text)
    assert_one_line_error(shared.run("jobs.launch", "status"), 2, "ID")
    assert_one_line_error(shared.run("jobs.launch"), 2, "SPEC.yaml")


def test_control_c_leaves_the_job_running_and_says_how_to_come_back(place):
    _faults(place.hub, slow_logs=30)
    command = [sys.executable, "-m", "jobs.launch", place.spec(env={"STORY": "done"})]
    with subprocess.Popen(
        command,
        cwd=place.folder,
        env=place.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as launcher:
        while not (line := launcher.stdout.readline()).startswith("job "):
            assert line, launcher.stderr.read()
        time.sleep(1)
        launcher.send_signal(signal.SIGINT)
        _, errors = launcher.communicate(timeout=30)
    assert launcher.returncode == 130
    assert "Traceback" not in errors
    job_id = line.split()[1]
    assert f"resume {job_id}" in errors
    _faults(place.hub, slow_logs=0)
    assert place.run("jobs.launch", "resume", job_id).returncode == 0


def test_an_edit_makes_another_bundle_and_an_unchanged_one_is_not_sent_again(place, tmp_path):
    mine = replace(place, checkout=make_checkout(tmp_path / "mine", stand_in=True))
    for _ in range(2):
        run = mine.run("jobs.launch", mine.spec(env={"STORY": "done"}), "--detach")
        assert run.returncode == 0, run.stderr
    batches = [row for row in mine.hub.requests() if row["path"].endswith("/batch")]
    assert len(batches) <= 2  # the first upload; its files are in at most two parts
    n_batches = len(batches)
    (mine.checkout / "README.md").write_text("edited")
    mine.run("jobs.launch", mine.spec(env={"STORY": "done"}), "--detach")
    folders = {volume["path"] for job in mine.jobs() for volume in job["volumes"]}
    assert len(folders) == 2
    batches = [row for row in mine.hub.requests() if row["path"].endswith("/batch")]
    assert len(batches) > n_batches


def test_no_secret_reaches_a_file_a_log_or_a_request(place):
    result = place.run("jobs.launch", place.spec(env={"STORY": "continued,done"}))
    assert result.returncode == 0, result.stderr
    assert WRITE not in result.stdout + result.stderr
    everything = [path for path in place.folder.rglob("*") if path.is_file()]
    assert len(everything) > 20
    holding = [path for path in everything if WRITE.encode() in path.read_bytes()]
    assert holding == []


@contextmanager
def losing_answers(hub, lost):
    """A way to the hub that carries out a submission and loses its answer, `lost` times."""

    class Lossy(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self):
            nonlocal lost
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            place = urlsplit(hub.url)
            connection = http.client.HTTPConnection(place.hostname, place.port)
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            if self.command == "POST" and self.path == "/api/jobs/alice" and lost:
                lost -= 1
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_HEAD = _forward

        def log_message(self, *_):
            pass

    class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Lossy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_answer_that_is_lost_does_not_start_a_second_job(place):
    with losing_answers(place.hub, lost=1) as url:
        lossy = replace(place, hub=Hub(url, place.hub.root))
        result = lossy.run("jobs.launch", lossy.spec(env={"STORY": "done"}), "--detach")
    assert result.returncode == 0, result.stderr
    assert "looking for the job" in result.stderr
    (job,) = place.jobs()
    assert _job_id(result) == job["id"]


@pytest.mark.slow
def test_a_service_that_fails_now_and_then_gets_one_job_and_gives_one_adapter(place):
    _faults(place.hub, http_500_rate=0.1)
    result = place.run("jobs.launch", place.spec(env={"STORY": "continued,done"}))
    _faults(place.hub, http_500_rate=0)
    assert result.returncode == 0, result.stderr
    assert len(place.jobs()) == 2
    assert len({job["labels"]["attempt"] for job in place.jobs()}) == 2


def test_the_stock_command_starts_the_run_of_the_script(checkout, tmp_path):
    path = path_with_uv(tmp_path / "programs")
    with desk(checkout, tmp_path / "desk", "--job-path", path) as place:
        result = stock_uv_run(place, "-e", "STORY=done")
        assert result.returncode == 0, result.stdout + result.stderr
        (job,) = place.jobs()
        spec = load_spec(checkout / "jobs" / "sft_t4.yaml")
        assert (job["flavor"], job["timeout"]) == (spec.flavor, spec.timeout_s)
        assert job["labels"]["recipe"] == spec.labels["recipe"]
        assert list(job["secrets"]) == list(spec.secrets)
    assert "result repo=alice/qwen3-1.7b-tools-lora" in result.stdout


def test_a_sweep_starts_all_runs_and_sets_them_side_by_side(place):
    import yaml

    place.spec(env={"STORY": "done"})
    runs = [{"name": "one"}, {"name": "two", "env": {"STORY": "fails"}, "attempts": 1}]
    sweep = {"spec": "spec.yaml", "max_cost_usd": 2, "runs": runs}
    (place.folder / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    result = place.run("jobs.sweep", "sweep.yaml")
    assert result.returncode == 1
    table = (place.folder / "out" / "sweep.md").read_text()
    assert "| one | done | 4 | 1.0000 |" in table
    assert "| two | failed: job " in table
    assert table in result.stdout


def test_the_doctor_finds_account_prices_and_jobs(shared):
    result = shared.run("jobs.doctor")
    assert re.search(r"^ok +token +alice's, role write$", result.stdout, re.MULTILINE)
    assert re.search(r"^ok +flavors +2 on offer", result.stdout, re.MULTILINE)
    assert re.search(r"^\w+ +quota +\d+ jobs", result.stdout, re.MULTILINE)
    assert WRITE not in result.stdout
    read = shared.run("jobs.doctor", token=READ)
    assert read.returncode == 1
    assert re.search(r"^fail +token +alice's may only read", read.stdout, re.MULTILINE)
