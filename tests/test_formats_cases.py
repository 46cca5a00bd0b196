"""Every format on made-up rows: what becomes of each, in tests/cases/formats/FORMAT.jsonl.

A case is {"why", "row", "kind", "last"} for a record (with "notes", "messages" by place, "schema"
of the first tool, "id"), or {"why", "row", "code"} for a reject.
"""

import json
from importlib import import_module
from pathlib import Path

import pytest

from data.checks.checker import Checker, Options, RawLine
from data.checks.rules import ERROR, RULES
from data.formats.parts.reject import NOTES, REASONS, Reject
from data.record import json_line, row_of, write_rows

CASES = Path(__file__).parent / "cases" / "formats"
# What these made-up rows are for, and no fault of a reader.
EXPECTED_ERRORS = {"gold_missing"}


def cases():
    return [
        pytest.param(file.stem, case, id=f"{file.stem}: {case['why']}")
        for file in sorted(CASES.glob("*.jsonl"))
        for case in map(json.loads, file.read_text(encoding="utf-8").splitlines())
    ]


def converted(name, rows, folder):
    write_rows(folder / "rows.jsonl", rows)
    return list(import_module(f"data.formats.{name}").read(folder / "rows.jsonl"))


@pytest.mark.parametrize(("name", "case"), cases())
def test_a_row_becomes_what_its_case_says(name, case, tmp_path):
    (found,) = converted(name, [case["row"]], tmp_path)
    if "code" in case:
        assert isinstance(found, Reject), row_of(found)
        assert (found.code, found.line) == (case["code"], 1)
        assert found.code in REASONS and found.reason
        return
    assert not isinstance(found, Reject), found
    assert (found.kind, found.messages[-1].content) == (case["kind"], case["last"])
    assert sorted(getattr(found, "notes", ())) == sorted(case.get("notes", ()))
    assert set(case.get("notes", ())) <= set(NOTES)
    for place, content in case.get("messages", {}).items():
        assert found.messages[int(place)].content == content
    if "schema" in case:
        assert found.tools[0]["inputSchema"] == case["schema"]
    if "id" in case:
        assert found.id == case["id"]


@pytest.mark.parametrize(("name", "case"), cases())
def test_the_record_of_a_case_passes_the_validator(name, case, tmp_path):
    checker = Checker(Options())
    for record in converted(name, [case["row"]], tmp_path):
        if not isinstance(record, Reject):
            line = json_line(row_of(record)).encode()
            _, problems = checker.problems(RawLine(1, 0, line))
            wrong = {p.code for p in problems if RULES[p.code].severity == ERROR}
            assert wrong <= EXPECTED_ERRORS, problems


def test_every_reject_reason_of_the_readers_has_a_case():
    shown = {case.values[1].get("code") for case in cases()}
    # Of files and of the command: tests/test_formats_rows.py and test_convert.py.
    others = {"not_json", "shape_unknown", "unsupported", "invalid"}
    assert set(REASONS) - shown <= others
