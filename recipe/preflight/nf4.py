"""Linear layers whose weights are kept in 4 bits, as far as memory and time go.

bitsandbytes needs a GPU; this stand-in makes the same storages: half a byte a weight, a scale of
four bytes for each block of 64, and the whole weight in 16 bits while it is used.
"""

from __future__ import annotations

from typing import Any

import torch

BLOCK = 64


class Nf4Linear(torch.nn.Linear):
    """A linear layer without bias over packed weights; its products have no meaning."""

    def __init__(self, in_features: int, out_features: int, dtype: torch.dtype) -> None:
        torch.nn.Module.__init__(self)
        self.in_features, self.out_features, self.products = in_features, out_features, dtype
        n_weights = in_features * out_features
        packed = torch.empty((n_weights // 2, 1), dtype=torch.uint8)
        self.weight = torch.nn.Parameter(packed, requires_grad=False)
        self.register_buffer("scales", torch.empty(n_weights // BLOCK, dtype=torch.float32))
        self.bias = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shape = (self.out_features, self.in_features)
        result: torch.Tensor = _Product.apply(x.to(self.products), shape)
        return result


class _Product(torch.autograd.Function):
    """x @ weight.T; the weight is unpacked for each product and not kept."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
        ctx.shape = shape
        return torch.nn.functional.linear(x, _unpacked(x, shape))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradients[0] @ _unpacked(gradients[0], ctx.shape), None


def _unpacked(like: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    return torch.zeros(shape, dtype=like.dtype, device=like.device)


def pack(model: torch.nn.Module, head: torch.nn.Module, dtype: torch.dtype) -> None:
    """Replace all linear layers but the head."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child) is torch.nn.Linear and child is not head:
                setattr(parent, name, Nf4Linear(child.in_features, child.out_features, dtype))
