"""Write a cleaned copy of a file, and beside it the lines that could not be cleaned.

The input stays as it is.

Mended: byte order marks, line ends, blank lines, spacing of calls, batches, ids out of order.
Rejected: every line that still has an error, and exact duplicates and leaks, with their codes.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from data.checks.checker import Checker, RawLine
from data.checks.lines import BOM, UNREADABLE
from data.checks.rules import ERROR, RULES
from data.checks.scan import lines_from
from data.record import json_line
from data.wire import ToolCall, read_strict, request_text


class Mended(NamedTuple):
    """How many lines went where."""

    n_kept: int
    n_mended: int
    n_rejected: int


def reject_path(out: Path) -> Path:
    return out.with_name(out.name + ".rejected")


def write_clean(
    path: Path, out: Path, checker: Checker, repeats: Mapping[int, Collection[str]]
) -> Mended:
    """Write `out` and its reject file; `repeats` has the codes of lines that repeat others."""
    counts = {"kept": 0, "mended": 0, "rejected": 0}
    partial = out.with_name(out.name + ".partial")
    size, limit = path.stat().st_size, checker.options.max_line_bytes
    with open(partial, "wb") as clean, open(reject_path(out), "wb") as rejects:
        for raw in lines_from(path, 0, size, limit):
            fate = _settle(raw, checker, repeats.get(raw.number, ()), clean, rejects)
            if fate:
                counts[fate] += 1
    os.replace(partial, out)
    return Mended(counts["kept"], counts["mended"], counts["rejected"])


def _settle(
    raw: RawLine, checker: Checker, codes: Collection[str], clean: IO[bytes], rejects: IO[bytes]
) -> str | None:
    """Write one line where it belongs; returns its fate, None for a blank line."""
    if raw.data is not None and not raw.data.strip():
        return None
    mended = None if raw.data is None else mended_line(raw.data, checker)
    left = set(codes)
    _, problems = checker.problems(raw if mended is None else raw._replace(data=mended))
    left |= {problem.code for problem in problems if RULES[problem.code].severity == ERROR}
    if left or mended is None:
        text = (raw.data or b"").decode("utf-8", "backslashreplace")
        entry = {"line": raw.number, "codes": sorted(left), "text": text}
        rejects.write(json.dumps(entry).encode() + b"\n")
        return "rejected"
    clean.write(mended + b"\n")
    return "kept" if mended == raw.data else "mended"


def mended_line(data: bytes, checker: Checker) -> bytes | None:
    """The line after mending, or None where it is no record."""
    bare = data.removeprefix(BOM).strip()
    line, _ = checker.problems(RawLine(1, 0, bare), prints_only=True)
    if line.row is UNREADABLE or any(p.code == "json_duplicate_key" for p in line.problems):
        return None
    if not isinstance(line.row, dict) or not isinstance(line.row.get("messages"), list):
        return None
    messages = list(mended_messages(copy.deepcopy(line.row["messages"])))
    if messages == line.row["messages"]:
        return bare
    return json_line({**line.row, "messages": messages}).encode()


def mended_messages(messages: list[Any]) -> Iterator[Any]:
    """The messages with compact calls, one a line, and ids that count up from 1."""
    n_calls = 0
    new_ids: dict[str, int] = {}
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, str) and message.get("role") == "assistant":
            calls = read_strict(content).calls
            for call in calls:
                n_calls += 1
                new_ids[json.dumps(call.id)] = n_calls
            numbered = zip(calls, range(n_calls - len(calls) + 1, n_calls + 1), strict=True)
            texts = [request_text(ToolCall(c.name, c.arguments, number)) for c, number in numbered]
            message["content"] = "\n".join(texts) or content
        elif isinstance(content, str) and message.get("role") == "tool":
            message["content"] = _renumbered(content, new_ids)
        yield message


def _renumbered(content: str, new_ids: Mapping[str, int]) -> str:
    try:
        response = json.loads(content)
    except (ValueError, RecursionError):
        return content
    key = json.dumps(response.get("id")) if isinstance(response, dict) else ""
    if key not in new_ids or response["id"] == new_ids[key]:
        return content
    response["id"] = new_ids[key]
    return json.dumps(response, ensure_ascii=False, separators=(",", ":"))
