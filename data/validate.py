"""Check record files: every problem of every line, with its place and how to mend it.

    python -m data.validate FILE... [--tokenizer ID_OR_DIR --max-length 2048] [--against FILE...]
                            [--format text|json] [--report FILE.html] [--fix OUT]

Exit 0: no errors (there may be warnings); 1: errors; 2: wrong usage. All codes: docs/validator.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from data import cli

if TYPE_CHECKING:
    from data.checks.duplicates import Index, Repeat
    from data.checks.report import Summary
    from data.checks.rules import Finding
    from data.checks.scan import Scanner


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    _check_usage(args)
    from data.checks.report import Summary, write_page
    from data.checks.scan import Scanner, n_workers_for

    summary = Summary()
    with ExitStack() as stack:
        n_workers = args.workers or n_workers_for([*args.files, *args.against])
        scanner = stack.enter_context(Scanner(_options(args), n_workers))
        bar = stack.enter_context(_progress([*args.against, *args.files]))
        against = [_index(scanner, path, bar) for path in args.against]
        for path in args.files:
            rejected = _check_file(scanner, path, against, summary, args.format, bar)
    if args.fix:
        _fix(args, rejected)
    if args.report:
        write_page(args.report, summary, args.files, in_tokens=bool(args.tokenizer))
    _say(summary, args)
    return 1 if summary.n_errors else 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise cli.UserError(f"command line: {message}; see python -m data.validate --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m data.validate",
        description="Check record files (JSONL), every line, every rule.",
    )
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="FILE", help="JSONL files of records")
    add("--tokenizer", metavar="ID_OR_DIR", help="check token lengths with this tokenizer")
    add("--max-length", type=int, default=2048, metavar="TOKENS", help="default: %(default)s")
    add(
        "--against",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="no request may occur in these",
    )
    add("--format", choices=("text", "json"), default="text", help="of the findings on stdout")
    add("--report", type=Path, metavar="FILE", help="write an HTML page with counts and histograms")
    add("--fix", type=Path, metavar="OUT", help="write a cleaned copy, and OUT.rejected beside it")
    add(
        "--max-line-bytes", type=int, default=4 << 20, metavar="N", help="a longer line is not read"
    )
    add("--workers", type=int, default=0, metavar="N", help="processes; default: one a core")
    return parser


def _check_usage(args: argparse.Namespace) -> None:
    for path in [*args.files, *args.against]:
        if not path.exists():
            raise cli.UserError(f"{path}: no such file; give existing JSONL files")
        if not path.is_file():
            raise cli.UserError(f"{path}: not a file; give JSONL files, such as {path}/train.jsonl")
        try:
            path.open("rb").close()
        except OSError as error:
            raise cli.UserError(f"{path}: {error.strerror}; give a file that can be read") from None
    if args.max_length < 1:
        raise cli.UserError(f"--max-length {args.max_length}: give 1 token or more")
    if args.max_line_bytes < 1:
        raise cli.UserError(f"--max-line-bytes {args.max_line_bytes}: give 1 byte or more")
    if args.workers < 0:
        raise cli.UserError(f"--workers {args.workers}: give 1 process or more")
    if args.fix and len(args.files) > 1:
        raise cli.UserError(
            f"--fix {args.fix}: {len(args.files)} files given; mend one FILE at a time"
        )
    inputs = {path.resolve() for path in [*args.files, *args.against]}
    for flag, out in (("--fix", args.fix), ("--report", args.report)):
        if out and out.resolve() in inputs:
            raise cli.UserError(f"{flag} {out}: is an input; choose another name")
        if out and (out.is_dir() or not out.absolute().parent.is_dir()):
            raise cli.UserError(
                f"{flag} {out}: cannot be written; give a file name in an existing folder"
            )


def _options(args: argparse.Namespace) -> Any:
    from data.checks.checker import Options

    return Options(
        tokenizer=args.tokenizer, max_length=args.max_length, max_line_bytes=args.max_line_bytes
    )


class _NoProgress(AbstractContextManager["_NoProgress"]):
    """In place of tqdm's bar where nobody looks: to import that takes longer than many a file."""

    def update(self, n_bytes: int) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def _progress(paths: Sequence[Path]) -> Any:
    if not sys.stderr.isatty():
        return _NoProgress()
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # its thread would be forked
    total = sum(path.stat().st_size for path in paths)
    return tqdm(total=total, unit="B", unit_scale=True, leave=False)


def _index(scanner: Scanner, path: Path, bar: Any) -> Index:
    """The fingerprints of a file to compare with."""
    from data.checks.duplicates import Index

    index = Index(path)
    for n_bytes, block in scanner.scan(path, prints_only=True):
        index.add(block.prints)
        bar.update(n_bytes)
    return index


def _check_file(
    scanner: Scanner, path: Path, against: Sequence[Index], summary: Summary, form: str, bar: Any
) -> dict[int, set[str]]:
    """Check one file and print its findings; returns the errors of lines that repeat others."""
    from data.checks.duplicates import Index, leaks, repeats

    index = Index(path)
    n_records = summary.facts.n_records
    for n_bytes, block in scanner.scan(path):
        summary.facts.add(block.facts)
        index.add(block.prints)
        _show(block.findings, summary, form)
        bar.update(n_bytes)
    if summary.facts.n_records == n_records:
        _show([_empty(path)], summary, form)
    found = sorted(chain(repeats(index), *(leaks(index, other) for other in against)))
    _show(list(_repeat_findings(path, found)), summary, form)
    rejected: dict[int, set[str]] = {}
    for repeat in found:
        if repeat.problem.code != "duplicate_near":
            rejected.setdefault(repeat.line, set()).add(repeat.problem.code)
    return rejected


def _empty(path: Path) -> Finding:
    from data.checks.rules import Problem, finding

    return finding(str(path), 0, None, Problem("file_empty", "", "no line holds a record"))


def _repeat_findings(path: Path, found: Sequence[Repeat]) -> Iterator[Finding]:
    from data.checks.duplicates import ids_at
    from data.checks.rules import finding

    names = ids_at(path, [repeat.offset for repeat in found])
    for repeat, name in zip(found, names, strict=True):
        yield finding(str(path), repeat.line, name, repeat.problem)


def _show(findings: Sequence[Finding], summary: Summary, form: str) -> None:
    from data.checks.report import json_text, text_line

    summary.add(findings)
    lines: Iterable[str] = map(json_text if form == "json" else text_line, findings)
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _fix(args: argparse.Namespace, rejected: dict[int, set[str]]) -> None:
    from data.checks.checker import Checker
    from data.checks.mend import reject_path, write_clean

    mended = write_clean(args.files[0], args.fix, Checker(_options(args)), rejected)
    print(
        f"{args.fix}: {mended.n_kept} lines kept, {mended.n_mended} mended; "
        f"{reject_path(args.fix)}: {mended.n_rejected} rejected",
        file=sys.stderr,
    )


def _say(summary: Summary, args: argparse.Namespace) -> None:
    n_records = summary.facts.n_records
    text = f"{n_records} records, {summary.n_errors} errors, {summary.n_warnings} warnings"
    print(text, file=sys.stderr if args.format == "json" else sys.stdout)
    if args.report:
        print(f"report: {args.report}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
