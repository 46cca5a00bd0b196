"""Run health: each finding has a log that shows it, and a log like it that does not."""

import math
from random import Random

import pytest
import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

from recipe.health import CHECKS, Finding, Watch
from recipe.health_callback import HealthCallback
from recipe.health_log import Plan
from recipe.progress import Progress

PLAN = Plan(max_steps=300, learning_rate=2e-4, schedule="cosine", warmup_steps=30)
# Two runs of the embedded model on two cores, a line every ten steps, as run.json has them.
FIRST_RUN = (
    "6.68 2.89 1.58 1.47 .97 .98 .79 .78 .9 .64 .85 .77 .78 .73 .84 .64 .85 .71 .78 .6 .43 .81 .66 "
    ".54 .42 .6 .44 .61 .52 .41 .71 .59 .54 .34",
    "3.72 2.31 .68 .86 .78 .73 .59 1 .88 1.16 1.02 .66 .63 .71 .75 .54 .83 .67 .7 .82 .72 .56 .48 "
    ".75 .56 .7 .54 .35 .49 .47 .57 .71 .4 .24",
)
OTHER_RUN = (
    "5.65 2.84 1.47 1.57 1.16 1.09 .92 .92 .93 .9 .86 .59 .71 .62 .55 .74 .8 .63 .79 .67 .64 .59 "
    ".7 .58 .66 .51 .56 .83 .79 .57 .65",
    "2.9 1.75 1.02 .56 .53 .47 .71 .79 .64 .64 .61 .55 .58 .59 .87 .58 .38 .51 .43 .78 .51 .56 .55 "
    ".45 .65 .35 .74 .34 .48 .81 .46",
)


def losses(start, end, count=30, noise=0.04, seed=0):
    """A loss that falls from start to end, most of it early, with noise."""
    rng = Random(seed)
    means = [end + (start - end) * math.exp(-6 * line / count) for line in range(count)]
    return [mean * rng.lognormvariate(0, noise) for mean in means]


def log_of(**columns):
    """Entries ten steps apart from lists of values by name."""
    rows = zip(*columns.values(), strict=True)
    return [
        {"step": 10 * line, **dict(zip(columns, row, strict=True))}
        for line, row in enumerate(rows, 1)
    ]


