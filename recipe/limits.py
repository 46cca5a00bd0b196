"""How many tokens are computed at once on this machine; what does not fit is refused."""

from __future__ import annotations

from dataclasses import dataclass

from data.cli import UserError
from recipe.config import RecipeConfig

# Without a GPU memory is no limit: rows that keep the cores busy and stay in their caches.
CPU_ROW_TOKENS = 2048


@dataclass(frozen=True)
class RowLimits:
    """Tokens that a row may hold; one of more than `unchecked` is computed with checkpointing."""

    tokens: int
    unchecked: int


def row_limits(
    config: RecipeConfig, precision: str, longest: int, force: bool = False
) -> RowLimits:
    """The limits of a run whose longest record has so many tokens.

    On a GPU preflight traces the step. Raises UserError for what will not fit, unless forced.
    """
    import torch

    train = config.train
    asked = train.micro_batch_tokens
    if not torch.cuda.is_available():
        tokens = asked or max(CPU_ROW_TOKENS, longest)
        return RowLimits(tokens, 0 if train.gradient_checkpointing is True else tokens)

    from recipe.preflight.largest import fits, rows_for, usable

    total_bytes = torch.cuda.get_device_properties(0).total_memory
    limits = fits(config, usable(total_bytes), precision)
    rows = rows_for(limits, train, longest)
    if rows is not None:
        return RowLimits(rows.tokens, rows.unchecked)
    if force:
        return RowLimits(asked or longest, 0)
    raise UserError(
        f"rows of {asked or longest} tokens will not fit into this GPU's "
        f"{total_bytes / 2**30:.1f} GiB (at most {limits.tokens_with_checkpointing} with "
        f"checkpointing, {limits.tokens_without} without); add --config memory_constrained, lower "
        "--data.max_length, or say --force"
    )
