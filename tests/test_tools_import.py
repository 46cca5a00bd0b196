"""The command: every kind of source, what the catalogue file holds, and one line for each error."""

import json
import os
from pathlib import Path

import pytest
from conftest import SHARED, assert_one_line_error, command

from data import cli
from data.tools.catalogue import read_tools
from data.tools.codes import CODES

CASES = Path(__file__).parent / "cases" / "tools"


def imported(tmp_path, *arguments):
    """The catalogue that an import of these writes, and what the command said."""
    out = tmp_path / "tools.json"
    result = command("data.tools", "import", *arguments, "--out", str(out), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    return json.loads(out.read_text(encoding="utf-8")), result


def by_name(catalogue):
    return {tool["name"]: tool for tool in catalogue["tools"]}


def codes(notes, tool):
    return {note["code"] for note in notes if note["tool"] == tool}


def test_saved_answers_of_two_servers_keep_their_tools_apart(tmp_path):
    catalogue, result = imported(tmp_path, str(CASES / "answers.jsonl"))
    assert list(by_name(catalogue)) == ["search", "close", "south_desk__search"]
    assert codes(catalogue["notes"], "south_desk__search") == {"name_prefixed"}
    assert codes(catalogue["notes"], "close") == {"description_missing", "schema_missing"}
    assert [note["code"] for note in catalogue["rejected"]] == ["name_duplicate"]
    assert "search::/name: name_duplicate" in result.stderr
    assert "3 tools, 2 of them mended, 1 rejected" in result.stdout


def test_openai_functions_come_with_and_without_their_envelope(tmp_path):
    catalogue, _ = imported(tmp_path, str(CASES / "openai_functions.json"))
    tools = by_name(catalogue)
    assert set(tools) == {"get_tide", "ring"}
    assert set(tools["get_tide"]) == {"name", "description", "inputSchema"}
    assert tools["get_tide"]["inputSchema"]["required"] == ["harbor"]
    assert tools["ring"]["inputSchema"] == {"type": "object", "properties": {}}


def test_a_folder_of_schemas_gives_a_tool_a_file(tmp_path):
    catalogue, _ = imported(tmp_path, str(CASES / "schemas"))
    tools = by_name(catalogue)
    assert set(tools) == {"book_room", "ring-bell"}
    assert tools["book_room"]["description"] == "Book a meeting room."
    assert tools["book_room"]["inputSchema"]["required"] == ["room"]
    assert [note["code"] for note in catalogue["rejected"]] == ["schema_invalid"]


def test_functions_of_a_python_file_come_only_at_the_users_word(tmp_path):
    file = str(CASES / "functions.py")
    refused = command("data.tools", "import", file, "--out", "t.json", cwd=tmp_path)
    assert_one_line_error(refused, 2, "functions.py", "--run-code")
    assert "this file was run" not in refused.stdout
    catalogue, result = imported(tmp_path, file, "--run-code")
    assert "this file was run" in result.stdout
    (plant,) = catalogue["tools"]
    assert plant["name"] == "plant"
    assert plant["description"] == "Plant flowers in the garden."
    assert plant["inputSchema"]["properties"]["where"]["enum"] == ["bed", "pot"]
    assert plant["inputSchema"]["required"] == ["flower"]
    assert [(n["tool"], n["code"]) for n in catalogue["rejected"]] == [
        ("water", "function_unreadable")
    ]


def test_operations_of_an_openapi_document_become_tools(tmp_path):
    catalogue, _ = imported(tmp_path, str(CASES / "library.yaml"))
    tools = by_name(catalogue)
    assert set(tools) == {
        "listBooks", "post_books", "delete_books_id", "updateBook", "addShelf", "lend",
    }  # fmt: skip
    assert {(note["tool"], note["code"]) for note in catalogue["rejected"]} == {
        ("PUT /books/{id}/cover", "body_not_json"),
        ("GET /broken", "ref_missing"),
        ("GET /elsewhere", "ref_remote"),
        ("round", "ref_cycle"),
    }
    find = tools["listBooks"]
    assert find["description"] == "Find books. Books by title, author or year."
    assert find["inputSchema"]["properties"] == {
        "branch": {"type": "string"},
        "limit": {"type": "integer", "maximum": 50, "default": 10},
        "author": {"type": ["string", "null"]},
        "since": {"type": "integer", "exclusiveMinimum": 1450},
        "filter": {"type": "object", "properties": {"lent": {"type": "boolean"}}},
    }
    assert find["inputSchema"]["required"] == ["branch"]
    assert codes(catalogue["notes"], "listBooks") == {
        "auth_left_out", "nullable", "exclusive_boolean",
    }  # fmt: skip


def test_yaml_is_read_as_json_would_be(tmp_path):
    """`no` is a text and so is a date: YAML 1.1 would make them a boolean and a day."""
    catalogue, _ = imported(tmp_path, str(CASES / "library.yaml"))
    branch = by_name(catalogue)["post_books"]["inputSchema"]["properties"]["branch"]
    assert branch == {
        "type": "string", "enum": ["yes", "no", "north"], "description": "Which branch",
    }  # fmt: skip


def test_bodies_lose_what_only_answers_carry_and_keep_their_cycles(tmp_path):
    catalogue, _ = imported(tmp_path, str(CASES / "library.yaml"))
    tools = by_name(catalogue)
    update = tools["updateBook"]["inputSchema"]
    assert set(update["properties"]) == {"id", "title", "published", "author"}
    assert update["properties"]["id"] == {"type": "integer"}
    assert update["required"] == ["id"]
    assert "read_only" in codes(catalogue["notes"], "updateBook")
    shelf = tools["addShelf"]["inputSchema"]
    assert shelf["required"] == ["name"]
    assert shelf["properties"]["inner"]["items"] == {"$ref": "#/$defs/Shelf"}
    assert shelf["$defs"]["Shelf"]["properties"]["inner"]["items"] == {"$ref": "#/$defs/Shelf"}
    assert tools["lend"]["inputSchema"]["properties"]["body"]["items"] == {"$ref": "#/$defs/Loan"}


def test_several_sources_make_one_catalogue(tmp_path):
    sources = [str(CASES / name) for name in ("library.yaml", "openai_functions.json", "schemas")]
    catalogue, _ = imported(tmp_path, *sources)
    assert {"listBooks", "get_tide", "book_room"} <= set(by_name(catalogue))
    assert [source["format"] for source in catalogue["source"]] == [
        "openapi", "definitions", "schemas",
    ]  # fmt: skip
    n_found = sum(source["tools"] for source in catalogue["source"])
    assert n_found == len(catalogue["tools"]) + len(catalogue["rejected"])


def test_a_catalogue_can_be_imported_again_and_stays_as_it_is(tmp_path):
    first, _ = imported(tmp_path, str(CASES / "library.yaml"))
    again = tmp_path / "first.json"
    os.replace(tmp_path / "tools.json", again)
    second, _ = imported(tmp_path, str(again))
    assert second["tools"] == first["tools"]
    assert second["notes"] == []


def test_tools_that_nobody_should_call_are_left_out(tmp_path):
    source = str(CASES / "library.yaml")
    catalogue, result = imported(tmp_path, source, "--without", "delete_*", "--without", "lend")
    assert not {"delete_books_id", "lend"} & set(by_name(catalogue))
    turned_away = [note["tool"] for note in catalogue["rejected"] if note["code"] == "not_wanted"]
    assert turned_away == ["delete_books_id", "lend"]
    assert "lend::" not in result.stderr


def test_read_tools_gives_what_a_record_offers(tmp_path):
    imported(tmp_path, str(CASES / "openai_functions.json"))
    tools = read_tools(tmp_path / "tools.json")
    assert [list(tool) for tool in tools] == [["name", "description", "inputSchema"]] * 2


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("a.json", "{", "not JSON"),
        ("a.json", "3", "neither tools"),
        ("a.json", '{"swagger": "2.0", "paths": {}}', "OpenAPI 2.0"),
        ("a.yaml", "a: [", "not YAML"),
        ("a.yaml", "openapi: 3.0.0\npaths: []\n", "paths is no object"),
        ("a.jsonl", '{"name": "a", "description": "b"}\n{"name"\n', "a.jsonl:2"),
        ("a.json", "[" * 100_000, "nested too deep"),
        ("a.py", "raise SystemExit(3)", "cannot be imported"),
    ],
)
def test_a_source_that_cannot_be_read_is_one_line_and_no_file(name, content, part, tmp_path):
    (tmp_path / name).write_text(content, encoding="utf-8")
    result = command("data.tools", "import", name, "--run-code", "--out", "t.json", cwd=tmp_path)
    assert_one_line_error(result, 1, part)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [name]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([], "command line"),
        (["import", "--out", "t.json"], "nothing to import"),
        (["import", "nowhere.json", "--out", "t.json"], "no such file"),
        (["import", ".", "--out", "no/t.json"], "cannot be written"),
        (["import", ".", "--out", "t.json", "--timeout", "0"], "--timeout"),
        (["import", ".", "--out", "t.json"], "no .json"),
    ],
)
def test_wrong_usage_is_exit_2_and_one_line(arguments, part, tmp_path):
    assert_one_line_error(command("data.tools", *arguments, cwd=tmp_path), 2, part)


