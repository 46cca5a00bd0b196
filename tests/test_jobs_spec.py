"""Specs: every shipped one is whole, a wrong one is one line, and schema and code agree."""

import dataclasses
import json
import re
import tomllib

import pytest
import yaml
from conftest import ROOT
from huggingface_hub import JobHardware

from data.cli import UserError
from jobs.spec import DatasetSpec, JobSpec, PullSpec, ResultSpec, load_spec, spec_from
from jobs.spec_errors import schema
from recipe.preflight.flavors import flavors

SPECS = sorted((ROOT / "jobs").glob("*.yaml"))
GOOD = yaml.safe_load((ROOT / "jobs" / "sft_t4.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_shipped_spec_loads_and_its_budget_pays_for_its_attempts(path):
    spec = load_spec(path)
    price = flavors()[spec.flavor].dollars_per_hour
    assert spec.timeout_s / 3600 * price * spec.attempts <= spec.max_cost_usd
    assert spec.name == path.stem.replace("_", "-")


def test_there_is_a_spec_for_each_machine():
    expected = {"t4-small", "l4x1", "a10g-small", "a10g-largex4", "a100-large", "h200"}
    assert {load_spec(path).flavor for path in SPECS} == expected


def _default(field):
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
        return dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value
    return list(field.default) if isinstance(field.default, tuple) else field.default


@pytest.mark.parametrize(
    ("record", "place"),
    [
        (JobSpec, schema()),
        (DatasetSpec, schema()["properties"]["dataset"]),
        (ResultSpec, schema()["properties"]["result"]),
        (PullSpec, schema()["properties"]["pull"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_schema_has_the_keys_and_defaults_of_the_code(record, place):
    fields = {field.name: field for field in dataclasses.fields(record)}
    assert set(place["properties"]) == set(fields)
    required = set(place.get("required", ()))
    for name, field in fields.items():
        if name in required:
            assert _default(field) is dataclasses.MISSING
        else:
            assert place["properties"][name]["default"] == _default(field)


def test_the_schema_knows_every_machine_of_the_client():
    assert schema()["properties"]["flavor"]["enum"] == [flavor.value for flavor in JobHardware]


def test_every_key_of_the_schema_says_what_it_allows():
    assert all(entry["description"] for entry in schema()["properties"].values())


def test_a_spec_survives_the_way_to_the_job():
    spec = load_spec(ROOT / "jobs" / "sft_a10g_largex4.yaml")
    assert spec_from(json.loads(json.dumps(spec.as_dict())), "there") == spec


WRONG = [
    ({"flavor": "t4-smal"}, "flavor", "t4-smal", "did you mean t4-small?"),
    ({"timeout": "4 hours"}, "timeout", "4 hours", "such as 90m, 4h or 1d"),
    ({"timeout": "0h"}, "timeout", "0h", "such as 90m"),
    ({"max_cost_usd": "7"}, "max_cost_usd", '"7"', "above 0"),
    ({"max_cost_usd": 0}, "max_cost_usd", "0", "above 0"),
    ({"image": "pytorch/pytorch"}, "image", "pytorch/pytorch", "pinned by its tag"),
    ({"image": "pytorch/pytorch:latest"}, "image", "latest", "not latest"),
    ({"attempts": 0}, "attempts", "0", "1 to 10"),
    ({"secrets": {"HF_TOKEN": "x"}}, "secrets", "a value", "never values"),
    ({"secrets": ["HF_TOKEN", "hf_abc"]}, "secrets.1", "a value", "never a value"),
    ({"secrets": ["OTHER"]}, "secrets", "a value", "HF_TOKEN among them"),
    ({"env": {"A": 1}}, "env.A", "1", "in quotes"),
    ({"env": {"TOOLCALL_SFT_JOB": "x"}}, "env.TOOLCALL_SFT_JOB", "launcher", "remove"),
    ({"labels": {"run": "mine"}}, "labels", "run", "not run"),
    ({"presets": []}, "presets", "[]", "at least one"),
    ({"presets": ["t5"]}, "presets", "t5", "presets: a100"),
    ({"overrides": {"train.learnin_rate": 1}}, "overrides", "learnin_rate", "train"),
    ({"overrides": {"learning_rate": 1}}, "overrides", "learning_rate", "GROUP.SETTING"),
    ({"overrides": {"data.path": "x"}}, "overrides.data.path", "dataset.path", "instead"),
    ({"overrides": {"lora.r": 0}}, "--lora.r", "0", "1 or more"),
    ({"dataset": {"path": "hub:a/b"}}, "dataset.path", "hub:a/b", "hub:ID@REVISION"),
    ({"dataset": "builtin"}, "dataset", "builtin", "mapping"),
    ({"result": {"repo": "a/b/c"}}, "result.repo", "a/b/c", "OWNER/NAME"),
    ({"result": {}}, "result.repo", "missing", "OWNER/NAME"),
    ({"parallel": "dpp"}, "parallel", "dpp", "ddp"),
    ({"flavor": "a10g-largex4"}, "parallel", "none", "ddp"),
    ({"flavour": "t4-small"}, "flavour", "unknown key", "did you mean flavor?"),
    ({"name": "Big Run"}, "name", "Big Run", "lower-case"),
]


@pytest.mark.parametrize("change, key, found, allowed", WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_spec_is_one_line_with_key_found_and_allowed(change, key, found, allowed):
    with pytest.raises(UserError) as error:
        spec_from({**GOOD, **change}, "spec.yaml")
    message = str(error.value)
    assert message.startswith("spec.yaml: ")
    assert "\n" not in message
    for part in (key, found, allowed):
        assert part in message


def test_a_token_in_the_place_of_a_name_is_not_repeated():
    with pytest.raises(UserError) as error:
        spec_from({**GOOD, "secrets": ["HF_TOKEN", "hf_0123456789"]}, "spec.yaml")
    assert "hf_0123456789" not in str(error.value)


@pytest.mark.parametrize("key", schema()["required"])
def test_a_missing_key_is_named(key):
    content = {name: value for name, value in GOOD.items() if name != key}
    with pytest.raises(UserError, match=rf"^spec.yaml: {key}: missing; give "):
        spec_from(content, "spec.yaml")


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "found null; allowed: a mapping"),
        ("- a", "allowed: a mapping"),
        ("a: [", "not YAML"),
        ("timeout: 1h\ntimeout: 2h", "line 2: not YAML (key 'timeout' occurs twice)"),
        ("a: \ud800".encode("utf-8", "surrogatepass"), "not UTF-8"),
    ],
)
def test_a_file_that_is_no_spec_is_one_line(tmp_path, text, said):
    path = tmp_path / "spec.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=re.escape(said)) as error:
        load_spec(path)
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="No such file"):
        load_spec(tmp_path / "none.yaml")


def _header():
    text = (ROOT / "jobs" / "sft_t4.py").read_text(encoding="utf-8")
    block = text.split("# /// script\n")[1].split("# ///\n")[0]
    return tomllib.loads("".join(line[2:] + "\n" for line in block.splitlines()))


def test_the_script_for_hf_jobs_uv_run_describes_the_job_of_the_spec():
    from huggingface_hub.cli._uv_script_header import parse_uv_script_header

    stock = parse_uv_script_header((ROOT / "jobs" / "sft_t4.py").read_text(encoding="utf-8"))
    spec = load_spec(ROOT / "jobs" / "sft_t4.yaml")
    assert stock is not None
    assert (stock.name, stock.flavor, stock.timeout) == (spec.name, spec.flavor, spec.timeout)
    assert tuple(stock.secrets) == spec.secrets
    assert stock.labels == spec.labels
    assert stock.env == spec.env
    assert 'SPEC = "jobs/sft_t4.yaml"' in (ROOT / "jobs" / "sft_t4.py").read_text(encoding="utf-8")
    mounted = {volume.split(":")[1] for volume in stock.volumes}
    assert mounted == {f"/bundle/code/{name}" for name in ("data", "evals", "jobs", "recipe")}


def test_the_script_pins_what_the_project_needs_to_the_tested_versions():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["train"]]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    tested = {_plain(n): v for n, v in (line.split("==") for line in lines if "==" in line)}
    pinned = dict(entry.split("==") for entry in _header()["dependencies"])
    pinned = {_plain(name.split("[")[0]): version for name, version in pinned.items()}
    names = {_plain(re.split(r"[\[>;= ]", entry)[0]) for entry in needed}
    assert set(pinned) == names | {"hf-xet"}
    assert all(tested[name] == version for name, version in pinned.items())


def _plain(name):
    return name.lower().replace("_", "-")
