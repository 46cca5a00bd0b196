"""Hours of a run: figures known of a T4 are found again, and each part counts what it should."""

from dataclasses import replace

import pytest

from recipe.config import LoraArgs, ModelArgs, TrainArgs
from recipe.preflight.architecture import architecture, sizes
from recipe.preflight.flavors import flavors
from recipe.preflight.largest import Rows
from recipe.preflight.lines import Line
from recipe.preflight.model import NUMBERS, Numbers
from recipe.preflight.roofline import Machine, products, run_time, speed_of
from recipe.preflight.step import Step

T4 = flavors()["t4-small"]
# 3 epochs of 15,694 records of 500 tokens, in micro-batches of 4.
TOKENS, RECORD, ROW = 23_500_000, 500, [500] * 4
STOCK = Numbers("float32", "float16", False)


def machine(model: str, numbers: Numbers, dropout: float) -> Machine:
    base, lora = architecture(ModelArgs(model)), LoraArgs(dropout=dropout)
    step = Step(base, 2048, False, numbers, lora)
    recomputed = Line(replace(step, checkpointing=True))
    return Machine(sizes(base, lora), recomputed, Line(step), speed_of(T4, "fp16"))


@pytest.fixture(scope="module")
def stock():
    return machine("Qwen/Qwen3-1.7B", STOCK, dropout=0.05)


@pytest.fixture(scope="module")
def ours():
    return machine("Qwen/Qwen3-1.7B", NUMBERS["fp16"], dropout=0.0)


@pytest.fixture(scope="module")
def small():
    return machine("embedded", NUMBERS["fp16"], dropout=0.0)


def hours(seconds: dict[str, float], padding: float = 0.0) -> float:
    return sum(seconds.values()) / sum(ROW) * TOKENS / (1 - padding) / 3600


def test_hours_known_of_a_t4_are_found_again(stock, ours):
    """docs/preflight.md has the table; random batches of the lengths it is about pad 37%."""
    assert hours(stock.train_seconds(ROW, True), padding=0.366) == pytest.approx(9.3, rel=0.1)
    assert hours(stock.train_seconds(ROW, True), padding=0.007) == pytest.approx(5.9, rel=0.1)
    assert hours(ours.train_seconds(ROW, True)) == pytest.approx(5.3, rel=0.1)
    fastest = ours.train_seconds(ROW, False)
    assert hours(fastest) == pytest.approx(3.8, rel=0.1)
    multiplied = {name: fastest[name] for name in ("products", "attention", "adapters")}
    assert hours(multiplied) == pytest.approx(2.0, rel=0.1)


def test_shares_of_the_stock_recipe_are_found_again(stock):
    seconds = stock.train_seconds(ROW, True)
    total = sum(seconds.values())
    shares = {name: value / total for name, value in seconds.items()}
    known = {"products": 0.39, "elementwise": 0.31, "casts": 0.14, "dropout": 0.06}
    for name, share in (known | {"attention": 0.06, "adapters": 0.04}).items():
        assert shares[name] == pytest.approx(share, abs=0.03), name


@pytest.mark.parametrize(("forwards", "giga", "paper_hours"), [(2, 9.6, 0.96), (1, 6.4, 0.64)])
def test_operations_a_token_are_those_that_were_traced(ours, forwards, giga, paper_hours):
    work = products(ours.sizes, forwards, backward=True)
    flop = work.linear + 0.15 * work.head + RECORD * work.attention
    assert flop / 1e9 == pytest.approx(giga, rel=0.05)
    assert flop * TOKENS / (T4.fp16_tflops * 1e12) / 3600 == pytest.approx(paper_hours, rel=0.1)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_operations_are_those_of_the_trace(ours, checkpointing):
    line = ours.with_checkpointing if checkpointing else ours.without
    row = line.at(2048)
    traced = sum(value for name, value in row.items() if name.endswith("product_flop"))
    work = products(ours.sizes, 1 + checkpointing, backward=True)
    # The trace leaves out one of the head's three products, and counts LoRA's in bytes.
    adapters = products(replace(ours.sizes, linear=0), 1 + checkpointing, backward=True).linear
    expected = (work.linear - adapters) * 2048 + work.head * 2 / 3 * 0.15 * 2048
    assert traced == pytest.approx(expected, rel=0.02)


def test_sizes_are_those_of_the_model(ours):
    assert ours.sizes.adapters == 17_432_576
    assert ours.sizes.head == 151_936 * 2048
    assert ours.sizes.attention_width == 28 * 2048


def test_attention_grows_with_the_squares_of_records(small):
    one, four = (small.train_seconds(row, False) for row in ([2000], [500] * 4))
    assert one["attention"] == pytest.approx(4 * four["attention"])
    assert one["products"] == pytest.approx(four["products"])


def test_recomputing_costs_time_and_dropout_does(small):
    with_recompute, without = (sum(small.train_seconds(ROW, c).values()) for c in (True, False))
    assert with_recompute > 1.2 * without
    dropping = machine("embedded", NUMBERS["fp16"], dropout=0.05)
    assert dropping.train_seconds(ROW, False)["dropout"] > 0
    assert small.train_seconds(ROW, False)["dropout"] == 0


def test_a_small_model_waits_for_python(small, ours):
    assert small.train_seconds([64], False)["waiting for Python"] > 0
    assert ours.train_seconds(ROW, False)["waiting for Python"] == 0


def test_a_run_is_its_steps_and_its_evaluations(small):
    train = TrainArgs(max_steps=100, eval_steps=50, max_eval_examples=64)
    records, rows = [500] * 4000, Rows(2000, 2000)
    with_evaluations = run_time(small, records, train, rows)
    assert with_evaluations.n_steps == 100
    assert with_evaluations.n_rows == 400
    row = sum(small.train_seconds(ROW, False).values())
    assert sum(with_evaluations.training.values()) == pytest.approx(400 * row / 3600)
    forward = sum(small.forward_seconds(ROW).values())
    assert with_evaluations.evaluations == pytest.approx(2 * 16 * forward / 3600)
    assert (
        run_time(small, records, replace(train, eval_steps=0, best="none"), rows).evaluations == 0
    )


def test_epochs_are_counted_and_long_rows_are_recomputed(small):
    train = TrainArgs(num_train_epochs=3, eval_steps=0, best="none")
    assert run_time(small, [500] * 4001, train, Rows(2000, 2000)).n_steps == 3 * 251
    quick, slow = (run_time(small, [500] * 4000, train, Rows(2000, n)).hours for n in (2000, 1999))
    assert slow > 1.2 * quick


def test_speeds_are_the_t4s_fractions_of_what_is_published():
    assert speed_of(T4, "fp16").flop_s == pytest.approx(25e12)
    assert speed_of(T4, "fp16").bytes_s == pytest.approx(250e9)
    a100 = speed_of(flavors()["a100-large"], "bf16")
    assert a100.flop_s == pytest.approx(120e12)
    assert speed_of(flavors()["a100-large"], "fp32").flop_s < a100.flop_s
