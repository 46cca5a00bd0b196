"""Arms and their backends: Transformers here, an endpoint there, each with its facts."""

import gc
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
import weakref
from pathlib import Path
from threading import Barrier

import pytest
from peft import LoraConfig, get_peft_model
from scripted_server import serving

from data.cli import DataError, UserError
from data.embedded import MODEL_DIR
from data.record import Example, Message, read_examples
from data.render import prompt_of
from data.wire import ToolCall, read_strict, request_text, result_text
from evals.arms import Arm, GenerationArgs, arms_of, reply_key, skipped_arms
from evals.backends.endpoint import EndpointBackend, EndpointSettings
from evals.backends.local import LocalBackend, Settings
from evals.backends.messages import as_wire, chat_messages
from evals.backends.prompts import native_ids, prompt_ids, why_not_native
from evals.models import Shelf, Weights, load_adapter, load_model, load_tokenizer
from evals.reply_store import ReplyStore, collect

TOOL = {"name": "get_weather", "description": "Rain?", "inputSchema": {"type": "object"}}


@pytest.fixture(scope="module")
def examples(dataset):
    """Records with short prompts, of several kinds."""
    rows = read_examples(dataset / "test_seen.jsonl")
    return sorted(rows, key=lambda e: len(prompt_of(e)))[:6]


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer("embedded")


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    """A LoRA adapter that changes what the embedded model says."""
    import torch

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("adapter")
    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(load_model("embedded", torch.float32), config)
    for name, weights in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=0.5)
    model.save_pretrained(folder)
    return folder


def said(arm_or_backend, examples):
    backend = arm_or_backend.open() if isinstance(arm_or_backend, Arm) else arm_or_backend
    return {reply.id: reply.text for reply in backend.replies(examples)}


def local(**settings):
    settings = {"max_new_tokens": 16, **settings}
    return LocalBackend("base", Weights("embedded"), Settings(**settings), Shelf())


def test_arms_of_the_same_weights_stand_together(adapter):
    def names(**args):
        return [arm.name for arm in arms_of(GenerationArgs(**args))]

    assert names() == ["base", "base_native"]
    assert names(adapter=adapter) == ["base", "base_native", "tuned"]
    assert names(adapter=adapter, constrain=True) == [
        "base",
        "base_native",
        "base_constrained",
        "tuned",
        "tuned_constrained",
    ]
    assert names(endpoint="http://localhost:1/v1", endpoint_model="m") == ["endpoint"]
    wires = {arm.name: arm.wire for arm in arms_of(GenerationArgs(adapter=adapter))}
    assert wires == {"base": "jsonrpc", "base_native": "hermes", "tuned": "jsonrpc"}


@pytest.mark.parametrize(
    ("args", "part"),
    [
        ({"batch_size": 0}, "--batch_size 0"),
        ({"temperature": -1}, "--temperature -1"),
        ({"endpoint": "http://localhost/v1"}, "--endpoint_model is missing"),
        ({"endpoint": "http://h/v1", "endpoint_model": "m", "constrain": True}, "--constrain"),
    ],
)
def test_settings_that_make_no_sense_are_refused(args, part):
    with pytest.raises(UserError, match=part):
        GenerationArgs(**args)


def test_a_package_that_is_missing_is_named_before_a_model_is_loaded(monkeypatch):
    from evals import arms

    monkeypatch.setattr(arms, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="llguidance; pip install"):
        GenerationArgs(constrain=True)
    with pytest.raises(UserError, match="openai; pip install"):
        GenerationArgs(endpoint="http://h/v1", endpoint_model="m")


def test_a_tuned_arm_differs_from_its_base_and_one_model_is_held_at_a_time(adapter, examples):
    shelf = Shelf()
    settings = Settings(max_new_tokens=16)
    base = LocalBackend("base", Weights("embedded"), settings, shelf)
    tuned = LocalBackend("tuned", Weights("embedded", adapter=adapter), settings, shelf)
    before = said(base, examples)
    first = weakref.ref(shelf.take(Weights("embedded")))
    assert first() is not None
    after = said(tuned, examples)
    gc.collect()
    assert first() is None and before != after
    assert said(base, examples) == before
    assert base.facts()["adapter_sha256"] is None
    weights = (adapter / "adapter_model.safetensors").read_bytes()
    assert tuned.facts()["adapter_sha256"] == hashlib.sha256(weights).hexdigest()


