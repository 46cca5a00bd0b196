"""The launcher as a user runs it, from a checkout of its own, against the stand-in for the Hub."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from conftest import ROOT
from local_hub import Hub, running_hub

# Values that occur nowhere else, so that a search for them proves something.
WRITE, READ = (f"hf_{kind}_{secrets.token_hex(12)}" for kind in ("write", "read"))
EXPIRED = f"hf_expired_{secrets.token_hex(12)}"
FLAGS = ("--token", f"{WRITE}=alice:write", "--token", f"{READ}=alice:read")
READS = ("GET", "HEAD")

# What a job without training does not need, so that it need not be sent.
NOT_FOR_STAND_IN = ("benchmarks/", "data/catalogue/", "data/embedded_model/", "docs/", "tests/")

SPEC: dict[str, Any] = {
    "name": "tiny",
    "flavor": "cpu-basic",
    "image": "python:3.12",
    "timeout": "10m",
    "max_cost_usd": 1,
    "presets": ["cpu"],
    "result": {"repo": "tiny-lora"},
    "install": False,
}

# Takes the place of the real jobs.inside: one step of the story of a run, without torch.
STAND_IN = """
import hashlib, json, os, struct, sys, tempfile, time
from huggingface_hub import HfApi
from jobs.hub_calls import retried
from jobs.log_lines import Continued, Result, format_continued, format_result, format_stopped
ticket = json.loads(os.environ["TOOLCALL_SFT_JOB"])
story, run = os.environ["STORY"].split(","), ticket["run_id"]
api, repo = HfApi(), ticket["result_repo"]
retried(api.create_repo, repo, private=True, exist_ok=True)
branches = {branch.name for branch in retried(api.list_repo_refs, repo).branches}
n_before = sum(branch.startswith(f"attempt-{run}") for branch in branches)
retried(api.create_branch, repo, branch=f"attempt-{run}-{n_before}", exist_ok=True)
step = story[min(n_before, len(story) - 1)]
print("a token may be printed by accident:", "*" * len(os.environ["HF_TOKEN"]), flush=True)
print("step 2/4 loss 1.5 tokens/s 10 left 3 s", flush=True)
if step == "continued":
    print(format_continued(Continued(run, 2, "timeout")))
elif step == "waits":
    time.sleep(120)
elif step == "fails":
    print(format_stopped("the image lacks trl"))
    sys.exit(1)
else:
    values = struct.pack("<4f", 1, 2, 3, 4)
    header = json.dumps({"x.lora_B.weight":
        {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}).encode()
    adapter = struct.pack("<Q", len(header)) + header + values
    sha256 = hashlib.sha256(adapter).hexdigest()
    with tempfile.TemporaryDirectory() as folder:
        for name, content in {"adapter_model.safetensors": adapter,
            "adapter_config.json": b'{"r": 2}',
            "run.json": json.dumps({"adapter_sha256": sha256, "log": [], "steps": 4,
                "train_loss": 1.0}).encode()}.items():
            with open(f"{folder}/{name}", "wb") as file:
                file.write(content)
        commit = retried(api.upload_folder, repo_id=repo, folder_path=folder)
    retried(api.create_tag, repo, tag=f"run-{run}", revision=commit.oid, exist_ok=True)
    print(format_result(Result(repo, commit.oid, f"run-{run}", sha256)))
"""


@dataclass(frozen=True)
class Desk:
    """A user's place: a checkout, a folder to work in, and a hub to talk to."""

    checkout: Path
    folder: Path
    hub: Hub

    def environment(self, token: str | None = WRITE) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
        own = {
            "PYTHONPATH": str(self.checkout),
            "HF_ENDPOINT": self.hub.url,
            "HF_HOME": str(self.folder / "hf-home"),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "CUDA_VISIBLE_DEVICES": "",
            "OMP_NUM_THREADS": "1",
        }
        return {**kept, **own, **({"HF_TOKEN": token} if token else {})}

    def run(self, *words: str, token: str | None = WRITE) -> subprocess.CompletedProcess[str]:
        """`python -m WORDS`, to its end."""
        return subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.folder,
            env=self.environment(token),
            capture_output=True,
            text=True,
        )

    def spec(self, **changes: Any) -> str:
        """The path of a spec with these keys in place of the usual ones."""
        path = self.folder / "spec.yaml"
        path.write_text(yaml.safe_dump({**SPEC, **changes}), encoding="utf-8")
        return str(path)

    def changing_requests(self) -> list[dict[str, Any]]:
        """What was sent that could make, change or cost anything."""
        sent = [row for row in self.hub.requests() if "/_loopback" not in row["path"]]
        return [row for row in sent if row["method"] not in READS]

    def submissions(self) -> list[dict[str, Any]]:
        """The requests that made a job."""
        posts = (r for r in self.hub.requests() if r["method"] == "POST" and r["status"] == 200)
        return [row for row in posts if row["path"] == "/api/jobs/alice"]

    def jobs(self) -> list[dict[str, Any]]:
        """What the service keeps of each job."""
        files = sorted((self.hub.root / "jobs").glob("*/job.json"))
        return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def make_checkout(folder: Path, *, stand_in: bool) -> Path:
    """The working tree with all that is not ignored, committed; with the stand-in for the job."""
    listed = _git(ROOT, "ls-files", "-co", "--exclude-standard", "-z").split("\0")
    left_out = NOT_FOR_STAND_IN if stand_in else ()
    for path in filter(None, listed):
        if (ROOT / path).is_file() and not path.startswith(left_out):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, folder / path)
    if stand_in:
        inside = folder / "jobs" / "inside"
        inside.mkdir(exist_ok=True)
        (inside / "__init__.py").touch()
        (inside / "__main__.py").write_text(STAND_IN, encoding="utf-8")
    _git(folder, "init", "-q")
    _git(folder, "add", "-A")
    author = ("-c", "user.email=a@example.invalid", "-c", "user.name=a")
    _git(folder, *author, "commit", "-qm", "all")
    return folder


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def stock_uv_run(place: Desk, *words: str) -> subprocess.CompletedProcess[str]:
    """`hf jobs uv run ... jobs/sft_t4.py` by the stock command, from the root of the checkout."""
    command = [sys.executable, "-m", "huggingface_hub.cli.hf", "jobs", "uv", "run"]
    return subprocess.run(
        [*command, *words, "jobs/sft_t4.py"],
        cwd=place.checkout,
        env=place.environment(),
        capture_output=True,
        text=True,
    )


def path_with_uv(folder: Path) -> str:
    """A PATH for jobs with a `uv run` that takes the packages that are there."""
    folder.mkdir()
    (folder / "uv").write_text('#!/bin/sh\nshift\nexec python "$@"\n')
    (folder / "uv").chmod(0o755)
    return f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"


@contextmanager
def desk(checkout: Path, folder: Path, *flags: str) -> Iterator[Desk]:
    """A desk with a hub of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    with running_hub(folder / "hub", *FLAGS, "--flavors", "cpu-basic,t4-small", *flags) as hub:
        yield Desk(checkout, folder, hub)
