"""Findings for people and programs: lines of text, lines of JSON, and one plain HTML page."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from pathlib import Path

from data.checks.checker import Facts
from data.checks.rules import ERROR, RULES, Finding

N_WORST = 50
N_TOOLS = 40
BAR_PIXELS = 400
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
    "td,th{text-align:left;padding:.1em 1em .1em 0;vertical-align:top}"
    ".bar{background:#58a;height:.8em;min-width:1px}.error{color:#a00}"
)


@dataclass
class Summary:
    """What is kept of all findings: counts, and the worst lines; of fixed size."""

    codes: Counter[str] = field(default_factory=Counter)
    worst: list[tuple[int, str, int, str, str]] = field(default_factory=list)
    facts: Facts = field(default_factory=Facts)

    @property
    def n_errors(self) -> int:
        return sum(count for code, count in self.codes.items() if RULES[code].severity == ERROR)

    @property
    def n_warnings(self) -> int:
        return self.codes.total() - self.n_errors

    def add(self, findings: Sequence[Finding]) -> None:
        self.codes.update(found.code for found in findings)
        lines = []
        for (file, line), group in groupby(findings, lambda found: (found.file, found.line)):
            members = list(group)
            codes = ", ".join(dict.fromkeys(found.code for found in members))
            lines.append((len(members), file, line, members[0].id or "", codes))
        self.worst = heapq.nlargest(N_WORST, [*self.worst, *lines], key=lambda entry: entry[0])


def text_line(found: Finding) -> str:
    """A finding for people: where, what, what to do."""
    where = f"{found.file}:{found.line}::{found.pointer or '/'}"
    return printable(f"{where}: {found.severity} {found.code}: {found.message}; {found.fix}")


def json_text(found: Finding) -> str:
    """A finding for programs, on one line."""
    return json.dumps(found._asdict())


def printable(text: str) -> str:
    """The text on one line, with what no terminal shows escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def write_page(path: Path, summary: Summary, files: Iterable[Path], in_tokens: bool) -> None:
    """Write the report as one HTML page that needs nothing else."""
    facts = summary.facts
    unit = "tokens" if in_tokens else "bytes"
    lengths = {f"{low} {unit} and up": count for low, count in sorted(facts.lengths.items())}
    parts = [
        f"<p>{escape(', '.join(map(str, files)))}: {facts.n_records:,} records, "
        f"{summary.n_errors:,} errors, {summary.n_warnings:,} warnings.</p>",
        "<h2>Findings by code</h2>",
        _codes(summary.codes),
        "<h2>Kinds</h2>",
        _bars(dict(facts.kinds.most_common())),
        "<h2>Lengths</h2>",
        _bars(lengths),
        f"<h2>Tools ({len(facts.tools):,}; the most offered)</h2>",
        _bars(dict(facts.tools.most_common(N_TOOLS))),
        "<h2>Worst lines</h2>",
        _worst(summary),
    ]
    page = f"<!doctype html><meta charset=utf-8><title>Validation</title><style>{_STYLE}</style>"
    text = "\n".join([page, "<h1>Validation report</h1>", *parts, ""])
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def _codes(codes: Counter[str]) -> str:
    rows = [
        f"<tr class={RULES[code].severity}><td>{code}<td>{RULES[code].severity}<td>{count:,}"
        f"<td>{escape(RULES[code].meaning)}<td>{escape(RULES[code].fix)}"
        for code, count in codes.most_common()
    ]
    heads = ("code", "severity", "count", "meaning", "mend")
    return _table(heads, rows) if rows else "<p>None.</p>"


def _bars(counts: dict[str, int]) -> str:
    most = max(counts.values(), default=1)
    rows = [
        f"<tr><td>{escape(name)}<td>{count:,}"
        f'<td><div class=bar style="width:{BAR_PIXELS * count // most}px"></div>'
        for name, count in counts.items()
    ]
    return _table(["", "", ""], rows)


def _worst(summary: Summary) -> str:
    rows = [
        f"<tr><td>{count}<td>{escape(file)}:{line}<td>{escape(name)}<td>{escape(codes)}"
        for count, file, line, name, codes in summary.worst
    ]
    return _table(["findings", "line", "id", "codes"], rows) if rows else "<p>None.</p>"


def _table(heads: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f"<th>{name}" for name in heads)
    return f"<table><tr>{head}\n" + "\n".join(rows) + "\n</table>"
