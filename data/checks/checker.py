"""All rules on the lines of one block of a file, in one process."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from data.checks import engines
from data.checks.calls import read_conversation
from data.checks.credentials import credentials_in, may_hold_credentials
from data.checks.engines import Interrupted
from data.checks.kinds import check_kind
from data.checks.lines import MAX_LINE_BYTES, UNREADABLE, Line, LineReader
from data.checks.prints import Print, Prints, gather, print_of
from data.checks.rules import RULES, Finding, Problem, finding
from data.checks.schemas import ToolBook, ToolEntry
from data.checks.shape import check_accepted, check_shape
from data.record import Example

if TYPE_CHECKING:
    from data.checks.lengths import TokenCounter

BATCH = 256
NOTHING = Line(UNREADABLE, (), [])


@dataclass(frozen=True)
class Options:
    """What to check beside the rules that always hold."""

    tokenizer: str | None = None
    max_length: int = 2048
    """Tokens."""
    max_line_bytes: int = MAX_LINE_BYTES
    line_limit_s: float = 2.0
    """Seconds of CPU that the checks of one line may take: a busy machine changes no verdict."""


class RawLine(NamedTuple):
    """A line as it stands, without its line end; `data` is None where it is over the limit."""

    number: int
    offset: int
    data: bytes | None


@dataclass
class Facts:
    """What the report counts. `lengths` are tokens in steps of 64, or bytes in steps of 256."""

    n_records: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    tools: Counter[str] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)

    def add(self, other: Facts) -> None:
        self.n_records += other.n_records
        self.kinds.update(other.kinds)
        self.tools.update(other.tools)
        self.lengths.update(other.lengths)


class Block(NamedTuple):
    """What one block of a file gave; line numbers count from the block's first line as 1."""

    n_lines: int
    findings: list[Finding]
    prints: Prints
    facts: Facts