def test_an_adapter_of_another_base_is_one_line(tmp_path):
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    narrow = AutoConfig.from_pretrained(MODEL_DIR, hidden_size=64)
    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    get_peft_model(AutoModelForCausalLM.from_config(narrow), config).save_pretrained(tmp_path)
    with pytest.raises(UserError, match="an adapter of another base model; give the --model"):
        load_adapter(load_model("embedded", torch.float32), tmp_path)


def test_the_facts_say_what_made_the_replies(examples):
    backend = local(max_new_tokens=2)
    said(backend, examples)
    facts = backend.facts()
    assert facts["model"] == "embedded" and len(facts["model_sha256"]) == 64
    assert facts["decoding"] == {
        "max_new_tokens": 2,
        "temperature": 0.0,
        "seed": None,
        "constrained": False,
    }
    assert facts["replies"] == len(examples) and facts["replies_cut"] > 0
    assert facts["peak_memory_gib"] > 0.01 and facts["hardware"]
    assert set(facts["versions"]) == {"torch", "transformers", "tokenizers"}
    json.dumps(facts)


def test_a_drawn_reply_depends_on_seed_and_example_not_on_the_batch(examples):
    alone = said(local(temperature=1.0, seed=1, batch_size=1), examples)
    assert said(local(temperature=1.0, seed=1, batch_size=4), examples[::-1]) == alone
    assert said(local(temperature=1.0, seed=2), examples) != alone
    assert said(local(), examples) != alone
    greedy = said(local(temperature=1e-4, seed=3), examples)
    assert greedy == said(local(), examples)


def test_the_key_changes_with_what_decides_over_replies(adapter, tmp_path):
    def key(arm="base", data=("d",), **args):
        return reply_key(GenerationArgs(**args), arm, data)

    same = key()
    assert key() == same == key(batch_size=3) == key(seed=5) == key(adapter=adapter)
    others = [
        key(data=("e",)),
        key(wire="hermes"),
        key("base_native"),
        key(max_new_tokens=9),
        key(temperature=0.5),
        key(temperature=0.5, seed=1),
        key("base_constrained", constrain=True),
        key("tuned", adapter=adapter),
    ]
    assert len({same, *others}) == 1 + len(others)


def test_prompts_are_the_first_tokens_of_what_is_trained(tokenizer, dataset):
    from data.render import encode, render_example

    for example in list(read_examples(dataset / "test_seen.jsonl")):
        for wire in ("jsonrpc", "hermes"):
            whole = encode(tokenizer, render_example(example, wire)).input_ids
            ids = prompt_ids(tokenizer, example, wire)
            assert whole[: len(ids)] == ids


def test_the_native_prompt_is_the_models_own(tokenizer, examples):
    """The embedded model came with our template, for the hermes wire."""
    for example in examples:
        native = tokenizer.decode(native_ids(tokenizer, example))
        assert native == prompt_of(example, "hermes")


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        (None, "the model has no chat template"),
        ("{% for m in messages %}{{ m.content }}{% endfor %}", "takes no tools"),
        ("{{ raise_exception('no system role') }}", "fails: no system role"),
    ],
)
def test_a_model_without_a_format_for_tools_has_no_native_arm(
    template, reason, tmp_path, tokenizer
):
    folder = tmp_path / "model"
    other = load_tokenizer("embedded")
    other.chat_template = template
    assert reason in why_not_native(other)
    other.save_pretrained(folder)
    args = GenerationArgs(model=str(folder))
    assert reason in skipped_arms(args)["base_native"]
    assert [arm.name for arm in arms_of(args)] == ["base"]


