"""The most tokens that a row may hold on a GPU, with and without activation checkpointing.

fits(config, usable(total_bytes), "fp16")
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import NamedTuple

from recipe.config import LoraArgs, ModelArgs, RecipeConfig, TrainArgs
from recipe.preflight.architecture import architecture
from recipe.preflight.lengths import builtin_facts
from recipe.preflight.lines import Line
from recipe.preflight.model import NUMBERS, Numbers
from recipe.preflight.step import Step

GIB = 2**30
CONTEXT_BYTES = GIB // 2
"""Memory that CUDA and its libraries take outside of PyTorch's allocator."""
HEADROOM = 0.03
"""Share of the rest that stays free: fragments of rows of other sizes, and our own error."""


class MicroBatchLimits(NamedTuple):
    """Most tokens of a row; 0: not even 256 fit. A row never holds more than a step's records."""

    tokens_with_checkpointing: int
    tokens_without: int


class Rows(NamedTuple):
    """How records are put into rows: at most `tokens`, more than `unchecked` are recomputed."""

    tokens: int
    unchecked: int


def usable(total_bytes: int) -> int:
    """What of a GPU's memory PyTorch's allocator may reserve."""
    return int((total_bytes - CONTEXT_BYTES) * (1 - HEADROOM))


def fits(config: RecipeConfig, usable_bytes: int, precision: str | None = None) -> MicroBatchLimits:
    """The limits for a model and adapter in so many usable bytes of a GPU.

    `precision`: as resolved; if not given, config.model.precision, where auto is taken as fp16,
    which needs most. Raises UserError for a model whose configuration cannot be loaded.
    """
    with_checkpointing, without = lines(config, precision or config.model.precision)
    most = most_tokens(config)
    return MicroBatchLimits(
        with_checkpointing.largest(usable_bytes, most), without.largest(usable_bytes, most)
    )


def rows_for(limits: MicroBatchLimits, train: TrainArgs, longest: int) -> Rows | None:
    """The rows of a run whose longest record has so many tokens; None where it does not fit.

    `gradient_checkpointing: auto` makes rows that need no recompute, and recomputes longer records,
    unless most would have to be: then rows are as large as with checkpointing.
    """
    asked, checkpointing = train.micro_batch_tokens, train.gradient_checkpointing
    if checkpointing == "auto":
        few = 2 * limits.tokens_without < longest
        tokens = limits.tokens_with_checkpointing if few else limits.tokens_without
        rows = Rows(asked or tokens, limits.tokens_without)
    elif checkpointing:
        rows = Rows(asked or limits.tokens_with_checkpointing, 0)
    else:
        rows = Rows(asked or limits.tokens_without, limits.tokens_without)
    needed = max(rows.tokens, longest)
    most = max(limits) if checkpointing else limits.tokens_without
    return rows if needed <= most else None


def most_tokens(config: RecipeConfig) -> int:
    """Tokens that the records of an optimizer step can have at most."""
    train = config.train
    n_records = train.per_device_train_batch_size * train.gradient_accumulation_steps
    return n_records * config.data.max_length


def lines(
    config: RecipeConfig, precision: str, labelled_share: float | None = None
) -> tuple[Line, Line]:
    """Costs of a row by its tokens on a GPU: with checkpointing, and without.

    `labelled_share`: of tokens that carry loss; if not given, that of the built-in dataset.
    """
    share = labelled_share or builtin_facts()["labelled_share"]
    input_gradients = config.train.gradient_checkpointing is not False
    numbers = numbers_of(config.model, precision)
    return _lines(config.model, config.lora, numbers, (share, input_gradients))


@cache
def _lines(
    model: ModelArgs, lora: LoraArgs, numbers: Numbers, others: tuple[float, bool]
) -> tuple[Line, Line]:
    step = Step(
        architecture(model),
        tokens=0,
        checkpointing=False,
        numbers=numbers,
        lora=lora,
        labelled_share=others[0],
        input_gradients=others[1],
    )
    return Line(replace(step, checkpointing=True)), Line(step)


def numbers_of(model: ModelArgs, precision: str) -> Numbers:
    numbers = NUMBERS["fp16" if precision == "auto" else precision]
    return replace(numbers, nf4=model.quantization == "nf4")
