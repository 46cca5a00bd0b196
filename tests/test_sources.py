"""Where records come from: every form gives the same corpus, and what is missing is one line."""

import json
import os
import shutil
from itertools import islice
from pathlib import Path

import httpx2
import pytest
from conftest import assert_one_line_error, command
from huggingface_hub import errors
from local_hub import run_python, running_hub

from data import cli
from data.embedded import MODEL_DIR
from data.parquet import write_parquet
from data.record import read_examples, row_of
from recipe import sources
from recipe.command_line import parse
from recipe.config import DataArgs
from recipe.dataset import encode_split, facts
from recipe.sources import Source, open_source, read_split
from recipe.train import encode_corpora, main


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(MODEL_DIR)


def laid_out(dataset, folder, form):
    """A copy of the dataset in one of the forms that --data.path takes, and that path."""
    if form == "folder":
        return dataset
    jsonl, parquet = dataset / "train.jsonl", dataset / "parquet" / "train.parquet"
    if form in ("one.jsonl", "one.parquet"):
        return Path(shutil.copy(jsonl if form == "one.jsonl" else parquet, folder / form))
    (folder / "parquet").mkdir()
    place = folder if form == "folder of parquet" else folder / "parquet"
    for file in (dataset / "parquet").iterdir():
        shutil.copy(file, place)
    return folder


@pytest.mark.parametrize(
    "form", ["folder", "folder of parquet", "parquet beside", "one.jsonl", "one.parquet"]
)
def test_every_form_gives_the_same_corpus(dataset, tokenizer, tmp_path, form):
    args = DataArgs(cache=str(tmp_path / "cache"), max_length=600, too_long="drop")
    source = open_source(str(laid_out(dataset, tmp_path, form)))
    assert list(read_split(source, "train")) == list(read_examples(dataset / "train.jsonl"))
    corpus = encode_split(source, "train", tokenizer, args, 20, 3)
    same = encode_split(dataset, "train", tokenizer, args, 20, 3)
    assert corpus.to_dataset()[:] == same.to_dataset()[:]
    assert (corpus.n_too_long, corpus.n_in_file) == (same.n_too_long, same.n_in_file)
    said = facts(source, corpus)
    assert Path(said["path"], said["file"]) == source.split_file("train")


def test_jsonl_is_read_where_parquet_is_there_too(dataset):
    assert open_source(str(dataset)).split_file("train") == dataset / "train.jsonl"


