"""Convert published datasets to records, and records to the formats of other trainers.

    python -m data.convert --from FORMAT SOURCE --out FILE [--answers FILE] [--strict]
    python -m data.convert --to FORMAT RECORDS --out FILE [--arguments text]

SOURCE is a file (JSON lines, a JSON array, Parquet), a folder or a pattern of them, or
hub:ID@REVISION[:FILE]. Rows that cannot be carried over go to FILE.rejects.jsonl with a code, what
was changed to FILE.changes.jsonl, and what data.validate would report to FILE.findings.jsonl. One
format is one file of data/formats; docs/formats.md has them all.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from data import cli
from data.hub_files import HUB

if TYPE_CHECKING:
    from data.formats.parts.reject import Reject
    from data.record import Example

READS = (
    "bfcl",
    "glaive",
    "hermes",
    "mcp_agent",
    "nestful",
    "openai",
    "seal_tools",
    "sharegpt",
    "toolace",
    "toolalpaca",
    "when2call",
    "xlam",
)
WRITES = ("hermes", "openai", "sharegpt", "xlam")
UNSTATED_LICENCE = "mcp_agent"


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    _check_usage(args)
    source = _source(args)
    from data.formats.parts.outcome import check, write_records

    items = _items(args, source)
    outcome = write_records(args.out, items, _rows_of(args), strict=args.strict)
    named = "rows" if args.to else "records"
    print(f"{args.out}: {outcome.n_records} {named}, {outcome.n_rejected} rejected")
    print(outcome.table(), end="")
    if args.check and outcome.n_records and not args.to:
        print(check(args.out), end="")
    return 0 if outcome.n_records else 1


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise cli.UserError(f"command line: {message}; see python -m data.convert --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m data.convert",
        description="Convert published datasets to records, and back.",
    )
    add = parser.add_argument
    add("source", metavar="SOURCE", help=f"file, folder, pattern, or {HUB}ID@REVISION[:FILE]")
    add("--from", dest="format", choices=READS, metavar="FORMAT", help=", ".join(READS))
    add("--to", choices=WRITES, metavar="FORMAT", help=f"write one of {', '.join(WRITES)}")
    add("--out", type=Path, required=True, metavar="FILE", help="file to write")
    add(
        "--answers",
        "--tools",
        dest="answers",
        type=Path,
        metavar="FILE",
        help="bfcl: the possible answers; nestful: the tool definitions",
    )
    add("--strict", action="store_true", help="reject records in which data.validate sees an error")
    add(
        "--check",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="say what data.validate would report (default: yes)",
    )
    add(
        "--arguments",
        choices=("object", "text"),
        default="object",
        help="openai: arguments as objects or as JSON texts (default: object)",
    )
    add(
        "--accept-unstated-licence",
        action="store_true",
        help="read mcp_agent, whose licence nobody states",
    )
    return parser


def _check_usage(args: argparse.Namespace) -> None:
    if not args.format and not args.to:
        raise cli.UserError("command line: neither --from nor --to; give one of them")
    if not args.out.absolute().parent.is_dir():
        raise cli.UserError(f"--out {args.out}: no such folder; make {args.out.parent} first")
    if args.out.is_dir():
        raise cli.UserError(f"--out {args.out}: is a folder; give a file in it")
    for path in (args.source, args.answers):
        if path and Path(path).resolve() == args.out.resolve():
            raise cli.UserError(f"--out {args.out}: is read, too; choose another name")
    from data.formats.mcp_agent import REPOSITORY

    is_unstated = args.format == UNSTATED_LICENCE or REPOSITORY in str(args.source)
    if is_unstated and not args.accept_unstated_licence:
        raise cli.UserError(
            f"{args.source}: the licence of {REPOSITORY} is not stated; read it only if you know "
            "that you may, and then say --accept-unstated-licence"
        )


def _source(args: argparse.Namespace) -> Path:
    if args.answers and not args.answers.is_file():
        raise cli.UserError(f"--answers {args.answers}: no such file; give an existing one")
    if not args.source.startswith(HUB):
        return Path(args.source)
    from data.hub_files import fetch, read_place

    fetched = fetch(read_place(args.source))
    print(f"{args.source}: commit {fetched.commit}", file=sys.stderr)
    return fetched.path


def _items(args: argparse.Namespace, source: Path) -> Iterator[Example | Reject]:
    """A record or a reject for each row, with a progress bar on a terminal."""
    from tqdm import tqdm

    from data.formats.parts.rows import files_of
    from data.record import read_examples

    items: Iterable[Example | Reject]
    if args.format:
        items = import_module(f"data.formats.{args.format}").read(source, args.answers)
    else:
        items = (example for file in files_of(source) for example in read_examples(file))
    tqdm.monitor_interval = 0  # its thread would be forked
    return iter(tqdm(items, unit=" rows", disable=None, leave=False))


def _rows_of(args: argparse.Namespace) -> Callable[[Example], list[Any]]:
    """How a record is written: as it is, or in the format of --to, which may hold no such one."""
    from data.record import row_of

    if not args.to:
        return lambda example: [row_of(example)]
    write = import_module(f"data.formats.{args.to}").write
    if args.to == "openai":
        write = partial(write, arguments_as_text=args.arguments == "text")
    return lambda example: list(write([example]))


if __name__ == "__main__":
    cli.run(main)
