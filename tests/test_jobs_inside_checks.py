"""What would fail later fails in the first seconds of a job, as one line, with nothing made."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from conftest import ROOT
from inside_job import REPO, environment, payload, run_job, start
from local_hub import READ, WRITE, needs_hub, running_hub

from data.cli import DataError, UserError
from jobs import spec
from jobs.inside import packages, rights, work_folder
from jobs.inside.gpu import GpuFacts, check_gpu, gpu_facts, runs_on
from jobs.inside.request import VARIABLE, read_payload, request_of
from jobs.log_lines import Continued, parse_continued, parse_stopped
from recipe.config import ModelArgs


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    tokens = [f"{WRITE}=alice:write", f"{READ}=alice:read", "hf_of_bob_1=bob:write"]
    flags = [part for token in tokens for part in ("--token", token)]
    with running_hub(tmp_path_factory.mktemp("hub") / "root", *flags) as hub:
        hub.api("hf_of_bob_1").create_repo("bob/hidden", private=True)
        hub.api().create_repo("alice/public")
        yield hub


def _stopped(code: int, lines: list[str], expected: int, *parts: str) -> None:
    """The job ended with this code and said why in one line."""
    assert code == expected, "\n".join(lines)
    reasons = [reason for line in lines if (reason := parse_stopped(line))]
    assert len(reasons) == 1, "\n".join(lines)
    assert lines[-1].startswith("stopped reason=")
    assert "Traceback" not in "\n".join(lines)
    for part in parts:
        assert part in reasons[0]


def _made(hub) -> list[str]:
    """What was written since the fixture made two repositories."""
    wrote = [r for r in hub.requests() if r["method"] != "GET" and "telemetry" not in r["path"]]
    return [f"{r['method']} {r['path']}" for r in wrote if r["status"] < 400][2:]


@needs_hub
@pytest.mark.parametrize(
    ("token", "changes", "parts"),
    [
        (READ, {}, ["HF_TOKEN: may only read", REPO]),
        ("", {}, ["HF_TOKEN: not set"]),
        ("hf_expired_token", {}, ["HF_TOKEN: ", "not valid or has expired"]),
        (WRITE, {"result_repo": "bob/hidden"}, ["bob/hidden: the token is of alice"]),
        (WRITE, {"result_repo": "nobody/new"}, ["nobody/new: the token is of alice"]),
        (
            WRITE,
            {"result_repo": "alice/public"},
            ["alice/public: is public, and result.private is true"],
        ),
        (
            WRITE,
            {"spec": {"overrides": {"model.name": "bob/hidden"}}},
            ["--model.name bob/hidden", "not found"],
        ),
        (
            WRITE,
            {"spec": {"flavor": "t4-small", "presets": ["t4"], "overrides": {}}},
            ["flavor t4-small: torch", "sees no GPU"],
        ),
    ],
)
def test_a_job_that_cannot_end_well_does_not_begin(hub, tmp_path, token, changes, parts):
    env = environment(hub, tmp_path / "home", payload("r", "builtin", **changes), token)
    code, lines = run_job(env)
    _stopped(code, lines, 1, *parts)
    assert not _made(hub)


@needs_hub
def test_what_the_trainer_refuses_is_the_reason(hub, tmp_path):
    env = environment(hub, tmp_path / "home", payload("r", "/nowhere"))
    code, lines = run_job(env)
    _stopped(code, lines, 2, "/nowhere/train.jsonl: no such file")


@needs_hub
def test_a_signal_before_training_leaves_all_to_another_job(hub, tmp_path):
    env = environment(hub, tmp_path / "home", payload("early", "builtin"))
    with start(env) as job:
        assert job.stdout is not None
        lines = []
        for line in job.stdout:
            lines.append(line)
            if line.startswith("checks passed"):
                job.send_signal(signal.SIGTERM)
    assert job.returncode == 0, "".join(lines)
    assert parse_continued(lines[-1]) == Continued("early", 0, "sigterm")


def test_a_bare_python_is_told_what_it_lacks(tmp_path):
    venv.create(tmp_path / "bare", with_pip=False)
    env = {"HOME": str(tmp_path), VARIABLE: json.dumps(payload("r", "builtin"))}
    code, lines = run_job(env, str(tmp_path / "bare" / "bin" / "python"))
    _stopped(code, lines, 1, "the image lacks", "torch (2.13)", "trl", "choose an image with torch")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (None, ["not set"]),
        ("{", ["not JSON"]),
        ("[]", ["version is 'list'"]),
        (json.dumps({**payload("r", "builtin"), "version": 2}), ["version is 2", "version 1"]),
        (
            json.dumps({**payload("r", "builtin"), "timeout_s": "4h"}),
            ["timeout_s is '4h'", "number"],
        ),
        (json.dumps({**payload("r", "builtin"), "run_id": "../up"}), ["run_id is '../up'"]),
        (json.dumps(payload("r", "builtin", spec={"presets": ["t5"]})), ["presets", "t5"]),
        (
            json.dumps(payload("r", "builtin", spec={"overrides": {"train.max_step": 3}})),
            ["train.max_step"],
        ),
    ],
)
def test_a_wrong_request_is_one_line(tmp_path, text, parts):
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", **({VARIABLE: text} if text else {})}
    code, lines = run_job(env)
    _stopped(code, lines, 2, VARIABLE, *parts)


def test_the_launcher_writes_what_the_job_reads():
    ticket = pytest.importorskip("jobs.run_ticket")
    asked = payload("r", "builtin")
    written = ticket.Ticket(
        **{key: value for key, value in asked.items() if key not in ("version", "spec")},
        spec=spec.spec_from(asked["spec"], "spec"),
    ).as_json()
    request = request_of(read_payload({VARIABLE: written}))
    assert request.spec == spec.spec_from(asked["spec"], "spec")
    assert spec.PAYLOAD_VARIABLE == VARIABLE
    arguments = request.train_arguments()
    assert arguments[:2] == ["--config", "cpu"]
    assert arguments[-4:] == [
        "--data.path=builtin",
        "--train.dollars_per_hour=0.4",
        "--out=out/r",
        "--hold_for=out/r.copied",
    ]


def _code(folder: Path, *needed: str) -> Path:
    """A checkout that needs these, and was tested with version 1.5 of each."""
    listed = ", ".join(f'"{entry}"' for entry in needed)
    project = f"[project]\ndependencies = [{listed}]\n[project.optional-dependencies]\ntrain = []\n"
    (folder / "pyproject.toml").write_text(project, encoding="utf-8")
    (folder / "constraints.txt").write_text("# tested\nmade-up-package==1.5\n", encoding="utf-8")
    return folder


def test_a_missing_package_is_named_with_what_to_do(tmp_path):
    code = _code(tmp_path, "numpy>=2.0", "made-up-package[extra]>=1.2; sys_platform == 'linux'")
    with pytest.raises(DataError, match=r"lacks made-up-package \(1\.2\); set install: true"):
        packages.check_packages(code, False, tmp_path)


def test_a_version_that_is_too_low_is_lacking(tmp_path):
    found = version("numpy")
    with pytest.raises(DataError, match=rf"numpy {found} \(999\.1 or later\)"):
        packages.check_packages(_code(tmp_path, "numpy>=999.1"), False, tmp_path)


def test_where_uv_has_installed_what_is_needed_nothing_is_checked(tmp_path):
    packages.check_packages(tmp_path, True, tmp_path)


def test_all_that_the_project_needs_is_here():
    names = {need.name for need in packages.requirements(ROOT / "pyproject.toml")}
    assert {"torch", "transformers", "trl", "peft", "huggingface-hub", "jsonargparse"} <= names
    tested = packages.pins(ROOT / "constraints.txt")
    assert names <= tested.keys()


def _wheel(folder: Path) -> None:
    """The smallest wheel of made-up-package 1.5 that pip installs."""
    folder.mkdir()
    info = "made_up_package-1.5.dist-info"
    files = {
        "made_up_package.py": "",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: made-up-package\nVersion: 1.5\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(folder / "made_up_package-1.5-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)


@pytest.fixture
def pip_to(tmp_path, monkeypatch):
    """pip with one folder of wheels, and a folder on the path that it installs to."""
    _wheel(tmp_path / "wheels")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "site"))
    monkeypatch.syspath_prepend(tmp_path / "site")


@pytest.mark.usefixtures("pip_to")
def test_what_is_missing_is_installed_as_tested_and_torch_is_kept(tmp_path, capsys):
    code = _code(tmp_path, "torch>=2.13", "made-up-package>=1.2")
    packages.check_packages(code, True, tmp_path)
    assert packages.installed("made-up-package") == "1.5"
    assert "installing made-up-package" in capsys.readouterr().out
    kept = (tmp_path / "constraints.txt").read_text(encoding="utf-8")
    assert f"torch=={version('torch')}" in kept.splitlines()


@pytest.mark.usefixtures("pip_to")
def test_what_pip_cannot_install_is_one_line(tmp_path):
    code = _code(tmp_path, "never-made-package>=1.0")
    with pytest.raises(DataError, match="lacks never-made-package, and pip cannot install: ERROR"):
        packages.check_packages(code, True, tmp_path)


@pytest.mark.parametrize(
    ("built_for", "capability", "runs"),
    [
        (("sm_75", "sm_80", "sm_90"), (7, 5), True),
        (("sm_80", "sm_90"), (7, 5), False),
        (("sm_80", "sm_90"), (8, 9), True),
        (("sm_89",), (8, 6), False),
        (("sm_90a",), (9, 0), True),
        (("sm_100a",), (10, 3), False),
        (("sm_70", "compute_70"), (7, 5), True),
        (("sm_75", "compute_90"), (8, 9), False),
        (("sm_100", "sm_120"), (10, 3), True),
        ((), (7, 5), False),
    ],
)
def test_a_build_runs_on_a_gpu_that_it_has_code_for(built_for, capability, runs):
    assert runs_on(built_for, capability) is runs


T4 = {"torch": "2.13.0+cu126", "count": 1, "name": "Tesla T4", "capability": (7, 5)}
T4 |= {"built_for": ("sm_75", "sm_80"), "least_free_gib": 14.5, "total_gib": 14.6}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"count": 0}, r"flavor t4-small: torch 2\.13\.0\+cu126 sees no GPU; choose an image"),
        ({"built_for": ("sm_80", "sm_90")}, "Tesla T4 is sm_75, and torch .* sm_80, sm_90; choose"),
        ({"least_free_gib": 9.0}, r"9\.0 of 14\.6 GiB are free"),
    ],
)
def test_a_gpu_that_cannot_be_used_is_one_line(changes, reason):
    check_gpu(GpuFacts(**T4), "t4-small")
    with pytest.raises(DataError, match=reason):
        check_gpu(GpuFacts(**{**T4, **changes}), "t4-small")


def test_torch_is_asked_in_another_process(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert gpu_facts() == GpuFacts(torch=version("torch"), count=0)


def test_too_little_space_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(rights, "SPACE_GIB", 1e9)
    with pytest.raises(DataError, match=r"GiB free, 1000000000\.0 needed for embedded"):
        rights.check_space(ModelArgs(name="embedded"), tmp_path)


def test_without_a_home_it_works_in_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "none"))
    monkeypatch.setenv("HF_HOME", "")
    monkeypatch.delenv("HF_HOME")
    for name in ("PYTHONPATH", "PYTHONUNBUFFERED", "HF_HUB_DISABLE_PROGRESS_BARS"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(work_folder.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    work = work_folder.enter("r", ROOT)
    assert work == tmp_path / "tmp" / "toolcall-sft" / "r"
    assert Path.cwd() == work
    done = subprocess.run(
        [sys.executable, "-c", "import os, jobs; print(os.environ['HF_HOME'])"],
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == str(tmp_path / "tmp" / "toolcall-sft" / "huggingface")


def test_a_spec_that_is_wrong_is_a_wrong_request():
    with pytest.raises(UserError, match="spec: max_cost_usd"):
        request_of(
            read_payload({VARIABLE: json.dumps(payload("r", "x", spec={"max_cost_usd": 0}))})
        )