def test_an_import_that_gives_no_tool_is_exit_1(tmp_path):
    (tmp_path / "a.json").write_text('[{"name": ""}, {"name": "a", "parameters": 3}]')
    result = command("data.tools", "import", "a.json", "--out", "t.json", cwd=tmp_path)
    assert result.returncode == 1
    assert "0 tools, 0 of them mended, 2 rejected" in result.stdout


@pytest.mark.parametrize(
    "content", ["", "[]", '{"tools": []}', '{"tools": [{"name": "a"}]}', '{"tools": 3}']
)
def test_a_file_that_is_no_catalogue_is_refused_in_one_line(content, tmp_path):
    (tmp_path / "t.json").write_text(content, encoding="utf-8")
    with pytest.raises(cli.DataError) as caught:
        read_tools(tmp_path / "t.json")
    assert "\n" not in str(caught.value)


def test_help_is_answered_without_torch(tmp_path):
    result = command("tests.without_torch", "data.tools.__main__", cwd=tmp_path)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", ["mcp_tools.jsonl", "mcp_tools_list_live.jsonl"])
def test_every_published_answer_comes_in_or_is_reported_under_a_code(name, tmp_path):
    file = SHARED / "real" / name
    if not file.is_file():
        pytest.skip("the published tools are not here")
    catalogue, _ = imported(tmp_path, str(file))
    n_found = sum(source["tools"] for source in catalogue["source"])
    assert n_found == len(catalogue["tools"]) + len(catalogue["rejected"])
    assert len(catalogue["tools"]) > 0.99 * n_found
    assert all(note["code"] in CODES for note in [*catalogue["notes"], *catalogue["rejected"]])
