"""The line that a run prints where there is no terminal: written here, and read here by jobs.

    step 10/300 loss 0.41 learning_rate 0.0002 grad_norm 1.3 tokens/s 812 left 61 s
    step 20/300 eval_loss 0.44 tokens/s 815 left 58 s dollars 0.02 of 0.1

Nothing is imported but `re`, so the launcher can read lines without Transformers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# What a log entry may hold and a line shows, in this order.
SHOWN = (
    "loss",
    "eval_loss",
    "eval_schema_valid",
    "eval_decision_f1",
    "eval_over_call",
    "eval_under_call",
    "learning_rate",
    "grad_norm",
)
_NUMBER = r"(?:-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|-?inf|nan)"
_LINE = re.compile(
    r"(?:^|\s)step (?P<step>\d+)/(?P<max_steps>\d+)"
    rf"(?P<shown>(?: [a-z_0-9]+ {_NUMBER})*)"
    rf" tokens/s (?P<tokens_per_second>{_NUMBER}) left (?P<seconds_left>{_NUMBER}) s"
    rf"(?: dollars (?P<dollars>{_NUMBER}) of (?P<dollars_in_all>{_NUMBER}))?\s*$"
)


def format_line(status: Mapping[str, float]) -> str:
    """One line from step, max_steps, tokens_per_second, seconds_left and what there is of SHOWN.

    With `dollars` (so far) and `dollars_in_all` (expected), these too.
    """
    shown = "".join(f" {key} {status[key]:.4g}" for key in SHOWN if key in status)
    line = (
        f"step {status['step']:.0f}/{status['max_steps']:.0f}{shown} "
        f"tokens/s {status['tokens_per_second']:.0f} left {status['seconds_left']:.0f} s"
    )
    if "dollars" not in status:
        return line
    return f"{line} dollars {status['dollars']:.4g} of {status['dollars_in_all']:.4g}"


def parse_line(text: str) -> dict[str, float] | None:
    """What format_line was given, as far as the line shows it; None for any other line."""
    found = _LINE.search(text)
    if found is None:
        return None
    parts = found.groupdict()
    words = parts.pop("shown").split()
    status = {key: float(value) for key, value in parts.items() if value is not None}
    return status | {k: float(v) for k, v in zip(words[::2], words[1::2], strict=True)}
