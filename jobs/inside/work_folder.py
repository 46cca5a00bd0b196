"""Where a job works: the bundle that it starts in cannot be written to."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

NAME = "toolcall-sft"


def enter(run_id: str, code: Path) -> Path:
    """Make the folder of a run, under the home if it can be written to, and go there.

    What is started from now on finds `code` and prints no progress bars.
    """
    home = Path.home()
    if not os.access(home, os.W_OK):
        home = Path(tempfile.gettempdir())
        os.environ.setdefault("HF_HOME", str(home / NAME / "huggingface"))
    work = home / NAME / run_id
    work.mkdir(parents=True, exist_ok=True)
    os.chdir(work)
    paths = [str(code), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    os.environ["PYTHONUNBUFFERED"] = "1"
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    return work
