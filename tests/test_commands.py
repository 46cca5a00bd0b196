"""The commands: --help, the README's command lines, and the packages that are imported."""

import importlib
import re
import shlex

import pytest
from conftest import ROOT, command
from readme import README
from readme import command as readme_command

COMMANDS = (
    "data.build",
    "data.catalog",
    "data.diversity",
    "data.convert",
    "data.mix",
    "data.synthesize",
    "data.tools",
    "data.validate",
    "evals.compare",
    "evals.tool_accuracy",
    "jobs.doctor",
    "jobs.launch",
    "jobs.sweep",
    "recipe.preflight",
    "recipe.train",
    "recipe.pretrain",
)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_answered_without_torch(name, tmp_path):
    result = command("tests.without_torch", name, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "usage:" in result.stdout


@pytest.mark.parametrize("package", ["data", "evals", "jobs", "recipe"])
def test_our_packages_are_the_ones_imported(package):
    module = importlib.import_module(package)
    assert str(ROOT / package) in str(module.__file__)


def test_the_readme_names_only_commands_that_exist():
    named = re.findall(r"python -m ([a-z_.]+)", README.read_text(encoding="utf-8"))
    assert set(named) <= {*COMMANDS, "pytest"}
    assert "recipe.train" in named


@pytest.mark.parametrize("name", ["run", "test"])
def test_the_two_commands_of_the_readme_install_first(name):
    steps = [shlex.split(step) for step in readme_command(name).split("&&")]
    assert steps[0][:4] == ["pip", "install", "-c", "constraints.txt"]
    assert all(step[0] in ("pip", "python") for step in steps)
