"""Check the tool catalogue before anything is built from it.

    python -m data.catalog [FILE.yaml ...]

prints every problem of the named files (default: the shipped catalogue) and exits 1 if there is
any. The format is described in docs/catalogue.md.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from data.domains import (
    CATALOGUE_DIR,
    POOLS_FILE,
    CatalogError,
    Domain,
    Tool,
    load_domain,
    load_pools,
    segments,
    slots_of,
    substitute,
)
from data.slots import Pools, Slot, SlotError, fill, may_be_spelled

MIN_REQUESTS = 10
SAMPLES_PER_REQUEST = 3
GLUED = re.compile(r"(?<=[^\W\d_])\{(\w+)\}|\{(\w+)\}(?=[^\W\d_])")


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
        yield from _glued(tool)
        yield from _argument_problems(tool, pools)
        yield from _outcome_problems(tool, pools)
    except (SlotError, KeyError, ValueError, TypeError) as error:
        yield f"slots: {error}"


def _glued(tool: Tool) -> Iterator[str]:
    for text in tool.requests:
        for name in (before or after for before, after in GLUED.findall(text)):
            if may_be_spelled(tool.slots[name]):
                yield f"request {text!r} glues {name}, which may be a word, to a letter; part them"


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
