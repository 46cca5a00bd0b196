"""What became of every row: counted by source and reason, and written line by line."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from data.record import json_line


class Ledger:
    """Rows read, and rows left out with the reason, by source. Closed by `with`."""

    def __init__(self, path: Path) -> None:
        self.read: Counter[str] = Counter()
        self._left_out: dict[str, Counter[str]] = {}
        self._file = open(path, "w", encoding="utf-8", newline="\n")  # noqa: SIM115 - see __exit__

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def leave_out(self, source: str, row_id: str, reason: str) -> None:
        """Note that a row is not in the mix, and why."""
        self._left_out.setdefault(source, Counter())[reason] += 1
        self._file.write(json_line({"source": source, "id": row_id, "reason": reason}) + "\n")

    def reasons(self, source: str) -> dict[str, int]:
        """How many rows of a source were left out, by reason, the most frequent first."""
        counts = self._left_out.get(source, Counter())
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def facts(self, source: str) -> dict[str, Any]:
        return {"read": self.read[source], "left_out": self.reasons(source)}
