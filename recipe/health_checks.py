"""The checks of recipe.health: each takes the log so far and says what is wrong, if it is.

Losses are judged by levels against this run's own start, and a difference must stand out of the
run's own noise: a log too noisy or too short to tell gives no finding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from recipe.health_log import (
    WINDOW_MIN,
    Log,
    Point,
    error_of_difference,
    levels,
    mean_of,
    noise,
    short,
    values_of,
    window,
)

# A third of the run: warmup is over by then, and two thirds can still be saved.
JUDGED_AFTER = 1 / 3
# Healthy runs of ours lose half of the loss in that time. A flat one is known by two signs:
# less than 3% between the first lines and now, and less than 7% with the noise counted in.
FLAT_FALL, FLAT_FALL_AT_MOST, ERRORS_95 = 0.03, 0.07, 1.64
# Below this loss (nats a token) there is nothing left to learn: flat or without gradient is fine.
LEARNED = 0.1
# A model that knows the chat template is below this after a third of a run, whatever the text.
STUCK_LOSS = 2.5
# A quarter over the best level, and six errors: the best of many levels is low by chance.
RISE, RISE_ERRORS = 1.25, 6.0
# Twice the first loss in three lines in a row is no outlier; a blip under 2 nats mends itself. Four
# times where the lines before are too few to know their noise.
EXPLODED, EXPLODED_EARLY, EXPLODED_ABOVE, EXPLODED_NOISE, IN_A_ROW = 2.0, 4.0, 2.0, 4.0, 3
# Evaluation lies 0.1 to 0.3 nats over training in a healthy run that starts near 3, and less in
# one that starts lower.
GAP, GAP_OF_START, GAP_ERRORS = 0.3, 0.5, 2.0
# Gradient norms vary by four around their median from step to step; twice running by ten, never.
GRADIENT_JUMP, GRADIENT_NONE, GRADIENT_ZERO = 10.0, 1e-3, 1e-6
# A gradient scaler halves its 65536 at each overflow: after 16 of them nothing is left to halve.
NOT_FINITE_IN_A_ROW = 16
# Record lengths alone change the speed of three lines by less than this.
SLOW = 0.6
# What is usual is the median of these many lines, of eight at least.
USUAL_LINES, USUAL_LINES_MIN = 200, 8
# The rest is what one longer record, or a fragmented allocator, takes.
FULL = 0.95
# Steps that the schedule may lag: each one that a gradient scaler skips holds it back by one.
LAG_STEPS, LAG_SHARE, RATE_TOLERANCE = 8, 0.02, 0.05


class Sign(NamedTuple):
    """What a check saw and what to do; the code and the step are the watch's."""

    evidence: str
    advice: str
    fatal: bool = False


def loss_exploding(log: Log) -> Sign | None:
    """The loss is no number, or several lines in a row lie far over where the run began."""
    last = log.all("loss")[-1]
    advice = f"{_lower_rate(log)} and start again"
    if not math.isfinite(last.value):
        return Sign(f"loss is {last.value}", advice, fatal=True)
    losses = log.finite("loss")
    if len(losses) <= IN_A_ROW:
        return None
    start, before = losses[0].value, losses[:-IN_A_ROW]
    factor = EXPLODED if len(before) >= IN_A_ROW else EXPLODED_EARLY
    limit = max(factor * start, EXPLODED_ABOVE, start + EXPLODED_NOISE * noise(before))
    if min(values_of(losses[-IN_A_ROW:])) <= limit:
        return None
    return Sign(f"loss explodes ({start:.3g} at the start, {last.value:.3g} now)", advice, True)


