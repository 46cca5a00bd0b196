"""The curves of a run: which panels there are, what they show, and that the bytes repeat."""

import math

import pytest

from recipe.curves import draw, series, write_curves

LOG = [
    {"step": 10, "loss": 3.0, "grad_norm": 2.0, "learning_rate": 1e-4},
    {"step": 10, "eval_loss": 2.9},
    {"step": 10, "eval_schema_valid": 0.5, "eval_decision_f1": 0.25},
    {"step": 20, "loss": 1.0, "grad_norm": math.nan, "learning_rate": 2e-4},
    {"step": 20, "eval_loss": 1.2},
    {"step": 20, "eval_schema_valid": 0.75, "eval_decision_f1": 0.5},
    {"step": 20, "train_loss": 2.0, "train_runtime": 9.0},
]
FINDING = {
    "code": "loss_rising",
    "step": 15,
    "evidence": "loss is rising",
    "advice": "lower it",
    "fatal": False,
}


def test_a_run_gets_a_png_and_an_svg_with_titles_units_and_findings(tmp_path):
    write_curves(tmp_path, LOG, [FINDING])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curves.png", "curves.svg"]
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / "curves.svg").read_text(encoding="utf-8")
    for text in ("Loss", "Probe", "Learning rate", "Gradient norm", "nats", "step", "loss rising"):
        assert f">{text}" in svg, text


def test_the_same_log_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_curves(tmp_path / name, LOG, [FINDING])
    for file in ("curves.png", "curves.svg"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_panel_without_values_is_left_out_but_the_loss_never_is():
    titles = [axes.get_title(loc="left") for axes in draw(LOG[:1]).axes]
    assert titles == ["Loss", "Learning rate", "Gradient norm"]
    (only,) = draw([]).axes
    assert only.get_title(loc="left") == "Loss"
    assert [text.get_text() for text in only.texts] == ["no values"]


def test_few_points_have_markers_and_many_have_none():
    many = [{"step": step, "loss": 1.0} for step in range(200)]
    assert draw(LOG).axes[0].lines[0].get_marker() == "o"
    assert draw(many).axes[0].lines[0].get_marker() in ("", "None", None)


def test_findings_are_marks_in_every_panel_and_named_in_the_first():
    figure = draw(LOG, [FINDING, {**FINDING, "code": "memory_full", "fatal": True}])
    for axes in figure.axes:
        marks = [line for line in axes.lines if list(line.get_xdata()) == [15, 15]]
        assert len(marks) == 2
    assert [text.get_text() for text in figure.axes[0].texts] == ["loss rising, memory full"]


@pytest.mark.parametrize("value", [math.nan, math.inf, None, "text"])
def test_only_finite_numbers_are_drawn(value):
    assert series([{"step": 1, "loss": 2.0}, {"step": 2, "loss": value}], "loss") == [(1, 2.0)]
