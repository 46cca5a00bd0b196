"""What a conversion wrote: the records, the rejects, what was changed, and what is still wrong."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from data.formats.parts.reject import NOTES, REASONS, Converted, Reject
from data.record import Example, json_line, row_of

REJECTS, CHANGES, FINDINGS = ".rejects.jsonl", ".changes.jsonl", ".findings.jsonl"


@dataclass
class Outcome:
    """Counts of a conversion; rows in are records and rejects together."""

    n_records: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)

    @property
    def n_rejected(self) -> int:
        return self.reasons.total()

    def table(self) -> str:
        """Rows in and out, the reasons of rejects and what was changed, as Markdown."""
        lines = _rows(self.reasons, REASONS, ("rejected", "rows"))
        return lines + _rows(self.notes, NOTES, ("changed", "records"))


def _rows(counts: Mapping[str, int], meanings: Mapping[str, str], heads: tuple[str, str]) -> str:
    if not counts:
        return ""
    lines = [f"\n| {heads[0]} | {heads[1]} | meaning |", "| --- | ---: | --- |"]
    for code, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        lines.append(f"| {code} | {n} | {meanings.get(code, '')} |")
    return "\n".join(lines) + "\n"


@contextmanager
def _files(out: Path) -> Iterator[Callable[[str, Any], None]]:
    """A function that writes a row to the file with a suffix; "" is the record file itself.

    The files appear together once all is written, and not at all before; those of an earlier
    conversion that are not written again are removed.
    """
    opened: dict[str, IO[str]] = {}
    paths = {s: out.with_name(out.name + s) for s in (REJECTS, CHANGES, FINDINGS, "")}
    partials = {suffix: path.with_name(path.name + ".partial") for suffix, path in paths.items()}

    with ExitStack() as stack:
        for path in partials.values():
            stack.callback(path.unlink, missing_ok=True)

        def write(suffix: str, row: Any = None) -> None:
            if suffix not in opened:
                file = partials[suffix].open("w", encoding="utf-8", newline="\n")
                opened[suffix] = stack.enter_context(file)
            if row is not None:
                opened[suffix].write(json_line(row) + "\n")

        write("")
        yield write
        for file in opened.values():
            file.close()
        for suffix, path in paths.items():
            if suffix in opened:
                os.replace(partials[suffix], path)
            else:
                path.unlink(missing_ok=True)


def write_records(
    out: Path,
    items: Iterable[Example | Reject],
    rows_of: Callable[[Example], list[Any]],
    strict: bool = False,
) -> Outcome:
    """Write records, rejects and changes; `strict` rejects records that data.validate would.

    `rows_of` gives the rows of a record: none where the format that is written cannot hold it.
    """
    outcome = Outcome()
    items = _without_errors(items) if strict else items
    with _files(out) as write:
        for number, item in enumerate(items, 1):
            rows = [] if isinstance(item, Reject) else rows_of(item)
            if not rows and not isinstance(item, Reject):
                item = Reject(number, item.id, "unsupported", f"no row for a {item.kind} record")
            if isinstance(item, Reject):
                outcome.reasons[item.code] += 1
                write(REJECTS, vars(item))
                continue
            outcome.n_records += 1
            for row in rows:
                write("", row)
            if isinstance(item, Converted) and item.notes:
                outcome.notes.update(item.notes)
                write(CHANGES, {"id": item.id, "codes": list(item.notes)})
    return outcome


def _without_errors(items: Iterable[Example | Reject]) -> Iterator[Example | Reject]:
    from data.checks.checker import Checker, Options, RawLine
    from data.checks.rules import ERROR, RULES

    checker = Checker(Options())
    for number, item in enumerate(items, 1):
        if not isinstance(item, Reject):
            _, problems = checker.problems(RawLine(1, 0, json_line(row_of(item)).encode()))
            wrong = [p for p in problems if RULES[p.code].severity == ERROR]
            if wrong:
                codes = ", ".join(dict.fromkeys(problem.code for problem in wrong))
                reason = f"{codes}: {wrong[0].pointer} {wrong[0].message}"[:300]
                item = Reject(number, item.id, "invalid", reason)
        yield item


def check(out: Path) -> str:
    """What data.validate reports of a record file, by code; its errors go to a file beside it."""
    from data.checks.checker import Options
    from data.checks.duplicates import Index, repeats
    from data.checks.report import json_text
    from data.checks.rules import ERROR, Finding, finding
    from data.checks.scan import Scanner, n_workers_for

    index, counts, wrong = Index(out), Counter[str](), set[int]()
    path = out.with_name(out.name + FINDINGS)
    partial = path.with_name(path.name + ".partial")
    with open(partial, "w", encoding="utf-8") as file:

        def note(found: Finding) -> None:
            counts[found.code] += 1
            if found.severity == ERROR:
                wrong.add(found.line)
                file.write(json_text(found) + "\n")

        with Scanner(Options(), n_workers_for([out])) as scanner:
            for _, block in scanner.scan(out):
                index.add(block.prints)
                for found in block.findings:
                    note(found)
        for repeat in repeats(index):
            note(finding(str(out), repeat.line, None, repeat.problem))
    if not wrong:
        partial.unlink()
        return "\ndata.validate: no errors\n" + _rows(counts, _meanings(), ("found", "times"))
    os.replace(partial, path)
    said = f"\ndata.validate: {len(wrong)} records with errors, named in {path}\n"
    return said + _rows(counts, _meanings(), ("found", "times"))


def _meanings() -> dict[str, str]:
    from data.checks.rules import RULES

    return {code: f"{rule.severity}: {rule.meaning}" for code, rule in RULES.items()}
