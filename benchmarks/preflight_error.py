"""How far recipe.preflight's peak memory is from what real training steps take.

    python benchmarks/preflight_error.py [--shapes NAME ...] [--out FILE]

Five small Qwen3 models train two steps of two rows on the CPU, each in a process of its own. Their
peak is measured three ways: storages that a dispatch mode sees (`ledger`), what PyTorch's allocator
hands out, kernels' own buffers included (`allocator`), and growth of resident memory (`resident`,
which counts code and the C library's free lists, too). With a GPU, Qwen3-1.7B with random weights
trains on it and torch.cuda counts allocated and reserved memory; without one the row says so.
Writes benchmarks/results/preflight_error.json. Needs /proc, that is Linux.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
import transformers

from evals.models import quiet_libraries
from recipe.assemble import lora_config
from recipe.attention import ATTENTION, register
from recipe.config import LoraArgs, ModelArgs
from recipe.precision import prepare
from recipe.preflight.architecture import architecture
from recipe.preflight.ledger import Ledger
from recipe.preflight.memory import peak_of
from recipe.preflight.model import NUMBERS
from recipe.preflight.step import Step, make_row, trace
from recipe.trainer import summed_loss

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "preflight_error.json"
MIB = 2**20
N_STEPS, ROWS_A_STEP = 2, 2
# glibc keeps freed memory, up to several times what is in use, unless told to give it back.
GIVES_BACK = {"MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_TRIM_THRESHOLD_": "0"}


@dataclass(frozen=True)
class Shape:
    """A small Qwen3 and a row of tokens; kv_heads and vocabulary as in its config.json."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int
    tokens: int
    checkpointing: bool
    tied: bool = True
    dropout: float = 0.0
    r: int = 16
    labelled_share: float = 0.15

    def step(self) -> Step:
        values = {
            "model_type": "qwen3",
            "hidden_size": self.hidden,
            "intermediate_size": 3 * self.hidden,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": 32,
            "vocab_size": self.vocabulary,
            "tie_word_embeddings": self.tied,
        }
        return Step(
            transformers.AutoConfig.for_model(**values),
            tokens=self.tokens,
            checkpointing=self.checkpointing,
            numbers=NUMBERS["fp32"],
            lora=LoraArgs(r=self.r, dropout=self.dropout),
            labelled_share=self.labelled_share,
            on_gpu=False,
        )


SHAPES = {
    "small": Shape(64, 2, 2, 1, 512, 640, checkpointing=False),
    "small, recomputed": Shape(64, 2, 2, 1, 512, 640, checkpointing=True, dropout=0.05),
    "plain": Shape(256, 4, 8, 4, 8192, 2048, checkpointing=False),
    "checkpointing": Shape(256, 4, 8, 4, 8192, 3072, checkpointing=True),
    "dropout": Shape(384, 3, 12, 2, 4096, 1536, checkpointing=False, dropout=0.05, r=64),
    "large head": Shape(128, 2, 4, 4, 65_536, 1024, False, tied=False, labelled_share=0.5),
    "deep": Shape(128, 10, 4, 1, 4096, 2600, checkpointing=True, dropout=0.1, r=8),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Predicted against measured peak memory.")
    parser.add_argument("--shapes", nargs="*", choices=SHAPES, default=list(SHAPES)[-5:])
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--measure", choices=SHAPES, help="one shape, in this process, as JSON")
    args = parser.parse_args()
    quiet_libraries()
    if args.measure:
        print(json.dumps(measured(SHAPES[args.measure].step())))
        return
    rows = [row(name) for name in args.shapes]
    results = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "shapes": rows,
        "gpu": on_gpu() if torch.cuda.is_available() else "not measured",
    }
    args.out.parent.mkdir(exist_ok=True)
    args.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(table(results))


def row(name: str) -> dict[str, Any]:
    """One shape: predicted here, measured in a process of its own; MiB, and the ledger's error."""
    predicted = peak_of(trace(SHAPES[name].step())).allocated
    command = [sys.executable, str(Path(__file__)), "--measure", name]
    env = {**os.environ, **GIVES_BACK}
    run = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, env=env)
    found = json.loads(run.stdout)
    return {
        "shape": name,
        "settings": asdict(SHAPES[name]),
        "predicted_mib": round(predicted / MIB, 2),
        **{f"{way}_mib": round(n_bytes / MIB, 2) for way, n_bytes in found.items()},
        "error": round(predicted / found["ledger"] - 1, 5),
        "error_to_allocator": round(predicted / found["allocator"] - 1, 5),
    }


