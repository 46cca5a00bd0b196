"""The stand-in for the Hub in ../shared, for tests that speak to a Hub."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, SHARED

SERVER = SHARED / "loopback_hub" / "server.py"
WRITE, READ = "hf_loopback_write", "hf_loopback_read"
NEEDS = ("starlette", "uvicorn", "lz4", "hf_xet")
LACKS_HUB = not SERVER.is_file() or any(find_spec(name) is None for name in NEEDS)
needs_hub = pytest.mark.skipif(LACKS_HUB, reason="needs ../shared/loopback_hub and its packages")


@dataclass(frozen=True)
class Hub:
    """A running server: its URL, and the folder that it keeps everything in."""

    url: str
    root: Path

    def api(self, token: str = WRITE) -> Any:
        from huggingface_hub import HfApi

        return HfApi(self.url, token)

    def requests(self) -> list[dict[str, Any]]:
        text = (self.root / "requests.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def client(self, home: Path) -> dict[str, str]:
        """The environment of a user of this Hub, with this Hugging Face home."""
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith("HF_")},
            "HF_ENDPOINT": self.url,
            "HF_TOKEN": WRITE,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
            "PYTHONPATH": str(ROOT),
        }


@contextmanager
def running_hub(root: Path, *flags: str) -> Iterator[Hub]:
    """A server that keeps everything in `root`; skips the test where there is none."""
    if LACKS_HUB:
        pytest.skip(needs_hub.kwargs["reason"])
    root.mkdir(parents=True)
    paths = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = [sys.executable, str(SERVER), "--port", "0", "--root", str(root)]
    with (
        open(root / "err", "w") as errors,
        subprocess.Popen(
            [*command, "--job-path", paths, *flags],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as server,
    ):
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            _wait_for(url)
            yield Hub(url, root)
        finally:
            server.terminate()


def run_python(env: dict[str, str], *arguments: str, cwd: Any = None) -> Any:
    """`python ARGUMENTS` to its end, with all that it printed."""
    return subprocess.run(
        [sys.executable, *arguments], env=env, cwd=cwd, capture_output=True, text=True
    )


def _wait_for(url: str) -> None:
    """It prints its address before it listens."""
    host, port = url.removeprefix("http://").split(":")
    for _ in range(100):
        with suppress(OSError), socket.create_connection((host, int(port))):
            return
        time.sleep(0.1)
    raise AssertionError(f"{url}: nobody listens")
