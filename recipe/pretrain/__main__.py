"""Make the embedded base model: a small Qwen3 with its own tokenizer, pretrained on generated text.

    python -m recipe.pretrain tokenizer --out DIR      # a minute on one core
    python -m recipe.pretrain model --out DIR          # minutes on a GPU, two hours on two cores
    python -m recipe.pretrain model --out DIR --start_from data/embedded_model   # one more stage

DIR gets tokenizer files, then model.safetensors (float16), config.json and pretraining.json:
settings, seed, device and loss curve. The text is corpus.py's. Every assistant token carries loss,
and of the others a sampled share with a lower weight. Killed, the same command goes on from the
last state in DIR.partial.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from data import cli
from data.render import chat_template
from recipe.pretrain.corpus import documents
from recipe.pretrain.packing import Settings, batches
from recipe.run_record import git_commit

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

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
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
ARCHITECTURE = {
    "hidden_size": 192,
    "num_hidden_layers": 6,
    "intermediate_size": 512,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "max_position_embeddings": 4096,
    "rope_theta": 100000.0,
    "tie_word_embeddings": True,
}
FACTS_FILE = "pretraining.json"
LOG_EVERY = 50
SAVE_EVERY = 250


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    overrides = {
        k: v for k, v in vars(args).items() if k in Settings.__annotations__ and v is not None
    }
    settings = Settings(**overrides)
    _check_usage(args)
    args.out.mkdir(parents=True, exist_ok=True)
    if args.part == "tokenizer":
        make_tokenizer(settings, args.out)
    else:
        make_model(settings, args.out, args.start_from)
    return 0


def _check_usage(args: argparse.Namespace) -> None:
    """What is missing is said before hours of training, not after."""
    if args.part == "model" and not (args.out / "tokenizer.json").is_file():
        raise cli.UserError(
            f"{args.out}: no tokenizer.json; make one first: "
            f"python -m recipe.pretrain tokenizer --out {args.out}"
        )
    if args.start_from is None:
        return
    for name in (FACTS_FILE, "config.json", "model.safetensors"):
        if not (args.start_from / name).is_file():
            raise cli.UserError(
                f"--start_from {args.start_from}: no {name}; give a folder this command wrote"
            )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Pretrain the embedded base model.")
    parser.add_argument("part", choices=["tokenizer", "model"])
    parser.add_argument("--out", type=Path, required=True, help="model folder")
    parser.add_argument("--start_from", type=Path, help="model folder to go on from")
    for name, default in asdict(Settings()).items():
        parser.add_argument(f"--{name}", type=type(default), help=f"default {default}")
    return parser


def make_tokenizer(settings: Settings, out: Path) -> None:
    """Train a byte-level BPE on the corpus and save it with the hermes template."""
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
    texts = (
        d.text
        for d in islice(documents(f"{settings.seed}/tokenizer"), settings.tokenizer_documents)
    )
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


def make_model(settings: Settings, out: Path, start_from: Path | None = None) -> None:
    """Pretrain from random weights, or from a model's, and save the model in float16."""
    import torch
    from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(out)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    commit = git_commit()
    torch.manual_seed(settings.seed)
    config = Qwen3Config(
        **ARCHITECTURE,
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    model = Qwen3ForCausalLM(config)
    if start_from is not None:
        model = Qwen3ForCausalLM.from_pretrained(start_from, dtype=torch.float32)
    model.to(device)
    state = Pretraining(model, settings, out.with_name(out.name + ".partial"))
    state.resume()
    state.run(tokenizer, device)
    model.half().save_pretrained(out)
    facts = {
        "settings": asdict(settings),
        "architecture": ARCHITECTURE,
        "parameters": sum(p.numel() for p in model.parameters()),
        "tokens": settings.steps * settings.rows * settings.row_tokens,
        "seconds": round(state.seconds),
        "device": torch.cuda.get_device_name() if device == "cuda" else "CPU",
        "date": dt.date.today().isoformat(),
        "torch": str(torch.__version__),
        "git_commit": commit,
        "loss_curve": state.curve,
        "started_from": _facts(start_from) if start_from else None,
    }
    (out / FACTS_FILE).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    state.file.unlink(missing_ok=True)


def _facts(folder: Path) -> dict[str, Any]:
    """How the model of a folder was made."""
    facts: dict[str, Any] = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
    return facts


class Pretraining:
    """The state of a run: model, optimizers, the step it is at and the loss curve so far."""

    def __init__(self, model: Qwen3ForCausalLM, settings: Settings, file: Path) -> None:
        import torch

        inner = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
        outer = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
        self.model = model
        self.settings = settings
        self.file = file
        self.step = 0
        self.seconds = 0.0
        self.curve: list[dict[str, float]] = []
        self.optimizers = [
            torch.optim.Muon(
                inner,
                lr=settings.learning_rate,
                weight_decay=settings.weight_decay,
                adjust_lr_fn="match_rms_adamw",
            ),
            torch.optim.AdamW(
                outer, lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=0.0
            ),
        ]

    def resume(self) -> None:
        """Go on from the saved state, if there is one."""
        import torch

        if not self.file.exists():
            return
        saved = torch.load(self.file, weights_only=True)
        self.model.load_state_dict(saved["model"])
        for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self.step, self.seconds, self.curve = saved["step"], saved["seconds"], saved["curve"]

    def save(self) -> None:
        import torch

        partial = self.file.with_name(self.file.name + ".new")
        torch.save(
            {
                "model": self.model.state_dict(),
                "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
                "step": self.step,
                "seconds": self.seconds,
                "curve": self.curve,
            },
            partial,
        )
        partial.replace(self.file)

    def run(self, tokenizer: PreTrainedTokenizerFast, device: str) -> None:
        """Train up to `settings.steps`, saving on the way."""
        import torch

        trunk = torch.compile(lambda ids: self.model.model(input_ids=ids, use_cache=False)[0])
        rows = batches(tokenizer, self.settings, self.step)
        bar = tqdm(rows, total=self.settings.steps, initial=self.step, mininterval=10)
        started = time.monotonic() - self.seconds
        for ids, weights in bar:
            self._set_rate()
            with torch.autocast(device, dtype=torch.bfloat16):
                loss, spoken = _losses(self.model, trunk, ids.to(device), weights.to(device))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            for optimizer in self.optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            self.step += 1
            self.seconds = time.monotonic() - started
            if self.step % LOG_EVERY == 0:
                self.curve.append({"step": self.step, "assistant_loss": round(spoken.item(), 4)})
                bar.set_postfix(loss=self.curve[-1]["assistant_loss"])
            if self.step % SAVE_EVERY == 0:
                self.save()

    def _set_rate(self) -> None:
        """Warm up, stay, and fall to zero over the last `decay_share` of the steps."""
        s = self.settings
        left = (s.steps - self.step) / max(1.0, s.steps * s.decay_share)
        rate = s.learning_rate * min(1.0, (self.step + 1) / s.warmup_steps, left)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate


def _losses(
    model: Qwen3ForCausalLM,
    trunk: Callable[[torch.Tensor], torch.Tensor],
    ids: torch.Tensor,
    weights: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weighted mean loss, and the mean over assistant tokens. ids, weights: (rows, tokens + 1)."""
    import torch

    kept = weights[:, 1:].flatten().nonzero().squeeze(1)
    weight = weights[:, 1:].flatten()[kept]
    hidden = trunk(ids[:, :-1].contiguous()).flatten(0, 1)[kept]
    logits = model.lm_head(hidden).float()
    losses = torch.nn.functional.cross_entropy(logits, ids[:, 1:].flatten()[kept], reduction="none")
    spoken = losses.detach()[weight == 1]
    return (losses * weight).sum() / weight.sum(), spoken.mean()


if __name__ == "__main__":
    cli.run(main)
