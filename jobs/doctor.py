"""Is this machine ready to launch? One line a question: ok, warn or fail, and what to do.

    python -m jobs.doctor

Asks the service who the token is of, what it offers and what runs; sends nothing. Exit 1: something
fails that a launch needs.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from data import cli
from jobs.bundle import ROOT, tracked_files, untracked_files

if TYPE_CHECKING:
    from huggingface_hub import HfApi

OK, WARN, FAIL = "ok", "warn", "fail"
OUR_MARK, STOCK_MARK = "jobs.hf_cli", "huggingface_hub.cli"
NEEDED = ("huggingface_hub", "hf-xet", "jsonargparse", "jsonschema", "pyyaml")


class Answer(NamedTuple):
    """How one question is answered."""

    grade: str
    topic: str
    said: str


def main(argv: Sequence[str] | None = None) -> int:
    _parser().parse_args(argv)
    found = [answer for question in QUESTIONS for answer in _answered(question)]
    for grade, topic, said in found:
        print(f"{grade:5}{topic:10}{said}", flush=True)
    return 1 if any(answer.grade == FAIL for answer in found) else 0


def _answered(question: Callable[[], Iterator[Answer]]) -> list[Answer]:
    try:
        return list(question())
    except cli.UserError as error:
        return [Answer(FAIL, question.__name__.lstrip("_"), str(error))]


def _hf() -> Iterator[Answer]:
    """Who owns the hf command: a reinstall of huggingface_hub takes it back without a word."""
    path = shutil.which("hf") or shutil.which("hf", path=str(Path(sys.executable).parent))
    instead = "`python -m jobs.launch SPEC.yaml` does the same"
    if path is None:
        yield Answer(WARN, "hf", f"not on PATH; {instead}")
        return
    text = Path(path).read_bytes().decode("utf-8", "replace")
    if OUR_MARK in text:
        yield Answer(OK, "hf", f"{path} is ours: `hf jobs run SPEC.yaml` works")
    elif STOCK_MARK in text:
        yield Answer(
            WARN,
            "hf",
            f"{path} is huggingface_hub's, so `hf jobs run SPEC.yaml` does not work: "
            f"`pip install --force-reinstall --no-deps -e .` puts ours back; {instead}",
        )
    else:
        yield Answer(WARN, "hf", f"{path} is neither ours nor huggingface_hub's; {instead}")


def _token() -> Iterator[Answer]:
    from huggingface_hub import HfApi, get_token

    from jobs.account import TOKENS_PAGE, read_account

    if get_token() is None:
        yield Answer(FAIL, "token", "none; run `hf auth login`, or set HF_TOKEN")
        return
    api = HfApi()
    account = read_account(api)
    if account.role == "read":
        yield Answer(FAIL, "token", f"{account.name}'s may only read; make one at {TOKENS_PAGE}")
    else:
        said = f"{account.name}'s, role {account.role}"
        if account.role == "fineGrained":
            said += "; it needs write access to repositories and buckets, and to jobs"
        yield Answer(OK, "token", said)
    if account.can_pay:
        yield Answer(OK, "credit", "a way to pay is known; the balance is at .../settings/billing")
    else:
        yield Answer(
            WARN, "credit", "no way to pay is known; add credit at huggingface.co/settings/billing"
        )
    yield from _service(api, account.name)


def _service(api: HfApi, owner: str) -> Iterator[Answer]:
    from jobs.follow import TERMINAL
    from jobs.hub_calls import explained, retried
    from jobs.run_ticket import VERSION_LABEL

    with explained("flavors"):
        n_offered = len(retried(api.list_jobs_hardware))
    yield Answer(OK, "flavors", f"{n_offered} on offer at {api.endpoint}")
    with explained("quota"):
        made = retried(lambda: list(api.list_jobs(namespace=owner)))
    running = [job for job in made if job.status.stage not in TERMINAL]
    ours = sum(VERSION_LABEL in (job.labels or {}) for job in running)
    grade = WARN if running else OK
    yield Answer(
        grade,
        "quota",
        f"{len(running)} jobs wait, run and cost now, {ours} of them ours; the service tells no "
        "limit before it is reached",
    )


def _versions() -> Iterator[Answer]:
    tested = _constraints()
    for name in NEEDED:
        try:
            found = version(name)
        except PackageNotFoundError:
            yield Answer(
                FAIL, "versions", f"{name} is missing; pip install -c constraints.txt -e ."
            )
            continue
        wanted = tested.get(_plain(name))
        if wanted is not None and wanted != found:
            yield Answer(WARN, "versions", f"{name} {found}; {wanted} is what was tested")
    yield Answer(OK, "versions", f"Python {sys.version.split()[0]}, toolcall-sft {_own_version()}")


def _constraints() -> dict[str, str]:
    """Tested versions by name; none where the checkout has no constraints.txt."""
    file = ROOT / "constraints.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    pairs = (line.split("==", 1) for line in lines if "==" in line)
    return {_plain(name): wanted.strip() for name, wanted in pairs}


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def _own_version() -> str:
    try:
        return version("toolcall-sft")
    except PackageNotFoundError:
        return "not installed"


def _git() -> Iterator[Answer]:
    from recipe.run_record import git_commit

    n_files = len(tracked_files())
    commit = git_commit() or "no commit"
    if commit.endswith("+"):
        said = f"{commit[:12]} with changes; a job gets the {n_files} tracked files as they are now"
        yield Answer(WARN, "git", said)
    else:
        yield Answer(OK, "git", f"{commit[:12]}; a job gets its {n_files} tracked files")
    left = untracked_files()
    if left:
        yield Answer(WARN, "git", f"{len(left)} untracked files stay here, such as {left[0]}")


QUESTIONS = (_hf, _token, _versions, _git)


def _parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="python -m jobs.doctor", description="Say whether this machine is ready to launch."
    )


if __name__ == "__main__":
    cli.run(main)
