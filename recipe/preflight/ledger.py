"""Every storage that a piece of PyTorch code makes, when it dies, and what the code computes.

Works on real tensors and on fake ones (FakeTensorMode), which have shapes and no memory.
"""

from __future__ import annotations

import weakref
from collections import Counter
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten
# Matrix products, and which argument is the left operand.
PRODUCTS = {aten.mm.default: 0, aten.mm.out: 0, aten.bmm.default: 0, aten.addmm.default: 1}
DROPOUT = (aten.native_dropout.default, aten.native_dropout_backward.default, aten.bernoulli_.float)
# Below so many operations a byte a product waits for memory on every GPU of flavors.yaml: the thin
# products of LoRA have about r.
THIN_BELOW = 50


class Event(NamedTuple):
    """A storage was made (n_bytes above 0) or freed (below 0)."""

    storage: int
    n_bytes: int
    phase: str


class Ledger(TorchDispatchMode):
    """Events of storages in order; `work` by (phase, kind): operations, bytes moved, kernels.

    `n_labelled`: how many labels fake tensors stand for; None for real tensors.
    """

    def __init__(self, n_labelled: int | None) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.work: Counter[tuple[str, str]] = Counter()
        self.operators: Counter[str] = Counter()
        self.phase = ""
        self._n_labelled = n_labelled
        self._alive: dict[int, tuple[int, weakref.ref[Any]]] = {}
        self._n_made = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is torch.ops.prim.device.default:
            return func(*args, **(kwargs or {}))
        outputs = self._by_value(func, args)
        if outputs is None:
            outputs = func(*args, **(kwargs or {}))
        made = [leaf for leaf in tree_leaves(outputs) if isinstance(leaf, torch.Tensor)]
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        self._count(func, args, given, made)
        for tensor in made:
            self.number(tensor)
        return outputs

    def number(self, tensor: torch.Tensor) -> int:
        """The number of a tensor's storage, which is entered if it is new."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key not in self._alive:
            self._n_made += 1
            self._enter(key, self._n_made, storage)
        return self._alive[key][0]

    def _enter(self, key: int, number: int, storage: Any) -> None:
        n_bytes = storage.nbytes()

        def on_death(_: Any) -> None:
            del self._alive[key]
            self.events.append(Event(number, -n_bytes, self.phase))

        self._alive[key] = (number, weakref.ref(storage, on_death))
        self.events.append(Event(number, n_bytes, self.phase))

    def _by_value(self, func: Any, args: tuple[Any, ...]) -> Any:
        """Outputs whose shape depends on values, which fake tensors lack: labelled positions."""
        if self._n_labelled is None:
            return None
        if func is aten.nonzero.default:
            shape = (self._n_labelled, args[0].dim())
            return torch.empty(shape, dtype=torch.int64, device=args[0].device)
        if func is aten.index.Tensor and _is_mask(mask := args[1][0]):
            return args[0].new_empty((self._n_labelled, *args[0].shape[mask.dim() :]))
        if func is aten.index_put.default and _is_mask(args[1][0]):
            return torch.empty_like(args[0])
        return None

    def _count(
        self, func: Any, args: Any, given: list[torch.Tensor], made: list[torch.Tensor]
    ) -> None:
        name = func._schema.name
        if not made or (func.is_view or name in _FREE):
            return
        self.operators[name] += 1
        self.work[self.phase, "kernels"] += 1
        moved = _moved_bytes(func, given, made)
        if func in PRODUCTS:
            operations = 2 * made[0].numel() * args[PRODUCTS[func]].shape[-1]
            thin = operations < THIN_BELOW * moved
            self.work[self.phase, "thin_bytes" if thin else "product_flop"] += (
                moved if thin else operations
            )
        elif "scaled_dot_product" in name:
            pass  # by the lengths of records, in roofline.py
        elif func in DROPOUT:
            self.work[self.phase, "dropout_bytes"] += moved
        elif func is aten._to_copy.default:
            self.work[self.phase, "cast_bytes"] += moved
        else:
            self.work[self.phase, "elementwise_bytes"] += moved


def _is_mask(index: torch.Tensor | None) -> bool:
    return index is not None and index.dtype == torch.bool


_FREE = ("aten::detach", "aten::_unsafe_view", "aten::empty", "aten::empty_like", "aten::new_empty")


def _moved_bytes(func: Any, given: list[torch.Tensor], made: list[torch.Tensor]) -> int:
    """Bytes that a kernel reads and writes."""
    if func is aten.embedding.default:  # reads the rows that it writes, not the table
        return 2 * made[0].nbytes
    return sum(tensor.nbytes for tensor in (*given, *made))
