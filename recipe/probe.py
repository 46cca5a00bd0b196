"""Ask the model while it trains: greedy replies to a few validation records, scored.

Training goes on as if nothing had happened: mode, cache, attention and random numbers are put back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from random import Random
from typing import TYPE_CHECKING

from data.record import KINDS, Example
from data.render import prompt_of
from data.wire import Wire

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# Beside weights, gradients and the optimizer's state, the cache of more long prompts may not fit.
BATCH_SIZE = 8
# As in evals.tool_accuracy; the longest gold replies of the built-in dataset have 217.
MAX_NEW_TOKENS = 256
# Attention that takes the mask of padded prompts; the one in training may take none.
ATTENTION = "sdpa"


def probe_examples(examples: Sequence[Example], n: int, seed: int) -> list[Example]:
    """Up to `n` examples, drawn by `seed`, of all kinds as evenly as they last."""
    rng = Random(seed)
    by_kind = {kind: [e for e in examples if e.kind == kind] for kind in KINDS}
    for members in by_kind.values():
        rng.shuffle(members)
    rounds = range(max(map(len, by_kind.values())))
    even = [members[turn] for turn in rounds for members in by_kind.values() if turn < len(members)]
    return even[:n]


def probe(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: Sequence[Example],
    wire: Wire = "jsonrpc",
) -> dict[str, float]:
    """Shares from 0 to 1: calls that fit their schema, macro F1 of decisions, needless calls (of
    records without a call), missed calls (of records with one)."""
    from evals.metrics import RATES, macro_f1
    from evals.score import score_example

    with _answering(model):
        replies = _replies(model, tokenizer, [prompt_of(e, wire) for e in examples])
    scores = [score_example(e, reply, wire) for e, reply in zip(examples, replies, strict=True)]
    return {
        "eval_schema_valid": RATES["schema_valid"](scores).value,
        "eval_decision_f1": macro_f1([(s.expected, s.decision) for s in scores]),
        "eval_over_call": RATES["over_call"](scores).value,
        "eval_under_call": RATES["under_call"](scores).value,
    }


def _replies(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str]
) -> list[str]:
    """Replies in batches that fit. A probe that runs out of memory must not end the run."""
    import torch

    from evals.generate import generate_replies

    size = BATCH_SIZE
    while True:
        try:
            return generate_replies(model, tokenizer, prompts, MAX_NEW_TOKENS, size, None)
        except torch.cuda.OutOfMemoryError:
            if size == 1:
                raise
        torch.cuda.empty_cache()
        size //= 2


@contextmanager
def _answering(model: PreTrainedModel) -> Iterator[None]:
    """The model as it generates; afterwards everything is as it was."""
    import torch

    modes = [(module, module.training) for module in model.modules()]
    settings, attention = model.generation_config, model.config._attn_implementation
    uses_cache, settings.use_cache = settings.use_cache, True
    model.set_attn_implementation(ATTENTION)
    try:
        gpus = range(torch.cuda.device_count())
        with torch.random.fork_rng(devices=gpus), _autocast(model):
            yield
    finally:
        settings.use_cache = uses_cache
        model.set_attn_implementation(attention)
        for module, was_training in modes:
            module.training = was_training
        torch.cuda.empty_cache()  # the prompts' cache, in blocks that training cannot use


def _autocast(model: PreTrainedModel) -> AbstractContextManager[object]:
    """As in training on a GPU: fp32 adapters beside 16-bit weights need it (recipe.precision)."""
    import torch

    dtype = model.get_input_embeddings().weight.dtype
    if model.device.type != "cuda" or dtype == torch.float32:
        return nullcontext()
    return torch.autocast("cuda", dtype=dtype)
