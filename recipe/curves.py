"""Draw a run: loss, learning rate, gradient norm and probe metrics by step, findings as thin marks.

    write_curves(folder, log, findings)     # folder/curves.png and folder/curves.svg

The same log gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Entry = Mapping[str, Any]

# Fewer points than this are drawn as dots on their line: a lone line hides where values are.
FEW_POINTS = 40
# Okabe and Ito's colours, which the colour-blind tell apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
MARK_COLOUR, FATAL_COLOUR = "#777777", "#c00000"
SIZE_INCHES, DOTS_PER_INCH = (11.0, 7.0), 110


@dataclass(frozen=True)
class Panel:
    """Values of the log that share an axis: by key, their names; `unit` is the axis' label."""

    title: str
    unit: str
    names: Mapping[str, str]
    is_share: bool = False


PANELS = (
    Panel("Loss", "nats per labelled token", {"loss": "training", "eval_loss": "validation"}),
    Panel(
        "Probe: answers to validation records",
        "share",
        {
            "eval_schema_valid": "calls that fit their schema",
            "eval_decision_f1": "macro F1 of decisions",
            "eval_over_call": "needless calls",
            "eval_under_call": "missed calls",
        },
        is_share=True,
    ),
    Panel("Learning rate", "per step", {"learning_rate": "learning rate"}),
    Panel("Gradient norm", "before clipping", {"grad_norm": "gradient norm"}),
)


def write_curves(folder: Path, log: Sequence[Entry], findings: Sequence[Entry] = ()) -> None:
    """Draw a Trainer's log to curves.png and curves.svg; findings are those of run.json."""
    import matplotlib

    # Text stays text in the SVG, and its ids come from its content.
    with matplotlib.rc_context({"svg.hashsalt": "toolcall-sft", "svg.fonttype": "none"}):
        figure = draw(log, findings)
        figure.savefig(folder / "curves.svg", metadata={"Date": None})
        figure.savefig(folder / "curves.png", dpi=DOTS_PER_INCH, metadata={"Software": None})


def draw(log: Sequence[Entry], findings: Sequence[Entry] = ()) -> Figure:
    """The figure: a panel for everything that the log has values of, the loss in any case."""
    from matplotlib.figure import Figure

    panels = [PANELS[0], *(p for p in PANELS[1:] if any(series(log, key) for key in p.names))]
    columns = 1 if len(panels) == 1 else 2
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    grid = figure.subplots(math.ceil(len(panels) / columns), columns, sharex=True, squeeze=False)
    for axes, panel in zip(grid.flat, panels, strict=False):
        _draw_panel(axes, panel, log)
        for finding in findings:
            colour = FATAL_COLOUR if finding["fatal"] else MARK_COLOUR
            axes.axvline(finding["step"], color=colour, linewidth=0.8, linestyle="--", zorder=0)
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    _name_findings(grid.flat[0], findings)
    return figure


def series(log: Sequence[Entry], key: str) -> list[tuple[int, float]]:
    """Step and value wherever the log has a finite one."""
    return [
        (entry["step"], entry[key])
        for entry in log
        if isinstance(entry.get(key), int | float) and math.isfinite(entry[key])
    ]


def _draw_panel(axes: Axes, panel: Panel, log: Sequence[Entry]) -> None:
    for (key, name), colour in zip(panel.names.items(), COLOURS, strict=False):
        if points := series(log, key):
            steps, values = zip(*points, strict=True)
            marker = "o" if len(points) < FEW_POINTS else ""
            axes.plot(steps, values, marker=marker, markersize=3, color=colour, label=name)
    axes.set_title(panel.title, loc="left", fontweight="bold")
    axes.set_ylabel(panel.unit)
    axes.set_xlabel("step")
    axes.tick_params(labelbottom=True)
    axes.grid(alpha=0.3)
    axes.set_ylim(bottom=0, top=1.02 if panel.is_share else None)
    if not axes.lines:
        axes.text(0.5, 0.5, "no values", transform=axes.transAxes, ha="center")
    elif len(panel.names) > 1:
        axes.legend(frameon=False, fontsize="small")


def _name_findings(axes: Axes, findings: Sequence[Entry]) -> None:
    """Codes along their marks, in the first panel alone; those of one step share a text."""
    for step in sorted({finding["step"] for finding in findings}):
        codes = ", ".join(f["code"] for f in findings if f["step"] == step)
        axes.annotate(
            codes.replace("_", " "),
            (step, 0.98),
            xycoords=("data", "axes fraction"),
            xytext=(-2, 0),
            textcoords="offset points",
            rotation=90,
            ha="right",
            va="top",
            fontsize="x-small",
            color=MARK_COLOUR,
        )
