"""The embedded base model: weights, facts, and a corpus without what the LoRA run teaches."""

import json
import re
from itertools import islice
from random import Random

import pytest
from conftest import assert_one_line_error, command
from jsonschema import Draft202012Validator

from data.build import examples_by_split
from data.domains import load_catalogue
from data.embedded import DATASET_SEED, MODEL_DIR
from data.wire import read_forgiving, read_strict
from data.wordings import ASK_BACK, NO_TOOL_FITS
from evals.models import load_model, load_tokenizer
from recipe.pretrain.__main__ import ARCHITECTURE
from recipe.pretrain.corpus import documents
from recipe.pretrain.made_up import made_up_request, made_up_tool
from recipe.pretrain.packing import Settings, rows_of

N_DOCUMENTS = 1500


@pytest.fixture(scope="module")
def texts():
    return [document.text for document in islice(documents("test"), N_DOCUMENTS)]


def words(texts) -> str:
    """The words of all texts in lower case, one blank between."""
    return " ".join(re.findall(r"\w+", " ".join(texts).lower()))


def first_stage(facts):
    """The facts of the stage that began with random weights."""
    return first_stage(facts["started_from"]) if facts.get("started_from") else facts


def test_the_weights_load_and_are_small():
    import torch

    assert (MODEL_DIR / "model.safetensors").stat().st_size <= 12_000_000
    model = load_model("embedded", torch.float32)
    facts = json.loads((MODEL_DIR / "pretraining.json").read_text(encoding="utf-8"))
    assert sum(p.numel() for p in model.parameters()) == facts["parameters"]
    assert facts["architecture"] == ARCHITECTURE
    last, first = facts["loss_curve"][-1], first_stage(facts)["loss_curve"][0]
    assert last["assistant_loss"] < first["assistant_loss"] / 4
    logits = model(input_ids=torch.tensor([[1, 2, 3]])).logits
    assert torch.isfinite(logits).all()


def test_the_tokenizer_gives_text_back():
    tokenizer = load_tokenizer("embedded")
    for text in (
        '{"a":"é 日本 \U0001f600"}',
        "  two  blanks\n\n",
        "<|im_start|>user\n1234<|im_end|>",
    ):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_no_text_of_the_corpus_is_a_json_rpc_call_a_refusal_or_a_clarification(texts):
    catalogue = load_catalogue()
    refusals = [e["refusal"].split("{")[0] for d in catalogue for e in d.refusals]
    told = [form.split("{")[0] for form in (*NO_TOOL_FITS, *ASK_BACK)]
    openings = [opening for opening in (*refusals, *told) if len(opening) > 12]
    for text in texts:
        replies = [part.split("<|im_end|>")[0] for part in text.split("</think>\n\n")[1:]]
        for reply in replies:
            assert not read_strict(reply).calls
            assert not reply.startswith(tuple(openings)), reply


def test_the_corpus_has_calls_in_the_hermes_wire(texts):
    replies = [
        part.split("<|im_end|>")[0] for text in texts for part in text.split("</think>\n\n")[1:]
    ]
    assert sum(bool(read_forgiving(reply)) for reply in replies) > N_DOCUMENTS / 3


def test_nothing_of_the_test_splits_is_in_the_corpus(texts):
    splits = examples_by_split(load_catalogue(), DATASET_SEED, scale=0.05)
    unseen = {tool["name"] for e in splits["test_unseen"] for tool in e.tools}
    joined = "\n".join(texts)
    assert not [name for name in unseen if f'"{name}"' in joined]
    spoken = words(texts)
    for example in [*splits["test_seen"], *splits["test_unseen"]]:
        asked = words(m.content for m in example.messages if m.role == "user")
        assert len(asked.split()) < 6 or asked not in spoken


def test_documents_without_the_catalogue_are_of_made_up_tools_alone():
    described = {tool.description for domain in load_catalogue() for tool in domain.tools}
    for document in islice(documents("early", catalogue=False), 200):
        assert not [text for text in described if text in document.text]


def test_made_up_requests_state_valid_arguments():
    rng = Random(0)
    for _ in range(500):
        tool = made_up_tool(rng)
        request = made_up_request(tool, rng)
        Draft202012Validator(tool.definition["inputSchema"]).validate(request.arguments)


def test_rows_hold_whole_documents_and_repeat_for_a_seed():
    tokenizer = load_tokenizer("embedded")
    settings = Settings()
    rows = list(islice(rows_of(tokenizer, settings, 7), 20))
    assert rows == list(islice(rows_of(tokenizer, settings, 7), 20))
    for ids, weights in rows:
        assert len(ids) == len(weights) == settings.row_tokens + 1
        text = tokenizer.decode(ids)
        assert text.startswith("<|im_start|>")
        assert text.endswith("<|endoftext|>")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "no tokenizer.json"),
        (["--start_from", "nowhere"], "no pretraining.json"),
    ],
)
def test_what_is_missing_is_said_before_training(flags, said, tmp_path):
    if flags:
        (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    result = command("recipe.pretrain", "model", "--out", ".", *flags, cwd=tmp_path)
    assert_one_line_error(result, 2, said)
    assert not (tmp_path / "model.safetensors").exists()