class Checker:
    """Checks blocks of lines and keeps what repeats: tools, schemas, the tokenizer."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._reader = LineReader(ToolBook())
        self._has_timer = _has_timer()
        engines.load()
        self._counter = _counter(options)

    def check(self, file: str, lines: Iterable[RawLine], prints_only: bool = False) -> Block:
        """Check the lines of a block; or only fingerprint them, to compare other lines with."""
        findings: list[Finding] = []
        prints: list[Print] = []
        facts = Facts()
        waiting: list[tuple[int, str | None, Example]] = []
        offered: list[str | None] = []
        n_lines = 0
        self._has_timer = _has_timer()
        for raw in lines:
            n_lines += 1
            line, problems = self.problems(raw, prints_only)
            record_id = _id_of(line.row)
            if problems:
                findings.extend(finding(file, raw.number, record_id, p) for p in problems)
            if line.row is not UNREADABLE:
                _count(facts, line.row)
                offered.extend([entry.name for entry in line.tools])
                made = print_of(line.row, line.tools, raw.number, raw.offset)
                if made:
                    prints.append(made)
            if self._counter and not prints_only and (example := _to_measure(line, problems)):
                waiting.append((raw.number, record_id, example))
            elif not self._counter and raw.data is not None:
                facts.lengths[len(raw.data) // 256 * 256] += 1
            if len(waiting) >= BATCH:
                findings.extend(self._too_long(file, waiting, facts))
                waiting.clear()
        findings.extend(self._too_long(file, waiting, facts))
        facts.tools.update(name for name in offered if name)
        findings.sort(key=lambda found: found.line)
        return Block(n_lines, findings, gather(prints), facts)

    def problems(self, raw: RawLine, prints_only: bool = False) -> tuple[Line, list[Problem]]:
        """A line and all its problems, token length apart."""
        if raw.data is None:
            limit = self.options.max_line_bytes
            return NOTHING, [Problem("line_too_long", "", f"more than {limit:,} bytes")]
        if not raw.data.strip():
            return NOTHING, [Problem("line_blank", "", "no record")]
        problems: list[Problem] = []
        line = NOTHING
        try:
            with _time_limit(self.options.line_limit_s if self._has_timer else 0):
                line = self._reader.read(raw.data)
                problems.extend(line.problems)
                if not prints_only and line.row is not UNREADABLE:
                    for problem in record_problems(line):
                        problems.append(problem)
        except Interrupted:
            limit_s = self.options.line_limit_s
            problems.append(Problem("check_too_slow", "", f"gave up after {limit_s:g} s"))
        return line, problems

    def _too_long(
        self, file: str, waiting: Sequence[tuple[int, str | None, Example]], facts: Facts
    ) -> Iterator[Finding]:
        if self._counter is None or not waiting:
            return
        counts = self._counter.count([example for _, _, example in waiting])
        for (number, record_id, _), count in zip(waiting, counts, strict=True):
            facts.lengths[count // 64 * 64] += 1
            if count > self._counter.max_length:
                message = f"{count} tokens; {self._counter.max_length} allowed"
                yield finding(file, number, record_id, Problem("tokens_over", "", message))


def record_problems(line: Line) -> Iterator[Problem]:
    """Every problem of a parsed record."""
    row, tools = line.row, line.tools
    shape = list(check_shape(row))
    yield from shape
    yield from tool_problems(tools)
    yield from check_accepted(row, tools)
    messages = row.get("messages") if isinstance(row, dict) else None
    if not isinstance(messages, list):
        return
    yield from secret_problems(messages)
    said = read_conversation(messages, tools)
    yield from said.problems
    if not any(problem.code in _NO_KIND for problem in shape):
        yield from check_kind(row, said, tools)


_NO_KIND = {
    "field_missing", "field_type", "kind_unknown", "messages_empty", "message_type", "role_unknown"
}  # fmt: skip


def secret_problems(messages: Sequence[Any]) -> Iterator[Problem]:
    """Credentials in the texts of messages."""
    texts = [
        content if isinstance(m, dict) and isinstance(content := m.get("content"), str) else ""
        for m in messages
    ]
    if may_hold_credentials("\n".join(texts)):
        for index, text in enumerate(texts):
            for found in credentials_in(text):
                yield Problem("secret", f"/messages/{index}/content", found)


def tool_problems(tools: Sequence[ToolEntry]) -> Iterator[Problem]:
    """Problems of the offered tools, each by itself and together."""
    places: dict[str, int] = {}
    for index, entry in enumerate(tools):
        for problem in entry.problems:
            yield problem._replace(pointer=f"/tools/{index}{problem.pointer}")
        if entry.name is None:
            continue
        first = places.setdefault(entry.name, index)
        if first != index:
            where = f"/tools/{index}/name"
            yield Problem("tool_duplicate", where, f"{entry.name[:80]!r} is also /tools/{first}")


def _id_of(row: Any) -> str | None:
    name = row.get("id") if isinstance(row, dict) else None
    return name if isinstance(name, str) else None


def _count(facts: Facts, row: Any) -> None:
    facts.n_records += 1
    if isinstance(row, dict):
        facts.kinds[str(row.get("kind"))[:40]] += 1


def _counter(options: Options) -> TokenCounter | None:
    if not options.tokenizer:
        return None
    from data.checks.lengths import TokenCounter

    return TokenCounter(options.tokenizer, options.max_length)


def _to_measure(line: Line, problems: Sequence[Problem]) -> Example | None:
    if not isinstance(line.row, dict) or any(problem.code in _UNMEASURED for problem in problems):
        return None
    from data.checks.lengths import example_of

    return example_of(line.row)


_UNMEASURED = {
    "json_surrogate", "tool_type", "tool_name", "field_type", "field_missing", "message_type",
    "role_unknown",
    "messages_empty", "json_not_finite", "check_too_slow",
}  # fmt: skip


class _time_limit:
    """Raises Interrupted after some seconds of CPU; 0: never."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s

    def __enter__(self) -> None:
        if self._limit_s:
            signal.setitimer(signal.ITIMER_VIRTUAL, self._limit_s)

    def __exit__(self, *_: object) -> None:
        if self._limit_s:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _has_timer() -> bool:
    """Whether lines can be timed: a system with timers, and its main thread."""
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        return False
    if signal.getsignal(signal.SIGVTALRM) is not _interrupt:
        signal.signal(signal.SIGVTALRM, _interrupt)
    return True


def _interrupt(*_: object) -> None:
    raise Interrupted


assert set(_UNMEASURED | _NO_KIND) <= set(RULES)
