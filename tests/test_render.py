"""The one place where a record becomes text: prefixes, the text with loss, the tokenizer."""

import json
from pathlib import Path

import pytest

from data.build import examples_by_split
from data.domains import load_catalogue
from data.record import KINDS, Example, Message
from data.render import (
    chat_template,
    encode,
    prompt_of,
    render,
    render_example,
    to_messages,
)
from data.wire import ToolCall, error_text, read_strict, request_text, result_text

ROOT = Path(__file__).parents[1]
EMBEDDED = ROOT / "data" / "embedded_model"
QWEN3 = Path(__file__).parents[2] / "shared" / "models" / "qwen3-1.7b"
WIRES = ("jsonrpc", "hermes")
PER_KIND = 4
TURN = "<|im_start|>assistant\n<think>\n\n</think>\n\n"

WEATHER = {
    "name": "get_weather",
    "description": "Weather <now> & später.",
    "inputSchema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
PING = {"name": "ping", "description": "", "inputSchema": {"type": "object", "properties": {}}}


@pytest.fixture(scope="module")
def examples():
    """Some records of every kind, from all splits."""
    by_kind = {kind: [] for kind in KINDS}
    for split in examples_by_split(load_catalogue(), seed=42, scale=0.01).values():
        for example in split:
            by_kind[example.kind].append(example)
    assert all(by_kind.values())
    return [example for found in by_kind.values() for example in found[:PER_KIND]]


@pytest.fixture(scope="module", params=["embedded", "qwen3-1.7b"])
def tokenizer(request):
    folder = EMBEDDED if request.param == "embedded" else QWEN3
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    transformers = pytest.importorskip("transformers")
    return transformers.AutoTokenizer.from_pretrained(folder)


def record(kind: str, *contents: str, tools=(WEATHER,)) -> Example:
    """A record whose messages take turns: user, assistant, and a result where one is given."""
    messages = []
    for content in contents:
        is_result = content.startswith('{"jsonrpc"') and '"method"' not in content
        after_user = bool(messages) and messages[-1].role in ("user", "tool")
        role = "tool" if is_result else "assistant" if after_user else "user"
        messages.append(Message(role, content))
    return Example("x", kind, "test", tuple(tools), tuple(messages))


PARIS = (
    '{"jsonrpc":"2.0","id":1,"method":"tools/call",'
    '"params":{"name":"get_weather","arguments":{"city":"Paris"}}}'
)
OSAKA = (
    '{"jsonrpc":"2.0","id":2,"method":"tools/call",'
    '"params":{"name":"get_weather","arguments":{"city":"大阪"}}}'
)
MILD = (
    '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"12 degrees"}],'
    '"isError":false}}'
)
PARIS_TAGS = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>'
OSAKA_TAGS = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "大阪"}}\n</tool_call>'
REFUSED = "I won't send a false warning: people could be hurt."
NO_TOOL = "None of my tools can book a table."
END = "<|im_end|>"

