"""Budgets hold whatever is asked, and a run that would break them is stopped."""

from types import SimpleNamespace

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from data.cli import DataError, UserError
from jobs.local_checks import Forecast
from jobs.plan import BILLED_S, Budget, Plan
from jobs.prices import Offer, offer_of
from jobs.run_ticket import Ticket, new_run_id, ticket_from
from jobs.secret_values import check_hidden
from jobs.spec import PAYLOAD_VARIABLE, load_spec
from jobs.submit import JobRequest

SPEC = load_spec(ROOT / "jobs" / "sft_t4.yaml")


@given(
    dollars=st.floats(0.001, 1000),
    attempts=st.integers(1, 10),
    price=st.floats(0.01, 40),
    asked_s=st.floats(1, 1e6),
)
def test_all_attempts_together_stay_in_the_budget(dollars, attempts, price, asked_s):
    try:
        timeout_s = Budget(dollars, attempts, price).timeout_s(asked_s)
    except DataError:
        assert dollars / attempts / price * 3600 < 2 * BILLED_S + 1
        return
    assert timeout_s <= asked_s
    assert attempts * (timeout_s + BILLED_S) / 3600 * price <= dollars * (1 + 1e-9)


def _ticket():
    return Ticket(
        run_id="sft-t4-20261121-abcdef",
        spec=SPEC,
        dollars_per_hour=0.4,
        timeout_s=28800,
        dataset="builtin",
        code_sha256="0" * 64,
        dataset_sha256=None,
        result_repo="alice/lora",
    )


def _plan(hours, ram_gb=None):
    return Plan(_ticket(), "alice", hours, (), ram_gb)


def test_the_plan_shows_hours_and_dollars_low_expected_and_high():
    text = _plan(Forecast(4.5, 6.0, 7.5)).text()
    assert "t4-small at $0.40 an hour" in text
    assert "6.00 (4.50 to 7.50), predicted" in text
    assert "2.40 (1.80 to 3.00), at most 7.00" in text
    assert "8.00 hours an attempt, 2 attempts share the 7.00" in text
    assert "alice/lora (tag run-sft-t4-20261121-abcdef)" in text


def test_a_run_that_costs_too_much_is_stopped():
    with pytest.raises(DataError, match=r"max_cost_usd: \$8.00 are expected and 7.00 allowed"):
        _plan(Forecast(15, 20, 25)).check()


def test_a_run_that_takes_too_long_is_stopped():
    with pytest.raises(DataError, match=r"timeout: 17.00 hours are expected and 2 attempts of"):
        _plan(Forecast(15, 17, 25)).check()


def test_a_run_that_may_take_longer_than_an_attempt_is_warned_of():
    assert _plan(Forecast(4.5, 6.0, 7.5)).warnings() == []
    (warning,) = _plan(Forecast(5, 7, 9)).warnings()
    assert "9.00 hours" in warning
    assert warning in _plan(Forecast(5, 7, 9)).text()
    assert len(_plan(Forecast(10, 15, 20)).warnings()) == 2


def test_a_machine_with_too_little_memory_beside_its_gpu_is_warned_of():
    needs_20 = Forecast(4.5, 6.0, 7.5, host_gib=20)
    (warning,) = _plan(needs_20, ram_gb=15.0).warnings()
    assert "15 GB" in warning
    assert "t4-medium" in warning
    assert _plan(needs_20, ram_gb=30.0).warnings() == []
    assert "about 20 of 30 GB of the machine" in _plan(needs_20, ram_gb=30.0).text()


def test_a_ticket_is_read_back_from_the_environment_of_a_job():
    ticket = _ticket()
    assert ticket_from({PAYLOAD_VARIABLE: ticket.as_json()}, "job") == ticket


def test_a_job_of_others_is_one_line():
    with pytest.raises(DataError, match=r"^job abc: not submitted by python -m jobs.launch"):
        ticket_from({}, "job abc")
    with pytest.raises(DataError, match="another version"):
        ticket_from({PAYLOAD_VARIABLE: '{"version": 2}'}, "job abc")


def test_what_is_shown_is_what_the_client_sends():
    from huggingface_hub._jobs_api import _create_job_spec

    request = JobRequest(_ticket(), "alice", {"code": "code-0123"}, 1, 2)
    sent = _create_job_spec(
        image=SPEC.image,
        command=request.shown()["body"]["command"],
        env=request.environment,
        secrets={"HF_TOKEN": "***"},
        flavor=SPEC.flavor,
        timeout=request.ticket.timeout_s,
        attempts=request.attempts,
        labels=request.labels,
        volumes=request.volumes(),
    )
    assert request.shown()["body"] == sent


def test_run_ids_differ_and_are_labels():
    ids = {new_run_id("tiny") for _ in range(100)}
    assert len(ids) == 100
    assert all(len(run_id) <= 100 for run_id in ids)


def test_a_secret_in_what_others_may_read_is_refused():
    secrets = {"HF_TOKEN": "hf_0123456789", "SHORT": "a"}
    check_hidden("the request", "a harmless text", secrets)
    with pytest.raises(UserError, match="the request: holds the value of the secret HF_TOKEN"):
        check_hidden("the request", '{"env": "hf_0123456789"}', secrets)


def _offering(label, micro):
    row = SimpleNamespace(name="t4-small", unit_label=label, unit_cost_micro_usd=micro, ram="15 GB")
    return SimpleNamespace(list_jobs_hardware=lambda: [row])


def test_a_price_is_by_the_hour_whatever_it_is_billed_by():
    assert offer_of(_offering("minute", 6667), "t4-small") == Offer(0.4, 15.0)
    assert offer_of(_offering("hour", 400_000), "t4-small") == Offer(0.4, 15.0)
    with pytest.raises(DataError, match="billed by 'week'"):
        offer_of(_offering("week", 1), "t4-small")
    with pytest.raises(UserError, match="found h200, which is not on offer now; allowed: t4-small"):
        offer_of(_offering("minute", 6667), "h200")
