"""Calls that go to real MCP servers: accepted, refused, failed, late, and servers that end."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from data.cli import DataError, UserError
from data.wire import ToolCall, request_text
from evals.mcp_live import LiveArgs, LiveOutcome, run_live, summary

TOY = f"{sys.executable} {Path(__file__).parent / 'mcp_toy_server.py'}"
NPM = ("@modelcontextprotocol/server-everything", "@modelcontextprotocol/server-filesystem")


def call(name, number=1, **arguments):
    return request_text(ToolCall(name, arguments, number))


def outcomes(command, *replies, **settings):
    """How each call of the replies ended, in order, with its reason."""
    pairs = [(f"reply-{number}", text) for number, text in enumerate(replies)]
    return run_live(LiveArgs(command, **settings), pairs)


def test_calls_are_accepted_or_not_and_the_reason_is_the_servers():
    good, wrong_type, missing, unknown, failing = outcomes(
        TOY,
        call("add", a=2, b=3),
        call("add", a="two", b=3),
        call("add", a=2),
        call("subtract", a=2, b=3),
        call("fail", reason="the shelf is empty"),
    )
    assert good == LiveOutcome("reply-0", "add", "accepted") and good.accepted
    assert wrong_type.how == missing.how == "tool_error"
    assert "a" in wrong_type.reason and "b" in missing.reason
    assert not unknown.accepted and "subtract" in unknown.reason
    assert failing.how == "tool_error" and "the shelf is empty" in failing.reason


def test_text_sends_nothing_and_what_cannot_be_read_is_an_outcome_of_its_own():
    found = outcomes("no-such-command", "Which city do you mean?", '{"jsonrpc":"2.0","id":1,')
    assert [(o.id, o.how, o.code) for o in found] == [("reply-1", "unreadable", -32700)]


def test_each_call_of_a_reply_is_sent_in_either_wire():
    parallel = call("add", a=1, b=1) + "\n" + call("add", 2, a=1, b=None)
    assert [o.how for o in outcomes(TOY, parallel)] == ["accepted", "tool_error"]
    hermes = '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>'
    assert [o.how for o in outcomes(TOY, hermes, wire="hermes")] == ["accepted"]


def test_a_late_answer_and_a_server_that_ends_cost_one_call_each():
    found = outcomes(
        TOY,
        call("sleep", seconds=60),
        call("add", a=1, b=2),
        call("end"),
        call("add", a=3, b=4),
        timeout_s=3,
    )
    assert [o.how for o in found] == ["no_answer", "accepted", "no_answer", "accepted"]


def test_a_server_that_does_not_start_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no such command; install it"):
        outcomes("no-such-command --token secret-value", call("add"))
    script = tmp_path / "broken.py"
    script.write_text("import sys; sys.exit('port 80 is taken')")
    with pytest.raises(DataError, match="port 80 is taken") as raised:
        outcomes(f"{sys.executable} {script}", call("add"))
    assert "\n" not in str(raised.value)
    script.write_text("import time; time.sleep(60)")
    with pytest.raises(DataError, match="no answer in 1 s"):
        outcomes(f"{sys.executable} {script}", call("add"), start_timeout_s=1)
    with pytest.raises(UserError, match="quote its arguments"):
        outcomes("server 'unclosed", call("add"))


def test_a_secret_in_the_command_is_not_shown():
    with pytest.raises(UserError) as raised:
        outcomes("no-such-command --token secret-value", call("add"))
    assert "secret-value" not in str(raised.value)


def test_the_summary_counts_by_outcome_and_tool():
    found = [
        LiveOutcome("a", "add", "accepted"),
        LiveOutcome("b", "add", "tool_error", "b is missing"),
        LiveOutcome("c", "end", "no_answer", "Connection closed", -32000),
        LiveOutcome("d", "add", "tool_error", "b is missing"),
    ]
    assert summary(found) == {
        "n": 4,
        "accepted": 1,
        "by_outcome": {"accepted": 1, "tool_error": 2, "no_answer": 1},
        "by_tool": {"add": {"accepted": 1, "tool_error": 2}, "end": {"no_answer": 1}},
        "reasons": {"b is missing": 2, "Connection closed": 1},
    }


@pytest.fixture(scope="module")
def npm(tmp_path_factory):
    """A folder with two published servers; skips where npm cannot install them."""
    folder = tmp_path_factory.mktemp("npm")
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", *NPM]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    except subprocess.TimeoutExpired:
        pytest.skip("npm cannot install here")
    if done.returncode:
        pytest.skip(f"npm cannot install here: {done.stderr.strip()[:200]}")
    return folder / "node_modules" / ".bin"


@pytest.mark.slow
def test_the_reference_server_from_npm_answers(npm):
    found = outcomes(
        f"{npm / 'mcp-server-everything'} stdio",
        call("echo", message="hello"),
        call("echo", text="hello"),
        call("get-sum", a=1, b=2),
        call("no_such_tool"),
    )
    assert [o.accepted for o in found] == [True, False, True, False]
    assert "message" in found[1].reason and "no_such_tool" in found[3].reason


@pytest.mark.slow
def test_the_filesystem_server_from_npm_does_what_the_calls_say(npm, tmp_path):
    folder = tmp_path.resolve()
    found = outcomes(
        f"{npm / 'mcp-server-filesystem'} {folder}",
        call("write_file", path=str(folder / "note.txt"), content="bread"),
        call("read_text_file", path=str(folder / "note.txt")),
        call("read_text_file", path="/etc/passwd"),
        call("write_file", path=str(folder / "note.txt")),
    )
    assert (folder / "note.txt").read_text() == "bread"
    assert [o.accepted for o in found] == [True, True, False, False]
    assert "denied" in found[2].reason.lower() and "content" in found[3].reason
