"""Read the tool catalogue: YAML files, one per domain, checked on the way in.

    python -m data.catalog [FILE.yaml ...]

prints every problem of the named files (default: the shipped catalogue) and exits 1 if there is
any. The format is described in docs/catalogue.md.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from data.slots import Pools, Slot, SlotError, fill

CATALOGUE_DIR = Path(__file__).parent / "catalogue"
POOLS_FILE = "pools.yaml"
SLOT = re.compile(r"\{(\w+)\}")
WHOLE_SLOT = re.compile(r"\{(\w+)\}\Z")
OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
MIN_REQUESTS = 10
SAMPLES_PER_REQUEST = 3


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


def problems(domain: Domain) -> Iterator[str]:
    """Everything that is wrong with a domain, one line each."""
    names = [tool.name for tool in domain.tools]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name}: defined twice"
    for tool in domain.tools:
        for problem in _tool_problems(tool, domain.pools):
            yield f"{tool.name}: {problem}"
    by_name = {tool.name: tool for tool in domain.tools}
    for chain in domain.chains:
        for problem in _chain_problems(chain, by_name, domain.pools):
            yield f"chain {str(chain.get('requests', ''))[:40]!r}: {problem}"
    for kind, reply in (("refusals", "refusal"), ("answers", "answer")):
        for entry in getattr(domain, kind):
            for problem in _dialogue_problems(entry, reply, domain.pools):
                yield f"{kind} {str(entry.get('request', ''))[:40]!r}: {problem}"


def _tool_problems(tool: Tool, pools: Pools) -> Iterator[str]:
    if len(tool.requests) < MIN_REQUESTS:
        yield f"{len(tool.requests)} requests; write at least {MIN_REQUESTS}"
    if len(set(tool.requests)) < len(tool.requests):
        yield "a request stands twice"
    try:
        Draft202012Validator.check_schema(tool.input_schema)
    except SchemaError as error:
        yield f"inputSchema: {error.message}"
        return
    unknown = {s for text in tool.requests for s in slots_of(text)} - set(tool.slots)
    if unknown:
        yield f"requests use slots that `slots` does not define: {sorted(unknown)}"
        return
    if not set(tool.needs) <= set(tool.slots):
        yield f"`needs` names no slots: {sorted(set(tool.needs) - set(tool.slots))}"
    try:
        yield from _argument_problems(tool, pools)
        yield from _outcome_problems(tool, pools)
    except (SlotError, KeyError, ValueError, TypeError) as error:
        yield f"slots: {error}"


def _argument_problems(tool: Tool, pools: Pools) -> Iterator[str]:
    check = Draft202012Validator(
        tool.input_schema, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    rng = Random(tool.name)
    for text in tool.requests:
        if not set(tool.needs) <= set(slots_of(text)):
            absent = sorted(set(tool.needs) - set(slots_of(text)))
            yield f"request {text!r} never says {absent}; every request must be able to"
        for _ in range(SAMPLES_PER_REQUEST):
            slots = {name: fill(tool.slots[name], pools, rng) for name in slots_of(text)}
            for error in check.iter_errors(tool.call_arguments(slots)):
                yield f"request {text!r} gives arguments that break the schema: {error.message}"
    slots = {name: fill(spec, pools, rng) for name, spec in tool.slots.items()}
    needed = {name: slots[name] for name in tool.needs}
    if not check.is_valid(tool.call_arguments(needed)):
        yield "the slots in `needs` alone do not make valid arguments; is one missing there?"
    for name in tool.needs:
        rest = {other: slot for other, slot in slots.items() if other != name}
        if check.is_valid(tool.call_arguments(rest)):
            yield f"`needs` names {name!r}, but the arguments are valid without it"
    open_ended = any(_droppable_need(text, tool) for text in tool.requests)
    if tool.needs and not open_ended:
        yield "no request has a needed slot in [brackets], so nothing can be asked back"
    if not tool.outcomes:
        yield "`outcomes` is empty"


def _droppable_need(text: str, tool: Tool) -> bool:
    return any(
        optional and set(slots_of(part)) & set(tool.needs) for part, optional in segments(text)
    )


def _outcome_problems(tool: Tool, pools: Pools) -> Iterator[str]:
    rng = Random(tool.name)
    for spec in tool.yields.values():
        fill(spec, pools, rng)
    sure = set(tool.needs) | set(tool.yields)
    for outcome in tool.outcomes:
        unknown = set(slots_of(f"{outcome.result} {outcome.answer}")) - sure - set(tool.slots)
        if unknown:
            yield f"outcome uses slots defined in neither `slots` nor `yields`: {sorted(unknown)}"
        hazy = set(slots_of(outcome.answer)) - sure
        if hazy:
            yield f"answer says optional slots {sorted(hazy)}; use needed slots and `yields` only"
        unseen = (
            set(slots_of(outcome.answer)) - set(tool.needs) - set(slots_of(str(outcome.result)))
        )
        if unseen:
            yield f"answer says {sorted(unseen)}, which the result does not contain"
    for error in tool.errors:
        hazy = set(slots_of(f"{error['message']} {error['answer']}")) - set(tool.needs)
        if hazy:
            yield f"error uses slots {sorted(hazy)}; only needed slots are sure to be said"


def _chain_problems(
    chain: dict[str, Any], tools: Mapping[str, Tool], pools: Pools
) -> Iterator[str]:
    try:
        rng = Random(0)
        slots = {name: fill(spec, pools, rng) for name, spec in chain["slots"].items()}
        for phrasing in chain["requests"]:
            said = set(slots_of(phrasing))
            if said != set(slots):
                yield f"{phrasing[:40]!r} says {sorted(said)}; the slots are {sorted(slots)}"
        for step in chain["steps"]:
            yield from _step_problems(step, tools, slots)
            slots |= {name: fill(spec, pools, rng) for name, spec in step.get("yields", {}).items()}
            unknown = set(slots_of(str(step["result"]))) - set(slots)
            if unknown:
                yield f"a result uses undefined slots {sorted(unknown)}"
        unknown = set(slots_of(chain["answer"])) - set(slots)
        if unknown:
            yield f"the answer uses undefined slots {sorted(unknown)}"
    except (SlotError, KeyError, TypeError, ValueError) as error:
        yield f"{type(error).__name__}: {error}"


def _step_problems(
    step: dict[str, Any], tools: Mapping[str, Tool], slots: Mapping[str, Slot]
) -> Iterator[str]:
    if step["tool"] not in tools:
        yield f"no tool {step['tool']!r} in this domain"
        return
    unknown = set(slots_of(str(step["arguments"]))) - set(slots)
    if unknown:
        yield f"arguments of {step['tool']} use slots not known by then: {sorted(unknown)}"
    check = Draft202012Validator(tools[step["tool"]].input_schema)
    for error in check.iter_errors(substitute(step["arguments"], slots)):
        yield f"arguments of {step['tool']} break its schema: {error.message}"


def _dialogue_problems(entry: dict[str, Any], reply: str, pools: Pools) -> Iterator[str]:
    try:
        slots = {
            name: fill(spec, pools, Random(0)) for name, spec in entry.get("slots", {}).items()
        }
        unknown = set(slots_of(entry["request"] + entry[reply])) - set(slots)
        if unknown:
            yield f"undefined slots {sorted(unknown)}"
    except (SlotError, KeyError, TypeError) as error:
        yield f"{type(error).__name__}: {error}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check catalogue files.")
    parser.add_argument(
        "files", nargs="*", type=Path, help="domain files (default: the shipped ones)"
    )
    files = parser.parse_args(argv).files or sorted(CATALOGUE_DIR.glob("*.yaml"))
    found = 0
    n_tools = 0
    for path in files:
        if path.name == POOLS_FILE:
            continue
        try:
            domain = load_domain(path, load_pools())
        except CatalogError as error:
            print(error)
            found += 1
            continue
        n_tools += len(domain.tools)
        for problem in problems(domain):
            print(f"{path}: {problem}")
            found += 1
    print(f"{n_tools} tools checked, {found} problems", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
