"""Trace the training step of a configuration on fake tensors: shapes without memory.

Fake tensors lie on the CPU, where operators are those of a GPU but for two, which are put in their
place here: dropout keeps a mask of bytes, and TRL's head computes its loss in chunks. Left out is
what kernels take from the allocator for themselves: the backward of memory-efficient attention has
a buffer as large as one record's queries in fp32.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from recipe.config import LoraArgs
from recipe.preflight.model import NUMBERS, Numbers, autocast, build, materialise, with_layers

if TYPE_CHECKING:
    import torch

    from recipe.preflight.ledger import Ledger

# What cuBLAS takes from the allocator once: CUBLAS_WORKSPACE_CONFIG :4096:2:16:8, torch's default.
CUBLAS_BYTES = 8_519_680
MOST_RECORDS = 16
BODY, HEAD, HEAD_BACK, BODY_BACK, OPTIMIZER = "body", "head", "head back", "body back", "optimizer"


@dataclass(frozen=True)
class Step:
    """A training step on a row of `tokens`, of which `labelled_share` carry loss (0 to 1).

    It is one that is not the first: optimizer state is there, and gradients of the row before are.
    `architecture`: a Transformers configuration. `on_gpu`: use the operators of a GPU.
    `input_gradients`: whether embeddings have gradients, as Trainer wants for checkpointing.
    """

    architecture: Any
    tokens: int
    checkpointing: bool
    numbers: Numbers = NUMBERS["fp16"]
    lora: LoraArgs = field(default_factory=LoraArgs)
    labelled_share: float = 0.15
    on_gpu: bool = True
    input_gradients: bool = True

    @property
    def n_labelled(self) -> int:
        return max(1, round(self.tokens * self.labelled_share))

    def with_layers(self, n_layers: int) -> Step:
        return replace(self, architecture=with_layers(self.architecture, n_layers))


@dataclass(frozen=True)
class Trace:
    """What a step did: its ledger, and roles of storages that outlive it, by their number."""

    ledger: Ledger
    roles: dict[int, str]


def trace(step: Step) -> Trace:
    """Run the row forward and backward, then the optimizer, on fake tensors."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    from recipe.preflight.ledger import Ledger

    model = build(step.architecture, step.numbers, step.lora, step.on_gpu)
    _make_trainable(model, step)
    with ExitStack() as stack:
        stack.enter_context(FakeTensorMode())
        if step.on_gpu:
            stack.enter_context(_operators_of_a_gpu())
        materialise(model)
        ledger = Ledger(step.n_labelled)
        roles = _enter_weights(ledger, model, step.on_gpu)
        trained = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, fused=True)
        mark_phases(ledger, model)
        stack.enter_context(ledger)
        _make_state(ledger, optimizer, trained)
        roles |= {ledger.number(t): "optimizer state" for t in _state(optimizer)}
        run_row(ledger, model, step)
        roles |= {ledger.number(p.grad): "gradients" for p in trained}
        _update(ledger, optimizer, trained)
    return Trace(ledger, roles)


def _make_trainable(model: Any, step: Step) -> None:
    from recipe.precision import prepare

    model.train()
    if step.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    if step.checkpointing or step.input_gradients:
        model.enable_input_require_grads()
    prepare(model, "fp16" if step.numbers.fp32_residual else "fp32")


def _enter_weights(ledger: Ledger, model: Any, on_gpu: bool) -> dict[int, str]:
    import torch

    roles = {ledger.number(buffer): "base weights" for buffer in model.buffers()}
    for parameter in model.parameters():
        role = "adapters" if parameter.requires_grad else "base weights"
        roles[ledger.number(parameter)] = role
    if on_gpu:
        model.cublas_workspace = torch.empty(CUBLAS_BYTES, dtype=torch.uint8)
        roles[ledger.number(model.cublas_workspace)] = "base weights"
    return roles


def mark_phases(ledger: Ledger, model: Any) -> None:
    """Let the ledger know when the layers are done, and when the gradient is back at them."""

    def at_head(_module: Any, _inputs: Any, outputs: Any) -> None:
        ledger.phase = HEAD
        outputs.last_hidden_state.register_hook(back_at_body)

    def back_at_body(_gradient: Any) -> None:
        ledger.phase = BODY_BACK

    model.get_base_model().base_model.register_forward_hook(at_head)


def run_row(ledger: Ledger, model: Any, step: Step) -> None:
    """Forward and backward of one row."""
    row = make_row(step)
    ledger.phase = BODY
    with autocast(step.numbers):
        loss = _loss_on_gpu(model, row) if step.on_gpu else _loss(model, row)
    ledger.phase = HEAD_BACK
    (loss / step.n_labelled).backward()


def _loss(model: Any, row: Any) -> Any:
    from recipe.trainer import summed_loss

    return summed_loss(model, row)


def _loss_on_gpu(model: Any, row: Any) -> Any:
    """What recipe.trainer.summed_loss does with a row that is on a GPU."""
    return -model(**row, use_cache=False, fused_lm_head=True).log_probs.sum()


def make_row(step: Step) -> dict[str, Any]:
    """A row of records of 512 tokens or longer; the last tokens of the row are labelled."""
    import torch

    each = max(512, -(-step.tokens // MOST_RECORDS))
    n_whole, rest = divmod(step.tokens, each)
    lengths = (each,) * n_whole + ((rest,) if rest else ())
    labels = torch.full((1, step.tokens), -100)
    labels[0, step.tokens - step.n_labelled :] = 1
    positions = torch.cat([torch.arange(length) for length in lengths])[None]
    return {
        "input_ids": torch.ones((1, step.tokens), dtype=torch.int64),
        "labels": labels,
        "position_ids": positions,
        "record_lengths": lengths,
    }


def _make_state(ledger: Ledger, optimizer: Any, trained: list[Any]) -> None:
    """The optimizer's state, as the first step leaves it, and gradients, as a first row does."""
    import torch

    ledger.phase = OPTIMIZER
    for parameter in trained:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()


def _state(optimizer: Any) -> list[Any]:
    return [tensor for state in optimizer.state.values() for tensor in state.values()]


def _update(ledger: Ledger, optimizer: Any, trained: list[Any]) -> None:
    import torch

    ledger.phase = OPTIMIZER
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    optimizer.zero_grad()


@contextmanager
def _operators_of_a_gpu() -> Iterator[None]:
    """Dropout and TRL's head as they are on a GPU; its kernels work in place and are left out."""
    import torch

    def dropout(
        x: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> torch.Tensor:
        return torch.native_dropout(x, p, True)[0] if training and p else x

    def nothing(*_: Any, **__: Any) -> None:
        pass

    head = "trl.kernels.chunked_logprob."
    with (
        patch("torch.nn.functional.dropout", dropout),
        patch("trl.trainer.utils._use_triton", lambda device: True),
        patch(head + "_forward_tile", nothing),
        patch(head + "_backward_tile", nothing),
        patch(head + "_addmm_fp32", nothing),
    ):
        yield
