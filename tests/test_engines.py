"""Arguments are judged as jsonschema judges them, whatever engine is asked first.

The reference here is jsonschema's own class for the dialect, with Python's re, and with
data.checks.formats as its format checker. Schemas and values come from made_schemas.py; what is
known to be judged otherwise is pinned below, each by a minimal example.
"""

from __future__ import annotations

import json
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft7Validator, Draft202012Validator
from made_schemas import Case, broken_schemas, cases

from data.checks import engines
from data.checks.formats import format_checker
from data.checks.obvious import is_obviously_valid
from data.checks.schemas import ToolBook

MADE = settings(
    derandomize=True,
    database=None,
    max_examples=400,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
N_FRAMES = 60


def engine_of(schema: dict[str, Any]) -> engines.Compiled | None:
    """What the validator checks a tool's arguments with; None where it refuses the schema."""
    tool = {"name": "t", "description": "A tool.", "inputSchema": schema}
    return ToolBook().by_value(tool).schema


def verdict(engine: engines.Compiled, arguments: Any) -> str:
    try:
        return "invalid" if engine.errors(arguments) else "valid"
    except engines.SchemaError:
        return "unusable"


def true_verdict(schema: dict[str, Any], arguments: Any) -> str:
    checker = reference_class(schema)(schema, format_checker=format_checker())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return "invalid" if list(checker.iter_errors(arguments)) else "valid"
    except Exception:  # such as jsonschema's own on {"items": false, "additionalItems": {}}
        return "unusable"


def reference_class(schema: dict[str, Any]) -> Any:
    return Draft7Validator if "draft-07" in schema.get("$schema", "") else Draft202012Validator


def on_made(strategy: Any, check: Callable[[Any], None]) -> None:
    """Run a check on what a strategy makes, the same every time."""

    @MADE
    @given(strategy)
    def run(made: Any) -> None:
        check(made)

    run()


def test_made_arguments_are_judged_as_the_reference_judges_them() -> None:
    seen: Counter[str] = Counter()

    def agree(case: Case) -> None:
        engine = engine_of(case.schema)
        if engine is None:
            return
        quick = engines.quick_engine(case.schema)
        for arguments in case.arguments:
            found, true = verdict(engine, arguments), true_verdict(case.schema, arguments)
            shown = json.dumps([case.schema, arguments])
            assert found == true, shown
            by_first_pass = quick is not None and quick.is_valid(arguments)
            is_obvious = is_obviously_valid(arguments, case.schema)
            assert true == "valid" or not (by_first_pass or is_obvious), shown
            seen[found] += 1
            seen["by the first pass"] += by_first_pass
            seen["obvious"] += is_obvious

    on_made(cases(), agree)
    assert seen["valid"] > 400 and seen["invalid"] > 400 and seen["obvious"] > 200, seen
    if find_spec("jsonschema_rs"):
        assert seen["by the first pass"] > 200, seen


def test_a_made_schema_is_refused_where_the_reference_cannot_read_it() -> None:
    refused: Counter[bool] = Counter()

    def agree(case: Case) -> None:
        is_readable = reference_can_read(case.schema)
        assert (engine_of(case.schema) is not None) == is_readable, json.dumps(case.schema)
        refused[not is_readable] += 1

    on_made(cases(), agree)
    assert min(refused.values()) > 10, refused


def reference_can_read(schema: dict[str, Any]) -> bool:
    """Valid by its metaschema, each pattern one of Python's, each reference to a definition."""
    defined = {**schema.get("$defs", {}), **schema.get("definitions", {})}
    return (
        is_valid_schema(schema)
        and all(map(is_pattern, texts_at("pattern", schema)))
        and {ref.split("/")[-1] for ref in texts_at("$ref", schema)} <= set(defined)
    )


def texts_at(keyword: str, schema: Any) -> Iterator[str]:
    """Values of `pattern` or `$ref`; the names in patternProperties are patterns too."""
    if isinstance(schema, list):
        for part in schema:
            yield from texts_at(keyword, part)
    if isinstance(schema, dict):
        yield from schema.get("patternProperties", {}) if keyword == "pattern" else ()
        for key, part in schema.items():
            if key == keyword and isinstance(part, str):
                yield part
            yield from texts_at(keyword, part)


def is_pattern(pattern: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bool(re.compile(pattern))
    except re.error:
        return False


def is_valid_schema(schema: dict[str, Any]) -> bool:
    kind = reference_class(schema)
    return bool(kind(kind.META_SCHEMA).is_valid(schema))


def test_broken_schemas_are_found_whatever_engine_is_asked_first() -> None:
    seen: Counter[bool] = Counter()

    def agree(schema: dict[str, Any]) -> None:
        is_broken = any(engines.metaschema_errors(schema))
        assert is_broken == (not is_valid_schema(schema)), json.dumps(schema)
        seen[is_broken] += 1

    on_made(broken_schemas(), agree)
    assert seen[True] > 50 and seen[False] > 20, seen


def with_x(schema: Any, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"x": schema}, **more}


def text(pattern: str) -> dict[str, str]:
    return {"type": "string", "pattern": pattern}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (text(r"^\d$"), "٣"),
        (text(r"^\w+$"), "é"),
        (text("^a$"), "a\n"),
        (text(r"^a\Z"), "a\n"),
        (text("^.$"), "\u2028"),
        (text("^(?!ab)a"), "ab"),
        ({"type": "integer"}, 1.0),
        ({"type": "integer"}, True),
        ({"const": 1}, True),
        ({"enum": [0, [1]]}, [True]),
        ({"enum": [1.0]}, 1),
        ({"uniqueItems": True}, [1, True]),
        ({"uniqueItems": True}, [1, 1.0]),
        ({"multipleOf": 0.1}, 0.3),
        ({"maximum": 2**53}, 2**53 + 1),
        ({"maximum": float(2**53)}, 2**53 + 1),
        ({"maxLength": 1}, "😀"),
        ({"format": "date"}, "2026-02-30"),
        ({"format": "date"}, "２026-02-28"),
        ({"format": "time"}, "10:00:00"),
        ({"format": "hostname"}, "-"),
        ({"format": "date"}, 5),
        ({"items": [{"type": "string"}], "additionalItems": False}, ["a", "b"]),
        ({"prefixItems": [{"type": "string"}], "items": False}, ["a", "b"]),
        ({"contains": {"const": 1}, "minContains": 2}, [1, 1.0]),
        ({"properties": {"a": True}, "patternProperties": {"b": False}}, {"ab": 1}),
        ({"propertyNames": {"maxLength": 1}}, {"ab": 1}),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}),
        ({"dependencies": {"a": ["b"]}}, {"a": 1}),
        ({"oneOf": [{"type": "number"}, {"type": "integer"}]}, 1.0),
        ({"not": {"type": "integer"}}, 1.0),
    ],
)
@pytest.mark.parametrize("dialect", [None, "http://json-schema.org/draft-07/schema#"])
def test_where_engines_are_known_to_differ_the_reference_is_followed(
    schema: Any, value: Any, dialect: str | None
) -> None:
    whole = with_x(schema, **({"$schema": dialect} if dialect else {}))
    engine = engine_of(whole)
    if engine is None:
        assert not is_valid_schema(whole)
        return
    assert verdict(engine, {"x": value}) == true_verdict(whole, {"x": value})


