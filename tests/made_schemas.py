"""Hypothesis strategies: JSON Schemas of two dialects, and values that nearly fit them.

`cases()` gives inputSchemas with one property "x" of a made schema (and two definitions that it may
refer to, one of them recursive), and arguments that hold a value for it. Numbers, texts and
patterns are those at which engines are known to differ: 1.0 and 1, True and 1, beyond ASCII.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from hypothesis import strategies as st

DIALECTS = {
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
    "draft-07": "http://json-schema.org/draft-07/schema#",
}
WHERE = {"2020-12": "$defs", "draft-07": "definitions"}
# Beyond 2**53 only such that no other value comes near: test_engines.py pins what is known there.
NUMBERS: list[int | float] = [
    0, -0.0, 1, 1.0, -1, 2, 3, 4.0, 0.1, 0.5, 1.5, 2.5, 0.30000000000000004, 7, 10, -3, 1e-7,
    2**53, 2**53 + 1, float(2**53), 1e308, 12345678901234
]  # fmt: skip
# Word characters, digits and blanks that all engines know; for the others see test_engines.py.
TEXTS = [
    "", "a", "b", "aa", "ab", "abc", "A", "1", "12", "1.0", "-", "_", " ", ".", "]", "a]", "[]",
    "a\n", "\n", "\r", "\u2028", "\t", "é", "ß", "б", "٣", "１", "中", "😀", "a{2}", "{a}", "&",
    "+", ",", "a-b", "null", "aaaa", "a1", "\\d", "$", "^", "|", "x y", "a" * 9
]  # fmt: skip
FORMATTED = {
    "date": ["2026-02-28", "2026-02-30", "2026-2-8", "２026-02-28", "2026-02-28\n", "0000-01-01"],
    "time": ["10:00:00Z", "10:00:00", "25:00:00Z", "23:59:60Z", "10:00:00.5+01:00", "10:00Z"],
    "date-time": ["2026-02-28T10:00:00Z", "2026-02-28t10:00:00z", "2026-02-28 10:00:00Z",
                  "2026-02-28T10:00:00", "2026-02-28"],
    "email": ["a@b.c", "a@b", "@b", "a b@c.d", "é@b.c"],
    "uri": ["https://a.b/c?d=e#f", "a:b", "/a/b", "http://a b", "HTTP://a", "http://[::1]"],
    "uuid": ["123e4567-e89b-12d3-a456-426614174000", "123e4567e89b12d3a456426614174000",
             "123E4567-E89B-12D3-A456-42661417400G"],
    "ipv4": ["127.0.0.1", "127.0.0.01", "256.0.0.1", "1.2.3", "١.0.0.1"],
    "ipv6": ["::1", "1::2::3", "::1%1", "::ffff:1.2.3.4"],
    "hostname": ["a.b", "-", "a_b"],
    "regex": ["a", "("],
    "no-such-format": ["a"],
}  # fmt: skip
ATOMS = [
    "a", "b", "1", "é", " ", ".", "-", r"\d", r"\w", r"\D", r"\W", r"\s", r"\S", r"\.", r"\b",
    "[a-c]", "[^a]", "[a", "]", "[[a]]", "[]a]", r"[\w.-]", "[a&&b]", "[+--]", "[a-c--b]", "(a|b)",
    "(", ")", "(?:a)", "(?=a)", "(?!a)", "(?<=a)", "(?i)", "(?<n>a)", "(?P<n>a)", "^", "$", r"\A",
    r"\Z", r"\z", r"\p{L}", r"\u0061", r"\x61", r"\-", r"\/", r"\_", "|"
]  # fmt: skip
REPEATS = ["", "", "", "", "*", "+", "?", "*?", "{2}", "{,2}", "{1,}", "{1,2}", "{a}", "{"]
NAMES = ["a", "b", "ab", "1", "é", "a b", ""]
TYPES = ["string", "integer", "number", "boolean", "null", "array", "object"]

ODD = [None, True, 0, -1, 1.5, "", "x", "(", [], [1], ["a", "a"], [None], {}, {"a": 1}]

Schema = Any


class Case(NamedTuple):
    """A tool's inputSchema, and several arguments for it."""

    schema: dict[str, Any]
    arguments: list[dict[str, Any]]


numbers = st.sampled_from(NUMBERS)
texts = st.sampled_from(TEXTS)
short = st.text("ab1é -.]{}\n", max_size=4)
scalars = st.one_of(numbers, texts, st.sampled_from([True, False, None]))
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    ),
    max_leaves=4,
)
patterns = st.lists(
    st.tuples(st.sampled_from(ATOMS), st.sampled_from(REPEATS)).map("".join), min_size=1, max_size=3
).map("".join)


