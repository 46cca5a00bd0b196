"""What a job gets: exactly the tracked files and the dataset, by the hash of their content."""

import subprocess
from dataclasses import replace

import pytest

from data.cli import DataError, UserError
from data.parquet import write_parquet
from data.record import read_examples
from jobs.bundle import Entry, bundles, tracked_files, untracked_files
from jobs.local_checks import open_dataset, validate
from jobs.spec import spec_from

SECRETS = {"HF_TOKEN": "hf_0123456789"}


def _git(folder, *arguments):
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path):
    root = tmp_path / "checkout"
    files = {
        "recipe/train.py": "train",
        "a b/\u00e9.txt": "odd name",
        ".env": "tracked by mistake",
        "deep/.env.local": "tracked by mistake",
        ".gitignore": "/out/\n*.secret\n",
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    _git(root, "init", "-q")
    _git(root, "add", "-A", "-f")
    for path in ("out/big.bin", "my.secret", "notes.txt"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("left here")
    return root


def test_exactly_the_tracked_files_are_shipped(checkout):
    paths = {entry.path for entry in tracked_files(checkout)}
    assert paths == {"recipe/train.py", "a b/\u00e9.txt", ".gitignore"}
    assert untracked_files(checkout) == ["notes.txt"]


def test_a_tracked_file_is_shipped_as_it_is_now_and_a_removed_one_is_not(checkout):
    (checkout / "recipe/train.py").write_text("edited")
    (checkout / ".gitignore").unlink()
    with bundles({"code": tracked_files(checkout)}, {}) as made:
        assert made["code"].paths == ("a b/\u00e9.txt", "recipe/train.py")
        assert (made["code"].folder / "recipe/train.py").read_text() == "edited"


def _sha256(checkout):
    with bundles({"code": tracked_files(checkout)}, {}) as made:
        return made["code"].sha256


def test_the_name_follows_from_paths_and_contents_alone(checkout):
    first = _sha256(checkout)
    assert _sha256(checkout) == first
    (checkout / "recipe/train.py").touch()
    assert _sha256(checkout) == first
    (checkout / "recipe/train.py").write_text("edited")
    edited = _sha256(checkout)
    (checkout / "recipe/train.py").rename(checkout / "recipe/other.py")
    _git(checkout, "add", "-A")
    assert len({first, edited, _sha256(checkout)}) == 3


def test_an_edit_after_the_snapshot_changes_nothing(checkout):
    with bundles({"code": tracked_files(checkout)}, {}) as made:
        (checkout / "recipe/train.py").write_text("edited too late")
        assert (made["code"].folder / "recipe/train.py").read_text() == "train"


def test_a_file_that_holds_a_secret_is_not_shipped(checkout):
    (checkout / "recipe/train.py").write_text(f"TOKEN = '{SECRETS['HF_TOKEN']}'")
    with (
        pytest.raises(UserError, match=r"recipe/train.py: holds the value of the secret HF_TOKEN"),
        bundles({"code": tracked_files(checkout)}, SECRETS),
    ):
        pass


def test_a_link_is_refused(checkout):
    (checkout / "link").symlink_to("recipe/train.py")
    _git(checkout, "add", "link")
    with pytest.raises(UserError, match="link: a link, which cannot be shipped"):
        tracked_files(checkout)


def test_outside_of_a_checkout_is_one_line(tmp_path):
    with pytest.raises(UserError, match="not a git checkout"):
        tracked_files(tmp_path)


def _spec(path):
    content = {
        "name": "tiny",
        "flavor": "cpu-basic",
        "image": "python:3.12",
        "timeout": "1h",
        "max_cost_usd": 1,
        "presets": ["cpu"],
        "result": {"repo": "tiny"},
        "dataset": {"path": str(path)},
    }
    return spec_from(content, "spec")


def test_of_a_dataset_its_splits_are_shipped_and_nothing_else(dataset):
    found = open_dataset(_spec(dataset))
    names = ["train.jsonl", "validation.jsonl", "test_seen.jsonl", "test_unseen.jsonl"]
    assert [entry.path for entry in found.entries] == names
    assert found.for_job == "/bundle/dataset"


def test_one_file_is_shipped_as_the_train_split(dataset):
    found = open_dataset(_spec(dataset / "validation.jsonl"))
    assert found.entries == (Entry(dataset / "validation.jsonl", "train.jsonl"),)


def test_the_builtin_dataset_is_not_shipped():
    found = open_dataset(_spec("builtin"))
    assert (found.for_job, found.entries) == ("builtin", ())


def test_a_dataset_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(UserError, match="there is no such file or folder"):
        open_dataset(_spec(tmp_path / "none"))
    with pytest.raises(UserError, match=r"has no train.jsonl"):
        open_dataset(_spec(tmp_path))


def _as_numbered_parquet(dataset, folder):
    """The train split in two numbered files, as datasets' push_to_hub writes them."""
    examples = list(read_examples(dataset / "train.jsonl"))[:20]
    folder.mkdir()
    for number, part in enumerate((examples[:10], examples[10:])):
        write_parquet(folder / f"train-0000{number}-of-00002.parquet", part)
    return folder


def test_numbered_parquet_files_are_shipped_and_checked(dataset, tmp_path):
    found = open_dataset(_spec(_as_numbered_parquet(dataset, tmp_path / "good")))
    names = ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"]
    assert [entry.path for entry in found.entries] == names
    validate(found)


def test_an_error_in_a_record_of_parquet_stops_the_run(dataset, tmp_path):
    folder = _as_numbered_parquet(dataset, tmp_path / "bad")
    sound = next(read_examples(dataset / "train.jsonl"))
    unsound = replace(sound, messages=(*sound.messages, sound.messages[-1]))
    write_parquet(folder / "train-00001-of-00002.parquet", [unsound])
    with pytest.raises(DataError, match=r"^dataset: \d+ errors, the first is train-00001-of-00002"):
        validate(open_dataset(_spec(folder)))
