"""TRL's trainer, with the loss of labelled tokens alone on a CPU, too."""

from __future__ import annotations

from typing import Any

import torch
from trl import SFTTrainer

IGNORED = -100


class LabelledTrainer(SFTTrainer):
    """SFTTrainer that computes no logits of columns without a label.

    Where Triton runs, TRL scores labelled positions alone. Elsewhere it scores all of a batch, with
    the entropy and accuracy of each (trl.trainer.utils, `compact`): with short replies to long
    prompts most of that is thrown away. The loss is the same, up to rounding.
    """

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        is_plain_cpu = inputs["labels"].device.type == "cpu" and self.accelerator.num_processes == 1
        if return_outputs or not is_plain_cpu:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        others = {key: value for key, value in inputs.items() if key != "labels"}
        next_tokens = inputs["labels"][:, 1:]
        columns = (next_tokens != IGNORED).any(dim=0).nonzero().squeeze(1)
        logits = model(**others, use_cache=False, logits_to_keep=columns).logits
        targets = next_tokens[:, columns]
        loss = torch.nn.functional.cross_entropy(
            logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum"
        )
        n_labelled = (targets != IGNORED).sum()
        return loss / torch.as_tensor(num_items_in_batch or n_labelled).clamp(min=1)
