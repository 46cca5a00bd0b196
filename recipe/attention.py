"""Attention for records that lie one after another in one row: none sees another, none is padded.

Registered with Transformers under the name ATTENTION, without a mask function: so no mask is made,
and each record is causal by itself. Key and value heads are expanded to the query heads, because
grouped heads without a mask leave only the slow math kernel below compute capability 8.0
(huggingface/transformers#48633).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

ATTENTION = "per_record"
# What other attentions do and this one does not; a model that asks for it would learn wrongly.
_NOT_DONE = ("softcap", "s_aux", "position_bias")


def register() -> None:
    """Make ATTENTION known to Transformers; again is no harm."""
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION, attend)


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    record_lengths: Sequence[int] = (),
    sliding_window: int | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each record.

    query: (1, heads, tokens, dimension); key and value may have fewer heads. `record_lengths` adds
    up to tokens. Returns (1, tokens, heads, dimension). Raises NotImplementedError for a model
    whose attention needs more than that.
    """
    if asked := [name for name in _NOT_DONE if others.get(name) is not None]:
        raise NotImplementedError(f"{ATTENTION} attention has no {asked[0]}")
    if sum(record_lengths) != query.shape[2] or attention_mask is not None:
        raise ValueError(f"records of {sum(record_lengths)} tokens in a row of {query.shape[2]}")
    groups = query.shape[1] // key.shape[1]
    parts = [
        scaled_dot_product_attention(
            *heads, dropout_p=dropout, scale=scaling, **_causal(heads[0], sliding_window)
        )
        for heads in zip(
            query.split(list(record_lengths), dim=2),
            _expanded(key, groups).split(list(record_lengths), dim=2),
            _expanded(value, groups).split(list(record_lengths), dim=2),
            strict=True,
        )
    ]
    return torch.cat(parts, dim=2).transpose(1, 2).contiguous(), None


def _expanded(heads: torch.Tensor, groups: int) -> torch.Tensor:
    return heads if groups == 1 else heads.repeat_interleave(groups, dim=1)


def _causal(query: torch.Tensor, window: int | None) -> dict[str, Any]:
    length = query.shape[2]
    if window is None or length <= window:
        return {"is_causal": True}
    place = torch.arange(length, device=query.device)
    distance = place[:, None] - place[None, :]
    return {"attn_mask": (distance >= 0) & (distance < window)}
