"""The teacher behind an OpenAI-compatible endpoint: one request in, an answer or a failure out.

The endpoint's dialect is learnt from its refusals: whether it takes a JSON Schema for the answer
(response_format), a temperature, and under which name the limit of the answer.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from data.cli import UserError
from data.synthesize.settings import Settings

HF_ENDPOINT = "https://router.huggingface.co/v1"
_KEY_OF_HOST = {"router.huggingface.co": "HF_TOKEN", "api.openai.com": "OPENAI_API_KEY"}
_RETRIED = {408, 409, 425, 429}
_DENIED = {401: "the key is wrong or missing", 402: "the account has no credit", 403: "no access"}
MAX_MESSAGE_CHARS = 200
# What the client raises for a body that is no chat completion.
_ODD_BODY = (ValueError, TypeError, AttributeError, LookupError, RecursionError)


@dataclass(frozen=True)
class Answer:
    """What the teacher wrote. `finish`: "stop", or "length" where it was cut off.

    `guided`: the endpoint took the schema of the answer; whether it held the model to it, only it
    knows.
    """

    text: str
    finish: str
    model: str
    tokens_in: int | None
    tokens_out: int | None
    guided: bool


@dataclass(frozen=True)
class Failure:
    """No answer. `kind`: one of

    again    at once: what the endpoint does not take was learnt
    plain    at once, without the schema, which this endpoint cannot use
    retry    later
    refused  never: this request is not answered
    fatal    nor is any other

    `may_cost`: the teacher may have written something that nobody got.
    """

    kind: str
    message: str
    retry_after_s: float | None = None
    may_cost: bool = False


@dataclass(frozen=True)
class Dialect:
    """What the endpoint takes."""

    takes_schema: bool = True
    takes_temperature: bool = True
    limit_name: str = "max_tokens"


def key_for(endpoint: str, name: str | None) -> str | None:
    """The key in the environment: of the variable that is named, or the host's own.

    No key is ever sent to a host that it was not meant for. Raises UserError.
    """
    name = name or _KEY_OF_HOST.get(urlsplit(endpoint).hostname or "")
    if name is None:
        return None
    key = os.environ.get(name) or (_hf_login() if name == "HF_TOKEN" else None)
    if not key:
        raise UserError(f"{name} is not set; {endpoint} needs a key, or say --key_env NAME")
    return key


def _hf_login() -> str | None:
    """The token that `hf auth login` saved."""
    from huggingface_hub import get_token

    return get_token()


class Teacher:
    """A client that several threads may use."""

    def __init__(self, settings: Settings, key: str | None) -> None:
        try:
            from openai import OpenAI
        except ImportError:
            raise UserError(
                "data.synthesize needs the package openai; pip install openai"
            ) from None
        self._settings = settings
        self._client = OpenAI(
            base_url=settings.endpoint,
            api_key=key or "none",
            organization="",
            project="",
            timeout=settings.timeout_s,
            max_retries=0,
        )
        self._key = key
        self._lock = threading.Lock()
        self._schema_works = False
        self.dialect = Dialect()

    def ask(
        self, messages: list[dict[str, str]], schema: dict[str, Any] | None
    ) -> Answer | Failure:
        """Send one request. `schema`: of the answer; None for plain JSON."""
        import openai

        dialect = self.dialect
        try:
            reply = self._client.chat.completions.create(
                model=self._settings.teacher,
                messages=messages,  # type: ignore[arg-type]
                **self._options(dialect, schema),
            )
            answer = _answer(reply, guided=schema is not None and dialect.takes_schema)
            self._schema_works |= answer.guided
            return answer
        except openai.APITimeoutError:
            message = f"no answer in {self._settings.timeout_s:g} s"
            return Failure("retry", message, may_cost=True)
        except openai.APIConnectionError as error:
            return Failure("retry", self._shown(f"no connection: {error.__cause__ or error}"))
        except openai.APIStatusError as error:
            return self._refused(error, dialect, schema is not None)
        except (openai.OpenAIError, *_ODD_BODY) as error:
            message = self._shown(f"not an answer of the API: {error}")
            return Failure("retry", message, may_cost=True)

    def _options(self, dialect: Dialect, schema: dict[str, Any] | None) -> dict[str, Any]:
        options: dict[str, Any] = {dialect.limit_name: self._settings.max_reply_tokens}
        if dialect.takes_temperature:
            options["temperature"] = self._settings.temperature
        if schema is not None and dialect.takes_schema:
            form = {"name": "example", "schema": schema, "strict": False}
            options["response_format"] = {"type": "json_schema", "json_schema": form}
        return options

    def _refused(self, error: Any, dialect: Dialect, had_schema: bool) -> Failure:
        status = int(error.status_code)
        message = self._shown(f"HTTP {status}: {error.message}")
        if status in _RETRIED or (status >= 500 and status != 501):
            return Failure("retry", message, _retry_after_s(error.response.headers))
        if status in _DENIED:
            return Failure("fatal", f"{message} ({_DENIED[status]})")
        if status == 404:
            return Failure("fatal", f"{message} (no such model, or --endpoint lacks its /v1)")
        if had_schema and dialect.takes_schema and self._schema_works:
            return Failure("plain", message)
        learnt = _learnt(dialect, str(error.message), had_schema)
        if learnt is None:
            return Failure("refused", message)
        with self._lock:
            if self.dialect == dialect:
                self.dialect = learnt
        return Failure("again", message)

    def _shown(self, text: str) -> str:
        """A message on one line, short, and without the key."""
        line = " ".join(text.split())
        return (line.replace(self._key, "***") if self._key else line)[:MAX_MESSAGE_CHARS]

    def close(self) -> None:
        self._client.close()


def _learnt(dialect: Dialect, message: str, had_schema: bool) -> Dialect | None:
    """What to leave out or rename after a refusal; None where nothing is left to try."""
    if "max_completion_tokens" in message and dialect.limit_name == "max_tokens":
        return replace(dialect, limit_name="max_completion_tokens")
    if "temperature" in message and dialect.takes_temperature:
        return replace(dialect, takes_temperature=False)
    if had_schema and dialect.takes_schema:
        return replace(dialect, takes_schema=False)
    return None


def _answer(reply: Any, guided: bool) -> Answer:
    choice = reply.choices[0] if reply.choices else None
    if choice is None:
        raise ValueError("no choices")
    text = choice.message.content
    usage = reply.usage
    return Answer(
        text=text if isinstance(text, str) else "",
        finish=str(choice.finish_reason),
        model=str(reply.model),
        tokens_in=_count(usage, "prompt_tokens"),
        tokens_out=_count(usage, "completion_tokens"),
        guided=guided,
    )


def _count(usage: Any, name: str) -> int | None:
    count = getattr(usage, name, None)
    return count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None


def _retry_after_s(headers: Any) -> float | None:
    """Seconds of a Retry-After header; a date in it is not read."""
    try:
        seconds = float(headers.get("retry-after"))
    except (TypeError, ValueError):
        return None
    return min(seconds, 300.0) if seconds >= 0 else None
