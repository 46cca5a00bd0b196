"""The adapter folder is what the ecosystem expects: it works without a line of this project."""

import os
import subprocess
import sys

import pytest

from data.record import read_examples
from data.render import prompt_of
from recipe.train import main

# Runs in a process that cannot import this project.
BARE = """
import json, sys, warnings
try:
    import recipe
    sys.exit("the project can be imported here")
except ImportError:
    pass
import torch
from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer

folder, conversation = sys.argv[1], json.load(open(sys.argv[2]))
model = AutoPeftModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
tokenizer = AutoTokenizer.from_pretrained(folder)
prompt = tokenizer.apply_chat_template(
    conversation["messages"],
    tools=conversation["tools"],
    add_generation_prompt=True,
    tokenize=False,
)
ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")
with torch.inference_mode():
    output = model.generate(**ids, max_new_tokens=8, do_sample=False)
print(json.dumps({"prompt": prompt, "new": output[0, ids["input_ids"].shape[1] :].tolist()}))
"""


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    """A run of two steps."""
    out = tmp_path_factory.mktemp("runs") / "run"
    flags = ["--train.max_steps", "2", "--train.per_device_train_batch_size", "2"]
    assert main(["--config", "cpu", "--data.path", str(dataset), "--out", str(out), *flags]) == 0
    return out


@pytest.mark.slow
@pytest.mark.parametrize("form", ["mcp", "openai"])
def test_it_answers_in_a_process_that_knows_nothing_of_us(run, dataset, tmp_path, form):
    import json

    example = next(e for e in read_examples(dataset / "validation.jsonl") if e.kind == "tool_call")
    tools = [tool if form == "mcp" else _openai(tool) for tool in example.tools]
    messages = [{"role": m.role, "content": m.content} for m in example.prompt]
    conversation = tmp_path / "conversation.json"
    conversation.write_text(json.dumps({"messages": messages, "tools": tools}), encoding="utf-8")
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", _without_us() + BARE, str(run), str(conversation)],
        cwd=tmp_path,
        env={**env, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["prompt"] == prompt_of(example)
    assert 1 <= len(said["new"]) <= 8


def _openai(tool):
    function = {"name": tool["name"], "description": tool["description"]}
    return {"type": "function", "function": {**function, "parameters": tool["inputSchema"]}}


def _without_us() -> str:
    """The project may be installed beside its libraries: its finder is taken away."""
    return (
        "import sys\n"
        "sys.meta_path = [f for f in sys.meta_path if 'editable' not in repr(f)]\n"
        f"sys.path = [p for p in sys.path if p != {str(_root())!r}]\n"
    )


def _root():
    from conftest import ROOT

    return ROOT


def test_the_folder_holds_no_pickle(run):
    names = {path.name for path in run.iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "chat_template.jinja"} <= names
    assert {"tokenizer.json", "README.md", "run.json"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pth", ".pkl"))]
