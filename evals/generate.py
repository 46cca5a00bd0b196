"""Replies from Transformers: prompts in, one reply each out, as each is finished.

Each prompt is read by itself, what several share only once; then rows are decoded together
(evals.backends.pool). Greedy replies are those of one-by-one `model.generate`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tqdm import tqdm

from data.cli import UserError

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

    from evals.backends.pool import Pool, Row

END_OF_TURN = "<|im_end|>"
# Prompts are read one after the other for what they share, if that is this part of them; else by
# length, which keeps the rows of a batch alike.
MIN_SHARE = 0.25

Ids = Sequence[int]
Choice = Callable[["torch.Tensor", "Sequence[Row]"], list[int]]


class Answer(NamedTuple):
    """The reply to prompt number `prompt`, without its end; not whole where the limit cut it."""

    prompt: int
    ids: list[int]
    is_whole: bool


class Shared(NamedTuple):
    """A prompt, and how many of its first tokens are those of the prompt before it."""

    prompt: int
    n_shared: int


def greedy(logits: torch.Tensor, rows: Sequence[Row]) -> list[int]:
    """The likeliest token of each row of logits."""
    chosen: list[int] = logits.argmax(-1).tolist()
    return chosen


@dataclass(frozen=True)
class Decoding:
    """How replies are written. `choose` picks a token a row; `ends` are tokens that end a reply."""

    ends: frozenset[int]
    max_new_tokens: int = 256
    batch_size: int = 64
    choose: Choice = greedy


def generate_replies(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    max_new_tokens: int = 256,
    batch_size: int = 64,
    label: str | None = "replies",
) -> list[str]:
    """One greedy reply a prompt, in their order.

    `label` stands before the progress bar; None: no bar.
    """
    decoding = Decoding(end_tokens(tokenizer), max_new_tokens, batch_size)
    ids = tokenizer(list(prompts), add_special_tokens=False)["input_ids"]
    replies = [""] * len(prompts)
    hidden = True if label is None else None  # None: where there is no terminal
    with tqdm(total=len(prompts), desc=label, unit="reply", disable=hidden) as bar:
        for answer in generate_ids(on_device(model), ids, decoding):
            replies[answer.prompt] = tokenizer.decode(answer.ids)
            bar.update()
    return replies


def on_device(model: PreTrainedModel) -> PreTrainedModel:
    """The model on the GPU where there is one, as it answers: without dropout."""
    import torch

    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval()


def end_tokens(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Tokens that end a reply: the tokenizer's end, our template's, and padding."""
    ends = {tokenizer.eos_token_id, tokenizer.pad_token_id}
    ends.add(tokenizer.convert_tokens_to_ids(END_OF_TURN))
    return frozenset(ends - {None, tokenizer.unk_token_id})


def generate_ids(
    model: PreTrainedModel, prompts: Sequence[Ids], decoding: Decoding
) -> Iterator[Answer]:
    """The reply to each prompt, in the order in which they are finished.

    Raises UserError for a model that keeps another state than keys and values.
    """
    import torch

    from evals.backends.pool import Pool

    if model._is_stateful:
        raise UserError(
            f"{model.config.model_type}: models with a state are not generated with here; "
            "serve it and give --endpoint"
        )
    pool = Pool(model, min(decoding.batch_size, len(prompts)))
    waiting = _Prompts(model, prompts)
    logits: list[torch.Tensor] = []
    while waiting or pool.rows:
        with torch.inference_mode():
            if waiting and 2 * len(pool.rows) <= pool.size:
                logits += waiting.admit(pool)
            tokens = decoding.choose(torch.cat(logits), pool.rows)
            for row, token in zip(pool.rows, tokens, strict=True):
                row.reply.append(token)
            answers = _finished(pool, decoding)
            logits = [pool.step()] if pool.rows else []
        yield from answers


def _finished(pool: Pool, decoding: Decoding) -> list[Answer]:
    """Takes the rows that are done out of the pool."""
    answers = []
    for slot in reversed(range(len(pool.rows))):
        row = pool.rows[slot]
        is_whole = row.reply[-1] in decoding.ends
        if is_whole or len(row.reply) >= decoding.max_new_tokens:
            pool.remove(slot)
            answers.append(Answer(row.index, row.reply[:-1] if is_whole else row.reply, is_whole))
    return answers


class _Prompts:
    """The prompts still to be read, families together."""

    def __init__(self, model: PreTrainedModel, prompts: Sequence[Ids]) -> None:
        self._model = model
        self._prompts = prompts
        self._waiting = deque(
            (index, n_shared) for family in families(prompts) for index, n_shared in family
        )
        self._before: DynamicCache | None = None

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def admit(self, pool: Pool) -> list[torch.Tensor]:
        """Read prompts until the pool is full; the logits that follow each, [1, token]."""
        from evals.backends.pool import Row

        n_free = min(pool.size - len(pool.rows), len(self._waiting))
        admitted = [self._waiting.popleft() for _ in range(n_free)]
        longest = max(len(self._prompts[index]) for index, _ in admitted)
        logits = []
        for index, n_shared in admitted:
            prompt, cache = self._prompts[index], self._shared(n_shared)
            logits.append(self._read(prompt[n_shared:], cache))
            pool.add(Row(index, len(prompt)), cache, longest)
            self._before = cache
        return logits

    def _shared(self, n_tokens: int) -> DynamicCache:
        """A cache that begins with the first tokens of the prompt read before."""
        from transformers import DynamicCache

        if not n_tokens or self._before is None:
            return DynamicCache()
        layers = self._before.layers
        return DynamicCache(
            [(layer.keys[:, :, :n_tokens], layer.values[:, :, :n_tokens]) for layer in layers]
        )

    def _read(self, ids: Ids, cache: DynamicCache) -> torch.Tensor:
        import torch

        logits: torch.Tensor = self._model(
            input_ids=torch.tensor([list(ids)], device=self._model.device),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        return logits


def families(prompts: Sequence[Ids]) -> list[list[Shared]]:
    """Prompts that begin alike, one after the other; families with the shortest prompts first.

    So a reply without end, of a short prompt, widens the batch of those that come later by nothing.
    """
    order = sorted(range(len(prompts)), key=lambda index: list(prompts[index]))
    found: list[list[Shared]] = []
    for place, index in enumerate(order):
        prompt = prompts[index]
        n_shared = _n_same(prompts[order[place - 1]], prompt) if place else 0
        if n_shared >= MIN_SHARE * len(prompt):
            found[-1].append(Shared(index, n_shared))
        else:
            found.append([Shared(index, 0)])
    return sorted(found, key=lambda family: max(len(prompts[index]) for index, _ in family))


def _n_same(one: Ids, other: Ids) -> int:
    """Tokens that two prompts begin with alike. The last is never shared: its logits are wanted."""
    pairs = enumerate(zip(one, other[:-1], strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other) - 1))
