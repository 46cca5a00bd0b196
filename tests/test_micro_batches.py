"""Rows of whole records: what the split keeps, and that no record sees another."""

from random import Random

import pytest
import torch

from recipe.attention import ATTENTION, attend, register
from recipe.micro_batches import IGNORED, collate, plan, rows_of


@pytest.mark.parametrize("seed", range(20))
def test_a_plan_holds_each_record_once_in_rows_that_fit(seed):
    rng = Random(seed)
    lengths = [rng.randint(1, 120) for _ in range(rng.randint(1, 40))]
    rows = plan(lengths, 100)
    assert sorted(index for row in rows for index in row) == list(range(len(lengths)))
    sums = [sum(lengths[index] for index in row) for row in rows]
    assert all(total <= 100 or len(row) == 1 for total, row in zip(sums, rows, strict=True))
    fewest = max(-(-sum(min(n, 100) for n in lengths) // 100), sum(n > 50 for n in lengths))
    assert len(rows) <= 11 / 9 * fewest + 2


def test_a_plan_has_as_many_rows_as_asked_and_none_is_empty():
    assert [len(row) for row in plan([5, 4, 3, 2], 100, at_least=3)] == [2, 1, 1]
    assert plan([5], 100, at_least=3) == [[0]]
    assert plan([], 100) == []


def test_rows_hold_the_records_tokens_labels_and_positions():
    records = [
        {"input_ids": [1, 2, 3], "labels": [7, IGNORED, 3]},
        {"input_ids": [4, 5], "labels": [IGNORED, 5]},
    ]
    batch = collate(records)
    (row,) = rows_of(batch, 10)
    assert row["record_lengths"] == (3, 2)
    assert row["input_ids"].tolist() == [[1, 2, 3, 4, 5]]
    # The first token of a record follows nothing, so it has no label.
    assert row["labels"].tolist() == [[IGNORED, IGNORED, 3, IGNORED, 5]]
    assert row["position_ids"].tolist() == [[0, 1, 2, 0, 1]]
    assert [row["record_lengths"] for row in rows_of(batch, 3)] == [(3,), (2,)]


@pytest.mark.parametrize("window", [None, 4])
def test_attention_in_a_row_is_that_of_each_record_alone(window):
    torch.manual_seed(0)
    lengths = (5, 1, 7)
    query = torch.randn(1, 4, 13, 8)
    key, value = torch.randn(1, 2, 13, 8), torch.randn(1, 2, 13, 8)
    together, _ = attend(
        torch.nn.Module(), query, key, value, None, record_lengths=lengths, sliding_window=window
    )
    start = 0
    for length in lengths:
        part = slice(start, start + length)
        place = torch.arange(length)
        distance = place[:, None] - place[None, :]
        mask = (distance >= 0) & (distance < (window or length))
        scores = query[:, :, part] @ key[:, :, part].repeat_interleave(2, 1).transpose(2, 3)
        weights = (scores / 8**0.5).masked_fill(~mask, float("-inf")).softmax(-1)
        alone = weights @ value[:, :, part].repeat_interleave(2, 1)
        torch.testing.assert_close(together[:, part], alone.transpose(1, 2))
        start += length


def test_attention_refuses_what_it_would_compute_wrongly():
    heads = torch.zeros(1, 2, 3, 4)
    for wrong in ({"record_lengths": (2,)}, {"record_lengths": ()}):
        with pytest.raises(ValueError, match="in a row of 3"):
            attend(torch.nn.Module(), heads, heads, heads, None, **wrong)
    with pytest.raises(NotImplementedError, match="softcap"):
        attend(torch.nn.Module(), heads, heads, heads, None, record_lengths=(3,), softcap=30.0)


def _logits(model, **inputs):
    with torch.no_grad():
        return model(**inputs, use_cache=False).logits[0]


def test_a_models_logits_in_a_row_are_those_of_padded_batches():
    from data.embedded import NAME
    from evals.models import load_model

    register()
    model = load_model(NAME, torch.float32).eval()
    rng = Random(1)
    records = [[rng.randrange(4000) for _ in range(n)] for n in (40, 23, 9)]  # as a row has them
    alone = [_logits(model, input_ids=torch.tensor([ids])) for ids in records]
    model.set_attn_implementation(ATTENTION)
    (row,) = rows_of(collate([{"input_ids": ids, "labels": ids} for ids in records]), 100)
    inputs = {key: value for key, value in row.items() if key != "labels"}
    parts = _logits(model, **inputs).split(list(row["record_lengths"]))
    for ours, theirs in zip(parts, alone, strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-4)
