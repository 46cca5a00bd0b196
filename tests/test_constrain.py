"""Replies held to the offered tools: calls always parse and fit, text stays free."""

import json

import pytest
import torch
from jsonschema import Draft202012Validator

from data.record import Example, Message, read_examples
from data.render import render_example
from data.wire import read_strict
from evals.backends.local import LocalBackend, Settings
from evals.backends.prompts import prompt_ids
from evals.backends.sampling import sampled
from evals.constrain import MAX_CALLS, Constraint
from evals.generate import Decoding, end_tokens, generate_ids
from evals.models import Shelf, Weights, load_model, load_tokenizer

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "maximum": 9}},
    "required": ["city"],
}


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer("embedded")


def example(*schemas, said=(), name="get_weather"):
    tools = [
        {"name": f"{name}{n or ''}", "inputSchema": schema} for n, schema in enumerate(schemas)
    ]
    return Example("e", "tool_call", "test", tuple(tools), (Message("user", "Rain?"), *said))


def constraint(tokenizer, wire="jsonrpc"):
    return Constraint(tokenizer, end_tokens(tokenizer), len(tokenizer), wire)


def allows(constraint, example, text):
    """Does the grammar take the whole text, and may the reply end there?"""
    matcher = constraint.matcher(example)
    ids = constraint._tokens.tokenize_str(text, parse_special=True)
    return matcher.validate_tokens(ids) == len(ids) and (
        matcher.consume_tokens(ids) and matcher.is_accepting()
    )


def call(arguments, number=1, name="get_weather"):
    params = f'"params":{{"name":"{name}","arguments":{arguments}}}'
    return f'{{"jsonrpc":"2.0","id":{number},"method":"tools/call",{params}}}'


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        (call('{"city":"Rome"}'), True),
        (call('{"city":"Rome","days":9}'), True),
        (call('{"city":"Rome"}') + "\n" + call('{"city":"Oslo"}', 2), True),
        ("Which city do you mean?", True),
        ("I can't do that: {sorry} [1] <b>", True),
        ("Für Köln: 7 °C\n- morgen 9 °C", True),
        (call('{"city":"Rome","days":10}'), False),
        (call('{"days":1}'), False),
        (call('{"city":7}'), False),
        (call('{"city":"Rome","extra":1}'), False),
        (call('{"city":"Rome"}', name="get_wether"), False),
        (call('{"city":"Rome"}', 2), False),
        (call('{"city":"Rome"}') + "\n" + call('{"city":"Oslo"}', 1), False),
        ("Here: " + call('{"city":"Rome"}'), False),
        ('Use {"name": "get_weather"}', False),
        ('{"name": "get_weather", "arguments": {"city": "Rome"}}', False),
        ("[1, 2]", False),
        (" Which city?", False),
        ("", False),
    ],
)
def test_a_reply_is_text_or_calls_that_fit(tokenizer, text, allowed):
    assert allows(constraint(tokenizer), example(CITY), text) == allowed


def test_the_hermes_wire_is_held_likewise(tokenizer):
    held = constraint(tokenizer, "hermes")
    block = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n</tool_call>'
    assert allows(held, example(CITY), block)
    assert allows(held, example(CITY), f"{block}\n{block}")
    assert allows(held, example(CITY), "Which city?")
    assert not allows(held, example(CITY), block.replace("city", "town"))
    assert not allows(held, example(CITY), call('{"city":"Rome"}'))
    assert not allows(held, example(CITY), f"Well: {block}")


def test_ids_count_on_and_calls_are_limited(tokenizer):
    said = (Message("assistant", call('{"city":"Rome"}')), Message("tool", "9 °C"))
    held = constraint(tokenizer)
    assert allows(held, example(CITY, said=said), call('{"city":"Oslo"}', 2))
    assert not allows(held, example(CITY, said=said), call('{"city":"Oslo"}', 1))
    lines = [call('{"city":"Rome"}', number) for number in range(1, MAX_CALLS + 2)]
    assert allows(held, example(CITY), "\n".join(lines[:-1]))
    assert not allows(held, example(CITY), "\n".join(lines))


def test_without_tools_only_text_is_left(tokenizer):
    assert allows(constraint(tokenizer), example(), "Hello")
    assert not allows(constraint(tokenizer), example(), call('{"city":"Rome"}'))


