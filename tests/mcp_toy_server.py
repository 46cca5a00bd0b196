"""A small MCP server for the tests: tools that add, fail, answer late or end it."""

from __future__ import annotations

import os
import time

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("toy")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two integers."""
    return a + b


@server.tool()
def fail(reason: str) -> str:
    """Fail as a tool does."""
    raise ToolError(reason)


@server.tool()
def sleep(seconds: float) -> str:
    """Answer late."""
    time.sleep(seconds)
    return "awake"


@server.tool()
def end() -> str:
    """End the server without an answer."""
    os._exit(3)


if __name__ == "__main__":
    server.run()
