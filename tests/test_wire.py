"""The strict and the forgiving reader of replies, on tables of texts and on generated ones."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.wire import (
    MAX_DEPTH,
    ToolCall,
    compact,
    error_text,
    read_forgiving,
    read_strict,
    request_text,
    result_text,
    without_thinking,
)

PARIS = {"city": "Paris"}
CALL = ToolCall("get_weather", PARIS, 1)
LINE = (
    '{"jsonrpc":"2.0","id":1,"method":"tools/call",'
    '"params":{"name":"get_weather","arguments":{"city":"Paris"}}}'
)
SECOND = LINE.replace('"id":1', '"id":2').replace("Paris", "Lima")
SECOND_CALL = ToolCall("get_weather", {"city": "Lima"}, 2)
HERMES = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>'
HERMES_CALL = ToolCall("get_weather", PARIS)
PARSE, REQUEST, METHOD, PARAMS = -32700, -32600, -32601, -32602


def request(**members: Any) -> str:
    """LINE with members replaced, or taken out where the value is `...`."""
    row = json.loads(LINE) | members
    return compact({key: value for key, value in row.items() if value is not ...})


def with_params(**members: Any) -> str:
    params = {"name": "get_weather", "arguments": PARIS} | members
    return request(params={key: value for key, value in params.items() if value is not ...})


def nested(depth: int) -> str:
    """A request whose objects are nested `depth` deep, envelope included."""
    inner = "{}"
    for _ in range(depth - 3):
        inner = '{"a":' + inner + "}"
    return LINE.replace('{"city":"Paris"}', inner)


STRICT_CALLS = {
    "single": (LINE, [CALL]),
    "spaces between tokens": (json.dumps(json.loads(LINE)), [CALL]),
    "string id": (request(id="a"), [ToolCall("get_weather", PARIS, "a")]),
    "ids of two types are two ids": (
        request(id=1) + "\n" + request(id="1"),
        [CALL, ToolCall("get_weather", PARIS, "1")],
    ),
    "_meta is MCP's own": (with_params(_meta={"progressToken": 1}), [CALL]),
    # MCP's CallToolRequest has `arguments` as an optional member.
    "arguments left out": (with_params(arguments=...), [ToolCall("get_weather", {}, 1)]),
    "parallel lines": (LINE + "\n" + SECOND, [CALL, SECOND_CALL]),
    "blank lines": ("\n\n" + LINE + "\n \t\n" + SECOND + "\n", [CALL, SECOND_CALL]),
    "CRLF line ends": (LINE + "\r\n" + SECOND + "\r\n", [CALL, SECOND_CALL]),
    "batch array": ("[" + LINE + "," + SECOND + "]", [CALL, SECOND_CALL]),
    "batch of one": ("[" + LINE + "]", [CALL]),
    "a think block before": ("<think>\nParis.\n</think>\n\n" + LINE, [CALL]),
    "the prompt's think block closed": ("Paris.\n</think>\n\n" + LINE, [CALL]),
    "think tags inside an argument": (
        with_params(arguments={"t": "a <think> b </think> c"}),
        [ToolCall("get_weather", {"t": "a <think> b </think> c"}, 1)],
    ),
    "an escaped newline": (
        with_params(arguments={"t": 'a\nb\\n"{'}),
        [ToolCall("get_weather", {"t": 'a\nb\\n"{'}, 1)],
    ),
    "other scripts": (
        with_params(arguments={"città": "東京 Ωmega 🙂 ‏שלום"}),
        [ToolCall("get_weather", {"città": "東京 Ωmega 🙂 ‏שלום"}, 1)],
    ),
    "U+2028 is no line end": (
        with_params(arguments={"t": "a\u2028b\u2029c\x85d"}),
        [ToolCall("get_weather", {"t": "a\u2028b\u2029c\x85d"}, 1)],
    ),
    "an escaped lone surrogate": (
        LINE.replace("Paris", "\\ud800"),
        [ToolCall("get_weather", {"city": "\ud800"}, 1)],
    ),
    "a lone surrogate": (
        LINE.replace("Paris", "\udfff"),
        [ToolCall("get_weather", {"city": "\udfff"}, 1)],
    ),
    "a call inside a string argument is a string": (
        with_params(arguments={"t": SECOND}),
        [ToolCall("get_weather", {"t": SECOND}, 1)],
    ),
    "nested as deep as is allowed": (
        nested(MAX_DEPTH),
        [ToolCall("get_weather", json.loads(nested(MAX_DEPTH))["params"]["arguments"], 1)],
    ),
}

STRICT_ERRORS = {
    "an empty batch": ("[]", "invalid_request", REQUEST),
    "a batch in a batch": ("[[" + LINE + "]]", "mixed", PARSE),
    "a batch on one of two lines": ("[" + LINE + "]\n" + SECOND, "invalid_request", REQUEST),
    "bad version": (request(jsonrpc="1.0"), "invalid_request", REQUEST),
    "version as a number": (request(jsonrpc=2.0), "invalid_request", REQUEST),
    "no version": (request(jsonrpc=...), "invalid_request", REQUEST),
    "missing id": (request(id=...), "invalid_request", REQUEST),
    "null id": (request(id=None), "invalid_request", REQUEST),
    "bool id": (request(id=True), "invalid_request", REQUEST),
    "float id": (request(id=1.0), "invalid_request", REQUEST),
    "list id": (request(id=[1]), "invalid_request", REQUEST),
    "duplicate ids": (LINE + "\n" + LINE, "invalid_request", REQUEST),
    "duplicate ids in a batch": ("[" + LINE + "," + LINE + "]", "invalid_request", REQUEST),
    "an unknown member": (request(extra=1), "invalid_request", REQUEST),
    "a response": (result_text(1, "12 degrees"), "invalid_request", REQUEST),
    "an error response": (error_text(1, -32602, "no"), "invalid_request", REQUEST),
    "missing method": (request(method=...), "invalid_request", REQUEST),
    "method that is no text": (request(method=1), "invalid_request", REQUEST),
    "an object that is no request": ('{"city":"Paris"}', "invalid_request", REQUEST),
    "an empty object": ("{}", "invalid_request", REQUEST),
    "OpenAI's form": ('{"name":"f","arguments":{}}', "invalid_request", REQUEST),
    "duplicate keys": (LINE.replace('"id":1', '"id":1,"id":1'), "invalid_request", REQUEST),
    "duplicate keys in arguments": (
        LINE.replace('"city":"Paris"', '"city":"Paris","city":"Lima"'),
        "invalid_request",
        REQUEST,
    ),
    "wrong method": (request(method="get_weather"), "method_not_found", METHOD),
    "another method of MCP": (request(method="tools/list"), "method_not_found", METHOD),
    "missing params": (request(params=...), "invalid_params", PARAMS),
    "params as a list": (request(params=["get_weather"]), "invalid_params", PARAMS),
    "missing name": (with_params(name=...), "invalid_params", PARAMS),
    "empty name": (with_params(name=""), "invalid_params", PARAMS),
    "name that is no text": (with_params(name=1), "invalid_params", PARAMS),
    "null arguments": (with_params(arguments=None), "invalid_params", PARAMS),
    "arguments as a list": (with_params(arguments=["Paris"]), "invalid_params", PARAMS),
    "arguments as text": (with_params(arguments='{"city":"Paris"}'), "invalid_params", PARAMS),
    "an unknown parameter": (with_params(city="Paris"), "invalid_params", PARAMS),
    "one bad line of two": (LINE + "\n" + request(id=2, params=...), "invalid_params", PARAMS),
    "truncated": (LINE[:-1], "parse_error", PARSE),
    "truncated at its start": ("{", "parse_error", PARSE),
    "truncated in a string": (LINE[: LINE.index("ris")], "parse_error", PARSE),
    "one brace too many": (LINE + "}", "parse_error", PARSE),
    "two calls on a line": (LINE + SECOND, "parse_error", PARSE),
    "pretty-printed": (json.dumps(json.loads(LINE), indent=2), "parse_error", PARSE),
    "NaN": (LINE.replace('"Paris"', "NaN"), "parse_error", PARSE),
    "Infinity": (LINE.replace('"Paris"', "-Infinity"), "parse_error", PARSE),
    "a float out of range": (LINE.replace('"Paris"', "1e999"), "parse_error", PARSE),
    "5,000 digits": (LINE.replace('"Paris"', "9" * 5000), "parse_error", PARSE),
    "a raw newline in a string": (LINE.replace("Paris", "Pa\nris"), "parse_error", PARSE),
    "a raw control character": (LINE.replace("Paris", "Pa\x00ris"), "parse_error", PARSE),
    "single quotes inside": (LINE.replace('"Paris"', "'Paris'"), "parse_error", PARSE),
    "a trailing comma": (LINE.replace('"Paris"', '"Paris",'), "parse_error", PARSE),
    "a no-break space after": (LINE + "\u00a0", "parse_error", PARSE),
    "text after": (LINE + "\nThat is the call.", "parse_error", PARSE),
    "text before": ("Let me look.\n" + LINE, "mixed", PARSE),
    "a byte order mark": ("\ufeff" + LINE, "mixed", PARSE),
    "fenced": ("```json\n" + LINE + "\n```", "mixed", PARSE),
    "hermes tags": (HERMES, "mixed", PARSE),
    "one level too deep": (nested(MAX_DEPTH + 1), "parse_error", PARSE),
    "1 MB of nested objects": ('{"a":' * 200_000, "parse_error", PARSE),
    "1 MB of nested arrays in a batch": ("[{" + '"a":' + "[" * 1_000_000, "parse_error", PARSE),
}

STRICT_TEXTS = {
    "an answer": ("It is 12 degrees.", "It is 12 degrees."),
    "nothing": ("", ""),
    "space around": (" \n Which city?\r\n", "Which city?"),
    "a think block before": ("<think>hm</think>\n\nWhich city?", "Which city?"),
    "a think block that never closes": ("<think>\n" + LINE, ""),
    "text and an unclosed think block": ("Well. <think>\n" + LINE, "Well. "),
    "a call inside a think block": ("<think>" + LINE + "</think>Which city?", "Which city?"),
    "a citation": ("[1] says so.", "[1] says so."),
    "braces in prose": ("Write {city} there.", "Write {city} there."),
    "JSON that is no call, in prose": ('The file holds {"a": 1}.', 'The file holds {"a": 1}.'),
    "other scripts": ("パリですか。", "パリですか。"),
    "a lone surrogate": ("\ud800", "\ud800"),
    "1 MB of brackets": ("[" * 1_000_000, "[" * 1_000_000),
}

HERMES_TABLE = {
    "single": (HERMES, [HERMES_CALL]),
    "on one line": (HERMES.replace("\n", ""), [HERMES_CALL]),
    "two blocks": (HERMES + "\n" + HERMES.replace("Paris", "Lima"), ["Paris", "Lima"]),
    "CRLF line ends": (HERMES.replace("\n", "\r\n"), [HERMES_CALL]),
    "a think block before": ("<think>\n\n</think>\n\n" + HERMES, [HERMES_CALL]),
    "think tags inside an argument": (
        HERMES.replace("Paris", "<think>"),
        [ToolCall("get_weather", {"city": "<think>"})],
    ),
    "a text": ("Which city?", "Which city?"),
    "text beside": ("Sure.\n" + HERMES, ("mixed", None)),
    "text after": (HERMES + "\nDone.", ("mixed", None)),
    "a block without end": (HERMES.removesuffix("</tool_call>"), ("mixed", None)),
    "a second block without end": (HERMES + "\n<tool_call>", ("mixed", None)),
    "an end without a block": ("</tool_call>" + HERMES, ("mixed", None)),
    "the other wire": (LINE, ("mixed", None)),
    "truncated": (HERMES.replace("}}", "}"), ("parse_error", PARSE)),
    "an empty block": ("<tool_call></tool_call>", ("parse_error", PARSE)),
    "NaN": (HERMES.replace('"Paris"', "NaN"), ("parse_error", PARSE)),
    "no name": ('<tool_call>{"arguments": {}}</tool_call>', ("invalid_request", None)),
    "empty name": (HERMES.replace("get_weather", ""), ("invalid_request", None)),
    "a list": ("<tool_call>[]</tool_call>", ("invalid_request", None)),
    "no arguments": ('<tool_call>{"name": "f"}</tool_call>', ("invalid_params", None)),
    "arguments as text": (
        '<tool_call>{"name": "f", "arguments": "{}"}</tool_call>',
        ("invalid_params", None),
    ),
}

PRETTY = json.dumps(json.loads(LINE), indent=2)
OPENAI = {"name": "get_weather", "arguments": PARIS}
FORGIVEN = {
    "a line": (LINE, [CALL]),
    "parallel lines": (LINE + "\n" + SECOND, [CALL, SECOND_CALL]),
    "two calls on a line": (LINE + SECOND, [CALL, SECOND_CALL]),
    "batch": ("[" + LINE + ", " + SECOND + "]", [CALL, SECOND_CALL]),
    "a batch after a word": ("Calls:\n[\n" + LINE + ",\n" + SECOND + "\n]", [CALL, SECOND_CALL]),
    "fenced": ("```json\n" + LINE + "\n```", [CALL]),
    "amid prose": ("Let me look " + LINE + " right away.", [CALL]),
    "after braces in prose": ("Fill {city} in: " + LINE, [CALL]),
    "pretty-printed": (PRETTY, [CALL]),
    "pretty-printed in a fence": ("Here:\n```\n" + PRETTY + "\n```\nDone.", [CALL]),
    "hermes": (HERMES, [HERMES_CALL]),
    "hermes without end": (HERMES.removesuffix("</tool_call>"), [HERMES_CALL]),
    "name and arguments": (json.dumps(OPENAI), [HERMES_CALL]),
    "name and parameters": ('{"name":"get_weather","parameters":{"city":"Paris"}}', [HERMES_CALL]),
    "a parameter named type": (
        '{"name":"f","parameters":{"type":"object","color":"red"}}',
        [ToolCall("f", {"type": "object", "color": "red"})],
    ),
    "a schema as an argument": (
        '{"name":"f","arguments":{"type":"object","properties":{}}}',
        [ToolCall("f", {"type": "object", "properties": {}})],
    ),
    "an argument named description": (
        '{"name":"f","arguments":{"description":"d","inputSchema":{}}}',
        [ToolCall("f", {"description": "d", "inputSchema": {}})],
    ),
    "OpenAI's tool_calls": (
        json.dumps({"tool_calls": [{"id": "c1", "type": "function", "function": OPENAI}]}),
        [ToolCall("get_weather", PARIS, "c1")],
    ),
    "arguments as a JSON string": (
        json.dumps({"name": "get_weather", "arguments": json.dumps(PARIS)}),
        [HERMES_CALL],
    ),
    "a think block before": ("<think>Paris</think>\nSure: " + LINE, [CALL]),
    "think tags inside an argument": (
        "Sure.\n" + LINE.replace("Paris", "<think>"),
        [ToolCall("get_weather", {"city": "<think>"}, 1)],
    ),
    "the whole one after a truncated one": (LINE[:-1] + "\n" + SECOND, [SECOND_CALL]),
    "the one after one cut in a string": (
        LINE[: LINE.index("ris")] + "\n" + SECOND,
        [SECOND_CALL],
    ),
    "the one beside a broken one": ('{"a": nope} ' + LINE, [CALL]),
}

MCP_DEFINITION = {
    "name": "get_weather",
    "inputSchema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
OPENAI_DEFINITION = {"name": "get_weather", "parameters": MCP_DEFINITION["inputSchema"]}
NEVER = {
    "nothing": "",
    "truncated": LINE[:-1],
    "truncated in a string": LINE[: LINE.index("ris")],
    "truncated, in a fence": "```json\n" + LINE[:-2] + "\n```",
    "truncated hermes": HERMES[: HERMES.index("}}")],
    "truncated arguments in a JSON string": '{"name":"f","arguments":"{\\"city\\":"}',
    "inside think": "<think>" + LINE + "</think>Which city?",
    "inside a think block that never closes": "Hm. <think>\n" + LINE,
    "inside a think block that the prompt opened": LINE + "\n</think>\n\nWhich city?",
    "inside the second of two think blocks": "<think>a</think><think>" + LINE + "</think>",
    "between two ends of thinking": "<think>a</think>" + LINE + "</think>",
    "inside a string argument": json.dumps({"note": LINE}),
    "inside a string of a list": "x " + json.dumps([LINE]),
    "inside a broken value": '{"note": nope, "call": ' + LINE + "}",
    "an MCP definition": json.dumps(MCP_DEFINITION),
    "a described MCP definition": json.dumps(MCP_DEFINITION | {"description": "Weather."}),
    "an OpenAI definition": json.dumps({"type": "function", "function": OPENAI_DEFINITION}),
    "an OpenAI definition, flat": json.dumps({"type": "function"} | OPENAI_DEFINITION),
    "a definition of no parameters": (
        '{"type":"function","function":{"name":"ping","parameters":{}}}'
    ),
    "a definition of no properties": (
        '{"type":"function","function":{"name":"ping","parameters":{"type":"object"}}}'
    ),
    "a definition without a type": (
        '{"name":"ping","parameters":{"properties":{"a":{"type":"string"}},"required":["a"]}}'
    ),
    "a list of definitions": json.dumps([MCP_DEFINITION, MCP_DEFINITION]),
    "a result": result_text(1, "12 degrees"),
    "a result that quotes a call": result_text(1, LINE),
    "an error": error_text(1, -32602, "no city"),
    "a tools/list request": '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
    "a tools/list answer": compact(
        {"jsonrpc": "2.0", "id": 1, "result": {"tools": [MCP_DEFINITION]}}
    ),
    "another method": request(method="get_weather"),
    "NaN": LINE.replace('"Paris"', "NaN"),
    "a float out of range": LINE.replace('"Paris"', "1e999"),
    "no name": '{"arguments":{"city":"Paris"}}',
    "arguments as a list": '{"name":"f","arguments":["Paris"]}',
    "plain data": '{"name":"Ada","age":36}',
    "too deep": nested(MAX_DEPTH + 1),
    "too deep in a JSON string": json.dumps({"name": "f", "arguments": nested(MAX_DEPTH + 1)}),
}


def table(rows: dict[str, Any]) -> Any:
    return pytest.mark.parametrize("row", rows.values(), ids=rows.keys())


@table(STRICT_CALLS)
def test_the_strict_reader_reads_calls(row):
    text, calls = row
    reading = read_strict(text)
    assert (reading.error, reading.text) == (None, None)
    assert list(reading.calls) == calls


@table(STRICT_ERRORS)
def test_the_strict_reader_says_what_a_server_would(row):
    text, kind, code = row
    reading = read_strict(text)
    assert (reading.calls, reading.text) == ((), None)
    assert (reading.error.kind, reading.error.code) == (kind, code)
    assert reading.error.message and "\n" not in reading.error.message


@table(STRICT_TEXTS)
def test_the_strict_reader_reads_text(row):
    text, said = row
    reading = read_strict(text)
    assert (reading.calls, reading.error) == ((), None)
    assert reading.text == said.strip()


@table(HERMES_TABLE)
def test_the_strict_reader_reads_the_hermes_wire(row):
    text, expected = row
    reading = read_strict(text, wire="hermes")
    if isinstance(expected, str):
        assert reading.text == expected
    elif isinstance(expected, tuple):
        assert (reading.error.kind, reading.error.code) == expected
    elif isinstance(expected[0], str):
        assert [call.arguments["city"] for call in reading.calls] == expected
    else:
        assert list(reading.calls) == expected


@table(FORGIVEN)
def test_the_forgiving_reader_finds_what_a_person_would_see(row):
    text, calls = row
    assert list(read_forgiving(text)) == calls


@table(NEVER)
def test_the_forgiving_reader_never_makes_a_call_up(row):
    assert read_forgiving(row) == ()


def test_text_is_what_remains_when_thinking_is_taken_out():
    assert without_thinking("a<think>b</think>c<think>d</think>e") == "ace"
    assert without_thinking("b</think>c") == "c"
    assert without_thinking("a<think>b") == "a"
    assert without_thinking('{"a":"<think>"}\nb') == '{"a":"<think>"}\nb'


def test_a_call_of_a_large_reply_is_found():
    padding = "word " * 20_000
    assert read_forgiving(padding + LINE + padding) == (CALL,)


def test_unclosed_values_do_not_hide_a_call_that_follows():
    assert read_forgiving('{"jsonrpc":"2.0",\n' * 20 + LINE) == (CALL,)


@pytest.mark.parametrize(
    "piece",
    [
        *("[", "{", '{"a":', '[{"a":', '{"', "\\", " ", "\n", "<think>", "</think>", "<tool_call>"),
        *('{"jsonrpc":"\n', '{"jsonrpc":[\n', "\n<tool_call>{", '{"a"} ', '{"a":"<think>"}\n'),
    ],
)
def test_no_repeated_piece_is_an_error(piece):
    for text in (piece * 3000, "x " + piece * 3000, '{"a' + piece * 3000):
        assert_every_reading_is_one_thing(text)


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(["<think>", "</think>", "<tool_call>", LINE, "\u2028", "\ud800", "```"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
CALLS = st.builds(
    ToolCall,
    st.text(min_size=1, max_size=20),
    st.dictionaries(st.text(max_size=10), JSON_VALUES, max_size=4),
    st.integers() | st.text(max_size=5),
)


@given(CALLS)
def test_a_request_is_read_back_as_the_call_it_was(call):
    assert read_strict(request_text(call)).calls == (call,)
    assert read_forgiving(request_text(call)) == (call,)


@given(st.lists(CALLS, min_size=1, max_size=3, unique_by=lambda call: (type(call.id), call.id)))
def test_parallel_requests_are_read_back_in_order(calls):
    assert read_strict("\n".join(map(request_text, calls))).calls == tuple(calls)


def assert_every_reading_is_one_thing(text: str) -> None:
    for wire in ("jsonrpc", "hermes"):
        reading = read_strict(text, wire)
        given_back = [bool(reading.calls), reading.text is not None, reading.error is not None]
        assert given_back.count(True) == 1
    assert isinstance(read_forgiving(text), tuple)


@given(st.text(st.characters(exclude_categories=())))
def test_no_text_is_an_error(text):
    assert_every_reading_is_one_thing(text)


@given(st.lists(st.sampled_from([*'{}[]",:\\\n 1ae', "think>", "<", "/", LINE, HERMES, '{"'])))
def test_no_text_of_json_pieces_is_an_error(pieces):
    assert_every_reading_is_one_thing("".join(pieces))


SPLICES = ["", "\\", '"', "\n", "{", "}", "\x00", "\ud800", "<think>", "</tool_call>", "9" * 5000]


@settings(max_examples=200)
@given(
    st.sampled_from([LINE, LINE + "\n" + SECOND, HERMES, PRETTY, json.dumps([MCP_DEFINITION])]),
    st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 9), st.sampled_from(SPLICES)),
        min_size=1,
        max_size=4,
    ),
)
def test_no_mutation_of_a_valid_reply_is_an_error(text, edits):
    for at, n_dropped, spliced in edits:
        text = text[:at] + spliced + text[at + n_dropped :]
    assert_every_reading_is_one_thing(text)


@given(st.integers(0, len(LINE) - 1))
def test_no_part_of_a_call_is_completed(length):
    assert read_strict(LINE[:length]).calls == ()
    assert read_forgiving(LINE[:length]) == ()
