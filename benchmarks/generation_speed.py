"""How fast replies are generated beside one-by-one `model.generate`: the same prompts, in one run.

    python benchmarks/generation_speed.py [--examples 300] [--data FILE] [--adapter DIR]

Greedy replies of the embedded model to test_seen's prompts, and how many are the same token by
token. `shared` are prompts of one long list of tools, as a server's users send them. Peak memory is
that of each way in a process of its own. Writes benchmarks/results/generation_speed.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "generation_speed.json"
WAYS = ("one_by_one", "batched")
SETS = ("test_seen", "shared")
MAX_NEW_TOKENS = 256


def main() -> None:
    args = _parser().parse_args()
    if args.way:
        print(json.dumps(run(args)))
        return
    with tempfile.TemporaryDirectory() as folder:
        args.data = args.data or _test_seen(Path(folder))
        found = {name: _both_ways(name, args) for name in SETS}
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "model": args.model,
        "adapter": bool(args.adapter),
        "batch_size": args.batch_size,
        "max_new_tokens": MAX_NEW_TOKENS,
        "sets": found,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(table(found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure generation beside model.generate.")
    parser.add_argument("--examples", type=int, default=300, help="prompts, spread over the file")
    parser.add_argument("--data", type=Path, help="records (default: test_seen, built now)")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--way", choices=WAYS, help="run this way alone, in this process")
    parser.add_argument("--set", choices=SETS, default=SETS[0])
    return parser


def _test_seen(folder: Path) -> Path:
    from data.build import build

    build(folder / "dataset", scale=1.0)
    return folder / "dataset" / "test_seen.jsonl"


def _both_ways(name: str, args: argparse.Namespace) -> dict[str, Any]:
    ways = {way: _in_process(way, name, args) for way in WAYS}
    one, batched = (ways[way].pop("replies") for way in WAYS)
    same = sum(a == b for a, b in zip(one, batched, strict=True))
    times = ways["one_by_one"]["seconds"] / ways["batched"]["seconds"]
    return {"n": len(one), "same_replies": same, "times_faster": round(times, 2), **ways}


def _in_process(way: str, name: str, args: argparse.Namespace) -> dict[str, Any]:
    options = {
        "--way": way,
        "--set": name,
        "--examples": args.examples,
        "--data": args.data,
        "--model": args.model,
        "--batch-size": args.batch_size,
        **({"--adapter": args.adapter} if args.adapter else {}),
    }
    given = [str(part) for pair in options.items() for part in pair]
    done = subprocess.run(
        [sys.executable, __file__, *given], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{way}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Seconds, rates and peak memory of one way, and its replies as token ids."""
    import torch

    from evals.generate import Decoding, end_tokens
    from evals.models import Shelf, Weights, load_tokenizer, quiet_libraries

    quiet_libraries()
    tokenizer = load_tokenizer(args.model)
    model = Shelf().take(Weights(args.model, adapter=args.adapter)).eval()
    prompts = _prompts(args, tokenizer)
    decoding = Decoding(end_tokens(tokenizer), MAX_NEW_TOKENS, args.batch_size)
    generate = one_by_one if args.way == "one_by_one" else batched
    generate(model, prompts[:2], decoding)  # libraries load on the first call
    started = time.perf_counter()
    replies = generate(model, prompts, decoding)
    seconds = time.perf_counter() - started
    return {
        "seconds": round(seconds, 2),
        "examples_s": round(len(prompts) / seconds, 2),
        "new_tokens_s": round(sum(map(len, replies)) / seconds, 1),
        "prompt_tokens": sum(map(len, prompts)),
        "new_tokens": sum(map(len, replies)),
        "threads": torch.get_num_threads(),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "replies": replies,
    }


def _prompts(args: argparse.Namespace, tokenizer: Any) -> list[list[int]]:
    from dataclasses import replace

    from data.record import read_examples
    from evals.backends.prompts import prompt_ids

    examples = list(read_examples(args.data))
    examples = examples[:: max(1, len(examples) // args.examples)][: args.examples]
    if args.set == "shared":
        tools = max((example.tools for example in examples), key=len)
        examples = [replace(example, tools=tools) for example in examples]
    return [prompt_ids(tokenizer, example, "jsonrpc") for example in examples]


def one_by_one(model: Any, prompts: list[list[int]], decoding: Any) -> list[list[int]]:
    """What one gets without this project's loop: `generate`, a prompt a time."""
    import torch

    replies = []
    for ids in prompts:
        with torch.inference_mode():
            output = model.generate(
                input_ids=torch.tensor([ids]),
                attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                do_sample=False,
                max_new_tokens=decoding.max_new_tokens,
                eos_token_id=sorted(decoding.ends) or None,
                pad_token_id=0,
            )
        reply = output[0, len(ids) :].tolist()
        replies.append(reply[:-1] if reply[-1] in decoding.ends else reply)
    return replies


def batched(model: Any, prompts: list[list[int]], decoding: Any) -> list[list[int]]:
    """This project's loop."""
    from evals.generate import generate_ids

    found = {answer.prompt: answer.ids for answer in generate_ids(model, prompts, decoding)}
    return [found[number] for number in range(len(prompts))]


def table(found: dict[str, Any]) -> str:
    """Both sets as a Markdown table."""
    rows = [
        "| prompts | n | same replies | one by one, ex/s | batched, ex/s | times | peak MiB |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, one in found.items():
        slow, fast = (one[way] for way in WAYS)
        memory = f"{slow['peak_memory_mib']:,} / {fast['peak_memory_mib']:,}"
        rows.append(
            f"| {name} | {one['n']} | {one['same_replies']} | {slow['examples_s']} | "
            f"{fast['examples_s']} | {one['times_faster']} | {memory} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    main()
