"""A mix as its YAML file says it: sources, sizes, shares, benchmarks (docs/mix.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from data.build import MAX_CHARACTERS, MIX, SPLIT_SIZES
from data.cli import UserError
from data.record import KINDS
from data.shares import apportion

MIXES_DIR = Path(__file__).parent.parent / "mixes"
CATALOGUE, HUB = "catalogue", "hub:"
RECORDS = "records"
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}\Z")
_REPO = re.compile(r"[\w.-]+/[\w.-]+\Z")
_MIX_KEYS = {"sizes", "shares", "max_characters", "sources", "against"}
_PLACE_KEYS = {"name", "from", "files", "format", "answers", "optional"}
_SOURCE_KEYS = _PLACE_KEYS | {"licence", "weight", "cap", "kinds", "max_tools", "max_messages"}


@dataclass(frozen=True)
class Place:
    """Where rows come from and how they are read. `place`: catalogue, a file, or hub:ID@REVISION"""

    name: str
    place: str
    files: tuple[str, ...]
    """Of a repository: the files to read, in this order."""
    format: str
    answers: str | None
    optional: bool
    """Leave it out, and say so, where the Hub does not let this login read it."""

    @property
    def is_hub(self) -> bool:
        return self.place.startswith(HUB)

    @property
    def repo(self) -> str:
        return self.place.removeprefix(HUB).partition("@")[0]

    @property
    def revision(self) -> str:
        """What the mix asks for; the lock file has its commit."""
        return self.place.partition("@")[2]


@dataclass(frozen=True)
class Source(Place):
    """One source of records, and how much of it may be taken."""

    licence: str
    weight: float
    """Of two sources that have enough of a kind, one of twice the weight gives twice the rows."""
    cap: int | None
    """Rows of train."""
    kinds: tuple[str, ...]
    max_tools: int | None
    max_messages: int | None


@dataclass(frozen=True)
class Plan:
    """A whole mix. `shares` are relative, by kind; `sizes` are rows of each split."""

    path: Path
    sizes: Mapping[str, int]
    shares: Mapping[str, int]
    max_characters: int
    sources: tuple[Source, ...]
    against: tuple[Place, ...]

    def quotas(self, split: str) -> dict[str, int]:
        """How many rows of each kind a split gets."""
        return apportion(self.sizes[split], self.shares)


def find_mix(name: str) -> Path:
    """The file of a mix: a path, or the name of one that is shipped. Raises UserError."""
    path = Path(name)
    shipped = MIXES_DIR / f"{name}.yaml"
    if path.is_file():
        return path
    if "/" not in name and shipped.is_file():
        return shipped
    names = ", ".join(sorted(p.stem for p in MIXES_DIR.glob("*.yaml") if ".lock" not in p.name))
    raise UserError(f"{name}: no such file and no shipped mix; give a YAML file or one of {names}")


def read_plan(path: Path) -> Plan:
    """The mix of a file. Raises UserError naming the key that is wrong."""
    raw = _mapping(_parsed(path), f"{path}")
    _refuse_unknown(raw, _MIX_KEYS, f"{path}")
    entries = _list(raw.get("sources"), f"{path}: sources")
    sources = tuple(_source(entry, f"{path}: sources[{n}]") for n, entry in enumerate(entries))
    against = tuple(
        _benchmark(entry, f"{path}: against[{n}]")
        for n, entry in enumerate(_list(raw.get("against", []), f"{path}: against"))
    )
    if not sources:
        raise UserError(f"{path}: sources: none given; list at least one, see docs/mix.md")
    names = [place.name for place in (*sources, *against)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{path}: the name {twice[0]!r} stands twice; give each its own")
    return Plan(
        path=path,
        sizes=_counts(raw, "sizes", SPLIT_SIZES, path),
        shares=_shares(raw, path),
        max_characters=_whole(raw, "max_characters", f"{path}") or MAX_CHARACTERS,
        sources=sources,
        against=against,
    )


def _parsed(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give a YAML file") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}") from None


def _source(entry: Any, where: str) -> Source:
    raw = _mapping(entry, where)
    _refuse_unknown(raw, _SOURCE_KEYS, where)
    licence = raw.get("licence")
    if not isinstance(licence, str) or not licence.strip():
        raise UserError(
            f"{where}: licence: missing; give its SPDX name, or the word unknown where none is said"
        )
    weight = raw.get("weight", 1)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < 1e6:
        raise UserError(f"{where}: weight: {weight!r}; give a number above 0")
    kinds = tuple(_list(raw.get("kinds", list(KINDS)), f"{where}: kinds"))
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise UserError(f"{where}: kinds: {unknown[0]!r}; allowed: {', '.join(KINDS)}")
    return Source(
        **_place(raw, where),
        licence=licence.strip(),
        weight=weight,
        cap=_whole(raw, "cap", where),
        kinds=kinds,
        max_tools=_whole(raw, "max_tools", where),
        max_messages=_whole(raw, "max_messages", where),
    )


def _benchmark(entry: Any, where: str) -> Place:
    raw = _mapping(entry, where)
    _refuse_unknown(raw, _PLACE_KEYS, where)
    return Place(**_place(raw, where))


def _place(raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    name, place = raw.get("name"), raw.get("from")
    if not isinstance(name, str) or not _NAME.match(name):
        raise UserError(f"{where}: name: {name!r}; give 1 to 64 of a-z 0-9 _ . -")
    if not isinstance(place, str) or not place:
        raise UserError(f"{where}: from: {place!r}; give catalogue, a file, or hub:ID@REVISION")
    repo, _, revision = place.removeprefix(HUB).partition("@")
    if place.startswith(HUB) and not (_REPO.match(repo) and revision):
        raise UserError(f"{where}: from: {place!r}; write hub:OWNER/NAME@REVISION")
    files = tuple(_list(raw.get("files", []), f"{where}: files"))
    if place.startswith(HUB) and not (files and all(isinstance(file, str) for file in files)):
        raise UserError(f"{where}: files: missing; list the files of {repo} to read")
    if files and not place.startswith(HUB):
        raise UserError(f"{where}: files: only for hub:; give one file in from")
    form, answers = raw.get("format", RECORDS), raw.get("answers")
    if not isinstance(form, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", form):
        raise UserError(f"{where}: format: {form!r}; give a format of python -m data.convert")
    if answers is not None and (not isinstance(answers, str) or len(files) > 1):
        raise UserError(f"{where}: answers: give one file name, for one file of questions")
    optional = raw.get("optional", False)
    if not isinstance(optional, bool):
        raise UserError(f"{where}: optional: {optional!r}; give true or false")
    return {
        "name": name,
        "place": place,
        "files": files,
        "format": form,
        "answers": answers,
        "optional": optional,
    }


def _counts(
    raw: Mapping[str, Any], key: str, default: Mapping[str, int], path: Path
) -> dict[str, int]:
    """Whole numbers by name; what is not given is the default."""
    given = _mapping(raw.get(key, {}), f"{path}: {key}")
    _refuse_unknown(given, set(default), f"{path}: {key}")
    for name, count in given.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise UserError(f"{path}: {key}.{name}: {count!r}; give a whole number, 0 or more")
    return {**default, **given}


def _shares(raw: Mapping[str, Any], path: Path) -> dict[str, int]:
    """Kinds that are not named get no share once any is named."""
    shares = _counts(raw, "shares", dict.fromkeys(MIX, 0) if "shares" in raw else MIX, path)
    if not any(shares.values()):
        raise UserError(f"{path}: shares: all are 0; give at least one kind a share")
    return {kind: share for kind, share in shares.items() if share}


def _whole(raw: Mapping[str, Any], key: str, where: str) -> int | None:
    value = raw.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UserError(f"{where}: {key}: {value!r}; give a whole number, 1 or more")
    return value


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UserError(f"{where}: no mapping of keys to values; see docs/mix.md")
    return value


def _list(value: Any, where: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise UserError(f"{where}: no list; see docs/mix.md")
    return value


def _refuse_unknown(raw: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := [key for key in raw if key not in known]:
        allowed = ", ".join(sorted(known))
        raise UserError(f"{where}: unknown key {unknown[0]!r}; allowed: {allowed}")
