"""One call, and calls and their results as text.

Each is one line of compact JSON-RPC in the Model Context Protocol's form (data.wire):

    {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_time","arguments":{}}}
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ToolCall:
    """One call. `id` is None where the text carries none (the hermes wire)."""

    name: str
    arguments: dict[str, Any]
    id: int | str | None = None


def request_text(call: ToolCall) -> str:
    """The call as one line of JSON-RPC."""
    params = {"name": call.name, "arguments": call.arguments}
    return compact({"jsonrpc": "2.0", "id": call.id, "method": "tools/call", "params": params})


def result_text(call_id: int | str, text: str, is_error: bool = False) -> str:
    """A tool's answer as one line of JSON-RPC; `is_error` is the tool's own failure in MCP."""
    result = {"content": [{"type": "text", "text": text}], "isError": is_error}
    return compact({"jsonrpc": "2.0", "id": call_id, "result": result})


def error_text(call_id: int | str, code: int, message: str) -> str:
    """A protocol error (unknown tool, invalid params) as one line of JSON-RPC."""
    return compact({"jsonrpc": "2.0", "id": call_id, "error": {"code": code, "message": message}})


def compact(value: Any) -> str:
    """JSON without spaces, other scripts as they are."""
    return _COMPACT.encode(value)


def is_id(value: Any) -> bool:
    """Whether a JSON-RPC request may carry it as its id."""
    return isinstance(value, int | str) and not isinstance(value, bool)


# Made once: json.dumps with options makes its encoder anew for every value.
_COMPACT = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))