def test_schemas_that_the_engine_does_not_know_are_held_to_as_far_as_it_can(tokenizer):
    held = constraint(tokenizer)
    unique = {"type": "object", "properties": {"l": {"type": "array", "uniqueItems": True}}}
    remote = {"type": "object", "properties": {"a": {"$ref": "https://example.com/schema"}}}
    offered = example(CITY, unique, remote)
    assert allows(held, offered, call('{"l":[1,1]}', name="get_weather1"))
    assert not allows(held, offered, call('{"l":"one"}', name="get_weather1"))
    assert allows(held, offered, call('{"anything":[null]}', name="get_weather2"))
    assert not allows(held, offered, call("[1]", name="get_weather2"))
    assert held.fits() == {"exact": 1, "loose": 1, "any_object": 1}


def test_names_and_schemas_with_odd_characters_make_a_grammar(tokenizer):
    odd = {"type": "object", "properties": {'a"b\\c\n': {"enum": ['x"', "é\u2028", "%json"]}}}
    held = constraint(tokenizer)
    name = 'tool "1"\\n{é}'
    arguments = json.dumps({'a"b\\c\n': 'x"'}, separators=(",", ":"))
    text = call(arguments).replace('"get_weather"', json.dumps(name))
    assert allows(held, example(odd, name=name), text)


def test_the_gold_replies_of_the_dataset_are_allowed(tokenizer, dataset):
    """But for the order of arguments, which the engine takes from the schema."""
    examples = list(read_examples(dataset / "train.jsonl"))[::3]
    for wire in ("jsonrpc", "hermes"):
        held = constraint(tokenizer, wire)
        refused = []
        for gold in examples:
            rendered = render_example(gold, wire)
            text = [p for p, t in zip(*rendered, strict=True) if t][-1].removesuffix("<|im_end|>")
            if not allows(held, gold, text):
                refused.append(gold.id)
        assert len(refused) <= 0.02 * len(examples), refused


@pytest.mark.parametrize("wire", ["jsonrpc", "hermes"])
def test_every_constrained_call_parses_and_fits_its_schema(tokenizer, dataset, wire):
    """The base model has never seen jsonrpc, so each reply is made to begin like a call."""
    examples = sorted(
        read_examples(dataset / "test_unseen.jsonl"), key=lambda e: len(str(e.tools))
    )[:16]
    model, ends = load_model("embedded", torch.float32).eval(), end_tokens(tokenizer)
    draw = sampled([e.id for e in examples], temperature=1.0, seed=1)
    first = tokenizer.convert_tokens_to_ids({"jsonrpc": '{"', "hermes": "<tool_call>"}[wire])

    def call_first(logits, rows):
        for line, row in zip(logits, rows, strict=True):
            line[first] += 0 if row.reply else 1000
        return draw(logits, rows)

    held = constraint(tokenizer, wire)
    decoding = Decoding(ends, 200, 8, held.choice(examples, call_first))
    prompts = [prompt_ids(tokenizer, e, wire) for e in examples]
    n_calls = 0
    for answer in generate_ids(model, prompts, decoding):
        reading = read_strict(tokenizer.decode(answer.ids), wire)
        assert reading.calls or not answer.is_whole
        tools = examples[answer.prompt].tools
        schemas = {tool["name"]: tool["inputSchema"] for tool in tools}
        for made in reading.calls:
            n_calls += 1
            Draft202012Validator(schemas[made.name]).validate(made.arguments)
    assert n_calls > 2
    assert held.fits()["exact"] > 0 == held.fits()["any_object"]


def test_the_constrained_backend_counts_its_schemas(dataset):
    examples = list(read_examples(dataset / "test_unseen.jsonl"))[:3]
    settings = Settings(wire="hermes", max_new_tokens=24, constrain=True)
    backend = LocalBackend("base_constrained", Weights("embedded"), settings, Shelf())
    assert {reply.id for reply in backend.replies(examples)} == {e.id for e in examples}
    assert sum(backend.facts()["schemas"].values()) > 0
    assert backend.facts()["decoding"]["constrained"]


def test_the_choice_between_call_and_text_is_the_models(tokenizer):
    """The first token may begin a call or any word."""
    from evals.constrain import _allowed

    allowed = _allowed([constraint(tokenizer).matcher(example(CITY))], len(tokenizer))
    first = {tokenizer.decode([number]) for number in torch.nonzero(allowed[0])[:, 0].tolist()}
    assert '{"' in first and any(word.isalpha() for word in first)
    assert len(first) > len(tokenizer) / 4