def _some(**keywords: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A schema of some of these keywords; a leading underscore stands for a dollar sign."""
    named = {key.replace("_", "$"): strategy for key, strategy in keywords.items()}
    return st.fixed_dictionaries({}, optional=named)


def _numeric() -> st.SearchStrategy[Schema]:
    steps = st.sampled_from([1, 2, 3, 7, 0.1, 0.5, 2.0, 1e-7])
    bounds = _some(
        minimum=numbers,
        maximum=numbers,
        exclusiveMinimum=numbers,
        exclusiveMaximum=numbers,
        multipleOf=steps,
    )
    kinds = st.sampled_from([{}, {"type": "integer"}, {"type": "number"}])
    return st.tuples(kinds, bounds).map(lambda parts: parts[0] | parts[1])


def _textual() -> st.SearchStrategy[Schema]:
    limits = _some(
        minLength=st.integers(0, 3) | st.just(2.0),
        maxLength=st.integers(0, 3),
        pattern=patterns,
        format=st.sampled_from(sorted(FORMATTED)),
    )
    return limits.map(lambda schema: {"type": "string", **schema})


def _reference(dialect: str) -> st.SearchStrategy[Schema]:
    names = st.sampled_from(["d", "d", "d", "tree", "tree", "tree", "missing"])
    return st.builds(lambda name: {"$ref": f"#/{WHERE[dialect]}/{name}"}, names)


def _leaf() -> st.SearchStrategy[Schema]:
    return st.one_of(
        st.booleans(),
        st.builds(lambda kind: {"type": kind}, st.sampled_from(TYPES)),
        st.builds(
            lambda kinds: {"type": kinds},
            st.lists(st.sampled_from(TYPES), min_size=1, max_size=3, unique=True),
        ),
        st.builds(
            lambda some: {"enum": some}, st.lists(values, min_size=1, max_size=4, unique_by=repr)
        ),
        st.builds(lambda value: {"const": value}, values),
        _numeric(),
        _textual(),
    )


def _array(inner: st.SearchStrategy[Schema], dialect: str) -> st.SearchStrategy[Schema]:
    sizes: dict[str, st.SearchStrategy[Any]] = {
        "minItems": st.integers(0, 2),
        "maxItems": st.integers(0, 3),
        "uniqueItems": st.booleans(),
        "contains": inner,
        "items": inner,
    }
    several = st.lists(inner, min_size=1, max_size=2)
    if dialect == "2020-12":
        sizes |= {"prefixItems": several, "minContains": st.integers(0, 2), "maxContains": numbers}
        sizes["unevaluatedItems"] = inner
        sizes["maxContains"] = st.integers(0, 2)
    else:
        sizes |= {"items": inner | several, "additionalItems": inner}
    return _some(**sizes).map(lambda schema: {"type": "array", **schema})


def _object(inner: st.SearchStrategy[Schema], dialect: str) -> st.SearchStrategy[Schema]:
    names = st.sampled_from(NAMES)
    lists = st.lists(names, max_size=2, unique=True)
    keywords: dict[str, st.SearchStrategy[Any]] = {
        "properties": st.dictionaries(names, inner, min_size=1, max_size=3),
        "required": lists,
        "additionalProperties": inner,
        "patternProperties": st.dictionaries(patterns, inner, min_size=1, max_size=2),
        "propertyNames": _textual(),
        "minProperties": st.integers(0, 2),
        "maxProperties": st.integers(0, 2),
    }
    needs = st.dictionaries(names, lists, max_size=2)
    if dialect == "2020-12":
        keywords |= {"dependentRequired": needs, "unevaluatedProperties": inner}
    else:
        keywords |= {"dependencies": needs | st.dictionaries(names, inner, max_size=2)}
    return _some(**keywords).map(lambda schema: {"type": "object", **schema})


def _combined(inner: st.SearchStrategy[Schema], dialect: str) -> st.SearchStrategy[Schema]:
    several = st.lists(inner, min_size=1, max_size=3)
    nullable = st.builds(lambda schema: {"anyOf": [schema, {"type": "null"}]}, inner)
    together = _some(anyOf=several, oneOf=several, allOf=several)
    choice = st.fixed_dictionaries({"if": inner, "then": inner}, optional={"else": inner})
    return st.one_of(
        nullable,
        together,
        st.builds(lambda schema: {"not": schema}, inner),
        choice,
        st.tuples(_numeric(), together).map(lambda parts: parts[0] | parts[1]),
    )


@cache
def schemas(dialect: str, with_references: bool) -> st.SearchStrategy[Schema]:
    """Schemas of a few levels."""
    return st.recursive(
        _leaf() | _reference(dialect) if with_references else _leaf(),
        lambda inner: st.one_of(
            _array(inner, dialect), _object(inner, dialect), _combined(inner, dialect)
        ),
        max_leaves=5,
    )


@st.composite
def cases(draw: st.DrawFn, n_values: int = 4) -> Case:
    """An inputSchema and some arguments for it."""
    dialect = draw(st.sampled_from(sorted(DIALECTS)))
    root: dict[str, Any] = {"type": "object", "properties": {"x": draw(schemas(dialect, True))}}
    if draw(st.booleans()) or dialect != "2020-12":
        root["$schema"] = DIALECTS[dialect]
    if "$ref" in repr(root):
        tree = {"properties": {"a": {"$ref": f"#/{WHERE[dialect]}/tree"}, "b": draw(_leaf())}}
        root[WHERE[dialect]] = {"d": draw(schemas(dialect, False)), "tree": tree}
    near = _near(root["properties"]["x"], root, 3)
    return Case(root, [{"x": draw(near)} for _ in range(n_values)])


def _near(schema: Schema, root: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    """Values that fit a schema or miss it by little; now and then anything."""
    if not isinstance(schema, dict) or depth < 0:
        return values
    likely = [*_listed(schema), *_by_kind(schema, root, depth), *_inner(schema, root, depth)]
    return st.one_of(*likely, *likely, *likely, values) if likely else values


def _listed(schema: dict[str, Any]) -> list[st.SearchStrategy[Any]]:
    given = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())]
    return [st.sampled_from([twin for value in given for twin in _twins(value)])] if given else []


def _twins(value: Any) -> list[Any]:
    """A value and those that some language takes for the same."""
    if isinstance(value, bool):
        return [value, int(value), float(value)]
    if isinstance(value, int | float):
        floats = [float(value)] if abs(value) < 1e300 else []
        return [value, *floats, int(value), value + 1, *([bool(value)] if value in (0, 1) else [])]
    if isinstance(value, list) and value:
        return [value, [*value[:-1], _twins(value[-1])[-1]], [_twins(value[0])[-1], *value[1:]]]
    return [value, [value], str(value)]


def _by_kind(
    schema: dict[str, Any], root: dict[str, Any], depth: int
) -> list[st.SearchStrategy[Any]]:
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    makers = {
        "string": lambda: _near_text(schema),
        "integer": lambda: _near_number(schema),
        "number": lambda: _near_number(schema),
        "array": lambda: _near_array(schema, root, depth),
        "object": lambda: _near_object(schema, root, depth),
        "boolean": st.booleans,
        "null": st.none,
    }
    made = [makers[kind]() for kind in kinds]
    return made or ([_near_number(schema)] if "multipleOf" in schema or "minimum" in schema else [])


def _near_number(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    bounds = [v for v in schema.values() if isinstance(v, int | float) and not isinstance(v, bool)]
    step = schema.get("multipleOf", 1)
    times = [step * n for n in (1, 3, 7, 10)]
    return st.sampled_from([*(twin for v in (*bounds, *times) for twin in _twins(v))]) | numbers


def _near_text(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    formatted = FORMATTED.get(schema.get("format", ""), [])
    return short | texts | st.sampled_from(formatted) if formatted else short | texts


def _near_array(
    schema: dict[str, Any], root: dict[str, Any], depth: int
) -> st.SearchStrategy[list[Any]]:
    parts = [schema.get(key) for key in ("items", "contains", "prefixItems") if key in schema]
    flat = [part for some in parts for part in (some if isinstance(some, list) else [some])]
    item = st.one_of([_near(part, root, depth - 1) for part in flat] or [values])
    return st.lists(item, max_size=3)


def _near_object(
    schema: dict[str, Any], root: dict[str, Any], depth: int
) -> st.SearchStrategy[dict[str, Any]]:
    known = {k: _near(v, root, depth - 1) for k, v in schema.get("properties", {}).items()}
    wanted = {k: v for k, v in known.items() if k in schema.get("required", ())}
    extra = st.dictionaries(st.sampled_from(NAMES), values, max_size=1)
    own = st.fixed_dictionaries(wanted, optional={k: known[k] for k in known.keys() - wanted})
    return st.tuples(extra, own).map(lambda parts: parts[0] | parts[1])


def _inner(
    schema: dict[str, Any], root: dict[str, Any], depth: int
) -> list[st.SearchStrategy[Any]]:
    """Values near the parts that a schema is combined of."""
    parts = [p for key in ("anyOf", "oneOf", "allOf") for p in schema.get(key, ())]
    parts += [schema[key] for key in ("not", "if", "then", "else") if key in schema]
    if "$ref" in schema:
        defined = root.get("$defs") or root.get("definitions") or {}
        parts.append(defined.get(schema["$ref"].split("/")[-1]))
    return [_near(part, root, depth - 1) for part in parts]


@st.composite
def broken_schemas(draw: st.DrawFn) -> dict[str, Any]:
    """A made schema with an odd value for one of its keywords, which may still be a schema."""
    schema: dict[str, Any] = draw(cases(n_values=0)).schema
    places = [place for place in _places(schema) if place[1] != "$schema"]
    holder, key = draw(st.sampled_from(places))
    holder[key] = draw(st.sampled_from(ODD))
    return schema


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each place in a value: its holder and the key there."""
    if not isinstance(value, dict | list):
        return
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        yield from _places(value[key])
