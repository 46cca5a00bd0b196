"""The calls of a model, sent as they are to a real MCP server: what does it accept, and why not?

The server is a command that speaks over stdio. Calls run one after the other, for real: give a
server that may be played with. Ids are the client's own; names and arguments are the model's.
"""

from __future__ import annotations

import tempfile
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TextIO, cast

from data.cli import DataError, UserError
from data.tools.mcp_talk import command_words, first_error, last_line, one_line, quiet
from data.tools.server import ServerArgs
from data.wire import ToolCall, Wire, read_strict

if TYPE_CHECKING:
    from mcp import Client

# `tool_error`: the tool's own failure (isError); `refused`: a JSON-RPC error; `unreadable`: no
# server could read the reply; `no_answer`: the server took too long, or ended.
How = Literal["accepted", "tool_error", "refused", "unreadable", "no_answer"]
N_REASONS = 10
# The client's own codes for a closed connection and for an answer that took too long.
_NO_ANSWER = (-32000, -32001)


@dataclass(frozen=True)
class LiveOutcome:
    """What a server did with one call of one reply. `code`: JSON-RPC's, of a refusal."""

    id: str
    tool: str
    how: How
    reason: str = ""
    code: int | None = None

    @property
    def accepted(self) -> bool:
        return self.how == "accepted"

    def row(self) -> dict[str, Any]:
        return {**asdict(self), "accepted": self.accepted}


@dataclass(frozen=True)
class LiveArgs:
    """The server's command, and how long it may take to start and for each call."""

    command: str
    wire: Wire = "jsonrpc"
    timeout_s: float = 30.0
    start_timeout_s: float = 60.0

    @property
    def shown(self) -> str:
        """The command without what may be secret in it."""
        return ServerArgs(self.command).shown


@dataclass(frozen=True)
class _Sent:
    id: str
    call: ToolCall


def run_live(
    command: str | LiveArgs, replies: Mapping[str, str] | Iterable[tuple[str, str]]
) -> list[LiveOutcome]:
    """Send the calls of replies (id and text) to a server; replies that are text send nothing.

    Raises UserError for a command that cannot be run, DataError where no server answers.
    """
    args = LiveArgs(command) if isinstance(command, str) else command
    pairs = replies.items() if isinstance(replies, Mapping) else replies
    outcomes: list[LiveOutcome] = []
    calls: deque[_Sent] = deque()
    for reply_id, text in pairs:
        reading = read_strict(text, args.wire)
        if reading.error is not None:
            error = reading.error
            outcomes.append(LiveOutcome(reply_id, "", "unreadable", error.message, error.code))
        calls.extend(_Sent(reply_id, call) for call in reading.calls)
    if calls:
        outcomes += _sent(args, calls)
    return outcomes


def summary(outcomes: Sequence[LiveOutcome]) -> dict[str, Any]:
    """Counts by what became of the calls, by tool, and the commonest reasons."""
    by_tool: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        by_tool.setdefault(outcome.tool, Counter())[outcome.how] += 1
    reasons = Counter(outcome.reason for outcome in outcomes if not outcome.accepted)
    return {
        "n": len(outcomes),
        "accepted": sum(outcome.accepted for outcome in outcomes),
        "by_outcome": dict(Counter(outcome.how for outcome in outcomes)),
        "by_tool": {tool: dict(counts) for tool, counts in sorted(by_tool.items())},
        "reasons": dict(reasons.most_common(N_REASONS)),
    }


def _sent(args: LiveArgs, calls: deque[_Sent]) -> list[LiveOutcome]:
    try:
        import anyio
        import mcp  # noqa: F401
    except ImportError:
        raise UserError('--mcp needs the mcp package; pip install -e ".[tools]"') from None
    outcomes: list[LiveOutcome] = []
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said, quiet():
        while calls:
            n_before = len(outcomes)
            try:
                anyio.run(_session, args, calls, outcomes, cast(TextIO, said))
            except (Exception, BaseExceptionGroup) as error:
                first = first_error(error)
                if not isinstance(first, Exception):
                    raise first from None  # an interrupt inside a task group
                if len(outcomes) == n_before:
                    raise _not_started(args, first, last_line(said)) from None
    return outcomes


async def _session(
    args: LiveArgs, calls: deque[_Sent], outcomes: list[LiveOutcome], said: TextIO
) -> None:
    """Make calls until none is left or the server has ended."""
    import anyio
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client

    program, *arguments = command_words(args.command)
    parameters = StdioServerParameters(command=program, args=arguments)
    client = Client(stdio_client(parameters, errlog=said))
    with anyio.fail_after(args.start_timeout_s) as starting:
        async with client:
            starting.deadline = float("inf")
            while calls:
                outcome = await _outcome(client, calls[0], args.timeout_s)
                outcomes.append(outcome)
                calls.popleft()
                if outcome.how == "no_answer":
                    return


async def _outcome(client: Client, sent: _Sent, timeout_s: float) -> LiveOutcome:
    from mcp import MCPError, types
    from pydantic import ValidationError

    name = sent.call.name
    params = types.CallToolRequestParams(name=name, arguments=sent.call.arguments)
    request = types.CallToolRequest(params=params)
    try:
        result = await client.session.send_request(
            request, types.CallToolResult, request_read_timeout_seconds=timeout_s
        )
    except MCPError as error:
        how: How = "no_answer" if error.code in _NO_ANSWER else "refused"
        return LiveOutcome(sent.id, name, how, one_line(error.message), error.code)
    except ValidationError:
        return LiveOutcome(sent.id, name, "no_answer", "the answer breaks the protocol")
    if not result.is_error:
        return LiveOutcome(sent.id, name, "accepted")
    texts = [part.text for part in result.content if isinstance(part, types.TextContent)]
    return LiveOutcome(sent.id, name, "tool_error", one_line(" ".join(texts)))


def _not_started(args: LiveArgs, error: Exception, line: str) -> UserError:
    if isinstance(error, UserError):
        return error
    said = f"; it said: {line}" if line else ""
    if isinstance(error, FileNotFoundError | PermissionError):
        return UserError(f"--mcp {args.shown}: no such command; install it or give its path")
    if isinstance(error, TimeoutError):
        return DataError(f"--mcp {args.shown}: no answer in {args.start_timeout_s:g} s{said}")
    reason = one_line(str(error)) or type(error).__name__
    return DataError(f"--mcp {args.shown}: {reason}; check that it is an MCP server{said}")