FIRST_PASS = {
    "a class that begins with ]": (text("[]-a]"), "-"),
    "a possessive repeat of letters beyond ASCII": (text(r"^\w?+."), "é"),
    "an integer near a float beyond 2**53": ({"maximum": 10**30}, 1e30),
    "a constant near a float beyond 2**53": ({"const": 10**30}, 1e30),
    "a multiple beyond 2**53": ({"type": "integer", "multipleOf": 10}, 1e30),
    "an exclusive bound of 2**63": ({"exclusiveMinimum": 2**63}, float(2**63)),
}
SECOND_PASS = {
    "a named class that re does not know": (text("^[[:alpha:]]+$"), "abc"),
    "braces that are fuzzy in regex": (text("^/items/{i}$"), "/items/"),
    "braces that regex cannot compile": (text("{e}"), "{e}"),
    "an exponent, which is no letter for regex": (text(r"^\w+$"), "m²"),
    "a combining accent, which is one": (text(r"^\w+$"), "e\u0301"),
    "a separator that only re counts as blank": (text(r"^\s$"), "\x1c"),
    "a digit newer than Python's tables": (text(r"^\d$"), "\U00010d40"),
    "a dotless i": (text("^(?i:i)$"), "ı"),
    "no word at all": (text(r"\B"), ""),
    "a name of patternProperties": ({"patternProperties": {"^x{s}$": False}}, {"y": 1}),
}


@pytest.mark.parametrize(
    ("x", "around"),
    [
        ({"$ref": "#/$defs/a"}, {"$defs": {"a": {"$ref": "#/$defs/a"}}}),
        ({"$ref": "#/$defs/a"}, {"$defs": [True]}),
        ({"$ref": "#/$defs/a"}, {"$defs": {"a": 5}}),
        ({"$ref": "#/$defs/a"}, {}),
        ({"$ref": "#"}, {}),
        ({"$schema": "http://json-schema.org/draft-04/schema#"}, {}),
        ({"type": "string", "pattern": "^(a+)+$"}, {}),
        ({"type": "string", "pattern": "a*b*c*"}, {}),
        ({"type": "string", "format": "hostname"}, {}),
    ],
)
def test_what_is_not_plain_to_see_is_left_to_the_engines(
    x: dict[str, Any], around: dict[str, Any]
) -> None:
    assert not is_obviously_valid({"x": "a"}, with_x(x, **around))


def test_a_long_text_is_not_searched_at_once() -> None:
    schema = with_x(text("^a+$"))
    assert is_obviously_valid({"x": "a" * 100}, schema)
    assert not is_obviously_valid({"x": "a" * 101}, schema)


@pytest.mark.parametrize("name", FIRST_PASS)
def test_the_first_pass_is_as_strict_as_the_reference(name: str) -> None:
    pytest.importorskip("jsonschema_rs")
    schema, value = FIRST_PASS[name]
    quick = engines.quick_engine(with_x(schema))
    is_valid = quick is not None and quick.is_valid({"x": value})
    assert not is_valid or true_verdict(with_x(schema), {"x": value}) == "valid"


@pytest.mark.parametrize("name", SECOND_PASS)
def test_patterns_mean_what_they_mean_in_the_reference(name: str) -> None:
    schema, value = SECOND_PASS[name]
    engine = engine_of(with_x(schema))
    assert engine is not None
    assert verdict(engine, {"x": value}) == true_verdict(with_x(schema), {"x": value})


def test_a_reference_to_itself_is_unusable_at_any_depth_of_the_stack() -> None:
    endless = {"if": {"$ref": "#/$defs/d"}, "then": True}
    engine = engine_of(with_x({"$ref": "#/$defs/d"}, **{"$defs": {"d": endless}}))
    assert engine is not None
    outcomes = {deeper(n, lambda: verdict(engine, {"x": 1})) for n in range(N_FRAMES)}
    assert outcomes == {"unusable"}


def deeper(n_frames: int, call: Callable[[], str]) -> str:
    """A verdict that is asked for from further down the stack; an escaped exception by its name."""
    if n_frames:
        return deeper(n_frames - 1, call)
    try:
        return call()
    except BaseException as escaped:
        return type(escaped).__name__
