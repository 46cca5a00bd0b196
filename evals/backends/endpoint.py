"""Replies from an OpenAI-compatible endpoint: vLLM, llama.cpp's server, `transformers serve`.

Where the server completes plain text, it gets our template's prompt; else messages and tools, and
its `tool_calls` are written as calls of the wire again. The key comes from OPENAI_API_KEY only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from data.cli import DataError, UserError
from data.record import Example
from data.render import prompt_of
from data.wire import Wire
from evals.backends.backend import Reply
from evals.backends.messages import as_wire, chat_messages
from evals.backends.prompts import openai_tools, template_sha256
from evals.generate import END_OF_TURN

if TYPE_CHECKING:
    from openai import OpenAI

Mode = Literal["completions", "chat"]
KEY = "OPENAI_API_KEY"
MAX_RETRIES = 5
# What a server answers that has no /v1/completions.
_NOT_OFFERED = (404, 405, 501)


@dataclass(frozen=True)
class EndpointSettings:
    """Where to ask, and how. `url` ends in /v1, as OpenAI's clients take it."""

    url: str
    model: str
    wire: Wire = "jsonrpc"
    max_new_tokens: int = 256
    temperature: float = 0.0
    seed: int = 0
    concurrency: int = 8
    timeout_s: float = 120.0

    @property
    def place(self) -> str:
        """The URL without user, password and query."""
        parts = urlsplit(self.url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"


class EndpointBackend:
    """A model behind a URL."""

    name = "endpoint"

    def __init__(self, settings: EndpointSettings) -> None:
        parts = urlsplit(settings.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UserError(f"--endpoint {settings.url!r}: no URL; give http://HOST:PORT/v1")
        self._settings = settings
        self._mode: Mode | None = None
        self._n_replies = self._n_cut = 0

    def replies(self, examples: Sequence[Example]) -> Iterator[Reply]:
        """One reply an example, each as soon as it is there.

        Raises DataError when one fails, after those that were under way.
        """
        if not examples:
            return
        yield self._ask(examples[0])  # finds out what the server offers
        with ThreadPoolExecutor(self._settings.concurrency) as workers:
            asked = {workers.submit(self._ask, example) for example in examples[1:]}
            try:
                yield from _results(asked)
            finally:
                for future in asked:
                    future.cancel()

    def facts(self) -> dict[str, Any]:
        """Where the replies come from, and how they were asked for."""
        settings = self._settings
        return {
            "backend": "endpoint",
            "model": settings.model,
            "url": settings.place,
            "api": self._mode,
            "wire": settings.wire,
            "template_sha256": template_sha256(None, settings.wire, "ours")
            if self._mode == "completions"
            else None,
            "decoding": {key: value for key, value in self._request().items() if key != "model"},
            "concurrency": settings.concurrency,
            "versions": {"openai": version("openai")},
            "replies": self._n_replies,
            "replies_cut": self._n_cut,
        }

    @cached_property
    def _client(self) -> OpenAI:
        from openai import OpenAI

        return OpenAI(
            base_url=self._settings.url,
            api_key=os.environ.get(KEY) or "none",  # servers of one's own want none
            max_retries=MAX_RETRIES,
            timeout=self._settings.timeout_s,
        )

    def _ask(self, example: Example) -> Reply:
        """Raises DataError, in one line, when the server still fails after MAX_RETRIES."""
        from openai import APIStatusError, OpenAIError

        try:
            if self._mode == "chat":
                return self._chat(example)
            try:
                return self._complete(example)
            except APIStatusError as error:
                if self._mode or error.status_code not in _NOT_OFFERED:
                    raise
            return self._chat(example)
        except OpenAIError as error:
            raise DataError(
                f"{self._settings.place}: {example.id}: {_first_line(error)}; "
                "mend the server and run again: replies so far are kept"
            ) from None

    def _complete(self, example: Example) -> Reply:
        answer = self._client.completions.create(
            prompt=prompt_of(example, self._settings.wire), stop=[END_OF_TURN], **self._request()
        )
        self._mode = "completions"
        choice = answer.choices[0]
        return self._reply(example, choice.text.split(END_OF_TURN)[0], choice.finish_reason)

    def _chat(self, example: Example) -> Reply:
        request = {"messages": chat_messages(example), **self._request()}
        if example.tools:
            request["tools"] = openai_tools(example)
        answer = self._client.chat.completions.create(**request)
        self._mode = "chat"
        choice = answer.choices[0]
        message = choice.message
        text = as_wire(example, self._settings.wire, message.content, message.tool_calls or ())
        return self._reply(example, text, choice.finish_reason)

    def _reply(self, example: Example, text: str, finish_reason: str | None) -> Reply:
        self._n_replies += 1
        self._n_cut += finish_reason == "length"
        return Reply(example.id, text)

    def _request(self) -> dict[str, Any]:
        settings = self._settings
        return {
            "model": settings.model,
            "max_tokens": settings.max_new_tokens,
            "temperature": settings.temperature,
            "seed": settings.seed,
        }


def _results(asked: set[Future[Reply]]) -> Iterator[Reply]:
    """Results as they come. After a failure no new one is begun; then it is raised."""
    failures: list[BaseException] = []
    while asked:
        done, asked = wait(asked, return_when=FIRST_COMPLETED)
        failed = [error for error in (future.exception() for future in done) if error]
        yield from (future.result() for future in done if not future.exception())
        if failed:
            failures += failed
            asked = {future for future in asked if not future.cancel()}
    if failures:
        raise failures[0]


def _first_line(error: Exception) -> str:
    """What the server said, without the key, should it have repeated it."""
    text = (str(error).strip() or type(error).__name__).split("\n")[0][:300]
    key = os.environ.get(KEY)
    return text.replace(key, "***") if key else text
