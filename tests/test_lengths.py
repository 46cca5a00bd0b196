"""Token counts of the validator are those of the training text, whatever the tokenizer."""

import pytest
from conftest import SHARED

from data.build import build
from data.checks.lengths import TokenCounter, example_of, pieces_of
from data.embedded import MODEL_DIR
from data.record import Example, Message, read_examples
from data.render import render_example

QWEN = SHARED / "models" / "qwen3-1.7b"
TOOL = {"name": "find", "description": "Find it.\n", "inputSchema": {"type": "object"}}


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> list[Example]:
    out = tmp_path_factory.mktemp("dataset")
    build(out / "built", scale=0.2)
    odd = [
        ((), "no tools"),
        ((TOOL,), '{"name":"@tool@","inputSchema":{"type":"object"}}\n'),
        ((TOOL, TOOL), "</tools>\n<|im_end|>"),
        (({"name": "empty"},), "only a name"),
    ]
    made = [
        Example("", "", "", tools, (Message("user", said), Message("assistant", "Fine.")))
        for tools, said in odd
    ]
    return [*read_examples(out / "built" / "validation.jsonl"), *made]


def assert_counts(folder, examples: list[Example], apart: bool) -> None:
    counter = TokenCounter(str(folder), max_length=0)
    assert counter._tools_apart is apart
    encode = counter._tokenizer.encode
    assert counter.count(examples) == [
        sum(len(encode(piece, add_special_tokens=False)) for piece in render_example(e).pieces)
        for e in examples
    ]


def test_counts_of_the_embedded_tokenizer(examples):
    assert_counts(MODEL_DIR, examples, apart=True)


def test_counts_of_qwens_tokenizer(examples):
    if not QWEN.exists():
        pytest.skip("no Qwen3 tokenizer here")
    assert_counts(QWEN, examples, apart=True)


def _without_cuts(tokenizer) -> None:
    tokenizer.pre_tokenizer = None


def _with_a_prefix(tokenizer) -> None:
    from tokenizers import normalizers

    tokenizer.normalizer = normalizers.Prepend("_")


def _that_joins_lines(tokenizer) -> None:
    from tokenizers import pre_tokenizers

    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split("#", "isolated"), pre_tokenizers.ByteLevel(use_regex=False)]
    )


@pytest.mark.parametrize("change", [_without_cuts, _with_a_prefix, _that_joins_lines])
def test_a_tokenizer_that_may_join_lines_counts_whole_texts(change, examples, tmp_path):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(MODEL_DIR / "tokenizer.json"))
    change(tokenizer)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert_counts(tmp_path, examples[-40:], apart=False)


def test_pieces_are_those_of_the_training_text(examples):
    assert all(pieces_of(e) == render_example(e).pieces for e in examples)


def test_a_row_without_messages_is_not_measured():
    assert example_of({"tools": []}) is None
    assert example_of({"tools": [], "messages": [{"role": "user", "content": 3}]}) is None
