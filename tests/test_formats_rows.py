"""Rows are read from whatever a set comes in, and a broken one hides no other."""

import json
from itertools import islice

import pytest

from data import cli
from data.formats.parts.reject import Reject
from data.formats.parts.rows import READ_CHARS, id_of, read_rows
from data.formats.sharegpt import read

ROWS = [
    {"a": 1, "b": {"c": ["é", "\u2028"]}},
    {"a": 2, "b": {"c": []}},
    {"a": 3, "b": {"c": ["x"]}},
]


def lines_of(rows, end="\n"):
    return end.join(json.dumps(row, ensure_ascii=False) for row in rows)


FORMS = {
    "lines": lines_of(ROWS) + "\n",
    "no last newline": lines_of(ROWS),
    "CRLF": lines_of(ROWS, "\r\n") + "\r\n",
    "blank lines": "\n" + lines_of(ROWS, "\n\n \n") + "\n\n",
    "byte order mark": "\ufeff" + lines_of(ROWS),
    "array": json.dumps(ROWS, ensure_ascii=False),
    "array over lines": json.dumps(ROWS, ensure_ascii=False, indent=2),
    "array with byte order mark": "\ufeff" + json.dumps(ROWS, indent=1),
    "array with a row a line": "[\n" + lines_of(ROWS, ",\n") + "\n]\n",
    "objects over lines": "\n".join(json.dumps(row, indent=2) for row in ROWS),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_rows(form, tmp_path):
    file = tmp_path / "rows.json"
    file.write_bytes(FORMS[form].encode("utf-8"))
    assert [row.value for row in read_rows(file)] == ROWS
    assert [row.number for row in read_rows(file)] == [1, 2, 3]


def test_parquet_gives_the_same_rows(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "rows.parquet")
    assert [row.value for row in read_rows(tmp_path / "rows.parquet")] == ROWS


def test_a_folder_and_a_pattern_give_the_rows_of_their_files_in_order(tmp_path):
    for number, row in enumerate(ROWS):
        (tmp_path / f"train-{number:05}-of-00003.jsonl").write_text(json.dumps(row))
    (tmp_path / "README.md").write_text("no data")
    for source in (tmp_path, tmp_path / "train-*-of-00003.jsonl"):
        assert [row.value for row in read_rows(source)] == ROWS
        assert [row.number for row in read_rows(source)] == [1, 2, 3]


@pytest.mark.parametrize(
    "line", [b'{"a": ', b"\xff\xfe", b'{"a": NaN}', b'{"a": Infinity}', b"[" * 100_000, b"nonsense"]
)
def test_a_broken_line_hides_no_other(line, tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b"\n".join([b'{"a": 1}', line, b'{"a": 2}']))
    first, broken, last = read_rows(file)
    assert (first.value, last.value, last.number) == ({"a": 1}, {"a": 2}, 3)
    assert broken.problem and "\n" not in broken.problem


def test_an_array_that_breaks_gives_what_stands_before(tmp_path):
    file = tmp_path / "rows.json"
    file.write_text('[{"a": 1}, {"a": 2}, {"a": oops}, {"a": 4}]')
    *whole, broken = read_rows(file)
    assert [row.value for row in whole] == [{"a": 1}, {"a": 2}]
    assert broken.problem is not None and "the rest of the file is not read" in broken.problem


def test_an_array_is_read_as_it_comes(tmp_path):
    file = tmp_path / "rows.json"
    long = json.dumps({"text": "x" * (READ_CHARS // 3)})
    file.write_text(f"[{', '.join([long] * 12)}, broken")
    assert len(list(islice(read_rows(file), 12))) == 12


def test_a_value_longer_than_a_block_is_read(tmp_path):
    file = tmp_path / "rows.json"
    rows = [{"text": "x" * (3 * READ_CHARS)}, {"text": "y"}]
    file.write_text(json.dumps(rows))
    assert [row.value for row in read_rows(file)] == rows


def test_a_row_keeps_its_own_id():
    assert id_of({"id": "abc"}, "xlam", 1) == "abc"
    assert id_of({"id": 7}, "xlam", 1) == "xlam-7"
    assert id_of({"uuid": "u"}, "xlam", 1) == "u"
    for odd in ({"id": True}, {"id": ""}, {"id": 10**30}, {}, None, []):
        assert id_of(odd, "xlam", 12) == "xlam-000012"


def test_lines_that_are_no_rows_are_rejected_with_their_number(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"x": 1}\n"text"\n{"conversations": \n')
    found = list(read(file))
    assert all(isinstance(item, Reject) for item in found)
    assert [(item.line, item.code) for item in found] == [
        (1, "field_missing"),
        (2, "not_object"),
        (3, "not_json"),
    ]


def test_what_is_not_there_is_one_line(tmp_path):
    with pytest.raises(cli.UserError, match=r"no such file; give a file, a folder or a pattern"):
        list(read_rows(tmp_path / "nothing.jsonl"))


def test_a_broken_parquet_file_is_one_line(tmp_path):
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(cli.DataError, match="not Parquet"):
        list(read_rows(tmp_path / "rows.parquet"))
