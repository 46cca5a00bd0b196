"""Let a teacher model write examples for your tools; keep those that pass every check.

    python -m data.synthesize --tools TOOLS.json --endpoint URL --teacher MODEL --out DIR
                              [--records 500] [--max_dollars 2 --price_in 0.3 --price_out 1.2]

URL is any OpenAI-compatible API (https://host/v1), or `hf` for Hugging Face's Inference Providers.
The key is read from the environment. Stopped at any time, the same command goes on. More:
docs/synthesize.md.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tqdm import tqdm

from data import cli
from data.build import MIX
from data.synthesize.journal import Journal
from data.synthesize.judge import Judge
from data.synthesize.run import Run
from data.synthesize.settings import Settings
from data.synthesize.state import State
from data.synthesize.tasks import Tool, fits
from data.synthesize.teacher import HF_ENDPOINT, Teacher, key_for
from data.synthesize.two_models import refuse_same
from data.synthesize.write import kinds_table, rejects_table, write_results
from data.tools.catalogue import read_tools

DEFAULT_STUDENT = "Qwen/Qwen3-1.7B"
LINE_EVERY = 50


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    settings = _settings(args)
    refuse_same(settings.teacher, settings.student)
    tools = _fitting(read_tools(settings.tools), settings.tools)
    tools_sha256 = hashlib.sha256(settings.tools.read_bytes()).hexdigest()
    teacher = Teacher(settings, key_for(settings.endpoint, args.key_env))
    _make_folder(settings.out)
    journal = Journal(settings.out / "journal.jsonl")
    run = Run(settings, State(settings, tools, Judge(settings.against)), journal)
    try:
        manifest = _run(run, teacher, tools_sha256)
    finally:
        teacher.close()
        journal.close()
        if run.is_new and not run.n_answers:
            _remove_start(settings.out)
    return _say(manifest, settings.out)


def _run(run: Run, teacher: Teacher, tools_sha256: str) -> dict[str, Any]:
    """Go on with what the journal has, ask for the rest, and write the results however it ends."""
    run.go_on(tools_sha256)
    if run.n_answers:
        print(f"{run.settings.out}: goes on after {run.n_answers} answers", file=sys.stderr)
    for kind in run.state.impossible:
        print(f"{kind}: no tool has a required argument; left out", file=sys.stderr)
    manifest = {}
    try:
        with _bar(run.settings.records, len(run.state.kept)) as bar:
            run.run(teacher, lambda run: _show(run, bar))
    finally:
        if run.n_answers:
            manifest = write_results(run, tools_sha256)
    return manifest


def _remove_start(out: Path) -> None:
    """Nothing was answered and nothing spent: leave no trace, so that a corrected command runs."""
    (out / "journal.jsonl").unlink()
    if not any(out.iterdir()):
        out.rmdir()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m data.synthesize",
        description="Let a teacher model write examples for your tools.",
    )
    add = parser.add_argument
    add("--tools", type=Path, required=True, help="a file of python -m data.tools import")
    add("--endpoint", required=True, help="URL of an OpenAI-compatible API, or hf")
    add("--teacher", required=True, metavar="MODEL", help="its name at the endpoint")
    add("--student", default=DEFAULT_STUDENT, help="the base model to be trained: %(default)s")
    add("--out", type=Path, required=True, help="folder to write, or to go on with")
    add("--records", type=int, default=500, help="how many to keep; default %(default)s")
    add("--kinds", nargs="+", choices=tuple(MIX), default=tuple(MIX), metavar="KIND", help="all")
    add("--key_env", metavar="NAME", help="variable of the environment that holds the key")
    add("--max_requests", type=int, help="stop after so many; default four a record, and 20")
    add("--max_tokens", type=int, help="stop before more are sent and answered")
    add("--max_dollars", type=float, help="stop before more is spent; needs both prices")
    add("--price_in", type=float, help="dollars for a million tokens sent")
    add("--price_out", type=float, help="dollars for a million tokens answered")
    add("--max_reply_tokens", type=int, default=1024, help="of one answer; default %(default)s")
    add("--temperature", type=float, default=0.9)
    add("--concurrency", type=int, default=8, help="requests at a time; default %(default)s")
    add("--timeout_s", type=float, default=120, help="for one answer; default %(default)s")
    add("--retries", type=int, default=5, help="after 429, 5xx or no answer")
    add("--retry_delay_s", type=float, default=1.0, help="doubled with each retry")
    add(
        "--against", nargs="+", type=Path, default=(), metavar="FILE", help="not like these records"
    )
    add("--seed", type=int, default=42)
    return parser


def _settings(args: argparse.Namespace) -> Settings:
    """The settings of a command line. Raises UserError."""
    given = {f.name: getattr(args, f.name) for f in fields(Settings)}
    kinds = tuple(kind for kind in MIX if kind in args.kinds)
    endpoint = HF_ENDPOINT if args.endpoint == "hf" else args.endpoint.rstrip("/")
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise cli.UserError(f"--endpoint {args.endpoint}: give https://HOST/v1, or hf")
    if parts.username or parts.password or parts.query:
        raise cli.UserError(
            "--endpoint: holds a name, a password or a query, which the manifest would show; "
            "put the key into the environment and say --key_env NAME"
        )
    for path in args.against:
        if not path.is_file():
            raise cli.UserError(f"--against {path}: no such file; give record files")
    return Settings(
        **{**given, "endpoint": endpoint, "kinds": kinds, "against": tuple(args.against)}
    )


def _fitting(tools: Sequence[Tool], path: Path) -> list[Tool]:
    """The tools that a record has room for. Raises DataError where there is none."""
    fitting = [tool for tool in tools if fits(tool)]
    for tool in tools:
        if not fits(tool):
            print(f"{tool['name']}: too long a definition for a record; left out", file=sys.stderr)
    if not fitting:
        raise cli.DataError(f"{path}: no definition is short enough for a record; shorten them")
    return fitting


def _make_folder(out: Path) -> None:
    """The folder of a run: new, empty, or one that an earlier run began."""
    if out.exists() and not out.is_dir():
        raise cli.UserError(f"{out}: not a folder; choose another --out")
    if out.is_dir() and any(out.iterdir()) and not (out / "journal.jsonl").is_file():
        raise cli.UserError(f"{out}: holds something else; choose another --out or remove it")
    out.mkdir(parents=True, exist_ok=True)


def _bar(n_records: int, n_kept: int) -> Any:
    return tqdm(total=n_records, initial=n_kept, unit="rec", disable=None, leave=False)


def _show(run: Run, bar: Any) -> None:
    """The bar; where there is no terminal, a line now and then."""
    n_answers, n_kept = run.n_answers, len(run.state.kept)
    spent = run.budget.facts()
    money = "" if spent["dollars"] is None else f", ${spent['dollars']:.2f}"
    tokens = spent["tokens_in"] + spent["tokens_out"]
    share = n_kept / n_answers if n_answers else 0
    text = f"yield {share:.0%}, {spent['requests']} requests, {tokens:,} tokens{money}"
    bar.update(n_kept - bar.n)
    bar.set_postfix_str(text, refresh=False)
    if bar.disable and n_answers and n_answers % LINE_EVERY == 0:
        print(f"{n_kept} of {bar.total} records, {text}", file=sys.stderr)


def _say(manifest: dict[str, Any], out: Path) -> int:
    if not manifest:
        raise cli.UserError("the budget does not allow a single request; raise it")
    spent = manifest["spent"]
    print(kinds_table(manifest))
    print(f"\n{rejects_table(manifest)}\n" if manifest["rejects"] else "")
    money = "" if spent["dollars"] is None else f", ${spent['dollars']:.4f}"
    tokens = f"{spent['tokens_in']} tokens sent, {spent['tokens_out']} answered"
    print(f"{manifest['records']} records, {spent['requests']} requests, {tokens}{money}")
    if manifest["stopped_by"]:
        print(f"stopped by {manifest['stopped_by']}; raise it and say the same to go on")
    if not manifest["records"]:
        raise cli.DataError(
            f"{out}: nothing was kept; rejects.jsonl has each answer and its reason"
        )
    print(f"next: python -m data.validate {out}/records.jsonl")
    return 0


if __name__ == "__main__":
    cli.run(main)
