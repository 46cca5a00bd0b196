"""The tool catalogue as its YAML files say it, one domain a file (docs/catalogue.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from data.slots import Pools, Slot

CATALOGUE_DIR = Path(__file__).parent / "catalogue"
POOLS_FILE = "pools.yaml"
SLOT = re.compile(r"\{(\w+)\}")
WHOLE_SLOT = re.compile(r"\{(\w+)\}\Z")
OPTIONAL = re.compile(r"\[([^\[\]]*)\]")


class CatalogError(ValueError):
    """A catalogue file that cannot be used; the message names the file and what to mend."""


@dataclass(frozen=True)
class Outcome:
    """What a tool answers, and what the assistant then says."""

    result: Any
    answer: str


@dataclass(frozen=True)
class Tool:
    """A tool as MCP defines it, with the language people use when they want it."""

    name: str
    description: str
    does: str
    input_schema: dict[str, Any]
    requests: tuple[str, ...]
    slots: dict[str, Any] = field(default_factory=dict)
    arguments: Any = None
    needs: dict[str, str] = field(default_factory=dict)
    yields: dict[str, Any] = field(default_factory=dict)
    outcomes: tuple[Outcome, ...] = ()
    errors: tuple[dict[str, str], ...] = ()

    def definition(self) -> dict[str, Any]:
        """The tool as it is offered to the model: an MCP tool object."""
        return {
            "name": self.name,
            "description": self.description,
            "inputSchema": self.input_schema,
        }

    def call_arguments(self, slots: Mapping[str, Slot]) -> dict[str, Any]:
        """Arguments for the slots that were said; what was not said is left out."""
        template = self.arguments or {name: f"{{{name}}}" for name in self.slots}
        arguments = substitute(template, slots)
        return arguments if isinstance(arguments, dict) else {}


@dataclass(frozen=True)
class Domain:
    """One catalogue file."""

    name: str
    about: str
    tools: tuple[Tool, ...]
    pools: Pools
    chains: tuple[dict[str, Any], ...] = ()
    refusals: tuple[dict[str, Any], ...] = ()
    answers: tuple[dict[str, Any], ...] = ()


_DROPPED = object()


def substitute(template: Any, slots: Mapping[str, Slot]) -> Any:
    """Put slot values into a template; "{x}" alone keeps x's type, keys of absent slots vanish."""
    filled = _substitute(template, slots)
    return {} if filled is _DROPPED else filled


def _substitute(template: Any, slots: Mapping[str, Slot]) -> Any:
    if isinstance(template, dict):
        pairs = {key: _substitute(value, slots) for key, value in template.items()}
        kept = {key: value for key, value in pairs.items() if value is not _DROPPED}
        return kept if kept or not template else _DROPPED
    if isinstance(template, list):
        items = [_substitute(item, slots) for item in template]
        kept_items = [item for item in items if item is not _DROPPED]
        return kept_items if kept_items or not template else _DROPPED
    if not isinstance(template, str):
        return template
    whole = WHOLE_SLOT.match(template)
    if whole:
        return slots[whole[1]].value if whole[1] in slots else _DROPPED
    if any(name not in slots for name in SLOT.findall(template)):
        return _DROPPED
    return SLOT.sub(lambda match: str(slots[match[1]].value), template)


def segments(phrasing: str) -> list[tuple[str, bool]]:
    """Split a phrasing into (text, optional) pieces: `"[...]"` is optional."""
    pieces = OPTIONAL.split(phrasing)
    return [(text, index % 2 == 1) for index, text in enumerate(pieces) if text]


def slots_of(phrasing: str) -> list[str]:
    """Names of the slots a phrasing mentions, in order."""
    return SLOT.findall(phrasing)


@cache
def load_catalogue(folder: Path = CATALOGUE_DIR) -> tuple[Domain, ...]:
    """All domains of a folder in the order of their file names. Raises CatalogError."""
    shared = load_pools(folder)
    files = sorted(path for path in folder.glob("*.yaml") if path.name != POOLS_FILE)
    return tuple(load_domain(path, shared) for path in files)


def load_pools(folder: Path = CATALOGUE_DIR) -> Pools:
    """The pools that every domain of a folder may use."""
    pools: Pools = _read_yaml(folder / POOLS_FILE)
    if not isinstance(pools, Mapping):
        raise CatalogError(f"{folder / POOLS_FILE}: no mapping of pools; see docs/catalogue.md")
    return pools


def load_domain(path: Path, shared: Pools) -> Domain:
    """One domain file. Raises CatalogError for a key that is missing or unknown."""
    raw = _read_yaml(path)
    try:
        tools = tuple(_tool(entry) for entry in raw.pop("tools"))
        pools = {**shared, **raw.pop("pools", {})}
        lists = {key: tuple(raw.pop(key, ())) for key in ("chains", "refusals", "answers")}
        domain = Domain(raw.pop("domain"), raw.pop("about"), tools, pools, **lists)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise CatalogError(f"{path}: {reason}; see docs/catalogue.md") from None
    if raw:
        raise CatalogError(f"{path}: unknown keys {sorted(map(str, raw))}; see docs/catalogue.md")
    return domain


def _read_yaml(path: Path) -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except OSError as error:
        raise CatalogError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise CatalogError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise CatalogError(f"{path}: not YAML: {' '.join(str(error).split())}") from None


def _tool(entry: dict[str, Any]) -> Tool:
    json.dumps(entry)  # A bare date in YAML is no JSON: better a TypeError here than in the build.
    fields = dict(entry)
    fields["input_schema"] = fields.pop("inputSchema")
    fields["requests"] = tuple(map(_text, fields["requests"]))
    fields["outcomes"] = tuple(Outcome(**outcome) for outcome in fields.get("outcomes", ()))
    fields["errors"] = tuple(fields.get("errors", ()))
    return Tool(**fields)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text; quote it")
    return value
