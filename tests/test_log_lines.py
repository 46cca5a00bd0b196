"""Each line that a job writes is read back as it was meant, wherever it stands in the log."""

import pytest

from jobs.log_lines import (
    Continued,
    Projection,
    Result,
    format_continued,
    format_projection,
    format_pushed,
    format_result,
    format_stopped,
    parse_continued,
    parse_projection,
    parse_pushed,
    parse_result,
    parse_stopped,
)

RESULT = Result("alice/lora", "1f0c" * 10, "run-sft-t4-20261121-ab12cd", "9b1d" * 16)
PAIRS = [
    (format_result, parse_result, RESULT),
    (format_continued, parse_continued, Continued("sft-t4-20261121-ab12cd", 500, "timeout")),
    (format_stopped, parse_stopped, "the image lacks trl (1.16); set install: true in the spec"),
    (format_pushed, parse_pushed, 12500),
    (format_projection, parse_projection, Projection(6.25, 0.0025, 18.0, 7.0)),
]


@pytest.mark.parametrize(("write", "read", "value"), PAIRS)
def test_a_line_is_read_as_it_was_written(write, read, value):
    line = write(value)
    assert read(line) == value
    assert read(f"2026-11-21T10:00:00Z {line}  ") == value


@pytest.mark.parametrize(("write", "read", "value"), PAIRS)
def test_no_line_is_taken_for_another_kind(write, read, value):
    readers = {reader for _, reader, _ in PAIRS} - {read}
    assert [reader(write(value)) for reader in readers] == [None] * len(readers)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "step 10/300 loss 0.41 tokens/s 812 left 61 s",
        "checkpoint step=500 fetched",
        "checkpoint step=500 pushed to nowhere",
        "to be continued run=a step=5 reason=boredom",
        "result repo=alice/lora commit=main tag=run-a adapter_sha256=abc",
        "unstopped reason=x",
    ],
)
def test_other_lines_are_none_of_them(line):
    assert all(read(line) is None for _, read, _ in PAIRS)


def test_a_reason_is_one_line():
    assert format_stopped("two\nlines  here") == "stopped reason=two lines here"


@pytest.mark.parametrize(
    ("projection", "over"),
    [
        (Projection(9.0, 7.0, 9.0, 7.0), False),
        (Projection(9.1, 1.0, 9.0, 7.0), True),
        (Projection(1.0, 7.1, 9.0, 7.0), True),
    ],
)
def test_over_is_more_than_one_of_the_limits(projection, over):
    assert projection.over is over
    assert f"over={'yes' if over else 'no'}" in format_projection(projection)