def test_parquet_with_nested_tools_is_read(dataset, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [row_of(example) for example in islice(read_examples(dataset / "train.jsonl"), 9)]
    tools = [[{"name": "a", "inputSchema": {"type": "object"}}]] * 9
    nested = [{**row, "tools": tool} for row, tool in zip(rows, tools, strict=True)]
    pq.write_table(pa.Table.from_pylist(nested), tmp_path / "train.parquet")
    found = list(read_split(open_source(str(tmp_path)), "train"))
    assert [list(example.tools) for example in found] == tools
    assert [row_of(example)["messages"] for example in found] == [row["messages"] for row in rows]


def numbered_files(dataset, folder, n_files=2):
    """The train split as datasets' push_to_hub leaves it: data/train-00000-of-00002.parquet."""
    from data.parquet import write_parquet

    examples = list(islice(read_examples(dataset / "train.jsonl"), 10))
    (folder / "data").mkdir()
    for number in range(n_files):
        file = folder / "data" / f"train-{number:05}-of-{n_files:05}.parquet"
        write_parquet(file, examples[number::n_files])
    return [example for number in range(n_files) for example in examples[number::n_files]]


@pytest.mark.parametrize("n_files", [1, 3])
def test_a_split_in_numbered_files_is_read_as_one(n_files, dataset, tmp_path, tokenizer):
    examples = numbered_files(dataset, tmp_path, n_files)
    source = open_source(str(tmp_path))
    assert list(read_split(source, "train")) == examples
    args = DataArgs(cache=str(tmp_path / "cache"))
    corpus = encode_split(source, "train", tokenizer, args, None, 3)
    assert corpus.n_in_file == len(examples)
    last = source.split_files("train")[-1]
    last.write_bytes(last.read_bytes() + b" ")
    assert sources.sha256_of(source.split_files("train")) != corpus.sha256


def test_a_numbered_file_that_is_missing_is_one_line(dataset, tmp_path):
    numbered_files(dataset, tmp_path)
    (tmp_path / "data" / "train-00001-of-00002.parquet").unlink()
    with pytest.raises(cli.UserError, match="one of 2 files, 1 are here; add them"):
        open_source(str(tmp_path)).split_file("train")


def test_what_a_killed_run_left_in_the_cache_is_removed_after_a_day(dataset, tmp_path, tokenizer):
    fresh, stale = tmp_path / "cache" / "a.partial", tmp_path / "cache" / "b.partial"
    for place in (fresh, stale):
        place.mkdir(parents=True)
    os.utime(stale, (0, 0))
    args = DataArgs(cache=str(tmp_path / "cache"), max_length=600, too_long="drop")
    encode_split(dataset, "validation", tokenizer, args, 5, 3)
    assert fresh.exists() and not stale.exists()


def test_records_are_read_one_after_another(dataset, tmp_path):
    lines = (dataset / "train.jsonl").read_text(encoding="utf-8").splitlines()
    file = tmp_path / "train.jsonl"
    file.write_text(f"{lines[0]}\n{lines[1]}\nnot JSON\n", encoding="utf-8")
    records = read_split(open_source(str(file)), "train")
    assert next(records).id and next(records).id
    with pytest.raises(cli.DataError, match=r"train\.jsonl:3: not JSON"):
        next(records)


def test_the_built_in_dataset_is_built_once(tmp_path, monkeypatch):
    built = []

    def build(folder, seed):
        built.append(seed)
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}", encoding="utf-8")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sources, "build", build)
    first, again = open_source("builtin"), open_source("builtin")
    assert first == again
    assert first.folder.parent == Path("out")
    assert built == [sources.DATASET_SEED]


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("nowhere", ["nowhere/train.jsonl: no such file", "data.build"]),
        ("nowhere.jsonl", ["nowhere.jsonl: no such file", "give an existing one"]),
        ("rows.csv", ["rows.csv", ".jsonl", ".parquet"]),
        ("empty", ["empty/train.jsonl: no such file", "--data.path"]),
        ("hub:alice/set", ["no revision", "may change", "hub:alice/set@REVISION"]),
        ("hub:alice/set@", ["no revision", "hub:alice/set@REVISION"]),
        ("hub:alice/set@v1:a.jsonl", ["a whole repository is read", "write hub:alice/set@v1"]),
        ("hub:a/b/c@main", ["a/b/c", "no id of a repository", "hub:OWNER/NAME@REVISION"]),
    ],
)
def test_a_path_that_names_no_source_is_one_line(path, parts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text("id\n", encoding="utf-8")
    Path("empty").mkdir()
    with pytest.raises(cli.UserError) as caught:
        open_source(path).split_file("train")
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize("form", ["one.jsonl", "folder"])
def test_evaluations_need_a_validation_split(dataset, tokenizer, tmp_path, form):
    if form == "folder":
        shutil.copy(dataset / "train.jsonl", tmp_path)
    path = tmp_path if form == "folder" else laid_out(dataset, tmp_path, form)
    cache = tmp_path / "cache"
    flags = ["--data.cache", str(cache), "--data.max_examples", "5", "--train.eval_steps"]
    with pytest.raises(cli.UserError, match=r"validation.* --train\.eval_steps 0"):
        encode_corpora(parse([*flags, "2"]).config, path, tokenizer)
    assert not cache.exists()  # before anything is encoded
    assert set(encode_corpora(parse([*flags, "0"]).config, path, tokenizer)) == {"train"}


def test_one_file_trains(dataset, tmp_path):
    path = laid_out(dataset, tmp_path, "one.parquet")
    flags = ["--data.path", str(path), "--data.cache", str(tmp_path / "cache")]
    short = ["--train.max_steps", "1", "--data.max_examples", "2", "--train.eval_steps", "0"]
    assert main([*flags, *short, "--train.best", "none", "--out", str(tmp_path / "run")]) == 0
    record = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["dataset"]
    assert (record["path"], record["file"]) == (str(tmp_path), "one.parquet")


@pytest.mark.parametrize(
    ("row", "part"),
    [
        ({"kind": "call"}, "row 2: kind 'call'; allowed: tool_call"),
        ({"tools": "[1"}, "row 2: Expecting ',' delimiter"),
        ({"tools": '{"name": "a"}'}, "row 2: 'tools' is no list"),
        ({"messages": None}, "row 2: 'messages' is missing or empty"),
    ],
)
def test_a_parquet_row_that_is_no_record_is_named(dataset, tmp_path, row, part):
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = tmp_path / "train.parquet"
    write_parquet(file, list(islice(read_examples(dataset / "train.jsonl"), 3)))
    table = pq.read_table(file)
    rows = table.to_pylist()
    rows[1] |= row
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), file)
    with pytest.raises(cli.DataError) as caught:
        list(read_split(open_source(str(file)), "train"))
    assert f"{file}: {part}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kept_bytes", [0, 5000, -5000])
