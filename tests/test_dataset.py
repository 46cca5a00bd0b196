"""Token ids of a dataset: what is kept, for how long, and which records are drawn."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from conftest import ROOT

from data import cli
from data.embedded import MODEL_DIR
from data.record import read_examples, write_examples
from data.render import encode, render_example
from recipe import token_cache
from recipe.command_line import parse
from recipe.config import DataArgs
from recipe.dataset import encode_split, facts
from recipe.sources import open_source
from recipe.token_cache import FACTS_FILE, TOKENS_FILE, encode_all


class Counting:
    """A tokenizer that counts the texts it is given."""

    def __init__(self, tokenizer):
        self.tokenizer, self.n_texts = tokenizer, 0

    @property
    def backend_tokenizer(self):
        return self.tokenizer.backend_tokenizer

    def __call__(self, text, **options):
        self.n_texts += len(text)
        return self.tokenizer(text, **options)


def embedded_tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(MODEL_DIR)


@pytest.fixture
def tokenizer():
    return Counting(embedded_tokenizer())


@pytest.fixture
def args(tmp_path):
    return DataArgs(cache=str(tmp_path / "cache"))


@pytest.fixture
def small(dataset, tmp_path):
    """A folder with forty records of train."""
    folder = tmp_path / "small"
    folder.mkdir()
    write_examples(folder / "train.jsonl", list(read_examples(dataset / "train.jsonl"))[:40])
    return folder


def rows(corpus):
    return [(row["input_ids"], row["labels"]) for row in corpus.to_dataset()]


def drawn_one_by_one(file, tokenizer, args, limit, seed):
    """The records that a split should give, the plain way."""
    examples = list(read_examples(file))
    order = list(range(len(examples)))
    Random(seed).shuffle(order)
    found = []
    for index in order:
        one = encode(tokenizer, render_example(examples[index], args.wire))
        if len(one.input_ids) <= args.max_length and (limit is None or len(found) < limit):
            found.append((one.input_ids, one.labels))
    return found


@pytest.mark.parametrize("wire", ["jsonrpc", "hermes"])
@pytest.mark.parametrize(("limit", "max_length"), [(None, 2048), (50, 2048), (None, 500), (7, 500)])
def test_records_are_drawn_and_encoded_as_one_by_one(
    dataset, tokenizer, args, wire, limit, max_length
):
    args = replace(args, wire=wire, max_length=max_length, too_long="drop")
    corpus = encode_split(dataset, "train", tokenizer, args, limit, 5)
    expected = drawn_one_by_one(dataset / "train.jsonl", tokenizer, args, limit, 5)
    assert rows(corpus) == expected
    assert corpus.lengths.tolist() == [len(ids) for ids, _ in expected]
    assert corpus.n_tokens == sum(corpus.lengths)
    assert len(corpus) == len(expected)


def test_many_records_encode_as_each_by_itself(dataset, tokenizer):
    rendered = [render_example(example) for example in read_examples(dataset / "train.jsonl")]
    assert list(encode_all(tokenizer, rendered)) == [encode(tokenizer, one) for one in rendered]


def test_the_trainer_gets_ids_and_labels_and_no_other_column(dataset, tokenizer, args):
    corpus = encode_split(dataset, "validation", tokenizer, args, 3, 0)
    assert corpus.to_dataset().column_names == ["input_ids", "labels"]
    assert set(corpus.dataset.column_names) == {"input_ids", "labels", "length", "id"}
    assert corpus.dataset["length"] == corpus.lengths.tolist()
    assert corpus.dataset.cache_files  # mapped from the disk, not held


def test_token_ids_are_made_once_whatever_is_drawn_from_them(dataset, tokenizer, args, capsys):
    first = encode_split(dataset, "train", tokenizer, args, None, 0)
    n_texts = tokenizer.n_texts
    assert n_texts > 0
    assert args.cache in capsys.readouterr().err
    again = encode_split(dataset, "train", Counting(tokenizer.tokenizer), args, None, 0)
    assert rows(again) == rows(first)
    shorter = replace(args, max_length=500, too_long="drop")
    encode_split(dataset, "train", tokenizer, shorter, 9, 1)
    assert tokenizer.n_texts == n_texts
    assert "encoding" not in capsys.readouterr().err


def test_another_tokenizer_in_the_same_place_is_noticed(small, tokenizer, args):
    encode_split(small, "train", tokenizer, args, None, 0)
    other = Counting(embedded_tokenizer())
    other.tokenizer.add_tokens(["the"])
    changed = encode_split(small, "train", other, args, None, 0)
    assert other.n_texts > 0
    assert rows(changed) == drawn_one_by_one(small / "train.jsonl", other, args, None, 0)


def test_padding_of_an_earlier_call_is_no_other_tokenizer(small, tokenizer, args):
    encode_split(small, "train", tokenizer, args, None, 0)
    other = Counting(embedded_tokenizer())
    other.tokenizer(["a", "a b c"], padding=True, truncation=True, max_length=2)
    encode_split(small, "train", other, args, None, 0)
    assert other.n_texts == 0


def test_another_wire_template_code_or_file_is_encoded_anew(small, tokenizer, args, monkeypatch):
    def texts_of_a_run(args):
        before = tokenizer.n_texts
        encode_split(small, "train", tokenizer, args, None, 0)
        return tokenizer.n_texts - before

    assert texts_of_a_run(args) > 0
    assert texts_of_a_run(replace(args, wire="hermes")) > 0
    template = token_cache.chat_template
    monkeypatch.setattr(token_cache, "chat_template", lambda wire: template(wire) + " ")
    assert texts_of_a_run(args) > 0
    monkeypatch.undo()
    assert texts_of_a_run(args) == 0
    monkeypatch.setattr(token_cache, "CODE", token_cache.CODE[1:])
    assert texts_of_a_run(args) > 0
    monkeypatch.undo()
    write_examples(small / "train.jsonl", list(read_examples(small / "train.jsonl"))[:-1])
    assert texts_of_a_run(args) > 0


@pytest.mark.parametrize("damage", ["cut", "no facts", "no tokens", "facts that are none"])
def test_token_ids_that_are_not_whole_are_made_again(small, tokenizer, args, damage, capsys):
    whole = rows(encode_split(small, "train", tokenizer, args, None, 0))
    (tokens,) = Path(args.cache).glob(f"*/{TOKENS_FILE}")
    if damage == "cut":
        os.truncate(tokens, tokens.stat().st_size // 2)
    elif damage == "facts that are none":
        (tokens.parent / FACTS_FILE).write_text("[]", encoding="utf-8")
    else:
        (tokens if damage == "no tokens" else tokens.parent / FACTS_FILE).unlink()
    capsys.readouterr()
    assert rows(encode_split(small, "train", tokenizer, args, None, 0)) == whole
    assert "not whole; encoding again" in capsys.readouterr().err


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, "tests")
from test_dataset import Counting, DataArgs, embedded_tokenizer, encode_split

class Killed(Counting):
    def __call__(self, text, **options):
        if self.n_texts:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(text, **options)

folder, args = Path(sys.argv[1]), DataArgs(cache=sys.argv[2])
encode_split(folder, "train", Killed(embedded_tokenizer()), args, None, 0)
"""


