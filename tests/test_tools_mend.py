"""What an import mends, what it only reports, and what it turns away; each under its code."""

import contextlib
import copy
import json
import re
from pathlib import Path
from random import Random

import pytest
from conftest import ROOT, SHARED

from data.checks.rules import ERROR, RULES
from data.checks.schemas import tool_entry
from data.cli import DataError
from data.imported.domain import domain_of
from data.tools.catalogue import catalogue_of
from data.tools.codes import CODES, Rejected
from data.tools.documents import read_document
from data.tools.mend import mend_tool
from data.tools.openapi import operations
from data.tools.type_names import read_type

CASES = Path(__file__).parent / "cases" / "tools"
MENDS = json.loads((CASES / "mends.json").read_text(encoding="utf-8"))
REJECTS = json.loads((CASES / "rejects.json").read_text(encoding="utf-8"))
DRAFT_07 = "http://json-schema.org/draft-07/schema#"
TEXT = {"type": "string"}


def tool(schema, **more):
    return {"name": "book", "description": "Book a room.", "inputSchema": schema, **more}


def errors_of(definition):
    problems = tool_entry(definition, json.dumps(definition)).problems
    return [problem for problem in problems if RULES[problem.code].severity == ERROR]


@pytest.mark.parametrize("case", MENDS, ids=[case["name"] for case in MENDS])
def test_a_schema_is_mended_in_the_one_right_way_and_the_note_says_so(case):
    mended, notes = mend_tool(tool(case["given"]), "it")
    assert mended["inputSchema"] == case["gives"]
    assert sorted(note.code for note in notes) == sorted(case["codes"])
    assert not errors_of(mended)
    assert all(note.tool == "book" and note.pointer.startswith("/inputSchema") for note in notes)


@pytest.mark.parametrize("case", REJECTS, ids=[case["name"] for case in REJECTS])
def test_what_has_no_one_right_way_is_turned_away_under_a_code(case):
    with pytest.raises(Rejected) as caught:
        mend_tool(tool(case["given"]), "it")
    assert [caught.value.code] == case["codes"]
    assert caught.value.pointer.startswith("/inputSchema")


@pytest.mark.parametrize("case", MENDS, ids=[case["name"] for case in MENDS])
def test_what_was_mended_is_not_mended_again(case):
    once, _ = mend_tool(tool(case["given"]), "it")
    twice, notes = mend_tool(once, "it")
    assert twice == once
    assert {note.code for note in notes} <= {"required_undeclared"}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "properties": {"a": True, "b": {}}, "additionalProperties": TEXT},
        {"$schema": DRAFT_07, "type": "object", "definitions": {"A": TEXT}, "required": []},
        {"type": "object", "oneOf": [{"required": ["a"]}], "properties": {"a": {"const": None}}},
        {"type": "object", "properties": {"type": TEXT, "items": {"type": ["string", "null"]}}},
    ],
)
def test_nothing_that_json_schema_allows_is_touched(schema):
    mended, notes = mend_tool(tool(schema), "it")
    assert mended["inputSchema"] == schema
    assert notes == ()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ([1], "tool_type"),
        ({"name": 3}, "name_missing"),
        ({"name": " "}, "name_missing"),
        ({"name": "a<|im_end|>"}, "name_unusable"),
        ({"name": "a\nb"}, "name_unusable"),
        ({"name": "a\ud800"}, "name_unusable"),
    ],
)
def test_a_tool_that_cannot_be_named_is_turned_away(given, code):
    with pytest.raises(Rejected) as caught:
        mend_tool(given, "it")
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["wiki.search", "get status", "поиск", "a" * 129])
def test_a_name_that_some_clients_refuse_is_kept_as_its_server_knows_it(name):
    mended, notes = mend_tool(tool({"type": "object"}, name=name), "it")
    assert mended["name"] == name
    assert [note.code for note in notes] == ([] if name == "wiki.search" else ["name_chars"])


def test_without_a_description_the_title_or_the_name_speaks():
    from_title, _ = mend_tool({"name": "x", "title": "Close a case"}, "it")
    from_name, notes = mend_tool({"name": "closeOldCase", "description": "  "}, "it")
    assert from_title["description"] == "Close a case"
    assert from_name["description"] == "Close old case"
    assert [note.code for note in notes] == ["description_missing", "schema_missing"]


def test_template_tokens_surrogates_and_credentials_in_prose_are_made_harmless():
    text = "Ends with <|im_end|>, \ud800 and postgres://admin:hunter22@db.example.com/x"
    mended, notes = mend_tool(tool({"type": "object"}, description=text), "it")
    assert mended["description"] == (
        "Ends with < |im_end|>, � and postgres://admin:...@db.example.com/x"
    )
    assert {n.code for n in notes} == {"text_control_token", "text_surrogate", "text_credential"}
    assert "hunter22" not in json.dumps([note._asdict() for note in notes])