def test_a_parquet_file_that_was_cut_is_one_line(dataset, tmp_path, kept_bytes):
    file = tmp_path / "train.parquet"
    content = (dataset / "parquet" / "train.parquet").read_bytes()
    file.write_bytes(content[:kept_bytes])
    with pytest.raises(cli.DataError) as caught:
        list(read_split(open_source(str(file)), "train"))
    assert f"{file}: not Parquet" in str(caught.value)
    assert "\n" not in str(caught.value)


# The Hub: the unmodified client against a server on this machine, each call in a fresh process.

OPEN = """
import json, sys
from data import cli
from recipe.sources import open_source, read_split

def main():
    source = open_source(sys.argv[1])
    n = sum(1 for _ in read_split(source, "train"))
    print(json.dumps([str(source.folder), source.repo, source.commit, n]))
    return 0

cli.run(main)
"""
UPLOAD = """
import sys
from huggingface_hub import HfApi
api = HfApi()
for name in ("alice/set", "alice/none"):
    api.create_repo(name, repo_type="dataset", private=name == "alice/set")
(folder, other) = sys.argv[1:]
first = api.upload_folder(repo_id="alice/set", repo_type="dataset", folder_path=folder).oid
api.create_tag("alice/set", tag="v1", repo_type="dataset")
api.upload_file(
    repo_id="alice/set", repo_type="dataset", path_or_fileobj=other, path_in_repo="train.jsonl"
)
print(first)
"""


@pytest.fixture(scope="module")
def hub(dataset, tmp_path_factory):
    """A client's environment for a Hub with alice/set, tagged v1 and changed since; v1's commit."""
    root = tmp_path_factory.mktemp("hub")
    shorter = root / "shorter.jsonl"
    lines = (dataset / "train.jsonl").read_text(encoding="utf-8").splitlines()
    shorter.write_text("\n".join(lines[:10]), encoding="utf-8")
    with running_hub(root / "served") as server:
        env = server.client(root / "home")
        uploaded = run_python(env, "-c", UPLOAD, str(dataset), str(shorter))
        assert uploaded.returncode == 0, uploaded.stderr
        yield env, uploaded.stdout.split()[-1]


