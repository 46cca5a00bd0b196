"""Batched generation says what one-by-one generation says, and reads what prompts share once."""

import runpy

import pytest
import torch
from conftest import ROOT
from transformers import MambaConfig, MambaForCausalLM, MistralConfig, MistralForCausalLM

from data.cli import UserError
from data.record import Example, Message, read_examples
from data.render import prompt_of
from evals.backends import pool
from evals.generate import Decoding, end_tokens, families, generate_ids, generate_replies
from evals.models import load_model, load_tokenizer

BENCHMARK = runpy.run_path(str(ROOT / "benchmarks" / "generation_speed.py"))
one_by_one, batched = BENCHMARK["one_by_one"], BENCHMARK["batched"]


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer("embedded")


@pytest.fixture(scope="module")
def model():
    return load_model("embedded", torch.float32).eval()


@pytest.fixture(scope="module")
def prompts(dataset, tokenizer):
    """Token ids of the prompts of three splits, shortest first."""
    files = ("test_seen", "test_unseen", "train")
    examples = [e for name in files for e in read_examples(dataset / f"{name}.jsonl")]
    ids = tokenizer([prompt_of(e) for e in examples], add_special_tokens=False)["input_ids"]
    return sorted(ids, key=len)


def with_shared_tools(prompts, n):
    """Prompts that begin alike and end in other words, of other lengths."""
    long = prompts[len(prompts) // 2]
    return [[*long[:-20], *prompts[number][-20 - 3 * number :]] for number in range(n)]


def test_replies_are_those_of_one_by_one_generation(model, tokenizer, prompts, monkeypatch):
    monkeypatch.setattr(pool, "SPARE_COLUMNS", 3)
    mixed = [*prompts[:40:4], *with_shared_tools(prompts, 6)]
    decoding = Decoding(end_tokens(tokenizer), max_new_tokens=40, batch_size=5)
    assert batched(model, mixed, decoding) == one_by_one(model, mixed, decoding)


@pytest.mark.slow
def test_replies_to_two_hundred_prompts_are_those_of_one_by_one_generation(
    model, tokenizer, prompts
):
    decoding = Decoding(end_tokens(tokenizer), max_new_tokens=64)
    some = prompts[:200]
    assert batched(model, some, decoding) == one_by_one(model, some, decoding)


def test_a_model_with_sliding_windows_says_the_same(prompts):
    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=8,
    )
    small = MistralForCausalLM(config).eval()
    asked = [[id % 64 for id in ids[: 5 + 3 * number]] for number, ids in enumerate(prompts[:6])]
    decoding = Decoding(frozenset(), max_new_tokens=20, batch_size=4)
    assert batched(small, asked, decoding) == one_by_one(small, asked, decoding)


def test_a_model_that_keeps_another_state_is_refused():
    small = MambaForCausalLM(MambaConfig(vocab_size=8, hidden_size=8, num_hidden_layers=1))
    with pytest.raises(UserError, match="give --endpoint"):
        batched(small, [[1, 2]], Decoding(frozenset(), 2))


def test_a_reply_ends_at_its_end_or_at_the_limit(model, tokenizer, prompts):
    ends = end_tokens(tokenizer)
    whole = list(generate_ids(model, prompts[:8], Decoding(ends, max_new_tokens=200)))
    assert any(answer.is_whole for answer in whole)
    assert not any(set(answer.ids) & ends for answer in whole)
    cut = list(generate_ids(model, prompts[:8], Decoding(ends, max_new_tokens=2)))
    by_prompt = {answer.prompt: answer.ids for answer in whole}
    assert all(answer.ids == by_prompt[answer.prompt][:2] for answer in cut)
    assert not all(answer.is_whole for answer in cut)
    assert list(generate_ids(model, [], Decoding(ends))) == []


def test_what_prompts_share_is_read_once(model, tokenizer, prompts):
    shared = with_shared_tools(prompts, 6)
    n_read = []
    hook = model.register_forward_pre_hook(
        lambda _, __, given: n_read.append(given["input_ids"].shape[1]), with_kwargs=True
    )
    try:
        batched(model, shared, Decoding(end_tokens(tokenizer), max_new_tokens=1))
    finally:
        hook.remove()
    longest = max(map(len, shared))
    assert sum(n_read) <= longest + sum(map(len, shared)) - 5 * (len(shared[0]) - 60)
    assert len(n_read) == 6


def test_families_hold_each_prompt_once_after_one_that_it_shares_its_beginning_with():
    found = families([[1, 2, 3, 4], [9, 9], [1, 2, 3, 5, 6], [1, 2, 3, 4], [7]])
    assert [[list(shared) for shared in family] for family in found] == [
        [[4, 0]],
        [[1, 0]],
        [[0, 0], [3, 3], [2, 3]],
    ]


def test_gradients_are_on_between_two_replies(model, tokenizer, prompts):
    for _ in generate_ids(model, prompts[:2], Decoding(end_tokens(tokenizer), 2)):
        assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()


def test_texts_come_in_the_order_of_their_prompts(model, tokenizer, prompts):
    some = prompts[:12:3]
    decoding = Decoding(end_tokens(tokenizer), max_new_tokens=16)
    texts = generate_replies(model, tokenizer, tokenizer.batch_decode(some), 16, 2, None)
    assert texts == [tokenizer.decode(ids) for ids in one_by_one(model, some, decoding)]


def test_an_example_without_tools_is_answered_too(model, tokenizer):
    example = Example("hi", "answer", "test", (), (Message("user", "Hi"),))
    [text] = generate_replies(model, tokenizer, [prompt_of(example)], 8, label=None)
    assert text
