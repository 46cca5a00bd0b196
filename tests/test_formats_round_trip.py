"""Records to the formats of other trainers and back: OpenAI's loses nothing at all."""

import json
from importlib import import_module

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.formats import openai
from data.record import KINDS, ROLES, Example, Message, read_examples, row_of, write_rows
from data.wire import ToolCall, error_text, request_text, result_text

SPLITS = ("train", "validation", "test_seen", "test_unseen")


def records(dataset):
    return [e for split in SPLITS for e in read_examples(dataset / f"{split}.jsonl")]


def there_and_back(name, examples, folder, **options):
    module = import_module(f"data.formats.{name}")
    n_rows = write_rows(folder / "rows.jsonl", module.write(examples, **options))
    return n_rows, [row_of(item) for item in module.read(folder / "rows.jsonl")]


@pytest.mark.parametrize("as_text", [False, True])
def test_the_built_dataset_comes_back_from_openai(as_text, dataset, tmp_path):
    examples = records(dataset)
    _, back = there_and_back("openai", examples, tmp_path, arguments_as_text=as_text)
    assert back == [row_of(example) for example in examples]


@pytest.mark.parametrize("name", ["sharegpt", "hermes"])
def test_the_built_dataset_comes_back(name, dataset, tmp_path):
    examples = records(dataset)
    _, back = there_and_back(name, examples, tmp_path)
    without = [{k: v for k, v in row_of(e).items() if k != "accepted"} for e in examples]
    assert back == without


def test_xlam_holds_single_requests_and_their_calls(dataset, tmp_path):
    examples = records(dataset)
    n_rows, back = there_and_back("xlam", examples, tmp_path)
    fitting = {
        e.id: {**row_of(e), "source": "xlam"}
        for e in examples
        if [m.role for m in e.messages] == ["user", "assistant"]
        and e.kind in ("tool_call", "parallel")
    }
    assert n_rows == len(back) == len(fitting) > 0
    assert {row["id"]: {**row} for row in back} == {
        name: {k: v for k, v in row.items() if k != "accepted"} for name, row in fitting.items()
    }


def test_openai_rows_are_what_trl_takes(dataset, tmp_path):
    example = next(e for e in records(dataset) if e.kind == "multi_step")
    (row,) = openai.write([example])
    calls = [m for m in row["messages"] if m.get("tool_calls")]
    assert calls and all(m["content"] == "" for m in calls)
    function = calls[0]["tool_calls"][0]["function"]
    assert isinstance(function["arguments"], dict)
    results = [m for m in row["messages"] if m["role"] == "tool"]
    assert results[0]["tool_call_id"] == calls[0]["tool_calls"][0]["id"] == "call_1"
    assert all(set(tool) == {"type", "function"} for tool in row["tools"])
    (as_text,) = openai.write([example], arguments_as_text=True)
    given_text = as_text["messages"]
    call = next(m for m in given_text if m.get("tool_calls"))["tool_calls"][0]
    assert json.loads(call["function"]["arguments"]) == function["arguments"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)  # fmt: skip
texts = st.text(max_size=30)
ids = st.integers(min_value=-1, max_value=4)
calls = st.builds(
    lambda name, arguments, number: request_text(ToolCall(name, arguments, number)),
    st.text(min_size=1, max_size=6),
    st.dictionaries(st.text(max_size=4), values, max_size=3),
    ids,
)
contents = st.one_of(
    texts,
    calls,
    st.lists(calls, min_size=1, max_size=3).map("\n".join),
    st.builds(
        result_text, ids, st.one_of(texts, st.builds(result_text, ids, texts)), st.booleans()
    ),
    st.builds(error_text, ids, st.integers(), texts),
)
messages = st.lists(st.builds(Message, st.sampled_from(ROLES), contents), min_size=1, max_size=6)
tools = st.lists(
    st.fixed_dictionaries({"name": texts, "inputSchema": st.just({"type": "object"})}), max_size=2
)
accepted = st.none() | st.lists(st.dictionaries(texts, values, max_size=2), max_size=2).map(tuple)
examples = st.builds(
    Example,
    st.text(min_size=1).filter(str.strip),
    st.sampled_from(KINDS),
    st.text(min_size=1),
    tools.map(tuple),
    messages.map(tuple),
    accepted,
)


@given(example=examples, as_text=st.booleans())
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_record_comes_back_from_openai(example, as_text, tmp_path):
    """Also one that data.validate would refuse: odd ids, calls of users, half-broken JSON-RPC."""
    _, back = there_and_back("openai", [example], tmp_path, arguments_as_text=as_text)
    assert back == [row_of(example)]
