"""What is measured side by side: base and tuned model, each way of asking, or an endpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from data.cli import UserError
from data.embedded import NAME
from data.record import json_line
from data.wire import Wire
from evals.models import Shelf, Weights

if TYPE_CHECKING:
    from evals.backends.backend import Backend


@dataclass(frozen=True)
class GenerationArgs:
    """What replies come from, and how. A `temperature` of 0 is greedy.

    `constrain` adds the constrained arms; with an `endpoint` it is the only arm.
    """

    model: str = NAME
    revision: str | None = None
    adapter: Path | None = None
    wire: Wire = "jsonrpc"
    endpoint: str | None = None
    endpoint_model: str | None = None
    batch_size: int = 64
    max_new_tokens: int = 256
    temperature: float = 0.0
    seed: int = 0
    constrain: bool = False
    concurrency: int = 8

    def __post_init__(self) -> None:
        for name in ("batch_size", "max_new_tokens", "concurrency"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} {getattr(self, name)}: give 1 or more")
        if self.temperature < 0:
            raise UserError(f"--temperature {self.temperature}: give 0 (greedy) or more")
        if self.endpoint and not self.endpoint_model:
            raise UserError("--endpoint_model is missing: the name that the server knows it by")
        if self.endpoint and (self.adapter or self.constrain):
            raise UserError("--endpoint excludes --adapter and --constrain: the server decides")
        for wanted, package, extra in (
            (self.constrain, "llguidance", "constrain"),
            (self.endpoint, "openai", "endpoint"),
        ):
            if wanted and find_spec(package) is None:
                raise UserError(f'--{extra} needs {package}; pip install -e ".[{extra}]"')


@dataclass(frozen=True)
class Arm:
    """One column of the result. `open` makes its backend; a model is loaded when it is asked."""

    name: str
    wire: Wire
    open: Callable[[], Backend]


def arms_of(args: GenerationArgs) -> list[Arm]:
    """The arms of a command, those of the same weights together.

    Opened and asked one after the other they hold one model at a time. Raises UserError when the
    tokenizer cannot be loaded.
    """
    if args.endpoint:
        return [Arm("endpoint", args.wire, lambda: _endpoint(args))]
    shelf = Shelf()
    skipped = skipped_arms(args)
    return [arm for arm in _local_arms(args, shelf) if arm.name not in skipped]


def skipped_arms(args: GenerationArgs) -> dict[str, str]:
    """Arms that the model cannot have, and why."""
    if args.endpoint:
        return {}
    reason = _why_not_native(args.model, args.revision)
    return {"base_native": reason} if reason else {}


def reply_key(args: GenerationArgs, arm: str, data_sha256: Iterable[str]) -> str:
    """A hash of all that decides over an arm's replies: weights, template, decoding and data."""
    backend = next(found for found in arms_of(args) if found.name == arm).open()
    facts = backend.facts()
    chosen = {name: facts.get(name) for name in _DECISIVE}
    text = json_line([arm, chosen, sorted(data_sha256)])
    return hashlib.sha256(text.encode()).hexdigest()


_DECISIVE = (
    "model",
    "model_sha256",
    "commit",
    "revision",
    "url",
    "adapter_sha256",
    "wire",
    "prompt",
    "template_sha256",
    "decoding",
)


def _local_arms(args: GenerationArgs, shelf: Shelf) -> Iterator[Arm]:
    base = Weights(args.model, args.revision)
    yield _local("base", base, args, shelf)
    yield _local("base_native", base, args, shelf)
    if args.constrain:
        yield _local("base_constrained", base, args, shelf)
    if args.adapter is None:
        return
    tuned = Weights(args.model, args.revision, args.adapter)
    yield _local("tuned", tuned, args, shelf)
    if args.constrain:
        yield _local("tuned_constrained", tuned, args, shelf)


def _local(name: str, weights: Weights, args: GenerationArgs, shelf: Shelf) -> Arm:
    native = name == "base_native"
    wire: Wire = "hermes" if native else args.wire

    def open_backend() -> Backend:
        from evals.backends.local import LocalBackend, Settings

        settings = Settings(
            wire=wire,
            style="native" if native else "ours",
            max_new_tokens=args.max_new_tokens,
            batch_size=args.batch_size,
            temperature=args.temperature,
            seed=args.seed,
            constrain=name.endswith("_constrained"),
        )
        return LocalBackend(name, weights, settings, shelf)

    return Arm(name, wire, open_backend)


def _endpoint(args: GenerationArgs) -> Backend:
    from evals.backends.endpoint import EndpointBackend, EndpointSettings

    assert args.endpoint and args.endpoint_model
    return EndpointBackend(
        EndpointSettings(
            url=args.endpoint,
            model=args.endpoint_model,
            wire=args.wire,
            max_new_tokens=args.max_new_tokens,
            temperature=args.temperature,
            seed=args.seed,
            concurrency=args.concurrency,
        )
    )


@cache
def _why_not_native(model: str, revision: str | None) -> str | None:
    from evals.backends.prompts import why_not_native
    from evals.models import load_tokenizer

    return why_not_native(load_tokenizer(model, revision))