def test_conversations_are_sent_with_ids_that_match():
    call = request_text(ToolCall("get_weather", {"city": "Köln"}, 1))
    second = request_text(ToolCall("get_weather", {}, 2))
    example = Example(
        "e",
        "multi_step",
        "test",
        (TOOL,),
        (
            Message("system", "Be brief."),
            Message("user", "Rain?"),
            Message("assistant", f"{call}\n{second}"),
            Message("tool", result_text(2, "dry")),
            Message("tool", result_text(1, "9 °C")),
        ),
    )
    _, _, assistant, dry, cold = chat_messages(example)
    assert [c["id"] for c in assistant["tool_calls"]] == ["1", "2"]
    assert assistant["tool_calls"][0]["function"]["arguments"] == '{"city":"Köln"}'
    assert (dry["tool_call_id"], dry["content"]) == ("2", "dry")
    assert cold["tool_call_id"] == "1"
    [third] = read_strict(as_wire(example, "jsonrpc", None, [_server_call("{}")])).calls
    assert third == ToolCall("get_weather", {}, 3)


class _Namespace:
    def __init__(self, **fields):
        self.__dict__.update(fields)


def _server_call(arguments):
    return _Namespace(function=_Namespace(name="get_weather", arguments=arguments))


def test_what_a_server_read_is_written_as_it_came():
    example = Example("e", "tool_call", "test", (TOOL,), (Message("user", "Rain?"),))
    broken = as_wire(example, "jsonrpc", None, [_server_call('{"city": ')])
    assert '{"city": }' in broken and read_strict(broken).error is not None
    mixed = as_wire(example, "jsonrpc", "Well:", [_server_call("{}")])
    assert mixed.startswith("Well:\n") and read_strict(mixed).error is not None
    two = [_server_call('{"city": "Rome"}'), _server_call("{}")]
    for wire in ("jsonrpc", "hermes"):
        calls = read_strict(as_wire(example, wire, "", two), wire).calls
        assert [call.arguments for call in calls] == [{"city": "Rome"}, {}]
    assert as_wire(example, "jsonrpc", "Which city?", ()) == "Which city?"


def completion(text):
    choice = {"index": 0, "text": text, "finish_reason": "stop", "logprobs": None}
    row = {"id": "c", "object": "text_completion", "created": 0, "model": "m", "choices": [choice]}
    return 200, row


