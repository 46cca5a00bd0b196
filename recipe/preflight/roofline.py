"""How long a run takes: operations over the speed of products, plus bytes over that of memory.

Calibrated on what is known of a T4 (docs/preflight.md): 25 of the published 65 TFLOPS in fp16 and
250 of 320 GB/s are sustained. Other GPUs are given the same fractions of their published figures:
predicted, not measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from recipe.config import TrainArgs
from recipe.preflight.architecture import Sizes
from recipe.preflight.flavors import Flavor
from recipe.preflight.largest import Rows
from recipe.preflight.lines import Line, Quantities
from recipe.preflight.step import BODY, BODY_BACK, HEAD, HEAD_BACK

SUSTAINED_PRODUCTS = 25 / 65
SUSTAINED_BANDWIDTH = 250 / 320
# Of the memory-efficient attention kernels, relative to matrix products.
ATTENTION_SPEED = 0.6
# Python and CUDA need this long to start a kernel, which counts where a GPU is done sooner.
LAUNCH_S = 10e-6
SAMPLED_STEPS = 200
# Validation records for each one of train, in the built-in dataset.
VALIDATION_SHARE = 826 / 15_694
# What a ledger counts in bytes, and how it is called in a report.
BYTES = {
    "thin_bytes": "adapters",
    "elementwise_bytes": "elementwise",
    "cast_bytes": "casts",
    "dropout_bytes": "dropout",
}
FORWARD, ALL = (BODY, HEAD), (BODY, HEAD, HEAD_BACK, BODY_BACK)


@dataclass(frozen=True)
class Speed:
    """What a GPU sustains: operations a second in products, bytes a second of its memory."""

    flop_s: float
    bytes_s: float


def speed_of(flavor: Flavor, precision: str) -> Speed:
    """A GPU's sustained speed, by the T4's fractions of what is published."""
    return Speed(
        flavor.tflops(precision) * 1e12 * SUSTAINED_PRODUCTS,
        flavor.bandwidth_gb_s * 1e9 * SUSTAINED_BANDWIDTH,
    )


@dataclass(frozen=True)
class Products:
    """Operations of a pass: for a token, a labelled token in the head, a token's square."""

    linear: float
    head: float
    attention: float


def products(sizes: Sizes, forwards: int, backward: bool) -> Products:
    """Operations of `forwards` passes forward (2 with checkpointing) and perhaps one backward.

    Frozen weights have no gradient of their own, adapters have one. The head is computed anew in
    the backward pass, for it keeps no logits. Attention has two products forward, five backward;
    the half that a causal mask leaves out is counted, as in the calibration.
    """
    both = 2 * (sizes.linear + sizes.adapters) * forwards
    return Products(
        linear=both + backward * (2 * sizes.linear + 4 * sizes.adapters),
        head=2 * sizes.head * (3 if backward else 1),
        attention=4 * sizes.attention_width * (forwards + 2.5 * backward),
    )


@dataclass(frozen=True)
class Machine:
    """A model in training on a GPU: sizes, costs of rows with and without recompute, speed."""

    sizes: Sizes
    with_checkpointing: Line
    without: Line
    speed: Speed

    def train_seconds(self, lengths: Sequence[int], checkpointing: bool) -> dict[str, float]:
        """Seconds of one row forward and backward, by what they are spent on."""
        line = self.with_checkpointing if checkpointing else self.without
        work = products(self.sizes, 2 if checkpointing else 1, backward=True)
        return self._seconds(work, line.at(sum(lengths)), lengths, ALL)

    def forward_seconds(self, lengths: Sequence[int]) -> dict[str, float]:
        """Seconds of one row in an evaluation."""
        work = products(self.sizes, 1, backward=False)
        return self._seconds(work, self.without.at(sum(lengths)), lengths, FORWARD)

    def _seconds(
        self, work: Products, row: Quantities, lengths: Sequence[int], phases: Sequence[str]
    ) -> dict[str, float]:
        tokens = sum(lengths)
        labelled = tokens * self.without.step.labelled_share
        attention = work.attention * sum(length * length for length in lengths)
        flop_s, bytes_s = self.speed.flop_s, self.speed.bytes_s
        seconds = {
            "products": (work.linear * tokens + work.head * labelled) / flop_s,
            "attention": attention / ATTENTION_SPEED / flop_s,
        }
        for kind, name in BYTES.items():
            seconds[name] = sum(row.get(f"{phase} {kind}", 0) for phase in phases) / bytes_s
        launches = LAUNCH_S * sum(row[f"{phase} kernels"] for phase in phases)
        seconds["waiting for Python"] = max(0.0, launches - sum(seconds.values()))
        return seconds


@dataclass(frozen=True)
class RunTime:
    """Hours of a run: of training by what they are spent on, and of evaluations."""

    training: dict[str, float]
    evaluations: float
    n_steps: int
    n_rows: int

    @property
    def hours(self) -> float:
        return sum(self.training.values()) + self.evaluations


def run_time(machine: Machine, records: Sequence[int], train: TrainArgs, rows: Rows) -> RunTime:
    """Hours of a run over records of these lengths, from a sample of its optimizer steps.

    Left out: starting up, downloads, saving, and the answers of the probe.
    """
    n_records = train.per_device_train_batch_size * train.gradient_accumulation_steps
    n_steps = train.max_steps
    if n_steps <= 0:
        n_steps = round(train.num_train_epochs * -(-len(records) // n_records))
    sample = list(_steps(records, n_records, train.seed))
    n_rows = 0
    seconds: dict[str, float] = {}
    for row in (row for step in sample for row in _rows(step, rows.tokens)):
        n_rows += 1
        for name, value in machine.train_seconds(row, sum(row) > rows.unchecked).items():
            seconds[name] = seconds.get(name, 0.0) + value
    scale = n_steps / len(sample)
    training = {name: value * scale / 3600 for name, value in seconds.items()}
    evaluations = _evaluations(machine, records, train, rows, n_steps) / 3600
    return RunTime(training, evaluations, n_steps, round(n_rows * scale))


def _evaluations(
    machine: Machine, records: Sequence[int], train: TrainArgs, rows: Rows, n_steps: int
) -> float:
    """Seconds of all evaluations; without max_eval_examples, of a validation like the built-in."""
    if not train.eval_steps:
        return 0.0
    n_validation = train.max_eval_examples or VALIDATION_SHARE * len(records)
    sample = next(_steps(records, 64, train.seed))
    seconds = sum(sum(machine.forward_seconds(row).values()) for row in _rows(sample, rows.tokens))
    return n_steps // train.eval_steps * n_validation / len(sample) * seconds


def _steps(records: Sequence[int], n_records: int, seed: int) -> Iterator[list[int]]:
    """Lengths of the records of some optimizer steps."""
    shuffled = list(records)
    Random(seed).shuffle(shuffled)
    for start in range(0, min(len(shuffled), SAMPLED_STEPS * n_records), n_records):
        yield shuffled[start : start + n_records]


def _rows(lengths: list[int], most_tokens: int) -> list[list[int]]:
    from recipe.micro_batches import plan

    return [[lengths[index] for index in row] for row in plan(lengths, most_tokens)]
