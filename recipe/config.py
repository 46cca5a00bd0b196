"""The configuration of a training run: what can be set, its defaults, and what is allowed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from data.cli import UserError
from data.wire import Wire

if TYPE_CHECKING:
    pass

BUILTIN = "builtin"


@dataclass(frozen=True)
class ModelArgs:
    """The base model."""

    name: str = "Qwen/Qwen3-1.7B"
    """`embedded`, a model folder, or a Hub id."""

    revision: str | None = None
    """Commit, tag or branch on the Hub."""

    precision: Literal["auto", "fp16", "bf16", "fp32"] = "auto"
    """auto: fp32 on a CPU, bf16 from compute capability 8.0 on, fp16 below."""

    quantization: Literal["none", "nf4"] = "none"
    """nf4: base weights in 4 bits (QLoRA); needs a GPU."""


@dataclass(frozen=True)
class DataArgs:
    """The dataset and what of it is trained."""

    path: str = BUILTIN
    """A folder with train.jsonl (or .parquet) and validation, one such file, `hub:ID@REVISION`, or
    `builtin`, which is built on first use."""

    wire: Wire = "jsonrpc"
    """How calls are written: `jsonrpc` (MCP) or `hermes` (Qwen3's own)."""

    max_length: int = 2048
    """Longest record in tokens; none is ever cut."""

    too_long: Literal["error", "drop"] = "error"
    """What to do about longer records: stop before training, or leave them out and say how many."""

    max_examples: int | None = None
    """Train on this many records, drawn with `train.seed`; all if not given."""

    cache: str = "out/cache"
    """Folder that keeps token ids, by the hash of what they were made from."""

    def __post_init__(self) -> None:
        _check(self.max_length >= 16, "--data.max_length", self.max_length, "16 or more tokens")
        _check((self.max_examples or 1) >= 1, "--data.max_examples", self.max_examples, "1 or more")


@dataclass(frozen=True)
class LoraArgs:
    """The adapter."""

    r: int = 16
    """Rank."""

    alpha: int = 32
    """Scale; updates are multiplied by alpha / r."""

    dropout: float = 0.05
    """Share of inputs dropped in training, 0 to below 1."""

    target_modules: str = "all-linear"
    """Layers that get an adapter, as peft names them."""

    bias: Literal["none", "all", "lora_only"] = "none"
    """Which biases are trained."""

    def __post_init__(self) -> None:
        _check(self.r >= 1, "--lora.r", self.r, "1 or more")
        _check(0 <= self.dropout < 1, "--lora.dropout", self.dropout, "0 to below 1")


@dataclass(frozen=True)
class TrainArgs:
    """The optimisation; names as in TRL."""

    learning_rate: float = 2e-4
    """Peak learning rate."""

    lr_scheduler_type: Literal["cosine", "linear", "constant", "constant_with_warmup"] = "cosine"
    """Shape of the learning rate after warmup."""

    warmup_ratio: float = 0.1
    """Share of the steps that warm up, 0 to below 1."""

    weight_decay: float = 0.01
    """AdamW's decay."""

    per_device_train_batch_size: int = 4
    """Records a micro-batch."""

    gradient_accumulation_steps: int = 4
    """Times that many are the records of an optimizer step; they are computed in rows of
    `micro_batch_tokens`."""

    per_device_eval_batch_size: int | None = None
    """Records an evaluation batch; those of an optimizer step if not given."""

    num_train_epochs: float = 3.0
    """Passes over the records."""

    max_steps: int = -1
    """Optimizer steps; -1: as many as the epochs take."""

    micro_batch_tokens: int | None = None
    """Tokens that one forward pass may hold; if not given, as many as preflight shows to fit. What
    the optimizer sees does not depend on it."""

    gradient_checkpointing: bool | Literal["auto"] = True
    """Compute activations again in the backward pass: slower, and needs less memory. auto: only
    for the micro-batches that would not fit without."""

    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm."""

    logging_steps: int = 10
    """Steps between log lines."""

    eval_steps: int = 100
    """Steps between evaluations on validation; 0: none."""

    max_eval_examples: int | None = None
    """Evaluate on this many validation records; all if not given."""

    probe_examples: int = 32
    """Validation records that are answered and scored at each evaluation; 0: none."""

    save_steps: int = 500
    """Steps between checkpoints, from which the same command goes on if it was stopped; 0: none."""

    save_total_limit: int = 3
    """Checkpoints that are kept."""

    best: Literal["none", "eval_loss", "schema_valid", "decision_f1"] = "eval_loss"
    """What picks the checkpoint that is the result; none: the last step."""

    dataloader_num_workers: int = 2
    """Processes that prepare batches."""

    dataloader_pin_memory: bool = True
    """Whether batches wait in page-locked memory, from which a GPU copies faster."""

    tracker: Literal["none", "tensorboard", "trackio", "wandb"] = "none"
    """Where the log goes beside the run folder."""

    dollars_per_hour: float | None = None
    """Price of the machine, for the dollars that progress shows."""

    seed: int = 42
    """Of adapter weights, order of records and dropout."""

    def __post_init__(self) -> None:
        _check(self.learning_rate > 0, "--train.learning_rate", self.learning_rate, "above 0")
        _check(
            0 <= self.warmup_ratio < 1, "--train.warmup_ratio", self.warmup_ratio, "0 to below 1"
        )
        for name in (
            "per_device_train_batch_size",
            "gradient_accumulation_steps",
            "logging_steps",
            "save_total_limit",
        ):
            _check(getattr(self, name) >= 1, f"--train.{name}", getattr(self, name), "1 or more")
        for name in ("eval_steps", "probe_examples", "save_steps", "dataloader_num_workers"):
            _check(getattr(self, name) >= 0, f"--train.{name}", getattr(self, name), "0 or more")
        tokens = self.micro_batch_tokens
        _check(tokens is None or tokens >= 16, "--train.micro_batch_tokens", tokens, "16 or more")
        self._check_best()
        stops = self.max_steps > 0 or self.num_train_epochs > 0
        _check(
            stops, "--train.num_train_epochs", self.num_train_epochs, "above 0, or set max_steps"
        )

    def _check_best(self) -> None:
        """The best checkpoint must have been evaluated and saved. Raises UserError."""
        if self.best == "none" or not self.save_steps:
            return
        fits = self.eval_steps > 0 and self.save_steps % self.eval_steps == 0
        flag, allowed = "--train.best", "none, or save_steps a multiple of eval_steps"
        _check(fits, flag, f"{self.best} with eval_steps {self.eval_steps}", allowed)
        needs_probe = self.best != "eval_loss"
        _check(not needs_probe or self.probe_examples > 0, flag, self.best, "with probe_examples")


@dataclass(frozen=True)
class RecipeConfig:
    """Everything a run depends on, beside data and code."""

    model: ModelArgs = field(default_factory=ModelArgs)
    data: DataArgs = field(default_factory=DataArgs)
    lora: LoraArgs = field(default_factory=LoraArgs)
    train: TrainArgs = field(default_factory=TrainArgs)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def _check(holds: bool, flag: str, found: object, allowed: str) -> None:
    if not holds:
        raise UserError(f"{flag} is {found}; allowed: {allowed}")