def chat(message):
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    row = {"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
    return 200, row


def endpoint(url, **settings):
    return EndpointBackend(EndpointSettings(url, "m", **settings))


def test_an_endpoint_completes_our_prompt(examples, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-mine")
    with serving(lambda request: completion(request.body["prompt"][-60:] + "<|im_end|>")) as (
        url,
        asked,
    ):
        backend = endpoint(url, max_new_tokens=9)
        replies = said(backend, examples)
    assert replies == {e.id: prompt_of(e)[-60:].split("<|im_end|>")[0] for e in examples}
    assert {request.path for request in asked} == {"/v1/completions"}
    sent = asked[0].body
    assert (sent["max_tokens"], sent["temperature"], sent["model"]) == (9, 0.0, "m")
    assert asked[0].headers["authorization"] == "Bearer key-of-mine"
    facts = backend.facts()
    assert facts["api"] == "completions" and "key-of-mine" not in json.dumps(facts)


def test_an_endpoint_without_completions_is_asked_by_chat(examples):
    def answer(request):
        if request.path.endswith("/completions") and "chat" not in request.path:
            return 404, {"detail": "Not Found"}
        function = {"name": "get_weather", "arguments": '{"city": "Rome"}'}
        call = {"id": "abc", "type": "function", "function": function}
        return chat({"content": None, "tool_calls": [call]})

    with serving(answer) as (url, asked):
        backend = endpoint(url)
        replies = said(backend, examples[:3])
    for text in replies.values():
        [call] = read_strict(text).calls
        assert (call.name, call.arguments) == ("get_weather", {"city": "Rome"})
    assert [r.path for r in asked].count("/v1/completions") == 1
    assert asked[-1].body["tools"][0]["function"]["name"]
    assert backend.facts()["api"] == "chat"


def test_an_endpoint_that_fails_now_and_then_is_asked_again(examples):
    failures = iter([500, 429, 503])

    def answer(request):
        status = next(failures, 200)
        return completion("Hello") if status == 200 else (status, {"error": {"message": "busy"}})

    with serving(answer) as (url, asked):
        assert set(said(endpoint(url), examples).values()) == {"Hello"}
    assert len(asked) == len(examples) + 3


def test_an_endpoint_that_breaks_down_leaves_what_it_said_and_one_line(
    examples, tmp_path, monkeypatch
):
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-mine")
    marked = prompt_of(examples[3])

    def answer(request):
        if request.body["prompt"] == marked:
            return 400, {"error": {"message": "no room\nfor key-of-mine"}}
        return completion("Hello")

    store = ReplyStore(tmp_path, "endpoint", "key")
    with serving(answer) as (url, _):
        with pytest.raises(DataError, match="no room") as raised:
            collect(endpoint(url, concurrency=1), examples, store)
        line = str(raised.value)
        assert "\n" not in line and examples[3].id in line and "key-of-mine" not in line
        kept = len(store.read())
        assert 0 < kept < len(examples)
        marked = ""
        assert len(collect(endpoint(url), examples, store)) == len(examples)


def test_slow_answers_are_waited_for_together(examples):
    """The last four requests are answered once all four are there."""
    together = Barrier(4)

    def answer(request):
        if request.body["prompt"] != prompt_of(examples[0]):
            together.wait(timeout=30)
        return completion("Hello")

    with serving(answer) as (url, _):
        assert len(said(endpoint(url, concurrency=4), examples[:5])) == 5


def test_an_answer_that_never_comes_is_an_error_in_one_line(examples, monkeypatch):
    from evals.backends import endpoint as module

    monkeypatch.setattr(module, "MAX_RETRIES", 0)

    def answer(request):
        time.sleep(1)
        return completion("late")

    with serving(answer) as (url, _), pytest.raises(DataError, match="timed out"):
        said(endpoint(url, timeout_s=0.2), examples[:1])
    with pytest.raises(DataError, match="Connection error"):
        said(endpoint(url), examples[:1])


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host/v1", "http://", ""])
def test_an_endpoint_that_is_no_url_is_refused(url):
    with pytest.raises(UserError, match="no URL"):
        endpoint(url)


def test_passwords_in_a_url_are_not_in_the_facts():
    facts = endpoint("https://me:hidden@host:8000/v1?key=hidden").facts()
    assert facts["url"] == "https://host:8000/v1"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """`transformers serve` with the embedded model, on a free port."""
    pytest.importorskip("fastapi")
    program = Path(sys.executable).parent / "transformers"
    if not program.exists():
        pytest.skip("the command of transformers is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("serve") / "log"
    command = [program, "serve", str(MODEL_DIR), "--host", "127.0.0.1", "--port", str(port)]
    options = ["--device", "cpu", "--dtype", "float32"]
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    with open(log, "w") as output:
        server = subprocess.Popen([*command, *options], stdout=output, stderr=output, env=env)
    try:
        for _ in range(600):
            assert server.poll() is None, log.read_text()[-2000:]
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait()


def without_tags(replies):
    """Replies as servers send them: special tokens are left out, and the embedded model's tags
    are such tokens."""
    return {id: re.sub(r"</?tool_call>", "", text).strip() for id, text in replies.items()}


@pytest.mark.slow
def test_transformers_serve_says_what_the_model_says_here(served, examples):
    settings = EndpointSettings(served, str(MODEL_DIR), max_new_tokens=16, concurrency=2)
    backend = EndpointBackend(settings)
    assert without_tags(said(backend, examples)) == without_tags(said(local(), examples))
    assert backend.facts()["api"] == "completions"


@pytest.mark.slow
def test_transformers_serve_is_asked_by_chat_too(served, examples):
    """Its template is the model's own; it reads the calls and sends them as such."""
    settings = EndpointSettings(served, str(MODEL_DIR), wire="hermes", max_new_tokens=64)
    backend = EndpointBackend(settings)
    backend._mode = "chat"
    there = said(backend, examples)
    here = said(local(wire="hermes", style="native", max_new_tokens=64), examples)
    assert backend.facts()["api"] == "chat"
    for id, text in here.items():
        if (reading := read_strict(text, "hermes")).calls:
            assert read_strict(there[id], "hermes").calls == reading.calls
        else:
            assert without_tags(there)[id] == without_tags(here)[id]
    assert any(read_strict(text, "hermes").calls for text in here.values())
