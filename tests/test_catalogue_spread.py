"""The catalogue's tools are as varied as real ones: histograms beside those of 3,453 MCP tools.

The real shares are written here, so the tests need nothing else; where ../shared/real is present,
they are measured anew. Two histograms are compared by total variation distance, the share of tools
that would have to move to another bin: 0 is equal, 1 is disjoint.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import pytest
from conftest import SHARED

from data.domains import load_catalogue

REAL_FILE = SHARED / "real" / "mcp_tools.jsonl"
needs_real_tools = pytest.mark.skipif(not REAL_FILE.is_file(), reason="no ../shared/real")

Tool = dict[str, Any]
LISTS_OF_SCHEMAS = ("anyOf", "oneOf", "allOf", "prefixItems")
MAPS_OF_SCHEMAS = ("properties", "patternProperties", "$defs", "definitions")
SINGLE_SCHEMAS = ("items", "additionalProperties", "not", "if", "then", "else", "contains")
SAME_WORDS = 8


def properties(tool: Tool) -> dict[str, Any]:
    return tool["inputSchema"].get("properties") or {}


def required_share(tool: Tool) -> float:
    """Required among all parameters; -1 for a tool that has none."""
    required = set(tool["inputSchema"].get("required") or ())
    return len(required & set(properties(tool))) / len(properties(tool)) if properties(tool) else -1


def nesting(schema: Any, root: Tool, seen: tuple[str, ...] = ()) -> int:
    """Levels of objects and arrays inside one another; 1 is a flat object."""
    if not isinstance(schema, dict):
        return 0
    same = [inner for key in LISTS_OF_SCHEMAS[:3] for inner in as_list(schema.get(key))]
    target = schema.get("$ref")
    if isinstance(target, str) and target.startswith("#/") and target not in seen:
        same.append(at(root, target))
        seen = (*seen, target)
    inside = list((schema.get("properties") or {}).values())
    inside += [inner for key in SINGLE_SCHEMAS[:2] for inner in as_list(schema.get(key))]
    holds = {"object", "array"} & set(as_list(schema.get("type"))) or "properties" in schema
    below = max((nesting(inner, root, seen) for inner in inside), default=0)
    beside = max((nesting(inner, root, seen) for inner in same), default=0)
    return max(beside, below + (1 if holds or below else 0))


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def at(root: Any, reference: str) -> Any:
    """What a local reference such as #/$defs/line names, or None."""
    for part in reference[2:].split("/"):
        root = root.get(part) if isinstance(root, dict) else None
    return root


