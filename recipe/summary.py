"""summary.md: a run on one page, for people: what was trained, how it went, what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from recipe.curves import PANELS, series

Run = Mapping[str, Any]

# The settings that decide a run, by group; a run that has no such key is of an older version.
SHOWN_SETTINGS = {
    "model": ("revision", "quantization"),
    "data": ("path", "wire", "max_length", "max_examples"),
    "lora": ("r", "alpha", "dropout", "target_modules"),
    "train": (
        "learning_rate",
        "lr_scheduler_type",
        "warmup_ratio",
        "weight_decay",
        "max_grad_norm",
        "per_device_train_batch_size",
        "gradient_accumulation_steps",
        "num_train_epochs",
        "max_steps",
        "gradient_checkpointing",
        "seed",
    ),
}


def summary_of(run: Run, folder: str) -> str:
    """Markdown of what run.json holds, `findings` included; `folder` is the run's."""
    sections = [
        f"# {run['config']['model']['name']}: a run of {run['steps']} steps",
        _what(run),
        "![loss, learning rate, gradient norm and probe by step](curves.png)",
        "## How it went\n\n" + _table(("", ""), _course(run)),
        "## Findings\n\n" + _findings(run["findings"]),
        *_probe(run["log"]),
        "## Settings\n\n" + _table(("flag", "value"), _settings(run["config"])),
        "## Next\n\n" + _next(run, folder),
    ]
    return "\n\n".join(sections) + "\n"


def _what(run: Run) -> str:
    data, lora = run["dataset"], run["config"]["lora"]
    sha256 = data.get("sha256")
    return (
        f"A LoRA adapter (r={lora['r']}) on `{run['config']['model']['name']}`, preset "
        f"{', '.join(run['presets'])}, in {run['precision']} on {run['device']}. Trained on "
        f"{data['examples']:,} records ({data['tokens']:,} tokens) of `{data['path']}`"
        + (f", sha256 `{sha256[:12]}`." if sha256 else ".")
    )


def _course(run: Run) -> list[tuple[str, str]]:
    """What there is to say in numbers; a line without a value is left out."""
    log, seconds = run["log"], run["seconds"]["train"]
    losses, evals = series(log, "loss"), series(log, "eval_loss")
    skipped = max((value for _, value in series(log, "skipped_steps")), default=0)
    dollars = max((value for _, value in series(log, "dollars")), default=None)
    course = [("steps", str(run["steps"])), ("time", f"{seconds:,.0f} s")]
    if speeds := sorted(value for _, value in series(log, "tokens_per_second")):
        course.append(("tokens a second", f"{speeds[len(speeds) // 2]:,.0f} (median)"))
    if losses:
        course.append(("first loss", f"{losses[0][1]:.3f} (to step {losses[0][0]})"))
        course.append(("last loss", f"{losses[-1][1]:.3f}"))
    course.append(("mean loss", f"{run['train_loss']:.3f}"))
    if evals:
        step, best = min(evals, key=lambda point: point[1])
        course.append(("best validation loss", f"{best:.3f} at step {step}"))
    if dollars is not None:
        course.append(("cost", f"{dollars:.2f} dollars"))
    return [*course, ("skipped steps", f"{skipped:.0f}"), ("ended", _end(run))]


def _end(run: Run) -> str:
    """Why the run ended: as planned, or with what finding."""
    fatal = _fatal(run)
    return f"stopped at step {fatal['step']}: {fatal['evidence']}" if fatal else "as planned"


def _fatal(run: Run) -> Mapping[str, Any] | None:
    return next((finding for finding in run["findings"] if finding["fatal"]), None)


def _findings(findings: Sequence[Mapping[str, Any]]) -> str:
    if not findings:
        return "None: nothing in the log looks wrong."
    return "\n".join(
        f"- **step {f['step']}**{' (fatal)' if f['fatal'] else ''}: {f['evidence']}. "
        f"{f['advice'][:1].upper()}{f['advice'][1:]}."
        for f in findings
    )


def _probe(log: Sequence[Mapping[str, Any]]) -> list[str]:
    """The section of the probe, if the log has one: a line an evaluation."""
    names = next(panel.names for panel in PANELS if panel.is_share)
    by_step: dict[int, dict[str, float]] = {}
    for key in names:
        for step, value in series(log, key):
            by_step.setdefault(step, {})[key] = value
    if not by_step:
        return []
    rows = [
        (str(step), *(f"{found[key]:.3f}" if key in found else "-" for key in names))
        for step, found in sorted(by_step.items())
    ]
    return ["## Probe\n\n" + _table(("step", *names.values()), rows)]


def _settings(config: Run) -> list[tuple[str, str]]:
    return [
        (f"`--{group}.{name}`", _cell(config[group][name]))
        for group, names in SHOWN_SETTINGS.items()
        for name in names
        if config[group].get(name) is not None
    ]


def _cell(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text.replace("|", "\\|")


def _next(run: Run, folder: str) -> str:
    fatal = _fatal(run)
    if fatal:
        return f"The adapter is of no use. {fatal['advice'][:1].upper()}{fatal['advice'][1:]}."
    return f"```\npython -m evals.tool_accuracy --run {folder}\n```"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
