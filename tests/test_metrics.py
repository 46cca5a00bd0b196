"""Rates, decisions and paired differences: values by hand, intervals by simulation."""

import random
from dataclasses import replace

import pytest

from evals.intervals import mcnemar, percentiles, resampled, wilson
from evals.metrics import FLAGS, METRICS, RATES, counts_of, macro_f1, metrics_of, values_of
from evals.paired import differences
from evals.score import Score


def score(expected="call", decision="call", correct=True, kind="tool_call", name="x") -> Score:
    is_call = decision == "call"
    due = expected == "call"
    return Score(
        id=name,
        kind=kind,
        expected=expected,
        decision=decision,
        correct=correct,
        parsed=True,
        recovered=is_call,
        known_tool=is_call if due or is_call else None,
        schema_valid=is_call if due or is_call else None,
        name_match=correct if due else None,
        arguments_match=correct if due else None,
        call_match=correct if due else None,
        failure="" if correct else "wrong_decision",
        reason="",
        recovered_schema_valid=is_call if due or is_call else None,
        recovered_call_match=correct if due else None,
        asks_missing=None,
        reply="",
    )


def refusal(correct: bool, kind: str = "refusal") -> Score:
    return score("refuse", "refuse" if correct else "call", correct, kind)


def test_over_refusal_counts_refusals_where_none_is_due():
    served = [score("answer", "answer", kind="answer"), score("call", "refuse", False)]
    found = RATES["over_refusal"]([*served, refusal(True), refusal(False)])
    assert (found.value, found.n) == (0.5, 2)


def test_every_metric_of_the_columns_is_the_one_of_the_rates():
    rng = random.Random(0)
    decisions = ("call", "clarify", "refuse", "answer", "malformed")
    scores = [
        score(expected, decision, expected == decision, kind)
        for expected, kind in (
            ("call", "tool_call"),
            ("refuse", "irrelevance"),
            ("answer", "answer"),
        )
        for decision in rng.choices(decisions, k=40)
    ]
    values = dict(zip(METRICS, values_of(counts_of(scores).sum(axis=0)), strict=True))
    for name, rate in RATES.items():
        found = rate(scores)
        assert found.n == 0 or values[name] == pytest.approx(found.value), name
    assert values["decision_macro_f1"] == pytest.approx(
        macro_f1([(s.expected, s.decision) for s in scores])
    )


def test_refusals_and_irrelevance_have_their_own_recall():
    scores = [refusal(True), refusal(False), refusal(True, "irrelevance")]
    rates = metrics_of(scores)["rates"]
    assert (rates["refusal_recall"]["value"], rates["refusal_recall"]["n"]) == (0.5, 2)
    assert (rates["irrelevance_recall"]["value"], rates["irrelevance_recall"]["n"]) == (1.0, 1)
    # BFCL counts any reply without a call.
    asked = replace(refusal(True, "irrelevance"), decision="clarify")
    assert metrics_of([asked])["rates"]["irrelevance_detection"]["value"] == 1.0


def test_decisions_have_intervals_and_when2calls_names():
    table = metrics_of([score(), refusal(False)])["decisions"]
    assert (table["call"]["precision"], table["call"]["recall"]) == (0.5, 1.0)
    assert table["refuse"]["when2call"] == "cannot_answer"
    low, high = table["call"]["intervals"]["f1"]
    assert 0 <= low <= table["call"]["f1"] <= high <= 1


def test_a_metric_of_nothing_is_0_to_1_with_n_0():
    rates = metrics_of([])["rates"]
    assert all((r["n"], r["low"], r["high"]) == (0, 0.0, 1.0) for r in rates.values())


def test_mcnemar_is_the_exact_binomial():
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 0) == pytest.approx(2 / 32)
    assert mcnemar(0, 5) == mcnemar(5, 0)
    assert mcnemar(8, 2) == pytest.approx(2 * (1 + 10 + 45) / 1024)
    assert mcnemar(1500, 500) < 1e-100


def test_the_bootstrap_of_single_examples_agrees_with_wilson():
    scores = [score(correct=index % 4 != 0) for index in range(400)]
    column = 2 * list(FLAGS).index("accuracy")
    draws = resampled(counts_of(scores), [str(i) for i in range(400)])
    interval, rate = percentiles(draws[:, column] / draws[:, column + 1]), wilson(300, 400)
    assert interval.low == pytest.approx(rate.low, abs=0.01)
    assert interval.high == pytest.approx(rate.high, abs=0.01)


def test_examples_that_share_a_tool_widen_the_interval():
    # Twenty tools of twenty examples each, all right or all wrong: as good as twenty examples.
    scores = [refusal(tool % 2 == 0) for tool in range(20) for _ in range(20)]
    apart = metrics_of(scores)["rates"]["decision_macro_f1"]
    together = metrics_of(scores, [str(tool) for tool in range(20) for _ in range(20)])
    shared = together["rates"]["decision_macro_f1"]
    assert shared["high"] - shared["low"] > 3 * (apart["high"] - apart["low"])


def test_the_same_run_twice_differs_in_nothing():
    scores = [score(correct=index % 3 != 0, name=str(index)) for index in range(30)]
    for found in differences(scores, scores, [s.id for s in scores]):
        assert (found.value, found.low, found.high) == (0, 0, 0)
        assert found.p in (None, 1.0)
        assert found.better is None


def test_a_difference_counts_what_was_won_and_lost():
    a = [refusal(index < 60) for index in range(100)]
    b = [refusal(30 <= index < 40) for index in range(100)]
    by_name = {d.metric: d for d in differences(a, b, [str(i) for i in range(100)])}
    recall = by_name["refusal_recall"]
    assert (recall.won, recall.lost, recall.n) == (0, 50, 100)
    assert recall.value == pytest.approx(-0.5)
    assert recall.better is False
    # A call too many is a loss, and more of them is worse.
    over = by_name["over_call"]
    assert (over.won, over.lost) == (0, 50)
    assert over.value == pytest.approx(0.5)
    assert over.better is False


def test_a_difference_of_few_examples_is_not_beyond_chance():
    a, b = [refusal(False)] * 3, [refusal(True)] * 3
    by_name = {d.metric: d for d in differences(a, b, ["x", "y", "z"])}
    assert by_name["refusal_recall"].value == 1.0
    assert by_name["refusal_recall"].better is None


def test_paired_intervals_hold_the_true_difference_as_often_as_they_say():
    rng = random.Random(1)
    held = 0
    for _ in range(60):
        a = [refusal(rng.random() < 0.5) for _ in range(150)]
        b = [refusal(rng.random() < 0.7) for _ in range(150)]
        by_name = {d.metric: d for d in differences(a, b, [str(i) for i in range(150)])}
        held += by_name["refusal_recall"].low <= 0.2 <= by_name["refusal_recall"].high
    assert held >= 52
