"""The probe: which records it draws, what it measures, and that training does not notice it."""

from collections import Counter

import pytest
import torch
from peft import LoraConfig, get_peft_model

from data.record import KINDS, Example, Message, read_examples
from data.render import encode, prompt_of, render_example
from evals.models import load_model, load_tokenizer
from recipe import probe as probing
from recipe.probe import probe, probe_examples


@pytest.fixture(autouse=True)
def few_new_tokens(monkeypatch):
    monkeypatch.setattr(probing, "MAX_NEW_TOKENS", 8)


@pytest.fixture(scope="module")
def validation(dataset):
    return list(read_examples(dataset / "validation.jsonl"))


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer("embedded")


@pytest.fixture(scope="module")
def short(validation):
    """The shortest record of each of three kinds."""
    by_length = sorted(validation, key=lambda e: len(prompt_of(e)))
    kinds = ("tool_call", "refusal", "clarification")
    return [next(e for e in by_length if e.kind == kind) for kind in kinds]


def adapted_model(checkpointing=False):
    torch.manual_seed(0)
    model = load_model("embedded", torch.float32)
    model.config.use_cache = False
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
        model.enable_input_require_grads()
    config = LoraConfig(r=4, lora_dropout=0.2, target_modules="all-linear", task_type="CAUSAL_LM")
    return get_peft_model(model, config).train()


def test_examples_are_drawn_evenly_by_kind_and_the_same_each_time(validation):
    drawn = probe_examples(validation, 12, seed=1)
    there, counts = (Counter(e.kind for e in part) for part in (validation, drawn))
    most = max(counts.values())
    assert set(counts) == set(KINDS)
    assert all(count in (most, most - 1, there[kind]) for kind, count in counts.items())
    assert drawn == probe_examples(validation, 12, seed=1)
    assert drawn != probe_examples(validation, 12, seed=2)
    assert {e.kind for e in probe_examples(validation, len(KINDS), seed=3)} == set(KINDS)
    assert len({e.id for e in probe_examples(validation, 10**6, seed=1)}) == len(validation)
    assert probe_examples([], 8, seed=1) == probe_examples(validation, 0, seed=1) == []


def test_kinds_that_run_out_leave_their_place_to_the_others():
    def example(number, kind):
        return Example(f"{kind}-{number}", kind, "test", (), (Message("user", "Hi"),))

    few = [example(0, "refusal"), *(example(number, "answer") for number in range(9))]
    drawn = probe_examples(few, 5, seed=0)
    assert Counter(e.kind for e in drawn) == {"answer": 4, "refusal": 1}


def test_the_metrics_are_those_of_the_replies(short, tokenizer, monkeypatch):
    call, refusal, clarification = short
    replies = {call.id: call.gold, refusal.id: refusal.gold, clarification.id: clarification.gold}
    asked = [prompt_of(e) for e in short]

    def metrics(**changed):
        given = list((replies | changed).values())
        monkeypatch.setattr(
            probing,
            "_replies",
            lambda model, tokenizer, prompts: given if prompts == asked else None,
        )
        return probe(model, tokenizer, short)

    model = load_model("embedded", torch.float32)
    assert metrics() == {
        "eval_schema_valid": 1.0,
        "eval_decision_f1": 1.0,
        "eval_over_call": 0.0,
        "eval_under_call": 0.0,
    }
    silent = metrics(**{call.id: refusal.gold})
    assert (silent["eval_under_call"], silent["eval_schema_valid"]) == (1.0, 0.0)
    eager = metrics(**{refusal.id: call.gold})
    assert eager["eval_over_call"] == 0.5


def test_a_model_in_training_answers_with_the_attention_of_generation(short, tokenizer):
    """Prompts of unlike length are padded, which the attention of training refuses."""
    from recipe.attention import ATTENTION, register

    register()
    model = load_model("embedded", torch.float32)
    prompts = [prompt_of(e) for e in short[:2]]
    plain = probing._replies(model, tokenizer, prompts)
    model.set_attn_implementation(ATTENTION)
    with probing._answering(model):
        assert probing._replies(model, tokenizer, prompts) == plain
    assert model.config._attn_implementation == ATTENTION


@pytest.mark.parametrize("checkpointing", [False, True])
def test_the_probe_leaves_no_trace_on_the_model(short, tokenizer, checkpointing):
    model = adapted_model(checkpointing)
    frozen = model.get_input_embeddings().eval()
    checks = [getattr(m, "gradient_checkpointing", None) for m in model.modules()]
    before = torch.get_rng_state()
    cached, cache_of_generation = model.config.use_cache, model.generation_config.use_cache
    probe(model, tokenizer, short[:1])
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training and not frozen.training
    assert model.config.use_cache == cached
    assert model.generation_config.use_cache == cache_of_generation
    assert [getattr(m, "gradient_checkpointing", None) for m in model.modules()] == checks


def trained(validation, tokenizer, probed, checkpointing):
    """Adapter weights after two steps, with a probe between them or without."""
    model = adapted_model(checkpointing)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    torch.manual_seed(1)
    for example in validation[:2]:
        ids, labels = encode(tokenizer, render_example(example))
        model(input_ids=torch.tensor([ids]), labels=torch.tensor([labels])).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if probed and example is validation[0]:
            probe(model, tokenizer, probed)
    return [p.detach().clone() for p in model.parameters() if p.requires_grad]


@pytest.mark.parametrize("checkpointing", [False, True])
def test_training_is_the_same_to_the_bit_with_a_probe(short, validation, tokenizer, checkpointing):
    records = sorted(validation, key=lambda e: len(prompt_of(e)))
    without = trained(records, tokenizer, [], checkpointing)
    probed = trained(records, tokenizer, short[:1], checkpointing)
    assert all(torch.equal(a, b) for a, b in zip(without, probed, strict=True))


def test_a_probe_that_does_not_fit_asks_in_smaller_batches(tokenizer, monkeypatch):
    from evals import generate

    sizes = []

    def replies(model, tokenizer, prompts, max_new_tokens, batch_size, label):
        sizes.append(batch_size)
        if batch_size > 2:
            raise torch.cuda.OutOfMemoryError("full")
        return ["reply"] * len(prompts)

    monkeypatch.setattr(generate, "generate_replies", replies)
    assert probing._replies(None, tokenizer, ["a"]) == ["reply"]
    assert sizes == [8, 4, 2]
