"""TRL's trainer on rows of whole records: no padding, no mask, and no logits of unlabelled tokens.

Transformers' loop stays as it is; a batch of the data loader is all records of an optimizer step,
and `training_step` splits it into rows that fit into memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from trl import SFTTrainer

from recipe.limits import RowLimits
from recipe.micro_batches import IGNORED, Row, rows_of

MAX_SKIPPED_IN_A_ROW = 3


class NotFinite(Exception):
    """Too many steps in a row had a loss or a gradient that is no number."""


class RecordTrainer(SFTTrainer):
    """SFTTrainer whose batches come from `recipe.micro_batches.collate`."""

    def __init__(self, *args: Any, limits: RowLimits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.limits = limits
        self.probe: Callable[[], dict[str, float]] | None = None
        self.n_skipped = 0
        self._skipped_in_a_row = 0

    def training_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Gradients of the mean loss over the labelled tokens of all processes' records."""
        model.train()
        rows = self._rows(self._prepare_inputs(inputs))
        n_labelled = (
            torch.as_tensor(num_items_in_batch).clamp(min=1) / self.accelerator.num_processes
        )
        total = torch.zeros((), device=self.args.device)
        for number, row in enumerate(rows, 1):
            with self._sync_only(number == len(rows), model):
                with self.compute_loss_context_manager(), checkpointing(model, self._checks(row)):
                    loss = summed_loss(model, row) / n_labelled
                self.accelerator.backward(loss)
            total += loss.detach()
            del loss  # it would hold this row's embeddings into the next one's forward
        return self._finite_or_skipped(model, total)

    def prediction_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
    ) -> tuple[torch.Tensor, None, None]:
        """The mean loss over the labelled tokens of the batch."""
        rows = self._rows(self._prepare_inputs(inputs))
        with torch.no_grad(), self.compute_loss_context_manager():
            total = sum(summed_loss(model, row) for row in rows)
        n_labelled = sum(int((row["labels"] != IGNORED).sum()) for row in rows)
        return total / max(n_labelled, 1), None, None

    def _rows(self, inputs: dict[str, torch.Tensor]) -> list[Row]:
        rows = rows_of(inputs, self.limits.tokens)
        if not self.is_fsdp_enabled:
            return rows
        # Every forward gathers weights from all processes: all must run the same number of them.
        n_rows = int(
            self.accelerator.gather(torch.tensor([len(rows)], device=self.args.device)).max()
        )
        return rows_of(inputs, self.limits.tokens, at_least=n_rows)

    def _checks(self, row: Row) -> bool:
        return row["input_ids"].shape[1] > self.limits.unchecked

    def _sync_only(self, is_last: bool, model: torch.nn.Module) -> AbstractContextManager[Any]:
        """Processes exchange gradients once a step, with the last row."""
        if is_last or self.accelerator.num_processes == 1:
            return nullcontext()
        return self.accelerator.no_sync(model=model)

    def _finite_or_skipped(self, model: torch.nn.Module, loss: torch.Tensor) -> torch.Tensor:
        """The loss; or 0, and no gradients, where a number is not finite. Raises NotFinite.

        With a gradient scaler, gradients beyond fp16 are how it finds its scale, and it skips such
        steps by itself: only a loss that is no number counts there.
        """
        has_scaler = self.accelerator.scaler is not None
        numbers = [loss] if has_scaler else [loss, *_norms(model)]
        if bool(torch.stack(numbers).isfinite().all()):
            self._skipped_in_a_row = 0
            return loss
        self.n_skipped += 1
        self._skipped_in_a_row += 1
        if self._skipped_in_a_row >= MAX_SKIPPED_IN_A_ROW:
            raise NotFinite(
                f"step {self.state.global_step + 1}: loss or gradient is no number, "
                f"{MAX_SKIPPED_IN_A_ROW} times in a row; lower --train.learning_rate (now "
                f"{self.args.learning_rate:g}) and start again"
            )
        if not has_scaler:
            model.zero_grad(set_to_none=True)  # the optimizer passes over what has no gradient
        return torch.zeros_like(loss)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if self.n_skipped:
            logs["skipped_steps"] = self.n_skipped
        super().log(logs, start_time)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """The loss on validation, and what the probe finds."""
        metrics: dict[str, float] = super().evaluate(*args, **kwargs)
        if self.probe is not None:
            found = self.probe()
            self.log(found)
            metrics |= found
        return metrics


def _norms(model: torch.nn.Module) -> Iterable[torch.Tensor]:
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    return torch._foreach_norm(gradients) if gradients else ()


def summed_loss(model: torch.nn.Module, row: Row) -> torch.Tensor:
    """Cross-entropy summed over the labelled tokens of a row.

    On a GPU TRL's head computes logits in chunks, with kernels of its own; elsewhere it would
    compute those of every token, so only the labelled ones are asked for.
    """
    others = {key: value for key, value in row.items() if key != "labels"}
    labels = row["labels"]
    if labels.is_cuda:
        return -model(**others, labels=labels, use_cache=False, fused_lm_head=True).log_probs.sum()
    columns = (labels[0, 1:] != IGNORED).nonzero().squeeze(1)
    logits = model(**others, use_cache=False, logits_to_keep=columns).logits[0]
    return torch.nn.functional.cross_entropy(
        logits.float(), labels[0, columns + 1], reduction="sum"
    )


@contextmanager
def checkpointing(model: torch.nn.Module, wanted: bool) -> Iterator[None]:
    """Whether the layers compute their activations again in the backward pass of this forward."""
    layers = [m for m in model.modules() if getattr(m, "gradient_checkpointing", False)]
    for layer in layers if not wanted else ():
        layer.gradient_checkpointing = False
    try:
        yield
    finally:
        for layer in layers:
            layer.gradient_checkpointing = True