def evaluated(train, evals):
    """A log of `train` losses with evaluations spread evenly over it."""
    every = len(train) // len(evals)
    log = []
    for line, loss in enumerate(train, 1):
        log.append({"step": 10 * line, "loss": loss})
        if line % every == 0:
            log.append({"step": 10 * line, "eval_loss": evals[line // every - 1]})
    return log


def findings(log, plan=PLAN):
    watch = Watch(plan)
    for entry in log:
        watch.read(entry)
    return watch.findings


def codes(log, plan=PLAN):
    return [finding.code for finding in findings(log, plan)]


DOWN = losses(3.0, 1.0)
RATES = [PLAN.rate_after(10 * line - 1) for line in range(1, 31)]
STEADY = losses(0.7, 0.7, noise=0.4, seed=1)
# code: (a log that shows it, one like it that does not)
LOGS = {
    "loss_exploding": (
        log_of(loss=[*DOWN[:6], 8.0, 9.0, 9.5]),
        log_of(loss=[*DOWN[:6], 8.0, *DOWN[7:]]),
    ),
    "gradient_exploding": (
        log_of(grad_norm=[*STEADY[:20], 40.0, 55.0]),
        log_of(grad_norm=[*STEADY[:20], 40.0, *STEADY[21:]]),
    ),
    "loss_flat": (log_of(loss=losses(2.0, 2.0)), log_of(loss=losses(2.0, 1.5))),
    "loss_stuck": (
        log_of(loss=losses(4.0, 3.0, 60)),
        log_of(loss=losses(4.0, 2.0, 60)),
    ),
    "loss_rising": (
        log_of(loss=[*losses(0.9, 0.4, 20), *(0.4 + 0.06 * n for n in range(10))]),
        log_of(loss=[*losses(0.9, 0.4, 20), *(0.4 + 0.006 * n for n in range(10))]),
    ),
    "overfitting": (
        evaluated(losses(1.5, 0.2), [1.0, 0.8, 0.7, 0.8, 0.95, 1.1]),
        evaluated(losses(1.5, 0.5), [1.0, 0.8, 0.7, 0.68, 0.67, 0.67]),
    ),
    "gradient_vanishing": (
        log_of(loss=DOWN, grad_norm=[*STEADY[:25], *[1e-8] * 5]),
        log_of(loss=losses(0.09, 1e-4), grad_norm=[*STEADY[:25], *[1e-8] * 5]),
    ),
    "speed_falling": (
        log_of(tokens_per_second=[*[800.0, 700.0, 900.0] * 8, 400.0, 420.0, 380.0]),
        log_of(tokens_per_second=[*[800.0, 700.0, 900.0] * 8, 400.0, 420.0, 790.0]),
    ),
    "memory_full": (
        log_of(memory_share=[0.6, 0.97, 0.97]),
        log_of(memory_share=[0.6, 0.93, 0.94]),
    ),
    "rate_off_schedule": (
        log_of(learning_rate=[*RATES[:20], *[RATES[19]] * 10]),
        log_of(learning_rate=RATES),
    ),
    "steps_skipped": (
        log_of(loss=DOWN[:3], skipped_steps=[0, 0, 2]),
        log_of(loss=DOWN[:3], skipped_steps=[0, 0, 0]),
    ),
}


@pytest.mark.parametrize("code", CHECKS)
def test_each_finding_has_a_log_that_shows_it_and_one_that_does_not(code):
    ill, healthy = LOGS[code]
    found = findings(ill)
    assert [finding.code for finding in found] == [code]
    assert found[0].advice and "\n" not in str(found[0])
    assert codes(healthy) == []


@pytest.mark.parametrize("start_and_end", [(3.0, 1.0), (6.7, 0.4), (0.6, 0.1), (0.05, 0.04)])
@pytest.mark.parametrize("noise", [0.02, 0.1, 0.25, 0.4])
@pytest.mark.parametrize("count", [3, 12, 34, 100])
def test_a_healthy_log_gives_no_finding_however_noisy(start_and_end, noise, count):
    start, end = start_and_end
    plan = Plan(10 * count, 2e-4, "linear", count)
    for seed in range(5):
        rng = Random(seed)
        log = log_of(
            loss=losses(start, end, count, noise, seed),
            grad_norm=[0.7 * rng.lognormvariate(0, 0.4) for _ in range(count)],
            learning_rate=[plan.rate_after(10 * line - 1) for line in range(1, count + 1)],
            tokens_per_second=[800 * rng.lognormvariate(0, 0.15) for _ in range(count)],
            eval_loss=[1.1 * loss + 0.05 * start for loss in losses(start, end, count, 0.005)],
        )
        assert codes(log, plan) == []


@pytest.mark.parametrize(("run", "rate"), [(FIRST_RUN, 6e-3), (OTHER_RUN, 4e-3)])
def test_real_runs_of_the_embedded_model_give_no_finding(run, rate):
    loss, norms = ([float(value) for value in column.split()] for column in run)
    plan = Plan(10 * len(loss), rate, "cosine", len(loss))
    rates = [plan.rate_after(10 * line - 1) for line in range(1, len(loss) + 1)]
    assert codes(log_of(loss=loss, grad_norm=norms, learning_rate=rates), plan) == []


def test_a_finding_is_one_line_that_says_what_since_when_and_what_to_do():
    line = str(findings(LOGS["loss_rising"][0])[0])
    assert line.startswith("step ")
    assert "loss is rising (0.3" in line
    assert line.endswith("; lower --train.learning_rate (now 2e-4) to 7e-5")
    assert "was best at step 150 (0.7" in str(findings(LOGS["overfitting"][0])[0])


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_fatal_at_once(loss):
    found = findings(log_of(loss=[3.0, loss]))
    assert [(finding.code, finding.fatal) for finding in found] == [("loss_exploding", True)]


def test_a_loss_that_explodes_in_the_first_lines_is_fatal():
    found = findings(log_of(loss=[1.0, 9e5, 8e5, 3e5, 1e3, 5e4]))
    assert [(finding.code, finding.step) for finding in found] == [("loss_exploding", 40)]


def test_gradients_that_are_no_number_are_fatal_only_when_they_stay_so():
    a_scaler_that_finds_its_scale = [math.inf] * 6 + [0.8] * 20
    assert codes(log_of(grad_norm=a_scaler_that_finds_its_scale)) == []
    found = findings(log_of(grad_norm=[0.8] * 3 + [math.nan] * 20))
    assert [(finding.code, finding.fatal) for finding in found] == [("gradient_exploding", True)]


def test_each_code_is_found_once_a_run():
    log = log_of(memory_share=[0.97, 0.5, 0.99], skipped_steps=[1, 2, 3])
    assert codes(log) == ["memory_full", "steps_skipped"]


@pytest.mark.parametrize("schedule", ["constant", "constant_with_warmup", "linear", "cosine"])
def test_the_plan_knows_the_schedules_of_transformers(schedule):
    from transformers import get_scheduler

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2e-4)
    scheduler = get_scheduler(schedule, optimizer, num_warmup_steps=5, num_training_steps=40)
    plan = Plan(40, 2e-4, schedule, 5)
    for steps in range(40):
        assert plan.rate_after(steps) == pytest.approx(scheduler.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        scheduler.step()
    assert math.isnan(Plan(40, 2e-4, "polynomial").rate_after(20))
    assert codes(log_of(learning_rate=[1.0]), Plan(40, 2e-4, "polynomial")) == []


def test_steps_that_a_gradient_scaler_skips_are_not_off_schedule():
    late = [PLAN.rate_after(max(10 * line - 7, 0)) for line in range(1, 31)]
    assert codes(log_of(learning_rate=late)) == []


def test_a_resumed_watch_knows_what_was_found_and_measures_speed_anew():
    before = log_of(tokens_per_second=[800.0] * 12, memory_share=[0.97] * 12)
    watch = Watch(PLAN)
    watch.resume([*before, {"step": 120, "loss": math.nan}])
    assert [finding.code for finding in watch.findings] == ["memory_full"]
    assert not watch.read({"step": 130, "tokens_per_second": 200.0, "memory_share": 0.99})
    assert [f.code for f in watch.read({"step": 140, "loss": math.nan})] == ["loss_exploding"]


class Weight(torch.nn.Module):
    """The smallest thing a Trainer trains: a number that should be zero."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, x):
        return {"loss": ((self.weight * x) ** 2).mean()}


class FullMemory(TrainerCallback):
    """A device whose memory is full, and whose speed is even, unlike that of a busy machine."""

    def on_log(self, args, state, control, logs, **kwargs):
        measured = {"memory_share": 0.99, "tokens_per_second": 100.0}
        logs |= measured
        state.log_history[-1] |= measured


def trainer_of(folder, health, **arguments):
    rows = [{"x": torch.ones(1)} for _ in range(30)]
    args = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=1,
        num_train_epochs=1,
        logging_steps=1,
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
        save_strategy="steps",
        save_steps=5,
        **arguments,
    )
    callbacks = [Progress(30), FullMemory(), health]
    return Trainer(model=Weight(), args=args, train_dataset=rows, callbacks=callbacks)


def test_a_fatal_finding_stops_the_trainer_and_is_remembered(tmp_path, capsys):
    health = HealthCallback()
    trainer_of(tmp_path, health, learning_rate=1e3, lr_scheduler_type="constant").train()
    assert isinstance(health.stopped, Finding)
    assert health.stopped.code == "loss_exploding"
    assert health.stopped.step < 30
    assert health.rows()[-1]["fatal"] is True
    lines = [line for line in capsys.readouterr().err.splitlines() if "loss explodes" in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"step {health.stopped.step}: ")
    assert lines[0].endswith("start again; the run stops here")


def test_a_resumed_run_keeps_its_findings_and_prints_none_again(tmp_path, capsys):
    first, again = HealthCallback(), HealthCallback()
    flags = {"learning_rate": 1e-2, "lr_scheduler_type": "linear", "warmup_steps": 0.1}
    trainer_of(tmp_path, first, **flags).train()
    assert [finding.code for finding in first.findings] == ["memory_full"]
    assert "memory is in use" in capsys.readouterr().err
    resumed = trainer_of(tmp_path, again, **flags)
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-15"))
    assert again.findings == first.findings
    assert again.stopped is None
    err = capsys.readouterr().err
    assert "memory is in use" not in err
    assert "step 16/30 " in err
    assert "step 15/30 " not in err
    assert len([entry for entry in resumed.state.log_history if "loss" in entry]) == 30
