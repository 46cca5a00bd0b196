"""Rows from a repository of the Hub: which file is meant, at which commit, and what is refused."""

import json

import pytest
from conftest import assert_one_line_error
from local_hub import run_python, running_hub

from data import cli
from data.hub_files import HubPlace, chosen, read_place
from data.record import read_examples

TOOL = {"name": "get_time", "description": "Time.", "parameters": {"city": {"type": "str"}}}
ROW = {
    "query": "Time in Rome?",
    "answers": '[{"name": "get_time", "arguments": {"city": "Rome"}}]',
    "tools": json.dumps([TOOL]),
}
UPLOAD = """
import json, sys
from huggingface_hub import HfApi
api = HfApi()
for name, files in json.loads(sys.argv[1]).items():
    api.create_repo(name, repo_type="dataset")
    for path, text in files.items():
        done = api.upload_file(
            path_or_fileobj=text.encode(), path_in_repo=path, repo_id=name, repo_type="dataset"
        )
    api.create_tag(name, tag="v1", repo_type="dataset")
    print(done.oid)
    api.upload_file(
        path_or_fileobj=b"changed since", path_in_repo=path, repo_id=name, repo_type="dataset"
    )
"""
PLACE = HubPlace("alice/set", "main")


def test_a_place_is_repository_revision_and_file():
    assert read_place("hub:alice/set@v1") == HubPlace("alice/set", "v1")
    place = read_place("hub:alice/set@main:data/train-*.parquet")
    assert place == HubPlace("alice/set", "main", "data/train-*.parquet")
    with pytest.raises(cli.UserError, match=r"no revision.*@REVISION"):
        read_place("hub:alice/set")


@pytest.mark.parametrize(
    ("names", "pattern", "found"),
    [
        (["README.md", "data.json"], None, "data.json"),
        (["dataset_infos.json", "rows.jsonl"], None, "rows.jsonl"),
        (
            ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"],
            None,
            "data/train-*-of-00002.parquet",
        ),
        (["a.json", "b.json"], "b.json", "b.json"),
        (["d/a-1.json", "d/a-2.json", "d/b.json"], "d/a-*.json", "d/a-*.json"),
    ],
)
def test_the_one_data_file_is_meant_or_the_one_that_is_named(names, pattern, found):
    assert chosen(HubPlace("alice/set", "main", pattern), names) == found


@pytest.mark.parametrize(
    ("names", "pattern", "part"),
    [
        (["a.json", "b.json"], None, "has 2 data files.*data files there: a.json, b.json"),
        (["README.md"], None, "has no data"),
        (["a.json"], "c.json", "has no file 'c.json'.*there: a.json"),
        (["d/a.json", "e/a.json"], "*.json", "many folders"),
    ],
)
def test_what_could_mean_several_files_is_refused_with_their_names(names, pattern, part):
    with pytest.raises(cli.UserError, match=part):
        chosen(HubPlace("alice/set", "main", pattern), names)


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A client's environment for a Hub with alice/one and alice/two; the commit of v1 of one."""
    root = tmp_path_factory.mktemp("hub")
    rows = json.dumps([ROW, {**ROW, "id": 2}])
    files = {"alice/one": {"rows.json": rows}, "alice/two": {"a.json": rows, "b.json": "[]"}}
    with running_hub(root / "served") as server:
        env = server.client(root / "home")
        uploaded = run_python(env, "-c", UPLOAD, json.dumps(files))
        assert uploaded.returncode == 0, uploaded.stderr
        yield env, uploaded.stdout.split()[0]


def convert(env, source, out):
    arguments = ["-m", "data.convert", "--from", "xlam", source, "--out", str(out)]
    return run_python(env, *arguments, cwd=out.parent)


def test_a_set_of_the_hub_is_converted_at_its_revision(hub, tmp_path):
    env, commit = hub
    result = convert(env, "hub:alice/one@v1", tmp_path / "out.jsonl")
    assert result.returncode == 0, result.stderr
    assert [example.id for example in read_examples(tmp_path / "out.jsonl")] == [
        "xlam-000001",
        "xlam-2",
    ]
    assert f"commit {commit}" in result.stderr
    offline = {**env, "HF_HUB_OFFLINE": "1"}
    again = convert(offline, f"hub:alice/one@{commit}", tmp_path / "again.jsonl")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "out.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("place", "parts"),
    [
        ("hub:alice/two@v1", ["has 2 data files", "a.json, b.json", "hub:alice/two@v1:FILE"]),
        ("hub:alice/none@main", ["is no dataset that this login can see", "HF_TOKEN"]),
        ("hub:alice/one@v9", ["has no revision 'v9'"]),
        ("hub:a/b/c@main", ["is no id of a repository"]),
    ],
)
def test_what_the_hub_does_not_have_is_one_line(hub, place, parts, tmp_path):
    result = convert(hub[0], place, tmp_path / "out.jsonl")
    assert_one_line_error(result, 2, *parts)
    assert not list(tmp_path.iterdir())