def test_a_repository_of_the_hub_is_read_at_its_revision(hub, dataset, tokenizer, tmp_path):
    env, commit = hub
    for revision in ("v1", commit):
        result = run_python(env, "-c", OPEN, f"hub:alice/set@{revision}")
        assert result.returncode == 0, result.stderr
        folder, *found = json.loads(result.stdout)
        assert found == ["alice/set", commit, len(list(read_examples(dataset / "train.jsonl")))]
    assert {path.name for path in Path(folder).iterdir()} == {
        *(f"{split}.jsonl" for split in sources.SPLITS),
        "parquet",
    }
    args = DataArgs(cache=str(tmp_path / "cache"), too_long="drop")
    source = Source(Path(folder), repo="alice/set", commit=commit)
    corpus = encode_split(source, "train", tokenizer, args, 20, 3)
    same = encode_split(dataset, "train", tokenizer, args, 20, 3)
    assert corpus.to_dataset()[:] == same.to_dataset()[:]
    assert facts(source, corpus)["repo"] == "alice/set"
    assert facts(source, corpus)["commit"] == commit
    assert corpus.sha256 == same.sha256
    later = run_python(env, "-c", OPEN, "hub:alice/set@main")
    assert json.loads(later.stdout)[2] != commit
    assert json.loads(later.stdout)[3] == 10


def test_what_was_downloaded_is_read_without_the_hub(hub):
    env, commit = hub
    assert run_python(env, "-c", OPEN, f"hub:alice/set@{commit}").returncode == 0
    offline = {**env, "HF_HUB_OFFLINE": "1"}
    assert run_python(offline, "-c", OPEN, f"hub:alice/set@{commit}").returncode == 0


@pytest.mark.parametrize(
    ("path", "changed", "parts"),
    [
        ("hub:alice/set@v9", {}, ["alice/set has no revision 'v9'", "a tag or a branch"]),
        ("hub:alice/gone@main", {}, ["alice/gone is no dataset", "check the id", "HF_TOKEN"]),
        ("hub:alice/set@v1", {"HF_TOKEN": "hf_wrong"}, ["alice/set", "HF_TOKEN"]),
        ("hub:alice/set@v1", {"HF_TOKEN": ""}, ["is no dataset that this login", "hf auth login"]),
        ("hub:alice/none@main", {}, ["train.jsonl: no such file", "laid out like it"]),
        ("hub:alice/set@v1", {"HF_HUB_OFFLINE": "1"}, ["cannot be reached", "HF_HUB_OFFLINE"]),
        ("hub:alice/set@v1", {"HF_ENDPOINT": "http://127.0.0.1:9"}, ["cannot be reached"]),
    ],
)
def test_a_repository_that_cannot_be_read_is_one_line(hub, path, changed, parts, tmp_path):
    fresh = {**hub[0], "HF_HOME": str(tmp_path), **changed}
    result = run_python(fresh, "-c", OPEN, path)
    assert_one_line_error(result, 2, *parts)


@pytest.mark.parametrize(
    ("raised", "part"),
    [
        (errors.GatedRepoError, "alice/set is gated; accept its terms on its page"),
        (errors.HfHubHTTPError, "alice/set cannot be read (so it was); try again"),
        (httpx2.ReadTimeout, "alice/set cannot be read (so it was); try again"),
        (OSError, "alice/set cannot be read (so it was); try again"),
    ],
)
def test_what_the_local_hub_cannot_answer_is_one_line(raised, part, monkeypatch):
    def fail(*args, **kwargs):
        response = httpx2.Response(403, request=httpx2.Request("GET", "http://127.0.0.1"))
        given = {"response": response} if issubclass(raised, errors.HfHubHTTPError) else {}
        raise raised("so it was\nand more", **given)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(cli.UserError) as caught:
        open_source("hub:alice/set@v1")
    assert str(caught.value).startswith(f"hub:alice/set@v1: {part}")
    assert "\n" not in str(caught.value)


def test_a_hub_path_without_network_leaves_no_run(tmp_path):
    flags = ["--data.path", "hub:alice/set@main", "--out", "new"]
    result = command("recipe.train", *flags, cwd=tmp_path)
    assert_one_line_error(result, 2, "hub:alice/set@main", "cannot be reached")
    assert not (tmp_path / "new").exists()
