"""Replies from Transformers on this machine."""

from __future__ import annotations

import platform
import resource
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from data.record import Example
from data.wire import Wire
from evals.backends.backend import Reply
from evals.backends.prompts import Style, native_ids, prompt_ids, template_sha256
from evals.backends.sampling import sampled
from evals.generate import Choice, Decoding, end_tokens, generate_ids, greedy, on_device
from evals.models import Shelf, Weights, load_tokenizer, quiet_libraries

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from evals.constrain import Constraint

_PACKAGES = ("torch", "transformers", "tokenizers")


@dataclass(frozen=True)
class Settings:
    """How a model is asked, and how its replies are written. A `temperature` of 0 is greedy."""

    wire: Wire = "jsonrpc"
    style: Style = "ours"
    max_new_tokens: int = 256
    batch_size: int = 64
    temperature: float = 0.0
    seed: int = 0
    constrain: bool = False

    def facts(self) -> dict[str, Any]:
        """What decides over the replies; not the batch size."""
        return {
            "max_new_tokens": self.max_new_tokens,
            "temperature": self.temperature,
            "seed": self.seed if self.temperature else None,
            "constrained": self.constrain,
        }


class LocalBackend:
    """A model of Transformers, loaded when it is first asked."""

    def __init__(self, name: str, weights: Weights, settings: Settings, shelf: Shelf) -> None:
        self.name = name
        self._weights = weights
        self._settings = settings
        self._shelf = shelf
        self._constraint: Constraint | None = None
        self._n_replies = self._n_cut = 0

    def replies(self, examples: Sequence[Example]) -> Iterator[Reply]:
        """One reply an example, each as soon as it is finished.

        A GPU that is too small for a batch gets smaller ones.
        """
        import torch

        quiet_libraries()
        model, batch_size = on_device(self._shelf.take(self._weights)), self._settings.batch_size
        waiting = {example.id: example for example in examples}
        while waiting:
            try:
                for reply in self._answered(model, list(waiting.values()), batch_size):
                    del waiting[reply.id]
                    yield reply
            except torch.cuda.OutOfMemoryError:
                if batch_size == 1:
                    raise
                batch_size //= 2
                torch.cuda.empty_cache()

    def facts(self) -> dict[str, Any]:
        """What made the replies, and what came of them: cut ones, shared tokens, memory."""
        settings = self._settings
        return {
            "backend": "transformers",
            **self._weights.facts(),
            "wire": settings.wire,
            "prompt": settings.style,
            "template_sha256": template_sha256(self.tokenizer, settings.wire, settings.style),
            "decoding": settings.facts(),
            "batch_size": settings.batch_size,
            "versions": {name: version(name) for name in _PACKAGES},
            "hardware": _hardware(),
            "peak_memory_gib": _peak_memory_gib(),
            "replies": self._n_replies,
            "replies_cut": self._n_cut,
            "schemas": self._constraint.fits() if self._constraint else None,
        }

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        return load_tokenizer(self._weights.name, self._weights.revision)

    def _answered(
        self, model: PreTrainedModel, examples: Sequence[Example], batch_size: int
    ) -> Iterator[Reply]:
        ends = end_tokens(self.tokenizer)
        choose = self._choice(model, examples)
        decoding = Decoding(ends, self._settings.max_new_tokens, batch_size, choose)
        prompts = [self._prompt(example) for example in examples]
        for answer in generate_ids(model, prompts, decoding):
            self._n_replies += 1
            self._n_cut += not answer.is_whole
            yield Reply(examples[answer.prompt].id, self.tokenizer.decode(answer.ids))

    def _prompt(self, example: Example) -> list[int]:
        if self._settings.style == "native":
            return native_ids(self.tokenizer, example)
        return prompt_ids(self.tokenizer, example, self._settings.wire)

    def _choice(self, model: PreTrainedModel, examples: Sequence[Example]) -> Choice:
        settings = self._settings
        choose: Choice = greedy
        if settings.temperature:
            choose = sampled([e.id for e in examples], settings.temperature, settings.seed)
        if not settings.constrain:
            return choose
        if self._constraint is None:
            from evals.constrain import Constraint

            vocabulary = model.get_output_embeddings().weight.shape[0]
            ends = end_tokens(self.tokenizer)
            self._constraint = Constraint(self.tokenizer, ends, vocabulary, settings.wire)
        return self._constraint.choice(examples, choose)


def _hardware() -> str:
    import torch

    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


def _peak_memory_gib() -> float:
    """Of the GPU where there is one, else of this process, since it began."""
    import torch

    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_allocated() / 2**30, 2)
    kib_or_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(kib_or_bytes * (1 if sys.platform == "darwin" else 1024) / 2**30, 2)