def loss_flat(log: Log) -> Sign | None:
    """The loss is where it was at the start."""
    losses = log.finite("loss")
    if not _is_due(log, losses) or losses[-1].step < 2 * log.plan.warmup_steps:
        return None
    first, start, now = losses[:IN_A_ROW], losses[: len(losses) // 3], losses[len(losses) // 2 :]
    fell_at_once = mean_of(first) - mean_of(now) > FLAT_FALL * mean_of(first)
    if mean_of(start) < LEARNED or fell_at_once or _may_have_fallen(losses, start, now):
        return None
    rate = log.plan.learning_rate
    return Sign(
        f"loss is not falling ({mean_of(start):.3g} at the start, {mean_of(now):.3g} since)",
        f"raise --train.learning_rate (now {short(rate)}) to {short(rate * 3, 1)}",
    )


def loss_stuck(log: Log) -> Sign | None:
    """The loss is high and has been for half of the run so far."""
    losses = log.finite("loss")
    if not _is_due(log, losses):
        return None
    size, middle = window(losses), len(losses) // 2
    before, now = losses[max(middle - size, 0) : middle], losses[-size:]
    if mean_of(now) < STUCK_LOSS or _may_have_fallen(losses, before, now):
        return None
    return Sign(
        f"loss stays near {mean_of(now):.2g}",
        "check that --model.name is a chat model and --data.wire the wire of the records",
    )


def loss_rising(log: Log) -> Sign | None:
    """The loss was down and is well over its lowest level."""
    losses = log.finite("loss")
    size = window(losses)
    if len(losses) < 3 * size:
        return None
    means = levels(losses, size)
    best, now = min(means, key=lambda mean: mean.value), means[-1]
    was_down = best.value < (1 - FLAT_FALL) * means[0].value
    margin = RISE_ERRORS * error_of_difference(losses, size)
    if not was_down or now.value < RISE * best.value or now.value - best.value < margin:
        return None
    return Sign(
        f"loss is rising ({best.value:.3g} at step {best.step}, {now.value:.3g} now)",
        _lower_rate(log),
    )


def overfitting(log: Log) -> Sign | None:
    """The gap between evaluation and training is wide and grows, past the best evaluation."""
    evals, losses = log.finite("eval_loss"), log.finite("loss")
    if len(evals) < IN_A_ROW or len(losses) < 2 * WINDOW_MIN:
        return None
    best, now = min(evals, key=lambda point: point.value), evals[-1]
    gaps = [_gap(point, losses) for point in evals[-IN_A_ROW:]]
    margin = GAP_ERRORS * error_of_difference(losses, window(losses))
    limit = min(GAP, GAP_OF_START * mean_of(losses[:IN_A_ROW]))
    grows = gaps[-1] - _gap(best, losses) > limit / 3 + margin and gaps == sorted(gaps)
    if best is now or gaps[-1] < limit + margin or not grows:
        return None
    return Sign(
        f"validation loss is {gaps[-1]:.2g} over training loss and was best at step {best.step} "
        f"({best.value:.3g}, {now.value:.3g} now): records are learned by heart",
        "lower --train.num_train_epochs, or keep that step with --train.best eval_loss",
    )


def gradient_exploding(log: Log) -> Sign | None:
    """The gradient norm is far above what is usual twice running, or no number for long."""
    tail = values_of(log.all("grad_norm")[-NOT_FINITE_IN_A_ROW:])
    if len(tail) == NOT_FINITE_IN_A_ROW and not any(map(math.isfinite, tail)):
        lost = f"gradient norm has been no number in {len(tail)} log lines in a row"
        return Sign(lost, f"{_lower_rate(log)} and start again", fatal=True)
    norms = values_of(log.finite("grad_norm"))
    if len(norms) < USUAL_LINES_MIN:
        return None
    usual = median(norms[-USUAL_LINES:-2])
    if usual == 0 or min(norms[-2:]) <= GRADIENT_JUMP * usual:
        return None
    return Sign(
        f"gradient norm explodes ({usual:.2g} as a rule, {norms[-1]:.2g} now)",
        f"{_lower_rate(log)}, or lower --train.max_grad_norm",
    )


def gradient_vanishing(log: Log) -> Sign | None:
    """Next to no gradient in several lines, though there is something left to learn."""
    norms, losses = values_of(log.finite("grad_norm")), log.finite("loss")
    is_learned = bool(losses) and mean_of(losses[-IN_A_ROW:]) < LEARNED
    if len(norms) < IN_A_ROW or is_learned:
        return None
    limit = max(GRADIENT_NONE * median(norms[-USUAL_LINES:]), GRADIENT_ZERO)
    if max(norms[-IN_A_ROW:]) > limit:
        return None
    return Sign(
        f"gradient norm is near zero ({norms[-1]:.2g})",
        "check that records have labels and that --lora.target_modules names layers of the model",
    )


def speed_falling(log: Log) -> Sign | None:
    """Tokens a second are far below their median in several lines."""
    speeds = values_of(log.finite("tokens_per_second")[-USUAL_LINES:])
    if len(speeds) < USUAL_LINES_MIN:
        return None
    usual, now = median(speeds[:-IN_A_ROW]), max(speeds[-IN_A_ROW:])
    if now >= SLOW * usual:
        return None
    return Sign(
        f"speed has fallen ({usual:.0f} tokens a second as a rule, {now:.0f} now)",
        "look for heat, or for another process on the device; else raise "
        "--train.dataloader_num_workers",
    )


def memory_full(log: Log) -> Sign | None:
    """One longer record may end the run."""
    share = log.all("memory_share")[-1].value
    if not share > FULL:
        return None
    return Sign(
        f"{share:.0%} of the device's memory is in use",
        "lower --train.micro_batch_tokens, or say --train.gradient_checkpointing true",
    )


def rate_off_schedule(log: Log) -> Sign | None:
    """The learning rate is that of no step within the lag that skipped steps explain."""
    plan, last = log.plan, log.all("learning_rate")[-1]
    skipped = max(values_of(log.all("skipped_steps")), default=0)
    lag = int(skipped + max(LAG_STEPS, LAG_SHARE * plan.max_steps))
    due = [plan.rate_after(steps) for steps in range(max(last.step - 1 - lag, 0), last.step + 1)]
    low, high = min(due) * (1 - RATE_TOLERANCE), max(due) * (1 + RATE_TOLERANCE)
    if any(map(math.isnan, due)) or low <= last.value <= high:
        return None
    return Sign(
        f"learning rate is {short(last.value)} where the {plan.schedule} schedule says "
        f"{short(plan.rate_after(last.step - 1))}",
        "check --train.lr_scheduler_type and --train.warmup_ratio; a run that goes on from a "
        "checkpoint needs the flags that it began with",
    )


def steps_skipped(log: Log) -> Sign | None:
    """A loss or gradient was no number, and its step was left out."""
    n_skipped = log.all("skipped_steps")[-1].value
    if not n_skipped:
        return None
    return Sign(
        f"{n_skipped:.0f} of the steps so far skipped, as loss or gradient was no number",
        f"if there are more, {_lower_rate(log)}",
    )


def _is_due(log: Log, points: Sequence[Point]) -> bool:
    """Whether enough of the run is over to be judged, with two levels to compare."""
    is_late = bool(points) and points[-1].step >= JUDGED_AFTER * log.plan.max_steps
    return is_late and len(points) >= 2 * window(points)


def _may_have_fallen(
    losses: Sequence[Point], before: Sequence[Point], now: Sequence[Point]
) -> bool:
    """Whether there is a fall between two parts of the log, or the noise could hide one."""
    error = ERRORS_95 * noise(losses) * math.sqrt(1 / len(before) + 1 / len(now))
    fall = max(mean_of(before) - mean_of(now), 0.0)
    return fall + error > FLAT_FALL_AT_MOST * mean_of(before)


def _gap(evaluation: Point, losses: Sequence[Point]) -> float:
    """How far an evaluation lies over the level of training before it."""
    before = [loss for loss in losses if loss.step <= evaluation.step] or losses[:1]
    return evaluation.value - mean_of(before[-window(before) :])


def _lower_rate(log: Log) -> str:
    rate = log.plan.learning_rate
    return f"lower --train.learning_rate (now {short(rate)}) to {short(rate / 3, 1)}"
