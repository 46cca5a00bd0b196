"""docs/worked_example.md, command by command: a real server from npm, to a live score."""

import json
import re
import shlex
import shutil
import subprocess

import pytest
from conftest import ROOT, command

from data.tools.catalogue import read_tools

PAGE = ROOT / "docs" / "worked_example.md"
SERVER = "out/server/node_modules/.bin/mcp-server-everything"
pytestmark = pytest.mark.slow
pytest.importorskip("mcp")


def steps() -> dict[str, list[str]]:
    """The page's commands by their names."""
    marked = r"<!-- command: (\w+) -->\n```bash\n(.+)\n```"
    found = re.findall(marked, PAGE.read_text(encoding="utf-8"))
    return {name: shlex.split(line) for name, line in found}


def run(name: str, folder) -> str:
    """One command of the page, in a folder of its own; returns its stdout."""
    words = steps()[name]
    assert words[:2] == ["python", "-m"]
    result = command(*words[2:], cwd=folder)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the server installed, its tools imported and records built."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not here")
    folder = tmp_path_factory.mktemp("worked")
    done = subprocess.run(steps()["server"], cwd=folder, capture_output=True, timeout=300)
    if done.returncode or not (folder / SERVER).exists():
        pytest.skip("npm cannot install the server here")
    run("import", folder)
    run("build", folder)
    return folder


@pytest.fixture(scope="module")
def scored(folder):
    """The same after the training and its score; returns what the score shows."""
    run("train", folder)
    return run("score", folder)


def test_the_servers_tools_are_imported_and_the_one_that_waits_is_not(folder):
    names = {tool["name"] for tool in read_tools(folder / "out" / "tools.json")}
    assert {"echo", "get-sum"} <= names
    assert not any(name.startswith("trigger-long-") for name in names)


def test_the_records_are_valid(folder):
    assert "0 errors, 0 warnings" in run("validate", folder)


def test_the_tuned_models_calls_reach_the_server(folder, scored):
    assert "| metric | n | base | tuned |" in scored
    evaluation = folder / "out" / "run" / "eval"
    metrics = json.loads((evaluation / "tuned" / "metrics.json").read_text(encoding="utf-8"))
    rates = metrics["splits"]["test_seen"]["rates"]
    assert rates["parsed"]["value"] > 0.5
    sent = (evaluation / "tuned" / "live.jsonl").read_text(encoding="utf-8").splitlines()
    assert sent
    assert any(json.loads(line)["accepted"] for line in sent)
