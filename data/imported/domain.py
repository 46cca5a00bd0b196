"""Imported tools as one domain of the catalogue, with requests from phrasings that fit any tool."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

from data.checks.engines import SchemaError, compiled
from data.checks.patterns import PatternTooSlow
from data.domains import Domain, Outcome, Tool, load_pools
from data.imported.speech import deeds_of, is_reading, label_of
from data.imported.values import spec_of
from data.imported.vocabulary import POOLS, SENTENCES
from data.imported.wordings import (
    ACT_OUTCOMES,
    BY_NAME,
    ERRORS,
    READ_OUTCOMES,
    REFUSALS,
    REQUESTS,
    STYLES,
    STYLES_OF_ONE,
    YIELDS,
)
from data.names import words_of
from data.slots import Pools, SlotError, fill

MAX_OPTIONAL = 3
N_TRIALS = 12
_FOLDERS = {"directory", "directories", "folder", "folders", "dir", "tree"}
# Beyond this a tool leaves no room for its own conversation (data.build.MAX_CHARACTERS).
MAX_CHARACTERS = 5500


class LeftOut(NamedTuple):
    """A tool for which no records can be made, and why."""

    tool: str
    reason: str


class Slots(NamedTuple):
    """How a tool's arguments are drawn, by slot: specs, property names, the needed ones."""

    specs: dict[str, Any]
    properties: dict[str, str]
    needed: tuple[str, ...]
    constants: dict[str, Any]


def domain_of(
    tools: Sequence[dict[str, Any]], catalogue: Sequence[Domain], rng: Random
) -> tuple[Domain, tuple[LeftOut, ...]]:
    """The domain of all tools that can be spoken about, and those that cannot.

    The catalogue gives its shared pools, and questions that need no tool and no value.
    """
    pools: Pools = {**load_pools(), **POOLS}
    made: list[Tool] = []
    left_out: list[LeftOut] = []
    refusals: list[dict[str, Any]] = []
    for definition in tools:
        tool = _tool(definition, pools, rng)
        if isinstance(tool, str):
            left_out.append(LeftOut(definition["name"], tool))
            continue
        made.append(tool)
        refusals.extend(_refusals(tool))
    rng.shuffle(refusals)
    answers = [e for domain in catalogue for e in domain.answers if not e.get("slots")]
    rng.shuffle(answers)
    lists = {"refusals": tuple(refusals), "answers": tuple(answers)}
    return Domain("imported", "imported tools", tuple(made), pools, **lists), tuple(left_out)


def _tool(definition: dict[str, Any], pools: Pools, rng: Random) -> Tool | str:
    """The tool with its language, or why there can be none."""
    if len(json.dumps(definition)) > MAX_CHARACTERS:
        return f"longer than {MAX_CHARACTERS:,} characters"
    slots = _slots(definition["name"], definition["inputSchema"])
    if isinstance(slots, str):
        return f"no value can be drawn for {slots!r}"
    deeds = deeds_of(definition)
    tool = Tool(
        name=definition["name"],
        description=definition["description"],
        does=deeds[0],
        input_schema=definition["inputSchema"],
        requests=tuple(_requests(definition["name"], deeds, slots, rng)),
        slots=slots.specs,
        arguments={**slots.constants, **{p: f"{{{s}}}" for s, p in slots.properties.items()}},
        needs={s: f"the {label_of(slots.properties[s])}" for s in slots.needed},
        yields=YIELDS,
        outcomes=_outcomes(deeds[0]),
        errors=tuple({"message": message, "answer": answer} for message, answer in ERRORS),
    )
    return tool if _can_be_valid(tool, pools) else "no valid arguments were found"


def _slots(tool: str, schema: dict[str, Any]) -> Slots | str:
    """The slots of a schema, or the required property that cannot be drawn."""
    specs: dict[str, Any] = {}
    names: dict[str, str] = {}
    constants: dict[str, Any] = {}
    given = schema.get("properties")
    properties = given if isinstance(given, dict) else {}
    required: list[str] = [name for name in schema.get("required", []) if isinstance(name, str)]
    for number, name in enumerate(dict.fromkeys([*properties, *required])):
        part = properties.get(name, {})
        if isinstance(part, dict) and "const" in part and name in required:
            constants[name] = part["const"]
            continue
        spec = spec_of(_meant(name, tool), part, schema)
        if spec is None and name in required:
            return str(name)
        if spec is not None:
            slot = f"a{number}"
            specs[slot], names[slot] = spec, name
    needed = tuple(slot for slot, name in names.items() if name in required)
    return Slots(specs, names, needed, constants)


def _meant(name: str, tool: str) -> str:
    """A parameter's name; the path of a tool for folders is one of a folder."""
    is_path = words_of(name)[-1:] == ["path"]
    return "directory" if is_path and _FOLDERS & set(words_of(tool)) else name


def _requests(name: str, deeds: Sequence[str], slots: Slots, rng: Random) -> Iterator[str]:
    """One phrasing a template; which values it has room for beside the needed ones varies."""
    optional = [slot for slot in slots.specs if slot not in slots.needed]
    templates = [(template, deeds[n % len(deeds)]) for n, template in enumerate(REQUESTS)]
    is_sayable = not set("[]{}") & set(name)
    templates += [(template, deeds[0]) for template in BY_NAME if is_sayable]
    rng.shuffle(templates)
    for template, deed in templates:
        some = rng.sample(optional, min(len(optional), rng.randint(0, MAX_OPTIONAL)))
        said = "".join(_segments([*slots.needed, *some], slots, rng))
        yield (
            template.replace("<does>", deed)
            .replace("<Does>", deed[0].upper() + deed[1:])
            .replace("<name>", name)
            .replace("<args>", said)
        )


def _segments(chosen: Sequence[str], slots: Slots, rng: Random) -> Iterator[str]:
    style = rng.choice(STYLES if len(chosen) > 1 else STYLES_OF_ONE)
    for slot in chosen:
        if rng.random() < 0.2:
            style = rng.choice(STYLES)
        label = label_of(slots.properties[slot])
        said = f'"{{{slot}}}"' if slots.specs[slot] in SENTENCES else f"{{{slot}}}"
        yield "[" + style.replace("<label>", label).replace("{slot}", said) + "]"


def _outcomes(deed: str) -> tuple[Outcome, ...]:
    pairs = READ_OUTCOMES if is_reading(deed) else ACT_OUTCOMES
    return tuple(Outcome(result, answer) for result, answer in pairs)


def _refusals(tool: Tool) -> Iterator[dict[str, Any]]:
    for request, refusal in REFUSALS:
        said = request.replace("<does>", tool.does)
        said = said.replace("<Does>", tool.does[0].upper() + tool.does[1:])
        yield {"tool": tool.name, "request": said, "refusal": refusal}


def _can_be_valid(tool: Tool, pools: Pools) -> bool:
    """Whether drawn arguments fit the schema, with all values said and with the needed ones."""
    rng = Random(tool.name)
    schema = compiled(tool.input_schema)
    for _ in range(N_TRIALS):
        try:
            drawn = {slot: fill(spec, pools, rng) for slot, spec in tool.slots.items()}
            needed = {slot: value for slot, value in drawn.items() if slot in tool.needs}
            if not schema.errors(tool.call_arguments(needed)):
                return True
        except (SlotError, SchemaError, PatternTooSlow, RecursionError):
            return False
    return False
