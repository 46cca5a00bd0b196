"""What every talk with an MCP server over stdio needs: its command, its errors, what it printed."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from data.cli import UserError

LONGEST = 300


def command_words(command: str) -> list[str]:
    """The words of --mcp COMMAND. Raises UserError."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UserError(f"--mcp {command!r}: {error}; quote its arguments") from None
    if not words:
        raise UserError("--mcp: an empty command; give the command of an MCP server")
    return words


def first_error(error: BaseException) -> BaseException:
    """The error inside the groups that task groups make."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def one_line(text: str) -> str:
    """A text of a server as part of a line: printable, and at most LONGEST characters."""
    line = " ".join(text.split())
    shown = "".join(char if char.isprintable() else "?" for char in line)
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 3] + "..."


def last_line(said: TextIO) -> str:
    """What the server said last on stderr, fit for one line; empty if nothing."""
    said.seek(0)
    lines = [line for line in said.read()[-4000:].splitlines() if line.strip()]
    return one_line(lines[-1]) if lines else ""


@contextmanager
def quiet() -> Iterator[None]:
    """No tracebacks of the mcp package on stderr: a failure is one line."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
