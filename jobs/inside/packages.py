"""Does the image have what training needs? Only the standard library is imported."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from data.cli import DataError

TORCH = "torch"
_LOWEST = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*>=\s*(?P<lowest>[0-9.]+)")


class Requirement(NamedTuple):
    """A package and the lowest version that will do."""

    name: str
    lowest: str


def check_packages(code: Path, install: bool, work: Path) -> None:
    """All packages that training needs are there, or are installed. Raises DataError.

    `code`: the folder with pyproject.toml and constraints.txt. torch is never installed or
    replaced: the image's build is the one that fits its drivers. Other versions than the tested
    ones are a line on stderr.
    """
    if not (code / "pyproject.toml").is_file():
        return  # `hf jobs uv run` mounts packages alone; uv has installed what the script pins
    needed, tested = requirements(code / "pyproject.toml"), pins(code / "constraints.txt")
    lacking = [requirement for requirement in needed if not _fits(requirement)]
    if any(requirement.name == TORCH for requirement in lacking):
        raise DataError(f"{_said(lacking)}; choose an image with torch, which is never installed")
    if lacking and not install:
        raise DataError(
            f"{_said(lacking)}; set install: true in the spec, or choose an image that has all"
        )
    if lacking:
        _install(lacking, tested, work)
    others = {r.name: installed(r.name) for r in needed if r.name in tested}
    differing = [f"{n} {v} (tested: {tested[n]})" for n, v in others.items() if v != tested[n]]
    if differing:
        print(f"warning: versions: {', '.join(differing)}", file=sys.stderr, flush=True)


def requirements(pyproject: Path) -> list[Requirement]:
    """What the project and its [train] extra need."""
    import tomllib

    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    listed = [*project["dependencies"], *project["optional-dependencies"]["train"]]
    matches = [_LOWEST.match(entry) for entry in listed]
    return [Requirement(_normal(found["name"]), found["lowest"]) for found in matches if found]


def pins(constraints: Path) -> dict[str, str]:
    """The tested version of each package, by its name as packaging writes it."""
    lines = constraints.read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==", 1) for line in lines if "==" in line and not line.startswith("#"))
    return {_normal(name.strip()): pinned.strip() for name, pinned in pairs}


def _normal(name: str) -> str:
    """One spelling of a package's name: PyYAML is pyyaml, huggingface_hub is huggingface-hub."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(name: str) -> str | None:
    """The version that is installed, without what a build adds after `+`."""
    try:
        return version(name).split("+")[0]
    except PackageNotFoundError:
        return None


def _fits(requirement: Requirement) -> bool:
    found = installed(requirement.name)
    return found is not None and _release(found) >= _release(requirement.lowest)


def _release(text: str) -> tuple[int, ...]:
    """The numbers of a version: 2.10.0rc1 is (2, 10, 0)."""
    found = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _said(lacking: list[Requirement]) -> str:
    """`the image lacks peft (0.21 or later), and has trl 1.2 where 1.16 or later is needed`."""
    words = []
    for name, lowest in lacking:
        found = installed(name)
        words.append(f"{name} {found} ({lowest} or later)" if found else f"{name} ({lowest})")
    return f"the image lacks {', '.join(words)}"


def _install(lacking: list[Requirement], tested: dict[str, str], work: Path) -> None:
    """pip-install the tested versions. Raises DataError with pip's last line."""
    kept = {**tested, TORCH: version(TORCH)}  # with what a build adds: 2.13.0+cu126
    constraints = work / "constraints.txt"
    constraints.write_text("".join(f"{n}=={v}\n" for n, v in kept.items()), encoding="utf-8")
    names = [name for name, _ in lacking]
    print(f"installing {', '.join(names)}", flush=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "--no-input", "--constraint", str(constraints), *names],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["pip said nothing"]
        raise DataError(f"the image lacks {', '.join(names)}, and pip cannot install: {lines[-1]}")
    importlib.invalidate_caches()
