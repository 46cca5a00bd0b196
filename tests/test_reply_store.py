"""Replies on disk: only missing ones are generated, and those of other settings never mixed in."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT

from data.cli import UserError
from data.record import Example, Message
from evals.backends.backend import Reply
from evals.reply_store import ReplyStore, collect

KEY = "k" * 64


def examples(n):
    messages = (Message("user", "Hi"),)
    return [Example(f"e-{number}", "answer", "test", (), messages) for number in range(n)]


class Echo:
    """A backend that answers with the id, and remembers what it was asked."""

    name = "echo"

    def __init__(self, fail_after=None):
        self.asked = []
        self.fail_after = fail_after

    def replies(self, examples):
        for example in examples:
            if self.fail_after == len(self.asked):
                raise RuntimeError("the machine is gone")
            self.asked.append(example.id)
            yield Reply(example.id, f"to {example.id}")

    def facts(self):
        return {}


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_replies_are_kept_under_a_header(tmp_path):
    store = ReplyStore(tmp_path, "base", KEY)
    assert store.read() == {}
    assert collect(Echo(), examples(2), store) == {"e-0": "to e-0", "e-1": "to e-1"}
    assert rows(tmp_path / "base" / "replies.jsonl") == [
        {"arm": "base", "key": KEY},
        {"id": "e-0", "reply": "to e-0"},
        {"id": "e-1", "reply": "to e-1"},
    ]


def test_only_missing_replies_are_generated(tmp_path):
    store = ReplyStore(tmp_path, "base", KEY)
    with pytest.raises(RuntimeError):
        collect(Echo(fail_after=3), examples(6), store)
    again = Echo()
    found = collect(again, examples(6), store)
    assert again.asked == ["e-3", "e-4", "e-5"]
    assert found == {f"e-{n}": f"to e-{n}" for n in range(6)}
    none = Echo()
    assert collect(none, examples(2), store) == {"e-0": "to e-0", "e-1": "to e-1"}
    assert none.asked == []


def test_a_torn_last_line_is_dropped_and_made_again(tmp_path):
    store = ReplyStore(tmp_path, "base", KEY)
    collect(Echo(), examples(3), store)
    whole = store.path.read_bytes()
    for n_lost in range(1, len(whole) + 1):
        store.path.write_bytes(whole[:-n_lost])
        assert len(collect(Echo(), examples(3), store)) == 3
        assert store.path.read_bytes() == whole


def test_replies_of_another_key_are_refused_in_one_line(tmp_path):
    store = ReplyStore(tmp_path, "base", KEY)
    collect(Echo(), examples(1), store)
    before = store.path.read_bytes()
    with pytest.raises(UserError, match="choose another --out") as raised:
        collect(Echo(), examples(2), ReplyStore(tmp_path, "base", "another"))
    assert "\n" not in str(raised.value) and store.path.read_bytes() == before
    assert collect(Echo(), examples(1), ReplyStore(tmp_path, "tuned", "another"))


def test_a_file_that_is_none_of_ours_is_refused(tmp_path):
    store = ReplyStore(tmp_path, "base", KEY)
    store.path.parent.mkdir()
    for content in ('{"id": "e-0", "reply": "hi"}\n', "no JSON\n", "[]\n", '{"key": "k"}\n3\n'):
        store.path.write_text(content)
        with pytest.raises(UserError, match=r"replies\.jsonl"):
            collect(Echo(), examples(1), store)


def test_any_text_is_kept_as_it_came(tmp_path):
    texts = ["", "a\nb\r\n\u2028c", "\ud83d alone", "\x00\x1b[31m", '{"jsonrpc":"2.0"', "é" * 9]
    store = ReplyStore(tmp_path, "base", KEY)

    class Odd(Echo):
        def replies(self, examples):
            yield from (Reply(e.id, text) for e, text in zip(examples, texts, strict=True))

    collect(Odd(), examples(len(texts)), store)
    assert list(store.read().values()) == texts


def test_a_killed_run_keeps_what_was_finished(tmp_path):
    """A process that is killed while it collects; the next one goes on."""
    script = f"""
import time
from evals.reply_store import ReplyStore, collect
from pathlib import Path
from test_reply_store import KEY, Echo, examples

class Slow(Echo):
    def replies(self, examples):
        for reply in super().replies(examples):
            yield reply
            time.sleep(0.02)

collect(Slow(), examples(1000), ReplyStore(Path({str(tmp_path)!r}), "base", KEY))
"""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    running = subprocess.Popen(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path}
    )
    store = ReplyStore(tmp_path, "base", KEY)
    while not store.path.exists() or store.path.read_bytes().count(b"\n") < 5:
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    n_kept = len(store.read())
    again = Echo()
    collect(again, examples(n_kept + 3), store)
    assert n_kept >= 4 and len(again.asked) == 3
