"""Generate replies with Transformers: prompts in, one reply each out, batched by length, greedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

END_OF_TURN = "<|im_end|>"


def generate_replies(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    max_new_tokens: int = 256,
    batch_size: int = 64,
    label: str | None = "replies",
) -> list[str]:
    """One greedy reply a prompt, in their order; the longest go first, so memory shows early.

    `label` stands before the progress bar; None: no bar.
    """
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = model.to(device).eval()
    replies = [""] * len(prompts)
    hidden = True if label is None else None  # None: where there is no terminal
    with tqdm(total=len(prompts), desc=label, unit="reply", disable=hidden) as bar:
        for indices, ids in _batches(tokenizer, prompts, batch_size):
            with torch.inference_mode():
                output = model.generate(
                    **ids.to(device),
                    do_sample=False,
                    max_new_tokens=max_new_tokens,
                    **_stops(tokenizer),
                )
            texts = tokenizer.batch_decode(
                output[:, ids["input_ids"].shape[1] :], skip_special_tokens=False
            )
            for index, text in zip(indices, texts, strict=True):
                replies[index] = _until_end(text, tokenizer)
            bar.update(len(indices))
    return replies


def _batches(
    tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], batch_size: int
) -> Iterator[tuple[list[int], Any]]:
    ids = tokenizer(list(prompts), add_special_tokens=False)["input_ids"]
    order = sorted(range(len(prompts)), key=lambda index: -len(ids[index]))
    for start in range(0, len(order), batch_size):
        indices = order[start : start + batch_size]
        batch = {"input_ids": [ids[index] for index in indices]}
        yield indices, tokenizer.pad(batch, padding_side="left", return_tensors="pt")


def _stops(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    end = tokenizer.convert_tokens_to_ids(END_OF_TURN)
    ends = {tokenizer.eos_token_id, end} - {None, tokenizer.unk_token_id}
    return {"eos_token_id": sorted(ends), "pad_token_id": tokenizer.pad_token_id}


def _until_end(text: str, tokenizer: PreTrainedTokenizerBase) -> str:
    for end in (END_OF_TURN, tokenizer.eos_token, tokenizer.pad_token):
        if end:
            text = text.split(end)[0]
    return text
