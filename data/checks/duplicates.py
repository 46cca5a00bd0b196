"""Exact and near duplicates in a file, and requests that leak from an --against file.

The index holds about 100 bytes a record (hashes and a place in the file); texts are read again only
to compare two candidates. Of the records that share a band, each is compared with the first ones,
so work stays linear.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from data.checks.prints import N_BANDS, Prints, request_text
from data.checks.rules import Problem
from data.novelty import sequences_of, similarity

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEAR_SHARE = 0.9
LEAK_SHARE = 0.85
N_COMPARED = 3
N_KEPT = 4096


class Repeat(NamedTuple):
    """A line that repeats what stands elsewhere."""

    line: int
    offset: int
    problem: Problem


class Index:
    """The fingerprints of one file, in the order of its lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._blocks: list[Prints] = []

    def add(self, prints: Prints) -> None:
        if len(prints.line):
            self._blocks.append(prints)

    def prints(self) -> Prints | None:
        """All fingerprints as one; None where there is none."""
        import numpy as np

        if not self._blocks:
            return None
        if len(self._blocks) > 1:
            self._blocks = [Prints(*map(np.concatenate, zip(*self._blocks, strict=True)))]
        return self._blocks[0]


def repeats(index: Index) -> Iterator[Repeat]:
    """Ids and records that stand twice in a file, and near duplicates with the same reply."""
    prints = index.prints()
    if prints is None:
        return
    for first, later in _pairs(prints.id):
        yield _repeat(prints, later, "id_duplicate", "/id", f"also on line {prints.line[first]}")
    taken = set()
    for first, later in _pairs(prints.exact):
        taken.add(later)
        yield _repeat(
            prints, later, "duplicate_exact", "", f"the same as line {prints.line[first]}"
        )
    with Requests(index) as texts:
        for first, later in _near_pairs(prints):
            if later in taken:
                continue
            is_same = prints.request[first] == prints.request[later]
            share = 1.0 if is_same else similarity(texts.at(first), texts.at(later))
            if share >= NEAR_SHARE:
                taken.add(later)
                first_line = prints.line[first]
                message = f"{share:.0%} of the request as on line {first_line}, and the same reply"
                yield _repeat(prints, later, "duplicate_near", "", message)


def leaks(index: Index, against: Index) -> Iterator[Repeat]:
    """Records of a file whose request, or nearly that, stands in another file."""
    import numpy as np

    ours, theirs = index.prints(), against.prints()
    if ours is None or theirs is None:
        return
    leaked = set()
    order = np.argsort(theirs.request, kind="stable")
    places = np.searchsorted(theirs.request, ours.request, sorter=order)
    for row, place in enumerate(places.tolist()):
        if (
            place < len(order)
            and ours.request[row]
            and theirs.request[order[place]] == ours.request[row]
        ):
            leaked.add(row)
            message = f"the same request as {against.path}:{theirs.line[order[place]]}"
            yield _repeat(ours, row, "leak_exact", "", message)
    with Requests(index) as our_texts, Requests(against) as their_texts:
        for row, other in _near_rows(ours, theirs):
            if row in leaked:
                continue
            share = similarity(our_texts.at(row), their_texts.at(other))
            if share >= LEAK_SHARE:
                leaked.add(row)
                message = f"{share:.0%} of the request as {against.path}:{theirs.line[other]}"
                yield _repeat(ours, row, "leak_near", "", message)


def _repeat(prints: Prints, row: int, code: str, pointer: str, message: str) -> Repeat:
    return Repeat(int(prints.line[row]), int(prints.offset[row]), Problem(code, pointer, message))


def _pairs(hashes: NDArray[Any], n_compared: int = 1) -> Iterator[tuple[int, int]]:
    """(early row, later row) of equal hash; each later row with `n_compared` early ones at most."""
    import numpy as np

    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    equal = ordered[1:] == ordered[:-1]
    group: list[int] = []
    last = -2
    for place in np.flatnonzero(equal & (ordered[1:] != 0)).tolist():
        if place != last + 1:
            group = [int(order[place])]
        later = int(order[place + 1])
        for early in group[:n_compared]:
            yield early, later
        group.append(later) if len(group) < n_compared else None
        last = place


def _near_pairs(prints: Prints) -> Iterator[tuple[int, int]]:
    """Candidates: the same band and the same reply, each pair once."""
    import numpy as np

    seen: set[tuple[int, int]] = set()
    for band in range(N_BANDS):
        mixed = (
            prints.bands[:, band].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) ^ prints.reply
        )
        mixed[prints.request == 0] = 0
        for pair in _pairs(mixed, N_COMPARED):
            if pair not in seen:
                seen.add(pair)
                yield pair


def _near_rows(ours: Prints, theirs: Prints) -> Iterator[tuple[int, int]]:
    """Candidates: the same band; (our row, their row)."""
    import numpy as np

    for band in range(N_BANDS):
        order = np.argsort(theirs.bands[:, band], kind="stable")
        ordered = theirs.bands[:, band][order]
        places = np.searchsorted(ordered, ours.bands[:, band])
        for row, place in enumerate(places.tolist()):
            for near in range(place, min(place + N_COMPARED, len(ordered))):
                if ordered[near] != ours.bands[row, band] or not ours.request[row]:
                    break
                yield row, int(order[near])


class Requests(AbstractContextManager["Requests"]):
    """The requests of an indexed file, as sets of character sequences; the last ones are kept."""

    def __init__(self, index: Index) -> None:
        prints = index.prints()
        self._offsets = [] if prints is None else prints.offset.tolist()
        self._file = open(index.path, "rb")  # noqa: SIM115 - closed on exit
        self._kept: dict[int, frozenset[str]] = {}

    def at(self, row: int) -> frozenset[str]:
        """Of the record in a row of the index; only records that parsed have one."""
        kept = self._kept.get(row)
        if kept is None:
            messages = _record_at(self._file, self._offsets[row])["messages"]
            if len(self._kept) >= N_KEPT:
                self._kept.clear()
            kept = self._kept[row] = sequences_of(request_text(messages))
        return kept

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _record_at(file: BinaryIO, offset: int) -> Any:
    file.seek(offset)
    return json.loads(file.readline().decode("utf-8-sig", "replace"))


def ids_at(path: Path, offsets: Sequence[int]) -> Iterator[str | None]:
    """The ids of the records at byte offsets."""
    with open(path, "rb") as file:
        for offset in offsets:
            row = _record_at(file, offset)
            name = row.get("id") if isinstance(row, dict) else None
            yield name if isinstance(name, str) else None
