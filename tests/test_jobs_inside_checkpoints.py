"""Only whole checkpoints are gone on from, and pushing never gets in the way of training."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from inside_job import REPO
from local_hub import WRITE, needs_hub, running_hub

from jobs.inside.hub_checkpoints import KEPT, Place, Restored, open_branch, push, restore
from jobs.inside.uploads import Uploads
from jobs.log_lines import parse_pushed

pytestmark = needs_hub


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with running_hub(tmp_path_factory.mktemp("hub") / "root") as hub:
        hub.api().create_repo(REPO)
        yield hub


@pytest.fixture
def place(hub, tmp_path, monkeypatch, request):
    """A fresh branch, and huggingface_hub turned to this server."""
    files = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", files)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_XET_CACHE", str(tmp_path / "xet"))
    monkeypatch.setenv("HF_TOKEN", WRITE)
    place = Place(REPO, f"checkpoints-{request.node.name}")
    open_branch(place)
    return place


def _save(partial: Path, step: int, best: int | None = None) -> Path:
    """What Trainer leaves, in small."""
    checkpoint = partial / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    (partial / "run_config.json").write_text('{"train": 1}', encoding="utf-8")
    (checkpoint / "optimizer.pt").write_bytes(bytes([step]) * 1000)
    state = {"best_model_checkpoint": f"out/run.partial/checkpoint-{best}" if best else None}
    (checkpoint / "trainer_state.json").write_text(json.dumps(state), encoding="utf-8")
    return checkpoint


def _uploads(place: Place, partial: Path, settled_s: float = 0) -> Uploads:
    return Uploads(place, partial, lambda: 12.34, settled_s, copied=partial.with_name("copied"))


def _push(place: Place, partial: Path, step: int, best: int | None = None) -> None:
    _save(partial, step, best)
    _uploads(place, partial).finish()


def test_a_pushed_checkpoint_comes_back_as_it_was(place, tmp_path):
    partial = tmp_path / "run.partial"
    _push(place, partial, 4)
    _push(place, partial, 8, best=4)
    fetched = tmp_path / "elsewhere" / "run.partial"
    assert restore(place, fetched, tmp_path / "fetched") == Restored(8, 12.3)
    assert _contents(fetched) == _contents(partial)
    by_age = sorted(fetched.glob("checkpoint-*"), key=lambda path: path.stat().st_mtime)
    assert [path.name for path in by_age] == ["checkpoint-4", "checkpoint-8"]
    assert not (tmp_path / "fetched").exists()


def _contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_new_run_has_none(place, tmp_path):
    assert restore(place, tmp_path / "run.partial", tmp_path / "fetched") is None


@pytest.mark.parametrize(
    "damage", ["no manifest", "half a manifest", "another file", "a file less"]
)
def test_half_an_upload_is_passed_over(place, hub, tmp_path, capsys, damage):
    partial = tmp_path / "run.partial"
    for step in (4, 8):
        _push(place, partial, step)
    api, branch = hub.api(), {"repo_id": REPO, "revision": place.branch}
    if damage == "no manifest":
        api.delete_file("checkpoint-8/manifest.json", **branch)
    elif damage == "a file less":
        api.delete_file("checkpoint-8/optimizer.pt", **branch)
    else:
        name = "manifest.json" if damage == "half a manifest" else "optimizer.pt"
        content = b'{"step": 8, "fil' if damage == "half a manifest" else b"other"
        upload = {"path_or_fileobj": content, "path_in_repo": f"checkpoint-8/{name}"}
        api.upload_file(**upload, **branch)
    fetched = tmp_path / "elsewhere"
    found = restore(place, fetched, tmp_path / "fetched")
    assert found is not None
    assert found.step == 4
    assert [path.name for path in fetched.glob("checkpoint-*")] == ["checkpoint-4"]
    assert "checkpoint-8 on the Hub is not whole" in capsys.readouterr().out


def test_a_checkpoint_whose_best_is_gone_is_passed_over(place, hub, tmp_path):
    partial = tmp_path / "run.partial"
    for step, best in ((2, None), (4, None), (8, 4)):
        _push(place, partial, step, best)
    hub.api().delete_folder("checkpoint-4", REPO, revision=place.branch)
    found = restore(place, tmp_path / "elsewhere", tmp_path / "fetched")
    assert found is not None
    assert found.step == 2


def test_old_checkpoints_are_removed_but_not_the_best(place, hub, tmp_path):
    partial = tmp_path / "run.partial"
    for step in range(1, 8):
        _push(place, partial, step, best=2 if step > 2 else None)
    entries = hub.api().list_repo_tree(REPO, revision=place.branch)
    there = sorted(e.path for e in entries if e.path.startswith("checkpoint-"))
    assert there == ["checkpoint-2", *(f"checkpoint-{step}" for step in range(8 - KEPT, 8))]


def test_the_manifest_comes_in_a_later_commit(place, hub, tmp_path):
    _push(place, tmp_path / "run.partial", 4)
    titles = [c.title for c in hub.api().list_repo_commits(REPO, revision=place.branch)]
    assert titles[:2] == ["checkpoint-4: whole", "checkpoint-4: files"]


def test_the_best_goes_up_before_the_checkpoint_that_needs_it(place, tmp_path, capsys):
    partial = tmp_path / "run.partial"
    _save(partial, 4)
    _save(partial, 8, best=4)
    uploads = _uploads(place, partial)
    uploads.finish()
    lines = capsys.readouterr().out.splitlines()
    assert [parse_pushed(line) for line in lines] == [4, 8]
    assert uploads.pushed_step == 8
    assert uploads.longest_s > 0


def test_what_came_from_the_hub_does_not_go_there(place, tmp_path, capsys):
    partial = tmp_path / "run.partial"
    _save(partial, 4)
    _save(partial, 8, best=4)
    uploads = _uploads(place, partial)
    uploads.go_on_from(Restored(8, 1.0))
    uploads.look()
    _save(partial, 12, best=4)
    uploads.finish()
    assert [parse_pushed(line) for line in capsys.readouterr().out.splitlines()] == [12]


def test_a_checkpoint_that_trainer_removes_meanwhile_is_pushed_whole(place, tmp_path):
    partial = tmp_path / "run.partial"
    checkpoint = _save(partial, 4)
    uploads = _uploads(place, partial)
    uploads.look()
    for file in checkpoint.iterdir():
        file.unlink()
    checkpoint.rmdir()
    uploads.close()
    found = restore(place, tmp_path / "elsewhere", tmp_path / "fetched")
    assert found == Restored(4, 12.3)
    assert not (tmp_path / "run.partial.aside").exists()


def test_a_failed_push_is_a_line_and_is_tried_again_at_the_end(place, tmp_path, capsys):
    partial = tmp_path / "run.partial"
    _save(partial, 4)
    uploads = _uploads(Place("alice/nothing-here", "main"), partial)
    uploads.finish()
    out = capsys.readouterr().out
    assert out.count("warning: checkpoint step=4 not pushed: ") == 2
    assert uploads.pushed_step == 0


def test_other_processes_are_given_time_to_write_their_part(place, tmp_path, capsys):
    partial = tmp_path / "run.partial"
    _save(partial, 4)
    uploads = _uploads(place, partial, settled_s=0.3)
    uploads.look()
    uploads._wait()
    assert capsys.readouterr().out == ""
    time.sleep(0.35)
    uploads.look()
    uploads.close()
    assert "checkpoint step=4 pushed" in capsys.readouterr().out


def test_push_says_how_long_the_run_has_taken(place, hub, tmp_path):
    checkpoint = _save(tmp_path / "run.partial", 4)
    (checkpoint / "run_config.json").write_text("{}", encoding="utf-8")
    push(place, checkpoint, 3600.04)
    file = hub.api().hf_hub_download(
        REPO, "checkpoint-4/manifest.json", revision=place.branch, local_dir=tmp_path / "down"
    )
    manifest = json.loads(Path(file).read_text(encoding="utf-8"))
    assert (manifest["step"], manifest["spent_s"]) == (4, 3600.0)
    assert set(manifest["files"]) == {"optimizer.pt", "run_config.json", "trainer_state.json"}
