"""The console script `hf`: `hf jobs run SPEC.yaml` launches a spec, all else is the stock command.

huggingface_hub's own `hf jobs run` takes an image and a command and reads no files. Whichever
package is installed last owns bin/hf; python -m jobs.doctor says which one it is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

SUFFIXES = (".yaml", ".yml")


def is_spec(arguments: list[str]) -> bool:
    """Whether it is `jobs run FILE.yaml ...`: only then is it ours."""
    return arguments[:2] == ["jobs", "run"] and "".join(arguments[2:3]).endswith(SUFFIXES)


def main() -> None:
    """Run the launcher for a spec, and the stock command, its arguments untouched, for the rest."""
    if is_spec(sys.argv[1:]):
        from data import cli
        from jobs.launch import main as launch

        cli.run(lambda: launch(sys.argv[3:]))
    from huggingface_hub.cli import hf

    stock: Callable[[], None] = hf.main
    stock()


if __name__ == "__main__":
    main()
