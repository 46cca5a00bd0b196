"""Run one spec several times with changes, all at once, and set the results side by side.

    python -m jobs.sweep SWEEP.yaml [--dry-run]

    spec: sft_t4.yaml            # beside the sweep file
    max_cost_usd: 20             # of all runs together
    runs:                        # each is the spec with these keys; mappings are merged
      - name: lr-1e-4
        overrides: {train.learning_rate: 1.0e-4}
      - name: lr-4e-4
        overrides: {train.learning_rate: 4.0e-4}

All runs are checked before the first is submitted. Writes OUT/SWEEP.md, OUT of the spec's pull.
Exit 0: all runs have their adapter here; 1: some have not; 2: the file is wrong. Scheduling is the
service's affair: all jobs are submitted, and it decides when each starts.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data import cli
from jobs.launch import Parser
from jobs.spec import JobSpec, read_yaml, spec_from

if TYPE_CHECKING:
    from huggingface_hub import HfApi, JobInfo

    from jobs.prepare import Prepared

KEYS = ("spec", "max_cost_usd", "runs")
COLUMNS = ("run", "outcome", "steps", "train loss", "eval loss", "dollars")


@dataclass(frozen=True)
class Sweep:
    """The specs of a sweep's runs. `max_cost_usd`: of all together."""

    specs: tuple[JobSpec, ...]
    max_cost_usd: float


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    sweep = load_sweep(args.sweep)

    from huggingface_hub import HfApi

    from jobs.prepare import prepared

    api = HfApi()
    with ExitStack() as stack:
        runs = [stack.enter_context(prepared(spec, api)) for spec in sweep.specs]
        print("\n\n".join(run.plan.text() for run in runs))
        if args.dry_run:
            print("dry run: nothing was sent; account and prices were read", file=sys.stderr)
            return 0
        jobs = [_start(run, api) for run in runs]
    rows = _see_all_through(api, jobs)
    table = table_of(rows)
    out = Path(sweep.specs[0].pull.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{args.sweep.stem}.md").write_text(table, encoding="utf-8")
    print(table)
    return 0 if all(row["outcome"] == "done" for row in rows) else 1


def load_sweep(path: Path) -> Sweep:
    """Read and check a sweep and the specs of all its runs. Raises UserError."""
    content = read_yaml(path)
    if not isinstance(content, dict) or sorted(content) != sorted(KEYS):
        found = ", ".join(map(str, content)) if isinstance(content, dict) else type(content)
        raise cli.UserError(f"{path}: found {found}; allowed, and needed: {', '.join(KEYS)}")
    most, runs = content["max_cost_usd"], content["runs"]
    if isinstance(most, bool) or not isinstance(most, int | float) or most <= 0:
        raise cli.UserError(f"{path}: max_cost_usd: found {most!r}; allowed: dollars, above 0")
    if not isinstance(runs, list) or not all(isinstance(r, dict) and "name" in r for r in runs):
        raise cli.UserError(f"{path}: runs: give a list of mappings that have a name")
    whole = read_yaml(path.parent / str(content["spec"]))
    specs = tuple(spec_from(merged(whole, r), f"{path}: runs: {r['name']}") for r in runs)
    _check_together(path, specs, most)
    return Sweep(specs, most)


def merged(spec: Any, changes: Mapping[str, Any]) -> Any:
    """A spec's content with keys replaced, and mappings merged."""
    if not isinstance(spec, dict):
        return spec
    content = dict(spec)
    for key, value in changes.items():
        old = content.get(key)
        merges = isinstance(old, dict) and isinstance(value, dict)
        content[key] = dict(old or {}, **value) if merges else value
    return content


def _check_together(path: Path, specs: Sequence[JobSpec], most: float) -> None:
    names = [spec.name for spec in specs]
    if len(set(names)) < len(names) or not names:
        raise cli.UserError(f"{path}: runs: found {', '.join(names) or 'none'}; names must differ")
    whole = sum(spec.max_cost_usd for spec in specs)
    if whole > most:
        raise cli.UserError(
            f"{path}: max_cost_usd: found {most:g}, and the runs may cost {whole:g} together; "
            "raise it, or lower theirs"
        )


def _start(run: Prepared, api: HfApi) -> JobInfo:
    job = run.start(api)
    print(f"job {job.id} {run.plan.spec.name} {job.url}", file=sys.stderr)
    return job


def _see_all_through(api: HfApi, jobs: Sequence[JobInfo]) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(max_workers=max(1, len(jobs))) as pool:
        return list(pool.map(lambda job: _see_through(api, job), jobs))


def _see_through(api: HfApi, job: JobInfo) -> dict[str, Any]:
    """The row of one run; one that fails does not end the others."""
    from jobs.run_ticket import ticket_of
    from jobs.see_through import see_through

    name = ticket_of(job).spec.name
    try:
        done = see_through(api, job, _prefixed(name))
    except cli.UserError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return {"run": name, "outcome": f"failed: {error}"}
    record = json.loads((done.folder / "run.json").read_text(encoding="utf-8"))
    return {"run": name, "outcome": "done", "dollars": f"{done.dollars:.2f}", **_figures(record)}


def _prefixed(name: str) -> Callable[[str], None]:
    from recipe.progress_line import parse_line

    def show(line: str) -> None:
        if parse_line(line) is not None:
            print(f"{name}: {line}", file=sys.stderr, flush=True)

    return show


def _figures(record: Mapping[str, Any]) -> dict[str, str]:
    """What a run.json says of how training went."""
    evaluated = [entry["eval_loss"] for entry in record["log"] if "eval_loss" in entry]
    last = f"{evaluated[-1]:.4f}" if evaluated else ""
    loss = f"{record['train_loss']:.4f}"
    return {"steps": str(record["steps"]), "train loss": loss, "eval loss": last}


def table_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """The runs as a Markdown table."""
    head = f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}\n"
    cells = ([str(row.get(column, "")).replace("|", "\\|") for column in COLUMNS] for row in rows)
    return head + "".join(f"| {' | '.join(row)} |\n" for row in cells)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m jobs.sweep",
        description="Run a spec several times with changes and set the results side by side.",
    )
    parser.add_argument("sweep", type=Path, metavar="SWEEP.yaml", help="docs/jobs.md has one")
    parser.add_argument("--dry-run", action="store_true", help="show all plans; nothing is sent")
    return parser


if __name__ == "__main__":
    cli.run(main)