def subschemas(schema: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(schema, dict):
        return
    yield schema
    for key in LISTS_OF_SCHEMAS + SINGLE_SCHEMAS:
        for inner in as_list(schema.get(key)):
            yield from subschemas(inner)
    for key in MAPS_OF_SCHEMAS:
        for inner in (schema[key] if isinstance(schema.get(key), dict) else {}).values():
            yield from subschemas(inner)


class Histogram(NamedTuple):
    """What is counted, the upper ends of its bins, the real shares, the distance allowed."""

    values: Callable[[Tool], Sequence[float]]
    upper: tuple[float, ...]
    real: tuple[float, ...]
    limit: float = 0.15


# A tool has several described parameters, one of everything else; the last bin has no upper end.
HISTOGRAMS = {
    "parameters": Histogram(
        lambda tool: [len(properties(tool))],
        (0, 1, 2, 3, 4, 5, 7, 10),
        (0.141, 0.306, 0.217, 0.121, 0.075, 0.047, 0.049, 0.028, 0.015),
    ),
    "required share": Histogram(  # no parameters, none required, up to half, more, all
        lambda tool: [required_share(tool)],
        (-1, 0, 0.5, 0.999),
        (0.141, 0.125, 0.243, 0.064, 0.427),
        limit=0.2,  # what no request ever says is of little use here: few tools require nothing
    ),
    "nesting": Histogram(
        lambda tool: [nesting(tool["inputSchema"], tool["inputSchema"])],
        (1, 2, 3),
        (0.811, 0.136, 0.024, 0.029),
    ),
    "description characters": Histogram(
        lambda tool: [len(tool["description"] or "")],
        (30, 60, 120, 250, 500),
        (0.228, 0.314, 0.154, 0.137, 0.109, 0.058),
    ),
    "parameter description characters": Histogram(
        lambda tool: [len(str(p.get("description") or "")) for p in properties(tool).values()],
        (0, 20, 40, 80),
        (0.383, 0.12, 0.225, 0.168, 0.104),
    ),
    "schema characters": Histogram(
        lambda tool: [len(compact(tool["inputSchema"]))],
        (100, 200, 300, 500, 800, 1200),
        (0.1, 0.328, 0.194, 0.193, 0.094, 0.048, 0.043),
    ),
    "all characters": Histogram(
        lambda tool: [len(compact({k: tool[k] for k in ("name", "description", "inputSchema")}))],
        (150, 250, 350, 500, 800, 1200),
        (0.041, 0.17, 0.193, 0.231, 0.188, 0.095, 0.083),
    ),
}
# Share of the real tools that use a keyword anywhere in their schema.
KEYWORDS = {
    "enum": 0.114,
    "array": 0.121,
    "nested object": 0.074,
    "format": 0.013,
    "range": 0.06,
    "pattern": 0.012,
    "default": 0.226,
    "nullable": 0.053,
    "anyOf or oneOf": 0.064,
    "$ref": 0.003,
    "closed": 0.346,
    "open": 0.044,
    "text length": 0.028,
    "array length": 0.007,
    "const": 0.004,
    "examples": 0.0,
    "title": 0.271,
    "$schema": 0.342,
}


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def keywords(tool: Tool) -> set[str]:
    """Names from KEYWORDS that a tool's schema uses."""
    found = set()
    for node in subschemas(tool["inputSchema"]):
        kinds, extra = as_list(node.get("type")), node.get("additionalProperties")
        uses = {
            "array": "items" in node,
            "nested object": "properties" in node and node is not tool["inputSchema"],
            "range": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"} & set(node),
            "nullable": "null" in kinds or node.get("nullable"),
            "anyOf or oneOf": {"anyOf", "oneOf"} & set(node),
            "closed": extra is False,
            "open": extra is True or isinstance(extra, dict),
            "text length": {"minLength", "maxLength"} & set(node),
            "array length": {"minItems", "maxItems", "uniqueItems"} & set(node),
        }
        found |= {name for name, used in uses.items() if used} | (set(KEYWORDS) & set(node))
    return found


@cache
def real_tools() -> tuple[Tool, ...]:
    return tuple(json.loads(line) for line in REAL_FILE.read_text(encoding="utf-8").splitlines())


@cache
def our_tools() -> tuple[Tool, ...]:
    return tuple(tool.definition() for domain in load_catalogue() for tool in domain.tools)


def shares(tools: Sequence[Tool], histogram: Histogram) -> list[float]:
    counts = [0] * (len(histogram.upper) + 1)
    for tool in tools:
        for value in histogram.values(tool):
            counts[bisect_left(histogram.upper, value)] += 1
    return [count / sum(counts) for count in counts]


def distance(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(abs(a - b) for a, b in zip(left, right, strict=True)) / 2


def use_of(tools: Sequence[Tool], keyword: str) -> float:
    return sum(keyword in keywords(tool) for tool in tools) / len(tools)


def runs_of_words(tool: Tool) -> set[tuple[str, ...]]:
    """Every run of SAME_WORDS words in a tool's own description or in one of its schema."""
    texts = [tool["description"], *(n.get("description") for n in subschemas(tool["inputSchema"]))]
    words = [re.findall(r"\w+", text.lower()) for text in texts if isinstance(text, str)]
    return {tuple(w[i : i + SAME_WORDS]) for w in words for i in range(len(w) - SAME_WORDS + 1)}


def test_distance_is_the_share_that_would_have_to_move() -> None:
    assert distance([0.5, 0.5], [0.5, 0.5]) == 0
    assert distance([0.5, 0.5], [0.25, 0.75]) == 0.25
    assert distance([1, 0], [0, 1]) == 1


def test_nesting_counts_objects_and_arrays_through_references() -> None:
    line: Tool = {
        "type": "array",
        "items": {"type": "object", "properties": {"n": {"type": "integer"}}},
    }
    schema: Tool = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/a"}},
        "$defs": {"a": line},
    }
    assert nesting({"type": "object"}, {}) == 1
    assert nesting(schema, schema) == 3
    endless: Tool = {
        "type": "object",
        "properties": {"next": {"$ref": "#"}, "a": {"$ref": "#/$defs/a"}},
    }
    endless["$defs"] = {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}}
    assert nesting(endless, endless) == 1


@pytest.mark.parametrize("histogram", HISTOGRAMS.values(), ids=HISTOGRAMS.keys())
def test_the_catalogue_spreads_like_real_tools(histogram: Histogram) -> None:
    ours = shares(our_tools(), histogram)
    assert distance(ours, histogram.real) <= histogram.limit, [round(share, 3) for share in ours]


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_the_catalogue_uses_a_keyword_as_often_or_more(keyword: str) -> None:
    """Ours may be richer, but not fall short by half of the real share or a tenth of all tools."""
    assert use_of(our_tools(), keyword) >= max(KEYWORDS[keyword] / 2, KEYWORDS[keyword] - 0.1)


def test_tools_have_0_to_20_parameters() -> None:
    counts = {len(properties(tool)) for tool in our_tools()}
    assert counts <= set(range(21)) and {0, 20} <= counts


@needs_real_tools
@pytest.mark.parametrize("histogram", HISTOGRAMS.values(), ids=HISTOGRAMS.keys())
def test_the_real_shares_are_those_of_the_file(histogram: Histogram) -> None:
    assert [round(share, 3) for share in shares(real_tools(), histogram)] == list(histogram.real)


@needs_real_tools
@pytest.mark.parametrize("keyword", KEYWORDS)
def test_the_real_use_of_a_keyword_is_that_of_the_file(keyword: str) -> None:
    assert round(use_of(real_tools(), keyword), 3) == KEYWORDS[keyword]


@needs_real_tools
def test_no_text_is_that_of_a_real_tool() -> None:
    theirs = set().union(*map(runs_of_words, real_tools()))
    copied = {" ".join(run) for tool in our_tools() for run in runs_of_words(tool) & theirs}
    assert not copied
