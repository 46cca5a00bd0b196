"""Run a spec on Hugging Face Jobs: check it, show its price, submit it, bring back what it made.

    python -m jobs.launch jobs/sft_t4.yaml [--dry-run | --detach]
    python -m jobs.launch logs|status|cancel|pull|resume ID

Exit 0: the adapter is here and is what the job trained (or the job was handed over with --detach);
1: the job or a check failed; 2: the spec is wrong; 130: Ctrl-C, and the job goes on. docs/jobs.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from data import cli
from jobs.spec import load_spec

if TYPE_CHECKING:
    from huggingface_hub import HfApi, JobInfo

VERBS = ("logs", "status", "cancel", "pull", "resume")


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in VERBS:
        from jobs.verbs import main as act

        return act(arguments)
    args = _parser().parse_args(arguments)
    spec = load_spec(args.spec)

    from huggingface_hub import HfApi

    from jobs.prepare import prepared

    api = HfApi()
    with prepared(spec, api) as run:
        print(run.plan.text())
        if args.dry_run:
            print(json.dumps(run.request.shown(), indent=2, ensure_ascii=False))
            print("dry run: nothing was sent; account and prices were read", file=sys.stderr)
            return 0
        job = run.start(api)
    print(f"job {job.id} {job.url}", flush=True)
    if args.detach:
        print(f"next: python -m jobs.launch resume {job.id}")
        return 0
    print(f"if this is cut off: python -m jobs.launch resume {job.id}", file=sys.stderr)
    return stay(api, job)


def stay(api: HfApi, job: JobInfo) -> int:
    """See the run through; Ctrl-C leaves it running."""
    from jobs.see_through import finish

    try:
        return finish(api, job)
    except KeyboardInterrupt:
        print(
            f"\nleft: job {job.id} goes on, and costs, until it is done; "
            f"`python -m jobs.launch resume {job.id}` comes back to it, `cancel {job.id}` ends it",
            file=sys.stderr,
        )
        return 130


class Parser(argparse.ArgumentParser):
    """Wrong usage is one line, as all errors are."""

    def error(self, message: str) -> NoReturn:
        raise cli.UserError(f"command line: {message}; see python -m jobs.launch --help")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m jobs.launch",
        description="Run a spec on Hugging Face Jobs and bring back the adapter.",
        epilog="For a job that exists: python -m jobs.launch "
        "logs|status|cancel|pull|resume ID (of the job, or of the run).",
    )
    parser.add_argument("spec", type=Path, metavar="SPEC.yaml", help="such as jobs/sft_t4.yaml")
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--dry-run", action="store_true", help="show plan and request; nothing is sent"
    )
    either.add_argument("--detach", action="store_true", help="submit, print the id, and leave")
    return parser


if __name__ == "__main__":
    cli.run(main)