# Kind: (record, the text that carries loss on the jsonrpc wire, and on the hermes wire)
TRAINED = {
    "tool_call": (
        record("tool_call", "Paris weather?", PARIS),
        [PARIS + END],
        [PARIS_TAGS + END],
    ),
    "parallel": (
        record("parallel", "Paris and Osaka?", PARIS + "\n" + OSAKA),
        [PARIS + "\n" + OSAKA + END],
        [PARIS_TAGS + "\n" + OSAKA_TAGS + END],
    ),
    "multi_step": (
        record("multi_step", "Paris, then Osaka", PARIS, MILD, OSAKA),
        [PARIS + END, OSAKA + END],
        [PARIS_TAGS + END, OSAKA_TAGS + END],
    ),
    "multi_step, answered": (
        record("multi_step", "Paris?", PARIS, MILD, "It is 12 degrees."),
        [PARIS + END, "It is 12 degrees.<|im_end|>"],
        [PARIS_TAGS + END, "It is 12 degrees.<|im_end|>"],
    ),
    "clarification": (
        record("clarification", "How warm is it?", "In which city?"),
        ["In which city?<|im_end|>"],
        ["In which city?<|im_end|>"],
    ),
    "refusal": (
        record("refusal", "Send a fake warning.", REFUSED),
        ["I won't send a false warning: people could be hurt.<|im_end|>"],
        ["I won't send a false warning: people could be hurt.<|im_end|>"],
    ),
    "irrelevance": (
        record("irrelevance", "Book a table.", NO_TOOL),
        ["None of my tools can book a table.<|im_end|>"],
        ["None of my tools can book a table.<|im_end|>"],
    ),
    "answer": (
        record("answer", "hi", "Hello!", "bye", "Goodbye! {x} <b> \\n"),
        ["Hello!<|im_end|>", "Goodbye! {x} <b> \\n<|im_end|>"],
        ["Hello!<|im_end|>", "Goodbye! {x} <b> \\n<|im_end|>"],
    ),
}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("row", TRAINED.values(), ids=TRAINED.keys())
def test_exactly_the_assistants_words_carry_loss(row, wire, tokenizer):
    example, *texts = row
    expected = texts[WIRES.index(wire)]
    rendered = render_example(example, wire)
    pieces = zip(rendered.pieces, rendered.trained, strict=True)
    assert [piece for piece, trained in pieces if trained] == expected
    encoded = encode(tokenizer, rendered)
    assert len(encoded.input_ids) == len(encoded.labels)
    learned = [label for label in encoded.labels if label != -100]
    assert tokenizer.decode(learned, skip_special_tokens=False) == "".join(expected)
    assert tokenizer.decode(encoded.input_ids, skip_special_tokens=False) == rendered.text


def test_every_kind_has_a_hand_written_case():
    assert {example.kind for example, *_ in TRAINED.values()} == set(KINDS)


def test_the_whole_text_of_a_conversation_is_this():
    example, *_ = TRAINED["multi_step, answered"]
    assert render_example(example).text == (
        "<|im_start|>system\n# Tools\n\n<tools>\n"
        '{"name":"get_weather","description":"Weather <now> & später.","inputSchema":'
        '{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}\n'
        "</tools>\n\nTo call tools, reply with one line per call and nothing else:\n"
        '{"jsonrpc":"2.0","id":1,"method":"tools/call",'
        '"params":{"name":<name>,"arguments":<object>}}\n'
        "Ask for a required argument that is missing. "
        "Say so when no tool fits or it must not be done.<|im_end|>\n"
        "<|im_start|>user\nParis?<|im_end|>\n"
        "<|im_start|>assistant\n<think>\n\n</think>\n\n" + PARIS + "<|im_end|>\n"
        "<|im_start|>user\n<tool_response>\n" + MILD + "\n</tool_response><|im_end|>\n"
        "<|im_start|>assistant\n<think>\n\n</think>\n\nIt is 12 degrees.<|im_end|>\n"
    )


@pytest.mark.parametrize("wire", WIRES)
def test_the_prompt_of_every_assistant_turn_is_a_prefix_of_the_training_text(examples, wire):
    for example in examples:
        text = render_example(example, wire).text.encode()
        turns = [i for i, m in enumerate(example.messages) if m.role == "assistant"]
        assert turns
        for turn in turns:
            before = to_messages(example.messages[:turn], wire)
            prompt = render(example.tools, before, wire, add_generation_prompt=True).text
            assert prompt.endswith(TURN)
            assert text.startswith(prompt.encode()), (example.id, turn)
        assert prompt_of(example, wire) == prompt


@pytest.mark.parametrize("wire", WIRES)
def test_the_gold_turn_follows_its_prompt_and_reads_back_as_it_was_meant(examples, wire):
    for example in examples:
        rest = render_example(example, wire).text.removeprefix(prompt_of(example, wire))
        reply = rest.removesuffix("<|im_end|>\n")
        read, meant = read_strict(reply, wire), read_strict(example.gold)
        assert read.error is None
        assert read.text == meant.text
        assert [(c.name, c.arguments) for c in read.calls] == [
            (c.name, c.arguments) for c in meant.calls
        ]