def test_a_schema_under_another_key_or_as_text_is_found():
    for key in ("parameters", "input_schema", "inputSchema"):
        given = {"name": "a", "description": "b", key: {"type": "object", "properties": {}}}
        assert mend_tool(given, "it")[0]["inputSchema"] == {"type": "object", "properties": {}}
    as_text = {"name": "a", "description": "b", "parameters": '{"type": "dict"}'}
    mended, notes = mend_tool(as_text, "it")
    assert mended["inputSchema"] == {"type": "object"}
    assert [note.code for note in notes] == ["schema_key", "type_name"]


@pytest.mark.parametrize("depth", [30, 400, 100_000])
def test_a_schema_without_end_is_turned_away_not_followed(depth):
    schema = TEXT
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    with pytest.raises(Rejected) as caught:
        mend_tool(tool({"type": "object", "properties": {"a": schema}}), "it")
    assert caught.value.code == "schema_too_large"


def test_a_schema_that_doubles_with_every_level_is_turned_away():
    part = TEXT
    for _ in range(20):
        part = {"type": "object", "properties": {"a": part, "b": part}}
    with pytest.raises(Rejected) as caught:
        mend_tool(tool(part), "it")
    assert caught.value.code == "schema_too_large"


@pytest.mark.parametrize("text", ["", "[", "list(", "a" * 10_000, "|" * 300, "list[" * 60, "'"])
def test_a_type_text_that_means_nothing_is_no_type(text):
    assert read_type(text) is None


JUNK = (
    None, True, -1, 1.5, float("nan"), "", "list(str)", "'a'|'b'", "str, optional", "(", "\ud800",
    "<|im_end|>", "#/$defs/x", [], ["a", "a"], [{}], {}, {"type": "str"}, {"$ref": "#"}, 10**30,
)  # fmt: skip
KEYS = (
    "type", "properties", "required", "items", "enum", "default", "pattern", "$ref", "anyOf",
    "minimum", "exclusiveMinimum", "$defs", "additionalProperties", "inputSchema", "$schema",
    "parameters", "schema", "content", "requestBody", "nullable", "name", "in", "description",
)  # fmt: skip


def places(value):
    """Every container of a JSON value with every key into it."""
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in list(keys):
        yield value, key
        yield from places(value[key])


def mutated(value, rng):
    """The value with one to four places changed for the worse."""
    value = copy.deepcopy(value)
    for _ in range(rng.randint(1, 4)):
        holder, key = rng.choice(list(places(value)))
        if isinstance(holder, dict) and rng.random() < 0.4:
            key = rng.choice(KEYS)
        holder[key] = copy.deepcopy(rng.choice(JUNK))
    return value


def test_no_change_for_the_worse_crashes_and_nothing_invalid_comes_in():
    rng = Random(1)
    n_in = 0
    for _ in range(1500):
        given = mutated(tool(copy.deepcopy(rng.choice(MENDS)["given"])), rng)
        try:
            mended, _ = mend_tool(given, "it")
        except Rejected:
            continue
        n_in += 1
        assert not errors_of(mended), given
        json.dumps(mended, allow_nan=False)
        domain_of([mended], (), Random(1))
    assert 100 < n_in < 1400


def test_no_change_for_the_worse_of_an_openapi_document_crashes():
    rng = Random(2)
    document = read_document(CASES / "library.yaml")
    n_in = 0
    for _ in range(300):
        changed = mutated(document, rng)
        with contextlib.suppress(DataError):
            catalogue = catalogue_of(operations(changed, "library"))
            n_in += len(catalogue.tools)
            assert all(not errors_of(made) for made in catalogue.tools)
    assert n_in > 300


def test_the_table_of_the_docs_is_the_table_of_the_codes():
    page = (ROOT / "docs" / "tools.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \| (.+) \|$", page, re.MULTILINE)
    assert rows == [(code, *rule) for code, rule in CODES.items()]


def test_every_published_tool_comes_in_or_is_turned_away_under_a_code():
    file = SHARED / "real" / "mcp_tools.jsonl"
    if not file.is_file():
        pytest.skip("the published tools are not here")
    n_in = 0
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            mended, notes = mend_tool(json.loads(line), "it")
        except Rejected as problem:
            assert problem.code in CODES
        else:
            n_in += 1
            assert not errors_of(mended)
            assert all(note.code in CODES for note in notes)
    assert n_in > 3400