def test_a_write_that_was_killed_is_not_taken_for_whole(dataset, tokenizer, args):
    place = [str(dataset), args.cache]
    killed = subprocess.run([sys.executable, "-c", KILLED, *place], cwd=ROOT, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    corpus = encode_split(dataset, "train", tokenizer, args, None, 0)
    assert tokenizer.n_texts > 0
    assert rows(corpus) == drawn_one_by_one(dataset / "train.jsonl", tokenizer, args, None, 0)


def test_two_that_encode_the_same_at_once_agree(dataset, args):
    def run(tokenizer):
        return rows(encode_split(dataset, "train", tokenizer, args, None, 0))

    with ThreadPoolExecutor() as pool:
        first, second = pool.map(run, [embedded_tokenizer(), embedded_tokenizer()])
    assert first == second
    assert len(list(Path(args.cache).iterdir())) == 1


def test_a_file_that_changes_while_it_is_read_is_refused(small, tokenizer, args):
    class Writing(Counting):
        def __call__(self, text, **options):
            with open(small / "train.jsonl", "a", encoding="utf-8") as file:
                file.write("\n")
            return super().__call__(text, **options)

    with pytest.raises(cli.DataError, match="changed while it was read"):
        encode_split(small, "train", Writing(tokenizer.tokenizer), args, None, 0)
    assert list(Path(args.cache).iterdir()) == []


def test_a_cache_that_cannot_be_written_is_one_line(small, tokenizer, args):
    Path(args.cache).write_text("a file", encoding="utf-8")
    with pytest.raises(cli.UserError, match=r"--data\.cache .*cache: File exists; give a folder"):
        encode_split(small, "train", tokenizer, args, None, 0)


def test_half_a_surrogate_pair_is_refused_with_its_record(small, tokenizer, args):
    text = (small / "train.jsonl").read_text(encoding="utf-8")
    first = json.loads(text.splitlines()[0])
    first["messages"][-1]["content"] += "\ud800"
    (small / "train.jsonl").write_text(json.dumps(first), encoding="utf-8")
    with pytest.raises(cli.DataError, match=f"record '{first['id']}' holds half a surrogate"):
        encode_split(small, "train", tokenizer, args, None, 0)


def test_records_that_are_too_long_are_named_or_left_out_and_never_cut(
    dataset, tokenizer, args, capsys
):
    with pytest.raises(cli.DataError) as caught:
        encode_split(dataset, "train", tokenizer, replace(args, max_length=400), None, 0)
    lengths = {
        example.id: len(encode(tokenizer, render_example(example)).input_ids)
        for example in read_examples(dataset / "train.jsonl")
    }
    too_long = sorted((name, length) for name, length in lengths.items() if length > 400)
    named = ", ".join(f"{name} ({length})" for name, length in too_long[:3])
    found = f"{len(too_long)} records have more than 400 tokens: {named}, ..."
    assert str(caught.value) == (
        f"{dataset / 'train.jsonl'}: {found}; raise --data.max_length or say --data.too_long drop"
    )
    dropping = replace(args, max_length=400, too_long="drop")
    kept = encode_split(dataset, "train", tokenizer, dropping, None, 0)
    assert kept.n_too_long == len(too_long)
    assert sorted(kept.dataset["id"]) == sorted(lengths.keys() - dict(too_long).keys())
    assert f"left out: {found}" in capsys.readouterr().err


def test_a_length_that_no_record_has_is_an_error(small, tokenizer, args):
    with pytest.raises(cli.DataError, match="no record has at most 16 tokens"):
        short = replace(args, max_length=16, too_long="drop")
        encode_split(small, "train", tokenizer, short, None, 0)


def test_the_record_of_a_run_says_what_was_trained(small, tokenizer, args):
    corpus = encode_split(small, "train", tokenizer, args, 30, 0)
    said = facts(open_source(str(small)), corpus)
    assert said == {
        "path": str(small),
        "file": "train.jsonl",
        "sha256": corpus.sha256,
        "examples": 30,
        "tokens": corpus.n_tokens,
        "too_long": 0,
        "in_file": 40,
    }


def test_a_run_collates_rows_of_the_cache(dataset, tokenizer, args, tmp_path):
    from recipe.assemble import Parts, make_trainer
    from recipe.limits import RowLimits
    from recipe.train import encode_corpora

    flags = ["--data.max_examples", "4", "--data.max_length", "2048", "--data.cache", args.cache]
    config = parse(["--config", "cpu", *flags]).config
    corpora = encode_corpora(config, dataset, tokenizer.tokenizer)
    parts = Parts(config, corpora, tokenizer.tokenizer, "fp32", RowLimits(2048, 2048))
    trainer = make_trainer(parts, tmp_path)
    batch = next(iter(trainer.get_train_dataloader()))
    n_tokens = sum(value.numel() for key, value in batch.items() if key == "input_ids")
    assert n_tokens == corpora["train"].n_tokens
