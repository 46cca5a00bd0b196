"""No row crashes a reader, however it is broken, and each becomes a record or a reject."""

import json
from importlib import import_module

import pytest
from mutated_rows import mutated
from test_formats_cases import CASES

from data.convert import READS
from data.formats.parts.reject import REASONS, Reject
from data.record import example_from, json_line, row_of

FORMATS = sorted(file.stem for file in CASES.glob("*.jsonl"))
N_ROWS = 10_000


def rows_of(name):
    lines = (CASES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["row"] for line in lines]


@pytest.mark.parametrize("name", FORMATS)
def test_ten_thousand_broken_rows_become_records_or_rejects(name, tmp_path):
    whole = rows_of(name)
    # The first row stays whole: with it a file of lines is known as one.
    rows = [whole[0], *mutated(whole, N_ROWS, seed=8)]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    items = list(import_module(f"data.formats.{name}").read(file))
    assert len(items) >= len(rows) if name == "toolalpaca" else len(items) == len(rows)
    for item in items:
        if isinstance(item, Reject):
            assert item.code in REASONS
            assert 1 <= item.line <= len(rows)
            json_line(vars(item))
        else:
            text = json.dumps(row_of(item), allow_nan=False)
            assert row_of(example_from(json.loads(text))) == row_of(item)


def test_every_format_of_ours_is_broken_here():
    assert set(FORMATS) >= set(READS) - {"bfcl", "when2call"}
