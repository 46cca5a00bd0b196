"""Calls to the Hub: retried where that is safe, and failing with one line that says what to do.

A call is safe to repeat if doing it twice is like doing it once: reading, creating with exist_ok,
uploading by content, cancelling. Submitting a job is not; jobs/submit.py does that.
"""

from __future__ import annotations

import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, ParamSpec, TypeVar

from data.cli import DataError

P = ParamSpec("P")
T = TypeVar("T")


class Patience(NamedTuple):
    """How often a call is tried; seconds before the second try, doubled until the longest."""

    tries: int
    first_wait_s: float
    longest_wait_s: float


PATIENT = Patience(8, 1.0, 30.0)
# For the first call of a command: an address that does not answer should not take minutes.
BRIEF = Patience(4, 0.5, 4.0)
# hf_xet has no classes for what a server answers; it says so in the text of a ConnectionError.
_XET_STATUS = re.compile(r"HTTP status \w+ error \((\d{3})\b")
TRANSIENT = frozenset((408, 429, 500, 502, 503, 504))

# By status of the answer: what it means, what to do.
ANSWERS = {
    400: "the service refused the request ({said}); compare the spec with `hf jobs hardware`",
    401: "the token is not valid or has expired; run `hf auth login`, or set HF_TOKEN anew",
    402: "no credit; add some at huggingface.co/settings/billing, then run the same command",
    403: "the token may not do this ({said}); use one with write access for this namespace",
    404: "not found, or private and not yours; check the name and which account the token is of",
    409: "it conflicts with what is there ({said}); try again",
    413: "the service takes no request of that size ({said}); make it smaller",
    422: "the service refused the request ({said}); see jobs/spec.schema.json",
    429: "too many requests; wait some minutes, then run the same command",
}
BROKEN = "the service fails ({said}); try again later, status is at status.huggingface.co"
UNREACHED = "no connection ({said}); check the network, and HF_ENDPOINT if you set it"


def retried(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What the call returns; tried again while its failure may pass. Raises its last error."""
    return retried_with(PATIENT, lambda: call(*args, **kwargs))


def retried_with(patience: Patience, call: Callable[[], T]) -> T:
    """As retried, as often as `patience` says."""
    for number in range(patience.tries - 1):
        try:
            return call()
        except Exception as error:
            if not may_pass(error):
                raise
            wait_s = wait_before(number, error, patience)
            print(f"{first_line(error)}; trying again in {wait_s:.0f} s", file=sys.stderr)
            time.sleep(wait_s)
    return call()


def may_pass(error: Exception) -> bool:
    """Whether the same call may succeed later: rate limits, failing servers, lost connections."""
    status = status_of(error)
    if status is not None:
        return status in TRANSIENT
    return _is_lost(error)


def wait_before(number: int, error: Exception, patience: Patience = PATIENT) -> float:
    """Seconds before try `number` + 2: what the answer asks for, or a doubling time with jitter."""
    asked = _asked_wait_s(error)
    if asked is not None:
        return asked + 0.5
    doubled = min(patience.longest_wait_s, patience.first_wait_s * 2.0**number)
    return doubled * random.uniform(0.75, 1.25)


def status_of(error: BaseException) -> int | None:
    """The HTTP status of an answer, if there was one."""
    error = _cause(error)
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is None and isinstance(error, ConnectionError):
        told = _XET_STATUS.search(str(error))
        return int(told[1]) if told else None
    return int(status) if status is not None else None


def first_line(error: BaseException) -> str:
    """What a library's error says, on one line."""
    error = _cause(error)
    message = getattr(error, "server_message", None) or str(error).strip()
    lines = [line.strip() for line in str(message).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn the Hub's errors into a DataError: what was done, what it means, what to do."""
    try:
        yield
    except Exception as error:
        meaning = meaning_of(error)
        if meaning is None:
            raise
        raise DataError(f"{doing}: {meaning}") from None


def meaning_of(error: Exception) -> str | None:
    """The line for an error of the Hub or the network; None for any other error."""
    status = status_of(error)
    if status is None:
        from huggingface_hub.errors import OfflineModeIsEnabled

        if isinstance(error, OfflineModeIsEnabled):
            return "HF_HUB_OFFLINE is set; unset it"
        return UNREACHED.format(said=first_line(error)) if _is_lost(error) else None
    if status in ANSWERS:
        return ANSWERS[status].format(said=first_line(error))
    return BROKEN.format(said=f"{status} {first_line(error)}") if status >= 500 else None


def _cause(error: BaseException) -> BaseException:
    """The error itself, or what lies below it.

    snapshot_download hides there why a file could not be had, and an upload without xet
    (RuntimeError) why it failed.
    """
    from huggingface_hub.errors import LocalEntryNotFoundError

    hides = isinstance(error, LocalEntryNotFoundError | RuntimeError)
    return _cause(error.__cause__) if hides and error.__cause__ else error


def _is_lost(error: BaseException) -> bool:
    """Lost connections, as huggingface_hub (httpx2) and hf_xet (ConnectionError) report them."""
    from httpx2 import TransportError
    from huggingface_hub.errors import OfflineModeIsEnabled

    error = _cause(error)
    lost = isinstance(error, TransportError | ConnectionError | TimeoutError)
    return lost and not isinstance(error, OfflineModeIsEnabled)


def _asked_wait_s(error: Exception) -> float | None:
    headers: Any = getattr(getattr(_cause(error), "response", None), "headers", None)
    if headers is None or status_of(error) not in TRANSIENT:
        return None
    asked = headers.get("retry-after", "")
    return float(asked) if asked.isdigit() else None
