"""Measure how varied record files are: words, repeats, phrasings, tools and lengths.

    python -m data.diversity FILE... [--tokenizer ID_OR_DIR] [--sample-words N] [--json FILE]

A FILE holds records, rows with messages in OpenAI's style (`tool_calls`, a content of null), or
BFCL's questions (its answers are found where BFCL puts them: possible_answer/FILE). Prints a table
with one column a file; data.figures says what each figure means.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from data import cli
from data.figures import SAMPLE_WORDS, measure, table
from data.record import Example, Message, read_rows
from data.wire import ToolCall, request_text

if TYPE_CHECKING:
    from data.checks.lengths import TokenCounter


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    _check_usage(args)
    names = _headings(args.files)
    sets = ((name, read(path)) for name, path in zip(names, args.files, strict=True))
    figures = measure(sets, args.sample_words, _counter(args.tokenizer))
    print(table(figures, args.sample_words))
    print("\nmost used phrasings:")
    for name, found in figures.items():
        print(f"{name}: {found.phrasings.text}")
    if args.json:
        by_file = dict(zip(map(str, args.files), map(asdict, figures.values()), strict=True))
        text = json.dumps({"sample_words": args.sample_words, "files": by_file}, indent=2)
        args.json.write_text(text + "\n", encoding="utf-8")
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise cli.UserError(f"command line: {message}; see python -m data.diversity --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m data.diversity", description="Measure how varied record files are."
    )
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="FILE", help="JSONL files; train before test")
    add("--tokenizer", metavar="ID_OR_DIR", help="count tokens of the records with this tokenizer")
    add(
        "--sample-words",
        type=int,
        default=SAMPLE_WORDS,
        metavar="N",
        help="words of the sample that is the same for every file; default: %(default)s",
    )
    add("--json", type=Path, metavar="FILE", help="write the figures as JSON, too")
    return parser


def _check_usage(args: argparse.Namespace) -> None:
    inputs = {path.resolve() for path in args.files}
    for path in args.files:
        if not path.is_file():
            raise cli.UserError(f"{path}: no such file; give existing JSONL files")
    if len(inputs) < len(args.files):
        raise cli.UserError("a file is given twice; give each FILE once")
    if args.sample_words < 1:
        raise cli.UserError(f"--sample-words {args.sample_words}: give 1 word or more")
    if not args.json:
        return
    if args.json.resolve() in inputs:
        raise cli.UserError(f"--json {args.json}: is an input; choose another name")
    if args.json.is_dir() or not args.json.absolute().parent.is_dir():
        raise cli.UserError(
            f"--json {args.json}: cannot be written; give a file name in an existing folder"
        )


def _headings(paths: Sequence[Path]) -> list[str]:
    """The names of the files without endings; their paths where these do not tell them apart."""
    names = [path.name.split(".")[0] for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def _counter(tokenizer: str | None) -> TokenCounter | None:
    from data.checks.lengths import TokenCounter

    return TokenCounter(tokenizer, max_length=0) if tokenizer else None


def read(path: Path) -> list[Example]:
    """The rows of a file as examples, of any kind. Raises UserError, DataError."""
    _, first = next(read_rows(path), (0, None))
    if isinstance(first, dict) and "question" in first and "function" in first:
        examples = list(_bfcl_examples(path))
    else:
        examples = list(_examples(path))
    if not examples:
        raise cli.DataError(f"{path}: no line holds a record; give a file with records")
    return examples


def _bfcl_examples(path: Path) -> Iterator[Example]:
    from data.formats import bfcl

    answers = path.parent / "possible_answer" / path.name
    n_rejected = 0
    for item in bfcl.read(path, answers if answers.is_file() else None):
        if isinstance(item, Example):
            yield item
        else:
            n_rejected += 1
    if n_rejected:
        print(f"{path}: {n_rejected} rows that are no records left out", file=sys.stderr)


def _examples(path: Path) -> Iterator[Example]:
    known: dict[str, dict[str, Any]] = {}
    for number, row in read_rows(path):
        try:
            yield _example(row, known)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            reason = error if isinstance(error, ValueError) else "a tool or message of another form"
            raise cli.DataError(
                f"{path}:{number}: {reason}; python -m data.validate lists all"
            ) from None


def _example(row: Any, known: dict[str, dict[str, Any]]) -> Example:
    """A row as an example; `known` has each tool once, by its JSON text."""
    messages = row.get("messages") if isinstance(row, dict) else None
    if not isinstance(messages, list) or not messages:
        raise ValueError("'messages' is missing or empty")
    tools = row.get("tools", [])
    if isinstance(tools, str):
        tools = json.loads(tools)
    if not isinstance(tools, list) or not all(isinstance(tool["name"], str) for tool in tools):
        raise ValueError("'tools' is no list of MCP tools with names")
    ids = count(1)
    return Example(
        id=str(row.get("id")),
        kind=str(row.get("kind") or "unknown"),
        source=str(row.get("source")),
        tools=tuple(known.setdefault(json.dumps(tool), tool) for tool in tools),
        messages=tuple(_message(message, ids) for message in messages),
    )


def _message(message: dict[str, Any], ids: Iterator[int]) -> Message:
    """A message of ours or OpenAI's; its tool calls become lines of JSON-RPC."""
    content = message.get("content") or ""
    if not isinstance(content, str) or not isinstance(message["role"], str):
        raise ValueError("a message has no role or no text")
    lines = [content] if content else []
    for item in message.get("tool_calls") or ():
        name, arguments = item["function"]["name"], item["function"]["arguments"]
        if isinstance(arguments, str):
            arguments = json.loads(arguments)
        lines.append(request_text(ToolCall(name, arguments, next(ids))))
    return Message(message["role"], "\n".join(lines))


if __name__ == "__main__":
    cli.run(main)
