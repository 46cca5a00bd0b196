"""What a source gave, before it is mended: definitions and where each stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from data.tools.codes import Note, Rejected


@dataclass(frozen=True)
class Found:
    """One definition as a source has it. `where` names it as long as it has no name.

    `server` is whose tool it is: two servers may use one name. `notes` are those of the reading;
    `problem` is set where the source itself could not be read there.
    """

    definition: Any
    server: str
    where: str
    notes: tuple[Note, ...] = ()
    problem: Rejected | None = None
