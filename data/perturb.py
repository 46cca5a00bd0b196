"""Rename tools and parameters in a share of examples: the model must read names, not know them.

Only names change, everywhere in an example at once; what a tool does and takes stays as it was.
The idea is that of function masking in Hammer (arXiv:2410.04587), with readable names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from data.names import styles_of, words_of
from data.record import Message
from data.wire import ToolCall, read_strict, request_text

TOOL_SHARE = 0.6
PARAMETER_SHARE = 0.4
SERVERS = ("acme", "api", "backend", "core", "gateway", "hub", "kit", "mcp", "office", "team")
AFFIXES = ("{}_value", "{}_arg", "input_{}", "{}_param", "p_{}", "the_{}", "{}_field", "user_{}")
# With one of these a property's name may be meant elsewhere in the schema.
NAMING_KEYWORDS = {
    "allOf",
    "anyOf",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "else",
    "if",
    "not",
    "oneOf",
    "patternProperties",
    "propertyNames",
    "then",
}
MAX_NAME = 64

Names = dict[str, str]


def perturb(
    tools: Sequence[Mapping[str, Any]], messages: Sequence[Message], rng: Random
) -> tuple[tuple[dict[str, Any], ...], tuple[Message, ...]]:
    """The same tools and conversation under other names; calls in the history included."""
    names: Names = {}
    parameters: dict[str, Names] = {}
    for tool in tools:
        taken = {*names.values(), *(t["name"] for t in tools)}
        names[tool["name"]] = _renamed(tool["name"], TOOL_SHARE, _new_tool_name, taken, rng)
        parameters[tool["name"]] = _parameter_names(tool["inputSchema"], rng)
    return (
        tuple(_renamed_tool(tool, names, parameters) for tool in tools),
        tuple(_renamed_calls(message, names, parameters) for message in messages),
    )


def _renamed(
    name: str, share: float, new_name: Callable[[str, Random], str], taken: set[str], rng: Random
) -> str:
    if rng.random() >= share:
        return name
    new = new_name(name, rng)
    return new if len(new) <= MAX_NAME and new not in taken else name


def _new_tool_name(name: str, rng: Random) -> str:
    words = words_of(name)
    styles = (
        *styles_of(words),
        "".join(word.capitalize() for word in words),
        "_".join(words).upper(),
        f"{rng.choice(SERVERS)}.{'_'.join(words)}",
        f"{rng.choice(SERVERS)}__{name}",
        f"{rng.choice(SERVERS)}-{'-'.join(words)}",
    )
    return rng.choice(styles)


def _new_parameter_name(name: str, rng: Random) -> str:
    plain, *styles = styles_of(words_of(name))
    affixed = [rng.choice(AFFIXES).format(plain) for _ in range(2)]
    return rng.choice([plain, *styles, *affixed])


def _parameter_names(schema: Mapping[str, Any], rng: Random) -> Names:
    """New names for some properties of the top level; none where the schema names them twice."""
    properties = schema.get("properties", {})
    if NAMING_KEYWORDS & set(schema) or "#/properties" in str(schema):
        return {}
    names: Names = {}
    for name in properties:
        taken = {*names.values(), *properties}
        if words_of(name):
            names[name] = _renamed(name, PARAMETER_SHARE, _new_parameter_name, taken, rng)
    return names


def _renamed_tool(
    tool: Mapping[str, Any], names: Names, parameters: Mapping[str, Names]
) -> dict[str, Any]:
    schema = dict(tool["inputSchema"])
    new = parameters[tool["name"]]
    if "properties" in schema:
        schema["properties"] = {new.get(k, k): v for k, v in schema["properties"].items()}
    if "required" in schema:
        schema["required"] = [new.get(name, name) for name in schema["required"]]
    return {**tool, "name": names[tool["name"]], "inputSchema": schema}


def _renamed_calls(message: Message, names: Names, parameters: Mapping[str, Names]) -> Message:
    if message.role != "assistant":
        return message
    calls = read_strict(message.content).calls
    if not calls:
        return message
    renamed = [_renamed_call(call, names, parameters) for call in calls]
    return Message("assistant", "\n".join(request_text(call) for call in renamed))


def _renamed_call(call: ToolCall, names: Names, parameters: Mapping[str, Names]) -> ToolCall:
    new = parameters.get(call.name, {})
    arguments = {new.get(key, key): value for key, value in call.arguments.items()}
    return ToolCall(names.get(call.name, call.name), arguments, call.id)
