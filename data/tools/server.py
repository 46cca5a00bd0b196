"""The tools of a running MCP server: a command over stdio, or a URL over streamable HTTP."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, TextIO, cast

from data.cli import DataError, UserError
from data.tools.found import Found
from data.tools.mcp_talk import command_words, first_error, last_line, quiet

MAX_PAGES = 1000
_SECRET = re.compile(r"key|token|secret|passw|auth|credential|bearer", re.IGNORECASE)
SAVE_IT = "save its tools/list answer to a file and import that"


@dataclass(frozen=True)
class ServerArgs:
    """How a server is reached. `env` names variables that its command may see."""

    target: str
    timeout_s: float = 60.0
    env: tuple[str, ...] = ()
    token_env: str | None = None
    """The variable that holds a bearer token for a URL."""

    @property
    def is_url(self) -> bool:
        return self.target.startswith(("http://", "https://"))

    @property
    def shown(self) -> str:
        """The target without what may be secret in it: a URL's query, what follows --token."""
        if self.is_url:
            address = self.target.split("?")[0].split("#")[0]
            scheme, rest = address.split("://", 1)
            host, slash, path = rest.partition("/")
            return f"{scheme}://{host.rsplit('@', 1)[-1]}{slash}{path}"
        words = command_words(self.target)
        return " ".join(
            _masked(word, before) for word, before in zip(words, ["", *words], strict=False)
        )


def tools_of_server(args: ServerArgs) -> Iterator[Found]:
    """Every tool of every page of the server's list. Raises UserError, DataError."""
    try:
        import anyio
        import mcp  # noqa: F401
    except ImportError:
        raise UserError('the mcp package is missing; pip install -e ".[tools]"') from None
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said, quiet():
        log = cast(TextIO, said)
        try:
            name, tools = anyio.run(_listed, args, log)
        except BaseException as error:
            first = first_error(error)
            if isinstance(first, KeyboardInterrupt | UserError) or not isinstance(first, Exception):
                raise first from None
            raise DataError(_reason(args, first, last_line(log))) from None
    for index, tool in enumerate(tools):
        yield Found(tool, name or args.shown, f"/tools/{index}")


async def _listed(args: ServerArgs, said: TextIO) -> tuple[str, list[dict[str, Any]]]:
    import anyio
    from mcp import Client

    tools: list[dict[str, Any]] = []
    with anyio.fail_after(args.timeout_s):
        async with AsyncExitStack() as stack:
            transport = await _transport(args, said, stack)
            client = await stack.enter_async_context(Client(transport))
            cursor: str | None = None
            for _ in range(MAX_PAGES):
                page = await client.list_tools(cursor=cursor)
                dumped = (t.model_dump(by_alias=True, mode="json", exclude_unset=True)
                          for t in page.tools)  # fmt: skip
                tools.extend(dumped)
                if page.next_cursor is None or page.next_cursor == cursor:
                    return client.server_info.name if client.server_info else "", tools
                cursor = page.next_cursor
    raise DataError(f"{args.shown}: over {MAX_PAGES:,} pages of tools; {SAVE_IT}")


async def _transport(args: ServerArgs, said: TextIO, stack: AsyncExitStack) -> Any:
    if not args.is_url:
        from mcp import StdioServerParameters
        from mcp.client.stdio import stdio_client

        command, *arguments = command_words(args.target)
        env = {name: os.environ[name] for name in args.env if name in os.environ}
        return stdio_client(
            StdioServerParameters(command=command, args=arguments, env=env), errlog=said
        )
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    headers = {"Authorization": f"Bearer {_token(args.token_env)}"} if args.token_env else {}
    http = await stack.enter_async_context(
        httpx2.AsyncClient(headers=headers, timeout=args.timeout_s)
    )
    return streamable_http_client(args.target, http_client=http)


def _masked(word: str, before: str) -> str:
    """A word of a command; dots for what a flag or variable of a secret name holds."""
    name, equals, _ = word.partition("=")
    if equals and _SECRET.search(name):
        return f"{name}=..."
    return (
        "..." if before.startswith("-") and "=" not in before and _SECRET.search(before) else word
    )


def _token(name: str) -> str:
    token = os.environ.get(name, "")
    if not token:
        raise UserError(f"--token-env {name}: no such variable is set; export it first")
    return token


def _reason(args: ServerArgs, error: BaseException, line: str) -> str:
    said = f"; it said: {line}" if line else ""
    if isinstance(error, TimeoutError):
        return f"{args.shown}: no list of tools in {args.timeout_s:g} s; raise --timeout{said}"
    if isinstance(error, FileNotFoundError):
        return f"{args.shown}: no such command; install it or give its path"
    if type(error).__name__ == "ValidationError":
        found: Sequence[Any] = getattr(error, "errors", list)()
        place = ".".join(map(str, found[0]["loc"]))[:80] if found else "its answer"
        return f"{args.shown}: {place} breaks the protocol; {SAVE_IT}"
    text = " ".join(str(error).split())[:200] or type(error).__name__
    return f"{args.shown}: {text}; check that it is an MCP server{said}"