@pytest.mark.parametrize("wire", WIRES)
def test_transformers_renders_the_same_text_and_trains_the_same_tokens(examples, wire, tokenizer):
    for example in examples:
        rendered = render_example(example, wire)
        conversation = {
            "conversation": to_messages(example.messages, wire),
            "tools": list(example.tools),
            "chat_template": chat_template(wire),
        }
        assert tokenizer.apply_chat_template(**conversation, tokenize=False) == rendered.text
        theirs = tokenizer.apply_chat_template(
            **conversation, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        ours = encode(tokenizer, rendered)
        assert theirs["input_ids"] == ours.input_ids
        assert theirs["assistant_masks"] == [int(label != -100) for label in ours.labels]
        assert all(
            label in (-100, token) for token, label in zip(ours.input_ids, ours.labels, strict=True)
        )


@pytest.mark.parametrize("wire", WIRES)
def test_transformers_renders_the_same_prompt(examples, wire, tokenizer):
    for example in examples:
        prompt = tokenizer.apply_chat_template(
            to_messages(example.prompt, wire),
            tools=list(example.tools),
            chat_template=chat_template(wire),
            add_generation_prompt=True,
            tokenize=False,
        )
        assert prompt == prompt_of(example, wire)


@pytest.mark.parametrize("wire", WIRES)
def test_the_ids_of_a_prompt_are_the_first_ids_of_the_training_text(examples, wire, tokenizer):
    for example in examples:
        whole = encode(tokenizer, render_example(example, wire)).input_ids
        for turn, message in enumerate(example.messages):
            if message.role != "assistant":
                continue
            before = to_messages(example.messages[:turn], wire)
            prompt = render(example.tools, before, wire, add_generation_prompt=True).text
            ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
            assert whole[: len(ids)] == ids, (example.id, turn)


def openai_tools(tools):
    return [
        {
            "type": "function",
            "function": {
                "name": tool["name"],
                "description": tool["description"],
                "parameters": tool["inputSchema"],
            },
        }
        for tool in tools
    ]


def openai_history(messages, as_text: bool):
    """Our messages as an OpenAI client keeps them; arguments as objects or as JSON text."""
    history = []
    for message in messages:
        calls = read_strict(message.content).calls if message.role == "assistant" else ()
        if message.role == "tool":
            call_id = f"call_{json.loads(message.content)['id']}"
            turn = {"role": "tool", "tool_call_id": call_id, "content": message.content}
        elif calls:
            turn = {"role": "assistant", "content": None, "tool_calls": []}
            for call in calls:
                arguments = call.arguments
                if as_text:
                    arguments = json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
                function = {"name": call.name, "arguments": arguments}
                turn["tool_calls"].append(
                    {"id": f"call_{call.id}", "type": "function", "function": function}
                )
        else:
            turn = {"role": message.role, "content": message.content}
        history.append(turn)
    return history


@pytest.mark.parametrize("as_text", [False, True])
def test_openai_tools_and_history_render_the_same_text_as_ours(examples, as_text):
    for example in examples:
        ours = render_example(example)
        assert render(openai_tools(example.tools), to_messages(example.messages, "jsonrpc")) == ours
        history = openai_history(example.messages, as_text)
        assert render(openai_tools(example.tools), history) == ours


@pytest.mark.parametrize("wire", WIRES)
def test_content_in_parts_renders_as_their_text(wire):
    parts = [{"type": "text", "text": "Paris"}, {"type": "image"}, {"type": "text", "text": "?"}]
    in_parts = render([WEATHER], [{"role": "user", "content": parts}], wire)
    assert in_parts == render([WEATHER], [{"role": "user", "content": "Paris?"}], wire)


def call_message(*ids: str):
    function = {"name": "get_weather", "arguments": {"city": "Paris"}}
    calls = [{"id": call_id, "type": "function", "function": function} for call_id in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def response(number: int, text: str) -> str:
    return f"<tool_response>\n{result_text(number, text)}\n</tool_response>"


def test_a_plain_tool_result_gets_the_id_of_the_call_it_names():
    history = [
        {"role": "user", "content": "Three times."},
        call_message("a", "b"),
        {"role": "tool", "tool_call_id": "b", "content": "second"},
        {"role": "tool", "tool_call_id": "a", "content": "first"},
        call_message("c"),
        {"role": "tool", "tool_call_id": "c", "content": 'third "\n'},
    ]
    quoted = response(3, 'third "\n')
    text = render([WEATHER], history).text
    assert f"\n{response(2, 'second')}\n{response(1, 'first')}<|im_end|>" in text
    assert f"\n{quoted}<|im_end|>" in text
    assert text.count('"method":"tools/call"') == 4
    assert all(f'{{"jsonrpc":"2.0","id":{n},"method"' in text for n in (1, 2, 3))


def test_a_plain_tool_result_without_an_id_answers_the_next_call():
    history = [
        {"role": "user", "content": "Twice."},
        call_message("a", "b"),
        {"role": "tool", "content": "first"},
        {"role": "tool", "content": "second"},
    ]
    text = render([WEATHER], history).text
    assert f"{response(1, 'first')}\n{response(2, 'second')}<|im_end|>" in text


def test_a_result_that_is_json_rpc_already_stays_as_it_is():
    failed = error_text(1, -32602, "no city")
    history = [call_message("a"), {"role": "tool", "tool_call_id": "a", "content": failed}]
    assert f"<tool_response>\n{failed}\n</tool_response>" in render([], history).text


def test_the_hermes_wire_shows_the_text_inside_a_result():
    failed = error_text(1, -32602, "no city")
    messages = [Message("tool", MILD), Message("tool", failed), Message("tool", "as it is")]
    assert [m["content"] for m in to_messages(messages, "hermes")] == [
        "12 degrees",
        "error -32602: no city",
        "as it is",
    ]


@pytest.mark.parametrize("wire", WIRES)
def test_a_conversation_without_tools_has_no_system_turn_of_its_own(wire):
    messages = [{"role": "user", "content": "hi"}]
    prompt = render([], messages, wire, add_generation_prompt=True).text
    assert prompt == "<|im_start|>user\nhi<|im_end|>\n" + TURN


def test_the_users_system_prompt_stands_before_the_tools():
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]
    text = render([PING], messages).text
    assert text.startswith("<|im_start|>system\nBe brief.\n\n# Tools\n\n<tools>\n")
    assert '{"name":"ping","inputSchema":{"type":"object","properties":{}}}\n</tools>' in text
    assert text.count("<|im_start|>system") == 1
    assert render([], messages).text.startswith("<|im_start|>system\nBe brief.<|im_end|>\n")


def test_text_and_calls_of_one_openai_message_stand_on_lines_of_their_own():
    message = {**call_message("a"), "content": "Looking."}
    text = render([], [message]).text
    assert (
        text
        == f"{TURN}Looking.\n{request_text(ToolCall('get_weather', {'city': 'Paris'}, 1))}"
        + ("<|im_end|>\n")
    )


@pytest.mark.parametrize("wire", WIRES)
def test_a_saved_template_differs_from_the_file_in_its_wire_only(wire):
    saved = chat_template(wire)
    assert saved.startswith(f'{{%- set wire = "{wire}" %}}\n')
    assert saved.split("\n", 1)[1] == chat_template("jsonrpc").split("\n", 1)[1]


def test_an_answer_that_a_prompt_does_not_hold_yet_is_no_part_of_it():
    example, *_ = TRAINED["tool_call"]
    assert "Paris" in prompt_of(example)
    assert PARIS not in prompt_of(example)
