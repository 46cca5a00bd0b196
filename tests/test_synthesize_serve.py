"""A real model behind a real server: the embedded one under `transformers serve`.

It never saw such prompts, so what it writes is no example. What is shown here is that the whole way
works: answers of any kind, failures of the server, rejects with reasons, a clean end.
"""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, assert_one_line_error
from scripted_teacher import TOOLS

from data.embedded import MODEL_DIR

NEEDED = ("fastapi", "uvicorn", "openai")
START_S = 120


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a server that has the embedded model loaded."""
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        pytest.skip(f"transformers serve needs {', '.join(missing)}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = "from transformers.cli.transformers import main; main()"
    arguments = ["serve", str(MODEL_DIR), "--port", str(port), "--device", "cpu"]
    log = tmp_path_factory.mktemp("serve") / "log"
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", script, *arguments], stdout=output, stderr=output, env=env
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end_s = time.monotonic() + START_S
    while time.monotonic() < end_s:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"transformers serve did not start: {log.read_text(errors='replace')[-2000:]}")


@pytest.mark.slow
def test_the_embedded_model_is_asked_and_each_answer_has_a_verdict(server: str, tmp_path: Path):
    tools = tmp_path / "tools.json"
    tools.write_text(json.dumps({"tools": TOOLS}), encoding="utf-8")
    flags = ["--tools", str(tools), "--endpoint", server, "--teacher", str(MODEL_DIR)]
    more = ["--records", "7", "--max_requests", "9", "--retries", "9", "--retry_delay_s", "0.01"]
    result = subprocess.run(
        [sys.executable, "-m", "data.synthesize", *flags, *more, "--out", "out"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert "Traceback" not in result.stderr
    facts = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    lines = (tmp_path / "out" / "rejects.jsonl").read_text(encoding="utf-8").splitlines()
    rejects = [json.loads(line) for line in lines]
    if not facts["records"]:
        assert_one_line_error(result, 1, "nothing was kept", "rejects.jsonl")
    # This server fails (500) where a model writes half a call: such requests are sent again.
    assert facts["spent"]["requests"] == 9
    assert facts["stopped_by"] == "--max_requests 9"
    assert sum(facts["rejects"].values()) == len(rejects) >= 1
    assert all(reject["code"] and reject["message"] for reject in rejects)
    assert facts["spent"]["tokens_out"] > 0
