"""The rows that are decoded together, with their keys and values side by side.

Rows come and go: a finished row gives its place to the last one, and a new one is written beside
the others. Nothing else is copied, so a batch stays full whatever the lengths of its replies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

SPARE_COLUMNS = 128


@dataclass
class Row:
    """A prompt that is being answered. `length`: tokens in the cache. `matcher`: its grammar."""

    index: int
    length: int
    reply: list[int] = field(default_factory=list)
    matcher: Any = None


@dataclass
class Window:
    """The part of the buffers in use: slots 0 to `n_rows`, columns `start` to `end`."""

    n_rows: int = 0
    start: int = 0
    end: int = 0

    @property
    def width(self) -> int:
        return self.end - self.start


class PoolLayer(DynamicLayer):
    """One layer's keys and values in buffers of [slot, head, column, size], written in place.

    DynamicLayer copies all of them for every new token.
    """

    def __init__(self, window: Window) -> None:
        super().__init__()
        self.window = window
        self.buffers: tuple[torch.Tensor, ...] = ()

    def get_seq_length(self) -> int:
        return self.window.width

    def update(self, keys: torch.Tensor, values: torch.Tensor, *_: Any, **__: Any) -> Any:
        """Write one new token a row; returns all keys and values in use."""
        rows, start, end = self.window.n_rows, self.window.start, self.window.end
        for buffer, new in zip(self.buffers, (keys, values), strict=True):
            buffer[:rows, :, end : end + 1] = new
        return tuple(buffer[:rows, :, start : end + 1] for buffer in self.buffers)

    def put(self, slot: int, first: int, parts: Sequence[torch.Tensor]) -> None:
        """Write a row's keys and values, [head, column, size] each, from column `first` on."""
        for buffer, part in zip(self.buffers, parts, strict=True):
            buffer[slot, :, first : first + part.shape[1]] = part

    def taken(self, slot: int, first: int) -> list[torch.Tensor]:
        """A row's keys and values from column `first` on."""
        return [buffer[slot, :, first : self.window.end] for buffer in self.buffers]

    def lay_out(self, n_slots: int, width: int, like: Sequence[torch.Tensor]) -> None:
        """New buffers where what is in use ends at column `width`, with room for new columns."""
        rows, start, end = self.window.n_rows, self.window.start, self.window.end
        old = self.buffers
        made = []
        for number, example in enumerate(like):
            shape = (n_slots, example.shape[-3], width + SPARE_COLUMNS, example.shape[-1])
            new = example.new_zeros(shape)
            if rows:
                part = old[number][:rows, :, start:end]
                new[:rows, :, width - part.shape[2] : width] = part
            made.append(new)
        self.buffers = tuple(made)


class Pool:
    """Up to `size` rows, aligned at their newest token; columns before a row's first are masked."""

    def __init__(self, model: PreTrainedModel, size: int) -> None:
        self.model = model
        self.size = size
        self.rows: list[Row] = []
        self._first: list[int] = []
        self._window = Window()
        self._cache = DynamicCache()

    def add(self, row: Row, prompt: DynamicCache, longest: int = 0) -> None:
        """Take in a row whose `length` tokens are in the cache `prompt`.

        `longest`: the length of the longest row that comes next, so that room is made once.
        """
        if not self._cache.layers:
            self._cache.layers = [PoolLayer(self._window) for _ in prompt.layers]
        parts = [(layer.keys, layer.values) for layer in prompt.layers]
        if row.length > self._window.end or not self.rows:
            self._lay_out(max(row.length, self._window.width, longest), parts)
        slot, first = len(self.rows), self._window.end - row.length
        for layer, (keys, values) in zip(self._cache.layers, parts, strict=True):
            layer.put(slot, first, (keys[0], values[0]))
        self.rows.append(row)
        self._first.append(first)
        self._fit_window()

    def remove(self, slot: int) -> None:
        """Let a row go; the last row takes its slot."""
        row, first = self.rows.pop(), self._first.pop()
        if slot < len(self.rows):
            for layer in self._cache.layers:
                layer.put(slot, first, layer.taken(len(self.rows), first))
            self.rows[slot], self._first[slot] = row, first
        self._fit_window()

    def step(self) -> torch.Tensor:
        """Feed each row its newest token; returns the logits of the next, [row, token]."""
        window, first = self._window, torch.tensor(self._first)
        if window.end == self._cache.layers[0].buffers[0].shape[2]:
            self._lay_out(window.width, [layer.buffers for layer in self._cache.layers])
            first = torch.tensor(self._first)
        mask = torch.arange(window.start, window.end + 1) >= first[:, None]
        device = self.model.device
        logits: torch.Tensor = self.model(
            input_ids=torch.tensor([[row.reply[-1]] for row in self.rows], device=device),
            attention_mask=mask.long().to(device),
            position_ids=torch.tensor([[row.length] for row in self.rows], device=device),
            past_key_values=self._cache,
            use_cache=True,
        ).logits[:, -1]
        window.end += 1
        for row in self.rows:
            row.length += 1
        return logits

    def _fit_window(self) -> None:
        self._window.n_rows = len(self.rows)
        self._window.start = min(self._first, default=self._window.end)

    def _lay_out(self, width: int, like: Sequence[Sequence[torch.Tensor]]) -> None:
        """Buffers of `width` columns and some room; those in use come last of them."""
        for layer, parts in zip(self._cache.layers, like, strict=True):
            layer.lay_out(self.size, width, parts)
        shift = width - self._window.end
        self._first = [first + shift for first in self._first]
        self._window.end = width
        self._fit_window()
