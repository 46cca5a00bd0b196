"""The spec of a job: a YAML file that says what is trained, on which machine, for how much.

jobs/spec.schema.json is its JSON Schema; editors complete specs by it, and a test holds it to the
dataclasses here. Beside the schema, a spec is checked for what a schema cannot say: that presets
exist, that overrides make a configuration, that all GPUs of a flavor are used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from data.cli import UserError
from jobs.spec_errors import Unique, schema_errors

PAYLOAD_VARIABLE = "TOOLCALL_SFT_JOB"
BUNDLE = "/bundle"
# Settings that follow from the spec itself.
RESERVED = {
    "data.path": "dataset.path",
    "train.dollars_per_hour": "flavor",
}
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class DatasetSpec:
    """What is trained on."""

    path: str = "builtin"
    """`builtin`, a folder, a file of records, or `hub:ID@REVISION`."""


@dataclass(frozen=True)
class ResultSpec:
    """Where the job puts what it made."""

    repo: str
    """A model repository, NAME or OWNER/NAME; made if it does not exist."""

    private: bool = True
    """Whether it is made private."""


@dataclass(frozen=True)
class PullSpec:
    """What is fetched when the job is done."""

    out: str = "out"
    """Folder that gets a folder named as the run."""


@dataclass(frozen=True)
class JobSpec:
    """A whole spec; spec.schema.json says what each key allows."""

    name: str
    flavor: str
    image: str
    timeout: str
    max_cost_usd: float
    presets: tuple[str, ...]
    result: ResultSpec
    attempts: int = 2
    secrets: tuple[str, ...] = ("HF_TOKEN",)
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    dataset: DatasetSpec = field(default_factory=DatasetSpec)
    install: bool = True
    parallel: Literal["none", "ddp", "fsdp"] = "none"
    on_projection_over: Literal["stop", "warn"] = "stop"
    pull: PullSpec = field(default_factory=PullSpec)
    evaluate: bool = False

    @property
    def timeout_s(self) -> float:
        """The spec's own limit on one attempt."""
        return float(self.timeout[:-1]) * _UNIT_S[self.timeout[-1]]

    def as_dict(self) -> dict[str, Any]:
        """The spec as JSON has it, defaults included."""
        content: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return content

    def train_arguments(self) -> list[str]:
        """Presets and overrides as python -m recipe.train takes them."""
        presets = [part for name in self.presets for part in ("--config", name)]
        return [*presets, *(f"--{key}={_as_text(v)}" for key, v in self.overrides.items())]


_GROUPS = {"dataset": DatasetSpec, "result": ResultSpec, "pull": PullSpec}


def load_spec(path: Path) -> JobSpec:
    """Read and check a spec. Raises UserError, one line that names key, found and allowed."""
    return spec_from(read_yaml(path), str(path))


def read_yaml(path: Path) -> Any:
    """What a YAML file holds. Raises UserError for one that is missing, broken or repeats a key."""
    import yaml

    try:
        return yaml.load(path.read_text(encoding="utf-8"), Unique)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give a spec such as jobs/sft_t4.yaml") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8 text; give a spec such as jobs/sft_t4.yaml") from None
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        line = f"line {mark.line + 1}: " if mark else ""
        raise UserError(f"{path}: {line}not YAML ({problem or 'unreadable'}); mend it") from None


def spec_from(content: Any, place: str) -> JobSpec:
    """The spec of parsed YAML or JSON. Raises UserError that starts with `place`."""
    problems = schema_errors(content)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise UserError(f"{place}: {problems[0]}{more}")
    values = {key: _frozen(key, value) for key, value in content.items()}
    spec = JobSpec(**values)
    _check_settings(spec, place)
    _check_gpus(spec, place)
    return spec


def _frozen(key: str, value: Any) -> Any:
    if key in _GROUPS:
        return _GROUPS[key](**value)
    return tuple(value) if isinstance(value, list) else value


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _check_settings(spec: JobSpec, place: str) -> None:
    from recipe.command_line import parse

    for key, instead in RESERVED.items():
        if key in spec.overrides:
            raise UserError(f"{place}: overrides.{key}: follows from {instead}; set that instead")
    if PAYLOAD_VARIABLE in spec.env:
        raise UserError(f"{place}: env.{PAYLOAD_VARIABLE}: is set by the launcher; remove it")
    try:
        parse(spec.train_arguments())
    except UserError as error:
        raise UserError(f"{place}: presets and overrides: {error}") from None


def _check_gpus(spec: JobSpec, place: str) -> None:
    from recipe.preflight.flavors import flavors

    flavor = flavors().get(spec.flavor)
    if flavor is not None and flavor.count > 1 and spec.parallel == "none":
        raise UserError(
            f"{place}: parallel: found none, and {spec.flavor} has {flavor.count} GPUs, which are "
            "all paid; allowed here: ddp, fsdp, or a flavor with one GPU"
        )
