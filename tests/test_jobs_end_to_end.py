"""From a spec to a scored adapter: submitted, trained in the job, pushed, pulled, verified, scored.

All parts are real but the service, which is the stand-in of ../shared.
"""

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys

import pytest
import yaml
from jobs_hub import SPEC, WRITE, desk, make_checkout, path_with_uv, stock_uv_run
from local_hub import needs_hub

pytestmark = [needs_hub, pytest.mark.slow]
OVERRIDES = {
    "data.max_examples": 64,
    "train.max_steps": 8,
    "train.save_steps": 2,
    "train.logging_steps": 2,
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return make_checkout(tmp_path_factory.mktemp("checkout"), stand_in=False)


@pytest.fixture(scope="module")
def place(checkout, tmp_path_factory):
    with desk(checkout, tmp_path_factory.mktemp("desk")) as one:
        yield one


@pytest.fixture(scope="module")
def small(dataset, tmp_path_factory):
    """The dataset with few and short test records."""
    folder = tmp_path_factory.mktemp("small") / "dataset"
    shutil.copytree(dataset, folder)
    for split in ("test_seen", "test_unseen"):
        lines = (folder / f"{split}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        shortest = sorted(lines, key=len)[:4]
        (folder / f"{split}.jsonl").write_text("".join(shortest), encoding="utf-8")
    return folder


def _hf(place, *words):
    """Our console script, as pip writes it, first on PATH."""
    script = place.folder / "bin" / "hf"
    script.parent.mkdir(exist_ok=True)
    lines = (
        f"#!{sys.executable}",
        "import sys",
        "from jobs.hf_cli import main",
        "sys.exit(main())",
    )
    script.write_text("\n".join(lines) + "\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    env = {**place.environment(), "PATH": f"{script.parent}:{os.environ['PATH']}"}
    command = ["hf", *words]
    return subprocess.run(command, cwd=place.folder, env=env, capture_output=True, text=True)


def _check(place, result):
    """The adapter here is the one that the job pushed, whole and scored."""
    assert result.returncode == 0, result.stderr[-3000:]
    run = place.folder / re.search(r"adapter in (\S+), checked", result.stdout)[1]
    adapter = hashlib.sha256((run / "adapter_model.safetensors").read_bytes()).hexdigest()
    assert json.loads((run / "run.json").read_text())["adapter_sha256"] == adapter
    told = re.search(r"result repo=alice/tiny-lora commit=(\S+) tag=(\S+) .*=(\S+)", result.stderr)
    assert told is not None
    assert told[2] == f"run-{run.name}"
    assert told[3] == adapter
    assert {"README.md", "chat_template.jinja", "tokenizer.json"} <= {p.name for p in run.iterdir()}
    assert "step 8/8 loss" in result.stderr
    for arm in ("base", "tuned"):
        metrics = json.loads((run / "eval" / arm / "metrics.json").read_text())
        assert metrics
    assert "| metric |" in result.stdout
    return adapter


def test_both_commands_go_the_whole_way_to_the_same_adapter(place, small):
    changes = {"overrides": OVERRIDES, "dataset": {"path": str(small)}, "evaluate": True}
    spec = place.spec(**changes)
    adapters = {
        _check(place, place.run("jobs.launch", spec)),
        _check(place, _hf(place, "jobs", "run", spec)),
    }
    assert len(adapters) == 1
    assert len(place.submissions()) == 2
    assert len({job["labels"]["run"] for job in place.jobs()}) == 2
    holding = [
        p for p in place.folder.rglob("*") if p.is_file() and WRITE.encode() in p.read_bytes()
    ]
    assert holding == []


def test_the_stock_command_trains_what_the_spec_says_and_pushes_it(checkout, tmp_path):
    """The script and its header as they are, but for the size of the run and the GPU."""
    jobs, overrides = checkout / "jobs", {**OVERRIDES, "train.max_steps": 2}
    shipped = {name: (jobs / name).read_text() for name in ("sft_t4.yaml", "sft_t4.py")}
    tiny = {**SPEC, "overrides": overrides, "dataset": {"path": "builtin"}}
    (jobs / "sft_t4.yaml").write_text(yaml.safe_dump(tiny))
    (jobs / "sft_t4.py").write_text(shipped["sft_t4.py"].replace("t4-small", SPEC["flavor"]))
    try:
        path = path_with_uv(tmp_path / "programs")
        with desk(checkout, tmp_path / "desk", "--job-path", path) as place:
            result = stock_uv_run(place)
            assert result.returncode == 0, result.stdout[-3000:]
            api = place.hub.api(WRITE)
            commit, tag = re.search(r"commit=(\S+) tag=(\S+)", result.stdout).groups()
            assert api.repo_info("alice/tiny-lora", revision=tag).sha == commit
            files = api.list_repo_files("alice/tiny-lora", revision=commit)
            assert {"adapter_model.safetensors", "run.json", "README.md"} <= set(files)
    finally:
        for name, text in shipped.items():
            (jobs / name).write_text(text)
