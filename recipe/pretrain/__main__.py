"""Make the embedded base model: a small Qwen3 with its own tokenizer, pretrained on generated text.

    python -m recipe.pretrain tokenizer --out DIR      # a minute on one core
    python -m recipe.pretrain model --out DIR          # minutes on a GPU, hours on a CPU

DIR gets tokenizer files, then model.safetensors (float16), config.json and pretraining.json: settings, seed, device
and loss curve. The text is corpus.py's; tokens of assistant turns weigh 1, all others PROMPT_WEIGHT.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from data import cli
from data.render import chat_template
from recipe.pretrain.corpus import documents

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
)
# Qwen3's own split into pre-tokens: every digit alone, so that numbers are copied digit by digit.
PRE_TOKEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
ARCHITECTURE = {
    "hidden_size": 192,
    "num_hidden_layers": 6,
    "intermediate_size": 576,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "max_position_embeddings": 4096,
    "rope_theta": 100000.0,
    "tie_word_embeddings": True,
}
PROMPT_WEIGHT = 0.15


@dataclass(frozen=True)
class Settings:
    """What decides the weights, beside the catalogue and the code."""

    steps: int = 9000
    rows: int = 64
    row_tokens: int = 1024
    learning_rate: float = 3e-3
    warmup_steps: int = 200
    weight_decay: float = 0.05
    seed: int = 42
    workers: int = 14
    vocab_size: int = 4096
    tokenizer_documents: int = 40000


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    overrides = {k: v for k, v in vars(args).items() if k in Settings.__annotations__ and v is not None}
    settings = Settings(**overrides)
    args.out.mkdir(parents=True, exist_ok=True)
    if args.part == "tokenizer":
        make_tokenizer(settings, args.out)
    else:
        make_model(settings, args.out)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Pretrain the embedded base model.")
    parser.add_argument("part", choices=["tokenizer", "model"])
    parser.add_argument("--out", type=Path, required=True, help="model folder")
    for name, default in asdict(Settings()).items():
        parser.add_argument(f"--{name}", type=type(default), help=f"default {default}")
    return parser


def make_tokenizer(settings: Settings, out: Path) -> None:
    """Train a byte-level BPE on the corpus and save it with the hermes template of the base model."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRE_TOKEN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=settings.vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    texts = (d.text for d in islice(documents(f"{settings.seed}/tokenizer"), settings.tokenizer_documents))
    tokenizer.train_from_iterator(tqdm(texts, desc="documents", disable=None), trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        model_max_length=ARCHITECTURE["max_position_embeddings"],
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = chat_template("hermes")
    fast.save_pretrained(out)


def make_model(settings: Settings, out: Path) -> None:
    """Pretrain from random weights and save the model in float16."""
    import torch
    from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(out)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(settings.seed)
    torch.set_float32_matmul_precision("high")
    config = Qwen3Config(
        **ARCHITECTURE,
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    model = Qwen3ForCausalLM(config).to(device)
    started = time.monotonic()
    curve = _train(model, tokenizer, settings, device)
    model.half().save_pretrained(out)
    facts = {
        "settings": asdict(settings),
        "architecture": ARCHITECTURE,
        "parameters": sum(p.numel() for p in model.parameters()),
        "tokens": settings.steps * settings.rows * settings.row_tokens,
        "seconds": round(time.monotonic() - started, 1),
        "device": torch.cuda.get_device_name() if device == "cuda" else "CPU",
        "date": dt.date.today().isoformat(),
        "torch": str(torch.__version__),
        "loss_curve": curve,
    }
    (out / "pretraining.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _train(
    model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast, settings: Settings, device: str
) -> list[dict[str, float]]:
    """AdamW with warmup and cosine decay; returns the loss of assistant tokens every 50 steps."""
    import torch

    decayed = [p for p in model.parameters() if p.ndim >= 2]
    rest = [p for p in model.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": settings.weight_decay},
            {"params": rest, "weight_decay": 0.0},
        ],
        lr=settings.learning_rate,
        betas=(0.9, 0.98),
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, settings))
    forward = torch.compile(_losses) if device == "cuda" else _losses
    curve: list[dict[str, float]] = []
    progress = tqdm(_batches(tokenizer, settings), total=settings.steps, desc="pretraining", mininterval=5)
    for step, (ids, weights) in enumerate(progress, 1):
        ids, weights = ids.to(device, non_blocking=True), weights.to(device, non_blocking=True)
        with torch.autocast(device, dtype=torch.bfloat16):
            loss, assistant_loss = forward(model, ids, weights)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        schedule.step()
        if step % 50 == 0 or step == settings.steps:
            curve.append({"step": step, "assistant_loss": round(assistant_loss.item(), 4)})
            progress.set_postfix(loss=curve[-1]["assistant_loss"])
    return curve


def _rate(step: int, settings: Settings) -> float:
    import math

    if step < settings.warmup_steps:
        return (step + 1) / settings.warmup_steps
    done = (step - settings.warmup_steps) / max(1, settings.steps - settings.warmup_steps)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def _losses(
    model: Any, ids: torch.Tensor, weights: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weighted mean loss, and the plain mean over assistant tokens. ids, weights: (rows, tokens + 1)."""
    import torch

    logits = model(input_ids=ids[:, :-1], use_cache=False).logits
    losses = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1).float(), ids[:, 1:].flatten(), reduction="none"
    )
    targets = weights[:, 1:].flatten()
    spoken = (targets == 1).float()
    return (losses * targets).sum() / targets.sum(), (losses * spoken).sum() / spoken.sum()


def _batches(
    tokenizer: PreTrainedTokenizerFast, settings: Settings
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """`steps` batches of packed rows, made by worker processes; the same for the same settings."""
    import torch
    from torch.utils.data import DataLoader, IterableDataset, get_worker_info

    class Rows(IterableDataset[tuple[torch.Tensor, torch.Tensor]]):
        def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
            worker = get_worker_info()
            seed = f"{settings.seed}/worker-{worker.id if worker else 0}"
            for ids, weights in _rows(tokenizer, seed, settings.row_tokens + 1):
                yield torch.tensor(ids), torch.tensor(weights)

    loader = DataLoader(
        Rows(), batch_size=settings.rows, num_workers=settings.workers, pin_memory=torch.cuda.is_available()
    )
    yield from islice(loader, settings.steps)


def _rows(
    tokenizer: PreTrainedTokenizerFast, seed: str, length: int
) -> Iterator[tuple[list[int], list[float]]]:
    """Documents one after another, each ended by <|endoftext|>, cut into rows of `length` tokens."""
    ids: list[int] = []
    weights: list[float] = []
    for document in documents(seed):
        pieces = tokenizer(list(document.pieces), add_special_tokens=False)["input_ids"]
        for piece, trained in zip(pieces, document.trained, strict=True):
            ids.extend(piece)
            weights.extend([1.0 if trained else PROMPT_WEIGHT] * len(piece))
        ids.append(tokenizer.pad_token_id)
        weights.append(PROMPT_WEIGHT)
        while len(ids) >= length:
            yield ids[:length], weights[:length]
            ids, weights = ids[length:], weights[length:]


if __name__ == "__main__":
    sys.exit(main())