def measured(step: Step) -> dict[str, int]:
    """Peak bytes of real training, three ways; resident memory first, for it keeps what it got."""
    return {"resident": resident(step), "allocator": allocator(step), "ledger": ledger(step)}


def ledger(step: Step) -> int:
    """Bytes of storages that Python's dispatch sees."""
    model = real_model(step)
    seen = Ledger(n_labelled=None)
    for tensor in (*model.parameters(), *model.buffers()):
        seen.number(tensor)
    with seen:
        train(model, step)
    return max(accumulate(event.n_bytes for event in seen.events))


def allocator(step: Step) -> int:
    """Bytes that PyTorch's CPU allocator hands out, the model's included."""
    from torch.profiler import ProfilerActivity, profile

    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        train(real_model(step), step)
    events = profiler.profiler.kineto_results.events()
    found = [(event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]"]
    return max(accumulate(n_bytes for _, n_bytes in sorted(found)))


def resident(step: Step) -> int:
    """Growth of the process's resident memory at its peak, after a small step has loaded code."""
    small = SHAPES["plain"].step().with_layers(1)
    train(real_model(small), small)
    gc.collect()
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    train(real_model(step), step)
    return _status("VmHWM") - before


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))


def real_model(step: Step, device: str = "cpu") -> Any:
    """A model with random weights, made as recipe.assemble makes one."""
    from peft import get_peft_model
    from trl.trainer.utils import add_fused_lm_head

    register()
    model = transformers.AutoModelForCausalLM.from_config(
        step.architecture,
        dtype=getattr(torch, step.numbers.weights),
        attn_implementation=ATTENTION,
    )
    if device != "cpu":
        add_fused_lm_head(model, outputs=("log_probs", "entropy", "is_top1"))
    model = get_peft_model(model, lora_config(step.lora)).to(device).train()
    if step.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    model.enable_input_require_grads()
    prepare(model, "fp16" if step.numbers.fp32_residual else "fp32")
    return model


def train(model: Any, step: Step, device: str = "cpu") -> None:
    """Two optimizer steps of two rows each."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, fused=True)
    row = {k: v.to(device) if hasattr(v, "to") else v for k, v in make_row(step).items()}
    products = step.numbers.products
    for _ in range(N_STEPS):
        for _ in range(ROWS_A_STEP):
            with torch.autocast(
                device, getattr(torch, products or "bfloat16"), enabled=products is not None
            ):
                loss = summed_loss(model, row) / step.n_labelled
            loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()


def on_gpu() -> list[dict[str, Any]]:
    """Qwen3-1.7B on the GPU that is here: GiB predicted, and as torch.cuda counts."""
    has_bf16 = torch.cuda.get_device_capability()[0] >= 8
    numbers = NUMBERS["bf16" if has_bf16 else "fp16"]
    rows = []
    for tokens, checkpointing in ((2048, False), (8192, True), (16_384, True)):
        step = Step(architecture(ModelArgs()), tokens, checkpointing, numbers)
        predicted = peak_of(trace(step))
        allocated, reserved = _gpu_peak(step)
        rows.append(
            {
                "gpu": torch.cuda.get_device_name(),
                "tokens": tokens,
                "checkpointing": checkpointing,
                "predicted_gib": round(predicted.allocated / 2**30, 3),
                "predicted_reserved_gib": round(predicted.reserved / 2**30, 3),
                "allocated_gib": round(allocated / 2**30, 3),
                "reserved_gib": round(reserved / 2**30, 3),
                "error": round(predicted.allocated / allocated - 1, 5),
            }
        )
    return rows


def _gpu_peak(step: Step) -> tuple[int, int]:
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    train(real_model(step, "cuda"), step, "cuda")
    return torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()


def table(results: dict[str, Any]) -> str:
    """A line a shape, and one for the GPU."""
    head = ("shape", "predicted", "ledger", "allocator", "resident", "error", "to allocator")
    lines: list[tuple[Any, ...]] = [head]
    for one in results["shapes"]:
        mib = (f"{one[f'{way}_mib']:.2f}" for way in ("predicted", "ledger", "allocator"))
        errors = (f"{one[name]:+.3%}" for name in ("error", "error_to_allocator"))
        lines.append((one["shape"], *mib, f"{one['resident_mib']:.0f}", *errors))
    shown = ["".join(f"{cell:>16}" for cell in line) for line in lines]
    gpu = results["gpu"]
    if isinstance(gpu, str):
        return "\n".join([*shown, f"{'GPU':>16}{gpu:>16}"])
    return "\n".join([*shown, *(json.dumps(one) for one in gpu)])


if __name__ == "__main__":
    main()
