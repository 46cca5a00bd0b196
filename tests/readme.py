"""Print a command of the README: `python tests/readme.py run` or `test`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def command(name: str) -> str:
    """The shell command in the code block that follows `<!-- command: NAME -->`."""
    pattern = rf"<!-- command: {name} -->\s*```bash\n(.*?)\n```"
    found = re.search(pattern, README.read_text(encoding="utf-8"), re.DOTALL)
    if found is None:
        raise SystemExit(f"{README}: no command {name!r}")
    return found[1].replace("\\\n", " ").strip()


if __name__ == "__main__":
    print(command(sys.argv[1]))
