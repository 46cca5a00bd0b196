"""What can be known before anything is paid: is the dataset sound, will the run fit, how long?

Both are asked of the commands that say so, python -m data.validate and python -m recipe.preflight.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from data.cli import DataError, UserError
from jobs.bundle import Entry
from jobs.spec import BUNDLE, JobSpec
from recipe.config import BUILTIN

if TYPE_CHECKING:
    from recipe.sources import Source

ERRORS_SHOWN = 5
# Python with torch, CUDA's libraries and the records: an allowance, not measured on a GPU.
HOST_GIB = 4.0


@dataclass(frozen=True)
class Dataset:
    """A dataset as the job finds it (`for_job`) and as it lies here.

    `files`: what is checked; `entries`: what is sent, none for a dataset that the job has or gets
    itself.
    """

    for_job: str
    files: tuple[Path, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Forecast:
    """Hours of a run: low, expected, high; `note` says what they are of.

    `host_gib`: memory of the machine that it needs beside the GPU's, about.
    """

    low: float
    expected: float
    high: float
    host_gib: float = 0.0
    note: str = ""


def open_dataset(spec: JobSpec) -> Dataset:
    """The dataset of a spec; of the Hub at the commit that its revision is now. Raises UserError.

    A dataset of the Hub is downloaded, so that it can be checked.
    """
    from data.hub_files import HUB
    from recipe.sources import open_source

    path = spec.dataset.path
    if path == BUILTIN:
        return Dataset(BUILTIN, (), ())
    if not path.startswith(HUB) and not Path(path).exists():
        raise UserError(f"dataset.path: found {path}, and there is no such file or folder")
    source = open_source(path)
    entries = tuple(_entries(source))
    files = tuple(entry.source for entry in entries)
    if not any(Path(entry.path).name.startswith("train") for entry in entries):
        raise UserError(f"dataset.path: {path} has no train.jsonl or train.parquet")
    if source.repo is not None:
        return Dataset(f"{HUB}{source.repo}@{source.commit}", files, ())
    return Dataset(f"{BUNDLE}/dataset", files, entries)


def _entries(source: Source) -> list[Entry]:
    """The split files of a dataset; one file alone is its train split."""
    from recipe.sources import LAYOUTS, SPLITS

    if source.file is not None:
        return [Entry(source.file, f"train{source.file.suffix}")]
    layouts = {split: [layout.format(split=split) for layout in LAYOUTS] for split in SPLITS}
    there = [s for s in SPLITS if any(any(source.folder.glob(name)) for name in layouts[s])]
    files = [file for split in there for file in source.split_files(split)]
    return [Entry(file, file.relative_to(source.folder).as_posix()) for file in files]


def validate(dataset: Dataset) -> None:
    """Check every record. Raises DataError with the first error, and prints some more."""
    with TemporaryDirectory() as folder:
        files = [_as_jsonl(file, Path(folder)) for file in dataset.files]
        if not files:
            return
        print(f"checking {', '.join(file.name for file in dataset.files)}", file=sys.stderr)
        done = _run("data.validate", "--format", "json", *map(str, files))
    findings = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    errors = [finding for finding in findings if finding["severity"] == "error"]
    if done.returncode == 0:
        return
    if not errors:
        raise DataError(f"dataset: {_last_line(done)}")
    for finding in errors[:ERRORS_SHOWN]:
        print(_finding_line(finding), file=sys.stderr)
    first = f"{Path(errors[0]['file']).name}:{errors[0]['line']} {errors[0]['code']}"
    raise DataError(
        f"dataset: {len(errors)} errors, the first is {first}; nothing was sent; "
        f"python -m data.validate {' '.join(map(str, dataset.files))} lists all"
    )


def _finding_line(finding: dict[str, Any]) -> str:
    place = f"{Path(finding['file']).name}:{finding['line']}"
    return f"{place}: {finding['code']}: {finding['message']}"


def _as_jsonl(file: Path, folder: Path) -> Path:
    """The file itself, or the records of a Parquet file as lines."""
    if file.suffix != ".parquet":
        return file
    from data.record import write_examples
    from recipe.sources import open_source, read_split

    copy = folder / f"{file.stem}.jsonl"
    write_examples(copy, read_split(open_source(str(file)), "train"))
    return copy


def forecast(spec: JobSpec, dataset: Dataset) -> Forecast | None:
    """Hours on the spec's flavor; None where nothing is known of it. Raises DataError.

    It is an error if the run does not fit the memory of the GPU.
    """
    from recipe.preflight.flavors import flavors

    flavor = flavors().get(spec.flavor)
    if flavor is None:
        return None
    found = _preflight(spec, _path_here(spec, dataset))
    row = found["flavors"][0]
    if not row["fits"]:
        raise DataError(f"preflight: does not fit {spec.flavor}: {row['why_not']}")
    n_gpus = flavor.count if found["config"]["train"]["max_steps"] <= 0 else 1
    hours = {name: value / n_gpus for name, value in row["hours"].items()}
    note = f"if {n_gpus} GPUs are {n_gpus} times as fast as one" if n_gpus > 1 else ""
    # The base passes through the machine's memory on its way to the GPU.
    bases = [peak["terms"].get("base weights", 0) for peak in found["memory"].values()]
    host_gib = HOST_GIB + max(bases, default=0) / 2**30
    return Forecast(hours["low"], hours["expected"], hours["high"], host_gib, note)


def _preflight(spec: JobSpec, path: str) -> dict[str, Any]:
    """The figures of python -m recipe.preflight for a dataset at `path`. Raises DataError."""
    with TemporaryDirectory() as folder:
        result = Path(folder) / "forecast.json"
        done = _run(
            "recipe.preflight",
            *spec.train_arguments(),
            *(f"--data.path={path}", "--flavor", spec.flavor, "--json", str(result)),
        )
        if not result.is_file():
            raise DataError(f"preflight: {_last_line(done)}")
        found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        return found


def _path_here(spec: JobSpec, dataset: Dataset) -> str:
    """--data.path on this machine; a dataset of the Hub at its commit, which is in the cache."""
    return dataset.for_job if not dataset.entries else spec.dataset.path


def _run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    """What a command that failed said last; without its own `error: `."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    said = lines[-1] if lines else f"exit code {done.returncode}"
    return said.removeprefix("error: ")
