"""Everything that was asked and answered, one JSON object a line, only ever appended.

A run that was stopped reads it and goes on: an answer that is here is never asked for again, and
what was on its way when the run was killed counts as spent and is not asked again either.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from data.cli import DataError, UserError
from data.record import json_line

SETTINGS, ASKED, ANSWERED, FAILED = "settings", "asked", "answered", "failed"


class Journal:
    """An open journal file; each note is on the disk when `note` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] = open(path, "ab+")  # noqa: SIM115 - closed by close()
        if not _locked(self._file):
            self._file.close()
            raise UserError(
                f"{path}: another run writes to it; wait for it, or choose another --out"
            )

    def read(self) -> Iterator[dict[str, Any]]:
        """What was noted so far; a last line that was cut off by a kill is removed."""
        self._file.seek(0)
        good = 0
        for number, line in enumerate(self._file, 1):
            if not line.endswith(b"\n"):
                break
            try:
                note = json.loads(line)
                if not isinstance(note["event"], str):
                    raise ValueError("no event")
            except (ValueError, KeyError, TypeError):
                raise DataError(
                    f"{self.path}:{number}: not a note of data.synthesize; choose another --out"
                ) from None
            good += len(line)
            yield note
        self._file.truncate(good)

    def note(self, event: str, **fields: Any) -> None:
        """Append one note."""
        self._file.write(json_line({"event": event, **fields}).encode("utf-8") + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def _locked(file: IO[bytes]) -> bool:
    """Whether this process alone has the file; where a system has no such locks, yes."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
