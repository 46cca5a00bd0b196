"""Mix sources of records into one dataset: four splits, a manifest and a card.

    python -m data.mix MIX.yaml --out DIR [--pin] [--seed 42] [--against bfcl:FILE]...

MIX is a file or the name of a shipped mix (data/mixes). --pin first resolves the revisions of the
Hub that are not pinned yet; without --out it does only that. All keys: docs/mix.md.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from data import cli
from data.mix import hub
from data.mix.choose import choose
from data.mix.leaks import Benchmark
from data.mix.ledger import Ledger
from data.mix.plan import Place, Plan, find_mix, read_plan
from data.mix.pool import Intake, Pool, keep_valid_once
from data.mix.rows import catalogue_rows, files_of, is_catalogue, read_place, reader_of
from data.mix.write import manifest_of, reasons_table, write_papers, write_splits
from data.record import Example

DEFAULT_SEED = 42


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    plan = _with_against(read_plan(find_mix(args.mix)), args.against)
    if not args.out and not args.pin:
        raise cli.UserError("command line: --out is missing; say where to write (or --pin alone)")
    _refuse_filled(args.out)
    for place in (*plan.sources, *plan.against):
        reader_of(place)
    lock = hub.read_lock(plan.path)
    if args.pin:
        lock = hub.pin(plan.path, (*plan.sources, *plan.against))
        for key, commit in lock.items():
            print(f"{key} {commit}", file=sys.stderr if args.out else sys.stdout)
    if args.out:
        _say(mix(plan, args.out, args.seed, lock), args.out)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m data.mix", description="Mix sources of records into one dataset."
    )
    parser.add_argument("mix", metavar="MIX", help="YAML file, or the name of a shipped mix")
    parser.add_argument("--out", type=Path, help="folder to write; must not exist or be empty")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument(
        "--pin", action="store_true", help="resolve revisions of the Hub into the lock file"
    )
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="FORMAT:FILE",
        help="a benchmark whose requests must not occur, beside those of the mix",
    )
    return parser


def _with_against(plan: Plan, given: Sequence[str]) -> Plan:
    """The plan and the benchmarks of the command line; their paths are those of the shell."""
    more: list[Place] = []
    for text in given:
        form, _, file = text.partition(":")
        if not file or not Path(file).is_file():
            raise cli.UserError(f"--against {text}: write FORMAT:FILE with an existing file")
        known = {place.name for place in (*plan.sources, *plan.against, *more)}
        name = Path(file).stem.lower()
        name = next(n for i in count(1) if (n := name if i == 1 else f"{name}-{i}") not in known)
        more.append(Place(name, str(Path(file).resolve()), (), form, None, False))
    return replace(plan, against=(*plan.against, *more))


def _refuse_filled(out: Path | None) -> None:
    if out and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise cli.UserError(f"{out}: already holds something; choose another --out or remove it")


def mix(plan: Plan, out: Path, seed: int, lock: dict[str, str]) -> dict[str, Any]:
    """Write the dataset to `out`, whole or not at all, and return its manifest."""
    files, no_access = _fetched(plan, lock)
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        manifest = _write(plan, partial, seed, files)
        for place in (*plan.sources, *plan.against):
            if place.is_hub:
                part = "sources" if place.name in manifest["sources"] else "against"
                manifest[part][place.name]["commit"] = hub.commit_of(place, lock)
        manifest["no_access"] = no_access
        write_papers(partial, plan, manifest)
    except BaseException:
        shutil.rmtree(partial)
        raise
    if out.exists():
        out.rmdir()
    partial.rename(out)
    return manifest


def _write(plan: Plan, folder: Path, seed: int, files: dict[str, list[Path]]) -> dict[str, Any]:
    """Read all sources, choose, write the splits; returns the manifest so far."""
    pool = Pool(folder / "candidates.jsonl")
    with Ledger(folder / "left_out.jsonl") as ledger:
        against = _benchmarks(plan, files)
        intake = Intake(plan, list(against), ledger)
        pool.fill(_candidates(intake, files, seed))
        keep_valid_once(pool, ledger)
        splits = choose(plan, pool, ledger, seed)
    write_splits(folder, splits, pool.read)
    pool.path.unlink()
    facts = {benchmark.name: facts for benchmark, facts in against.items()}
    return {"seed": seed, **manifest_of(folder, plan, splits, ledger), "against": facts}


def _fetched(plan: Plan, lock: dict[str, str]) -> tuple[dict[str, list[Path]], list[str]]:
    """The files of every place, and the names of optional ones that may not be read."""
    files: dict[str, list[Path]] = {}
    no_access = []
    for place in (*plan.sources, *plan.against):
        if is_catalogue(place):
            continue
        try:
            files[place.name] = files_of(place, plan.path, lock)
        except hub.NoAccess as error:
            if not place.optional:
                raise
            print(f"{error}; left out, for it is optional", file=sys.stderr)
            no_access.append(place.name)
    return files, no_access


def _benchmarks(plan: Plan, files: dict[str, list[Path]]) -> dict[Benchmark, dict[str, int]]:
    found = {}
    for place in plan.against:
        benchmark, n_unread = Benchmark(place.name), 0
        for row in read_place(place, files.get(place.name, [])):
            if row.example is None:
                n_unread += 1
            else:
                benchmark.add(row.example)
        if n_unread:
            print(
                f"{place.name}: {n_unread} rows that are no records: not kept out", file=sys.stderr
            )
        found[benchmark] = {"requests": benchmark.n_requests, "unread": n_unread}
    return found


def _candidates(
    intake: Intake, files: dict[str, list[Path]], seed: int
) -> Iterator[tuple[Example, str | None]]:
    for source in intake.plan.sources:
        if is_catalogue(source):
            rows = catalogue_rows(source, intake.plan, seed)
        else:
            rows = read_place(source, files.get(source.name, []))
        yield from intake.admitted(source, rows)


def _say(manifest: dict[str, Any], out: Path) -> None:
    for split, facts in manifest["splits"].items():
        sources = ", ".join(f"{name} {count}" for name, count in facts["sources"].items())
        print(f"{split:12} {facts['examples']:6} examples  {facts['sha256'][:12]}  {sources}")
    if rows := reasons_table(manifest["sources"]):
        print(f"\n{rows}\n")
    print(f"next: python -m data.validate {out}/train.jsonl --against {out}/test_seen.jsonl")


if __name__ == "__main__":
    cli.run(main)
