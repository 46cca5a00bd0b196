"""Calls to the Hub: what is tried again, after how long, and what each failure tells the user."""

import http.server
import json
import threading

import pytest
from huggingface_hub import HfApi

from data.cli import DataError
from jobs import hub_calls
from jobs.hub_calls import Patience, explained, may_pass, meaning_of, retried, retried_with


class _Answers(http.server.BaseHTTPRequestHandler):
    """Gives the answers of a list one after another, then 200."""

    def do_GET(self):
        self.server.n_asked += 1
        status, headers = self.server.answers.pop(0) if self.server.answers else (200, {})
        content = {"name": "alice"} if status == 200 else {"error": f"said {status}"}
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def service():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    server.answers, server.n_asked = [], 0
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.api = HfApi(f"http://127.0.0.1:{server.server_address[1]}", token="hf_x")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def waits(monkeypatch):
    """The seconds that were slept, without sleeping them."""
    slept = []
    monkeypatch.setattr(hub_calls.time, "sleep", slept.append)
    return slept


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(service, waits, status):
    service.answers = [(status, {})] * 3
    assert retried(service.api.whoami)["name"] == "alice"
    assert service.n_asked == 4
    assert len(waits) == 3
    assert waits[0] < waits[1] < waits[2]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 413, 422])
def test_what_stays_wrong_is_asked_once(service, waits, status):
    service.answers = [(status, {})] * 3
    with pytest.raises(DataError) as error, explained("submit"):
        retried(service.api.whoami)
    assert service.n_asked == 1
    assert waits == []
    assert str(error.value).startswith("submit: ")
    assert "\n" not in str(error.value)


def test_the_service_says_when_to_come_again(service, waits):
    service.answers = [(429, {"Retry-After": "7"})]
    retried(service.api.whoami)
    assert waits == [7.5]


def test_patience_ends_with_one_line(service, waits):
    service.answers = [(503, {})] * 99
    said = r"prices: the service fails .*503.*; try again later"
    with pytest.raises(DataError, match=said), explained("prices"):
        retried_with(Patience(3, 1.0, 4.0), service.api.whoami)
    assert service.n_asked == 3
    assert len(waits) == 2


def test_waits_are_never_longer_than_the_longest(service, waits):
    service.answers = [(500, {})] * 9
    retried_with(Patience(10, 1.0, 4.0), service.api.whoami)
    assert max(waits) <= 4.0 * 1.25


@pytest.mark.parametrize(
    "status, meaning",
    [
        (401, "run `hf auth login`"),
        (402, "no credit; add some"),
        (403, "write access"),
        (404, "not found, or private and not yours"),
        (413, "make it smaller"),
        (429, "wait some minutes"),
    ],
)
def test_each_answer_says_what_to_do(service, status, meaning):
    service.answers = [(status, {})]
    with pytest.raises(DataError, match=meaning), explained("submit"):
        service.api.whoami()


def test_a_service_that_cannot_be_reached_is_one_line(waits):
    said = r"token: no connection .*check the network, and HF_ENDPOINT"
    with pytest.raises(DataError, match=said), explained("token"):
        retried(HfApi("http://127.0.0.1:9", token="hf_x").whoami)
    assert len(waits) == hub_calls.PATIENT.tries - 1


def test_errors_of_our_own_pass_as_they_are():
    with pytest.raises(ZeroDivisionError), explained("x"):
        raise ZeroDivisionError
    with pytest.raises(DataError, match=r"^as it is$"), explained("x"):
        raise DataError("as it is")


def test_what_hf_xet_says_in_words_is_read():
    text = "Network error: Request error: HTTP status {} error ({}), domain: http://127.0.0.1/"
    forbidden = ConnectionError(text.format("client", "403 Forbidden"))
    failing = ConnectionError(text.format("server", "500 Internal Server Error"))
    assert not may_pass(forbidden)
    assert "write access" in str(meaning_of(forbidden))
    assert may_pass(failing)
    assert may_pass(ConnectionError("connection reset by peer"))
