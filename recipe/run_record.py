"""run.json: what a run was made of, so that it can be repeated and its adapter be checked."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from pathlib import Path
from typing import Any

from data.versions import installed

PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "datasets",
    "tokenizers",
    "toolcall-sft",
)
ADAPTER_FILE = "adapter_model.safetensors"


def write_run_record(folder: Path, facts: dict[str, Any]) -> None:
    """Write run.json with the facts given, the versions, the commit and the adapter's sha256."""
    record = {
        **facts,
        "adapter_sha256": hashlib.sha256((folder / ADAPTER_FILE).read_bytes()).hexdigest(),
        "versions": {"python": platform.python_version(), **installed(PACKAGES)},
        "git_commit": git_commit(),
    }
    (folder / "run.json").write_text(
        json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def git_commit() -> str | None:
    """Commit of this code's checkout, with `+` if it was changed; None outside of one."""
    root = Path(__file__).parent.parent
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return commit + ("+" if _git(root, "status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
