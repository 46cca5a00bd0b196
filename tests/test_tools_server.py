"""Tools of running servers: real processes over stdio and streamable HTTP, good ones and bad."""

import json
import socket
import subprocess
import sys
import time

import pytest
from conftest import assert_one_line_error, command

from data.tools.server import ServerArgs

pytest.importorskip("mcp")

# Speaks JSON-RPC by hand, two tools a page: what a client must follow.
PAGED = """
import json, os, sys
names = ["lamp_on", "lamp_off", "lamp_dim", "bell", "door"]
for line in sys.stdin:
    asked = json.loads(line)
    params, method = asked.get("params") or {}, asked.get("method")
    if method == "initialize":
        answer = {"result": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                             "serverInfo": {"name": "paged", "version": "1"}}}
    elif method == "tools/list":
        start = int(params.get("cursor", 0))
        tools = [{"name": n, "description": os.environ.get("HOUSE", "A house."),
                  "inputSchema": {"type": "object", "properties": {"a": {"type": "string",
                                                                          "default": None}}}}
                 for n in names[start:start + 2]]
        answer = {"result": {"tools": tools}}
        if start + 2 < len(names):
            answer["result"]["nextCursor"] = str(start + 2)
    else:
        answer = {"error": {"code": -32601, "message": "Method not found"}}
    if "id" in asked:
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **answer}), flush=True)
"""
OVER_HTTP = """
import sys
from mcp.server.mcpserver import MCPServer

server = MCPServer("weather desk")


@server.tool()
def tide(harbor: str, day: int = 1) -> str:
    "Tide at a harbor."
    return harbor


server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
"""
BROKEN = PAGED.replace('"inputSchema": {', '"inputSchema": 3, "other": {')


def script(tmp_path, text):
    path = tmp_path / "server.py"
    path.write_text(text, encoding="utf-8")
    return f"{sys.executable} {path}"


def imports(tmp_path, *arguments):
    return command("data.tools", "import", *arguments, "--out", "t.json", cwd=tmp_path)


def test_every_page_of_a_servers_list_is_followed(tmp_path):
    result = imports(tmp_path, "--mcp", script(tmp_path, PAGED))
    assert result.returncode == 0, result.stderr
    catalogue = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    names = [tool["name"] for tool in catalogue["tools"]]
    assert names == ["lamp_on", "lamp_off", "lamp_dim", "bell", "door"]
    assert {note["code"] for note in catalogue["notes"]} == {"default_null"}
    assert catalogue["source"][0]["format"] == "mcp"


def test_a_server_sees_only_the_variables_that_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HOUSE", "The blue house.")
    for arguments, expected in (([], "A house."), (["--env", "HOUSE"], "The blue house.")):
        result = imports(tmp_path, "--mcp", script(tmp_path, PAGED), *arguments)
        assert result.returncode == 0, result.stderr
        tools = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))["tools"]
        assert {tool["description"] for tool in tools} == {expected}


def test_two_servers_with_the_same_names_are_kept_apart_by_their_names(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    changed = PAGED.replace('"paged"', '"Other House"').replace('"A house."', '"A tent."')
    result = imports(tmp_path, "--mcp", script(tmp_path, PAGED), "--mcp", script(other, changed))
    assert result.returncode == 0, result.stderr
    tools = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))["tools"]
    assert [tool["name"] for tool in tools[5:7]] == [
        "other_house__lamp_on",
        "other_house__lamp_off",
    ]


@pytest.fixture
def url(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [*script(tmp_path, OVER_HTTP).split(), str(port)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}/mcp"
    process.terminate()
    process.communicate()


def test_a_server_over_streamable_http_is_read(url, tmp_path):
    result = imports(tmp_path, "--mcp", url)
    assert result.returncode == 0, result.stderr
    (tide,) = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))["tools"]
    assert tide["name"] == "tide"
    assert tide["inputSchema"]["required"] == ["harbor"]


def test_an_address_without_a_server_behind_it_is_one_line(tmp_path):
    result = imports(tmp_path, "--mcp", "http://127.0.0.1:9/mcp?key=abc", "--timeout", "20")
    assert_one_line_error(result, 1, "http://127.0.0.1:9/mcp")
    assert "abc" not in result.stderr


@pytest.mark.parametrize(
    ("text", "timeout_s", "part"),
    [
        ("import sys; sys.exit('no licence')", "30", "no licence"),
        ("print('hello')", "30", "check that it is an MCP server"),
        ("import time; time.sleep(60)", "1", "no list of tools in 1 s"),
        (BROKEN, "30", "breaks the protocol"),
    ],
)
def test_a_server_that_fails_is_one_line_and_no_file(text, timeout_s, part, tmp_path):
    result = imports(tmp_path, "--mcp", script(tmp_path, text), "--timeout", timeout_s)
    assert_one_line_error(result, 1, "server.py", part)
    assert not (tmp_path / "t.json").exists()


def test_a_command_that_does_not_exist_is_one_line(tmp_path):
    result = imports(tmp_path, "--mcp", "no-such-server --token abc")
    assert_one_line_error(result, 1, "no such command")
    assert "abc" not in result.stderr


def test_a_token_variable_that_is_not_set_is_wrong_usage(tmp_path):
    result = imports(tmp_path, "--mcp", "http://127.0.0.1:9/mcp", "--token-env", "NOT_SET_HERE")
    assert_one_line_error(result, 2, "NOT_SET_HERE")


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("https://me:pw@desk.example.com/mcp?key=1#x", "https://desk.example.com/mcp"),
        ("run --api-key abc --port 3", "run --api-key ... --port 3"),
        ("env API_TOKEN=abc run", "env API_TOKEN=... run"),
        ("run --auth=abc /tmp", "run --auth=... /tmp"),
    ],
)
def test_what_is_shown_of_a_server_holds_no_secret(target, shown):
    assert ServerArgs(target).shown == shown
