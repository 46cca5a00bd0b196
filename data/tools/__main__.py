"""Import tools from where they are: an MCP server, OpenAPI, functions, schemas.

    python -m data.tools import SOURCE... --out tools.json
    python -m data.tools import --mcp "npx -y @modelcontextprotocol/server-everything" --out FILE

A SOURCE is a saved tools/list answer, an OpenAPI 3 document, OpenAI function definitions (JSON or
YAML), a folder of JSON Schemas, or a Python file. What was mended and why: docs/tools.md.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from data import cli

if TYPE_CHECKING:
    from data.tools.catalogue import Catalogue
    from data.tools.found import Found


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    _check_usage(args)
    from data.tools.catalogue import catalogue_of, write_catalogue

    found: list[Found] = []
    sources: list[dict[str, Any]] = []
    for form, place, items in _read_all(args):
        read = list(items)
        found.extend(read)
        sources.append({"format": form, "from": place, "tools": len(read)})
    catalogue = catalogue_of(found, sources, args.without)
    write_catalogue(args.out, catalogue)
    _say(catalogue, args.out)
    return 0 if catalogue.tools else 1


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise cli.UserError(f"command line: {message}; see python -m data.tools import --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m data.tools", description="Tools as a catalogue file.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="import")
    add = commands.add_parser("import", help="from servers, documents and files").add_argument
    add("sources", nargs="*", type=Path, metavar="SOURCE", help="files and folders")
    add("--mcp", action="append", default=[], metavar="COMMAND_OR_URL", help="a running server")
    add("--out", type=Path, required=True, metavar="FILE", help="catalogue file to write")
    add(
        "--without",
        action="append",
        default=[],
        metavar="NAME",
        help="leave tools of this name out; * stands for anything",
    )
    add("--timeout", type=float, default=60.0, metavar="S", help="for a server; default 60 s")
    add(
        "--env", action="append", default=[], metavar="NAME",
        help="a variable that the server's command may see",
    )  # fmt: skip
    add("--token-env", metavar="NAME", help="the variable with the bearer token of a URL")
    add("--run-code", action="store_true", help="import Python files, which runs them")
    return parser


def _check_usage(args: argparse.Namespace) -> None:
    if not args.sources and not args.mcp:
        raise cli.UserError("nothing to import; give a SOURCE, or --mcp with a command or a URL")
    if not args.timeout > 0:
        raise cli.UserError(f"--timeout {args.timeout:g}: give seconds above 0")
    for path in args.sources:
        if not path.exists():
            raise cli.UserError(f"{path}: no such file or folder; a server goes behind --mcp")
        if path.suffix == ".py" and not args.run_code:
            raise cli.UserError(f"{path}: reading its functions runs the file; add --run-code")
        if path.resolve() == args.out.resolve():
            raise cli.UserError(f"--out {args.out}: is a source; choose another name")
    if args.out.is_dir() or not args.out.absolute().parent.is_dir():
        raise cli.UserError(
            f"--out {args.out}: cannot be written; give a file name in an existing folder"
        )


def _read_all(args: argparse.Namespace) -> Iterator[tuple[str, str, Iterator[Found]]]:
    from data.tools.server import ServerArgs, tools_of_server

    for target in args.mcp:
        server = ServerArgs(target, args.timeout, tuple(args.env), args.token_env)
        yield "mcp", server.shown, tools_of_server(server)
    for path in args.sources:
        form, items = _read(path)
        yield form, path.name, items


def _read(path: Path) -> tuple[str, Iterator[Found]]:
    """The format of a file or folder, by what it holds, and its definitions."""
    from data.tools.definitions import definitions, is_definitions
    from data.tools.documents import read_document
    from data.tools.openapi import is_openapi, operations
    from data.tools.schema_folder import is_schema, schema_tool, tools_of_folder

    if path.is_dir():
        return "schemas", tools_of_folder(path)
    if path.suffix == ".py":
        from data.tools.functions import functions_of

        return "python", functions_of(path)
    value = read_document(path)
    if is_openapi(value):
        return "openapi", operations(value, path.name)
    if is_definitions(value):
        return "definitions", definitions(value, path.stem)
    if is_schema(value):
        return "schemas", iter([schema_tool(value, path)])
    raise cli.DataError(
        f"{path}: neither tools, functions, an OpenAPI document nor a JSON Schema; docs/tools.md "
        "shows what is read"
    )


def _say(catalogue: Catalogue, out: Path) -> None:
    """A table of what was noted on stdout, each rejected tool on stderr."""
    from data.checks.report import printable
    from data.tools.codes import CODES

    for note in catalogue.rejected:
        if note.code == "not_wanted":
            continue
        where = f"{note.tool}::{note.pointer or '/'}"
        print(printable(f"{where}: {note.code}: {note.found}; {note.done}"), file=sys.stderr)
    counts = Counter(note.code for note in (*catalogue.rejected, *catalogue.notes))
    for code, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        rule = CODES[code]
        print(f"{count:6}  {rule.outcome:8}  {code:20}  {rule.meaning}")
    n_mended = len({n.tool for n in catalogue.notes if CODES[n.code].outcome == "mended"})
    print(
        f"{out}: {len(catalogue.tools)} tools, {n_mended} of them mended, "
        f"{len(catalogue.rejected)} rejected"
    )
    if catalogue.tools:
        print(f"next: python -m data.build --tools {out} --out out/mine")


if __name__ == "__main__":
    cli.run(main)
