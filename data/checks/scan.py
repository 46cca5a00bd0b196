"""Read files in blocks of lines, and check the blocks in several processes."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from data.checks.checker import Block, Checker, Options, RawLine

BLOCK_BYTES = 1 << 19
MIN_BYTES_TO_SHARE = 4 << 20
N_AHEAD = 3
RARELY = (20_000, 50, 1000)


class Task(NamedTuple):
    """The lines of a file that start at bytes `start` to `end`, `end` not included."""

    path: Path
    start: int
    end: int
    prints_only: bool


def lines_from(path: Path, start: int, end: int, max_bytes: int) -> Iterator[RawLine]:
    """Lines that start in a range of bytes, numbered from 1; one over `max_bytes` is not read."""
    with open(path, "rb") as file:
        if start:
            file.seek(start - 1)
            _skip_line(file, max_bytes, end)
        number, offset = 0, file.tell()
        while offset < end:
            data = file.readline(max_bytes + 2)
            number += 1
            if len(data) > max_bytes and not data.endswith(b"\n"):
                _skip_line(file, max_bytes, None)
                yield RawLine(number, offset, None)
                offset = file.tell()
            else:
                yield RawLine(number, offset, data.rstrip(b"\r\n"))
                offset += len(data)


def _skip_line(file: object, max_bytes: int, end: int | None) -> None:
    """Read past the next line end, or past `end`."""
    import io

    assert isinstance(file, io.BufferedReader)
    while (data := file.readline(max_bytes)) and not data.endswith(b"\n"):
        if end is not None and file.tell() >= end:
            return


class Scanner(AbstractContextManager["Scanner"]):
    """Checks files block by block, in `n_workers` processes where that is more than 1."""

    def __init__(self, options: Options, n_workers: int) -> None:
        global _checker
        self._checker = _checker = Checker(options)
        self._pool: ProcessPoolExecutor | None = None
        self._n_workers = n_workers
        gc.freeze()  # what is loaded by now stays: to look through it again and again costs a tenth
        # What is parsed holds no cycles, and what repeats is kept: to search them costs a fifth.
        self._thresholds = gc.get_threshold()
        gc.set_threshold(*RARELY)
        if n_workers > 1:
            method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
            context = multiprocessing.get_context(method)
            self._pool = ProcessPoolExecutor(n_workers, context, _start, (options,))

    def __exit__(self, *_: object) -> None:
        gc.set_threshold(*self._thresholds)
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def scan(self, path: Path, prints_only: bool = False) -> Iterator[tuple[int, Block]]:
        """(bytes done, block) in the file's order; line numbers are those of the file."""
        size = path.stat().st_size
        starts = range(0, size, BLOCK_BYTES)
        tasks = [Task(path, start, min(start + BLOCK_BYTES, size), prints_only) for start in starts]
        n_before = 0
        for task, block in zip(tasks, self._results(tasks), strict=True):
            yield task.end - task.start, _moved(block, n_before)
            n_before += block.n_lines

    def _results(self, tasks: Sequence[Task]) -> Iterator[Block]:
        if self._pool is None:
            yield from (check_task(self._checker, task) for task in tasks)
            return
        ahead: deque[Future[Block]] = deque()
        for task in tasks:
            ahead.append(self._pool.submit(_work, task))
            if len(ahead) >= N_AHEAD * self._n_workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def n_workers_for(paths: Sequence[Path]) -> int:
    """One process for small files, else one a core."""
    n_bytes = sum(path.stat().st_size for path in paths)
    if n_bytes < MIN_BYTES_TO_SHARE:
        return 1
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(n_cores or 1, 8)


def check_task(checker: Checker, task: Task) -> Block:
    """Check one block."""
    lines = lines_from(task.path, task.start, task.end, checker.options.max_line_bytes)
    return checker.check(str(task.path), lines, task.prints_only)


def _moved(block: Block, n_before: int) -> Block:
    """The block with line numbers counted from the start of the file."""
    if not n_before:
        return block
    findings = [found._replace(line=found.line + n_before) for found in block.findings]
    prints = block.prints._replace(line=block.prints.line + n_before)
    return block._replace(findings=findings, prints=prints)


_checker: Checker | None = None


def _start(options: Options) -> None:
    """A worker's start: with fork it has the parent's checker already, and its caches."""
    global _checker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(*RARELY)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if _checker is None:
        _checker = Checker(options)


def _work(task: Task) -> Block:
    if _checker is None:
        raise RuntimeError("the worker was not started by _start")
    return check_task(_checker, task)
