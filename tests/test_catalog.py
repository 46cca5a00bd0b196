"""The shipped catalogue is sound, and what is wrong with a file is said in a line."""

from random import Random

import pytest
import yaml
from jsonschema import Draft202012Validator

from data.catalog import main, problems
from data.domains import (
    CATALOGUE_DIR,
    POOLS_FILE,
    CatalogError,
    load_catalogue,
    load_domain,
    load_pools,
)
from data.phrasing import say, say_too_little, tidy
from data.slots import SlotError, fill

FILES = sorted(path for path in CATALOGUE_DIR.glob("*.yaml") if path.name != POOLS_FILE)
shipped = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


@shipped
def test_a_shipped_file_has_no_problems(path):
    domain = load_domain(path, load_pools())
    assert domain.name == path.stem
    assert list(problems(domain)) == []


def test_a_drawn_utc_datetime_is_what_the_date_time_format_requires():
    slot = fill("utc_datetime", load_pools(), Random(0))
    assert Draft202012Validator.FORMAT_CHECKER.conforms(slot.value, "date-time")
    assert not Draft202012Validator.FORMAT_CHECKER.conforms(slot.value[:-1], "date-time")
    assert slot.said.endswith(" UTC")


@shipped
def test_both_yaml_loaders_read_the_same(path):
    text = path.read_text(encoding="utf-8")
    fast = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    assert yaml.load(text, Loader=fast) == yaml.load(text, Loader=yaml.SafeLoader)


def test_tool_names_are_unique_across_the_catalogue():
    names = [tool.name for domain in load_catalogue() for tool in domain.tools]
    assert len(set(names)) == len(names) > 300


@shipped
def test_every_slot_value_is_said_in_the_request(path):
    domain, rng = load_domain(path, load_pools()), Random(7)
    for tool in domain.tools:
        for request in tool.requests:
            spoken = say(request, tool, domain.pools, rng)
            assert spoken.missing == ()
            assert all(slot.said in spoken.text for slot in spoken.slots.values())
            too_little = say_too_little(request, tool, domain.pools, rng)
            if too_little is not None:
                assert too_little.missing
                assert not set(too_little.missing) & set(too_little.slots)


GOOD = """
domain: demo
about: tests
tools:
  - name: lookup
    description: Look a place up.
    does: look a place up
    inputSchema:
      type: object
      properties: {city: {type: string}, days: {type: integer, maximum: 5}}
      required: [city]
    slots: {city: city, days: {integer: [1, 5]}}
    needs: {city: the city}
    requests:
      - "one[ {city}][ {days}]"
      - "two {city}"
      - "three {city}"
      - "four {city}"
      - "five {city}"
      - "six {city}"
      - "seven {city}"
      - "eight {city}"
      - "nine {city}"
      - "ten {city}"
    yields: {temp: {integer: [0, 9]}}
    outcomes:
      - {result: "{temp}", answer: "{temp} in {city}."}
    errors:
      - {message: "no {city}", answer: "{city} is not known."}
chains:
  - requests: ["chain {city}"]
    slots: {city: city}
    steps:
      - tool: lookup
        arguments: {city: "{city}"}
        yields: {temp: {integer: [0, 9]}}
        result: "{temp}"
    answer: "{temp} in {city}."
refusals:
  - {request: "harm {city}", slots: {city: city}, refusal: "I won't harm {city}."}
answers:
  - {request: "hello", answer: "Hi."}
"""
POOLS = {"city": ["Lima", "Oslo"], "empty": []}


def domain_of(tmp_path, text: str, pools=POOLS):
    path = tmp_path / "demo.yaml"
    path.write_text(text, encoding="utf-8")
    return load_domain(path, pools)


def changed(*pairs: str) -> str:
    text = GOOD
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert old in text
        text = text.replace(old, new, 1)
    return text


def test_a_good_file_has_no_problems(tmp_path):
    assert list(problems(domain_of(tmp_path, GOOD))) == []


TOOL_TWICE = GOOD.split("tools:\n")[1].split("chains:")[0]
# Name: (what is changed, pairs of old and new text, and the words of the problem)
RULES = {
    "a tool twice": (["chains:", TOOL_TWICE + "chains:"], "lookup: defined twice"),
    "too few requests": (['      - "ten {city}"\n', ""], "9 requests; write at least 10"),
    "a request twice": (['"ten {city}"', '"nine {city}"'], "a request stands twice"),
    "a bad schema": (["type: integer", "type: whole"], "inputSchema: 'whole' is not valid"),
    "an undefined slot": (['"ten {city}"', '"ten {town}"'], "does not define: ['town']"),
    "a need without a slot": (["{city: the city}", "{town: the town}"], "names no slots: ['town']"),
    "no such pool": (["slots: {city: city,", "slots: {city: town,"], "no pool named 'town'"),
    "an empty pool": (["slots: {city: city,", "slots: {city: empty,"], "cannot be drawn"),
    "a slot of no kind": (["{integer: [1, 5]}", "{whole: [1, 5]}"], "neither a pool name"),
    "a slot of the wrong form": (["{integer: [1, 5]}", "{integer: 5}"], "cannot be drawn"),
    "an empty choice": (["{integer: [1, 5]}", "{choice: {}}"], "cannot be drawn"),
    "a list that may be empty": (
        ["{integer: [1, 5]}", "{list: city, count: [0, 2]}"],
        "may draw an empty list",
    ),
    "a request that cannot say a need": (['"ten {city}"', '"ten"'], "never says ['city']"),
    "a number beside a letter": (['"ten {city}"', '"ten {city} x{days}"'], "glues days"),
    "arguments that break the schema": (
        ["{integer: [1, 5]}", "{integer: [8, 9]}"],
        "arguments that break the schema",
    ),
    "a need too few": (["required: [city]", "required: [city, days]"], "is one missing there?"),
    "a need too many": (["required: [city]", "required: []"], "valid without it"),
    "nothing to ask back": (['"one[ {city}][ {days}]"', '"one {city}"'], "in [brackets]"),
    "no outcomes": (
        ['\n      - {result: "{temp}", answer: "{temp} in {city}."}', " []"],
        "`outcomes` is empty",
    ),
    "an outcome of unknown slots": (['{result: "{temp}",', '{result: "{x} {temp}",'], "['x']"),
    "an answer of optional slots": (
        ['{result: "{temp}", answer: "', '{result: "{temp} {days}", answer: "{days} '],
        "answer says optional slots ['days']",
    ),
    "an answer that the result does not hold": (
        ['{result: "{temp}",', '{result: "fine",'],
        "which the result does not contain",
    ),
    "an error of optional slots": (['"no {city}"', '"no {days}"'], "error uses slots ['days']"),
    "a chain whose request says other slots": (
        ['"chain {city}"', '"chain {town}"'],
        "says ['town']; the slots are ['city']",
    ),
    "a chain of an unknown tool": (["- tool: lookup", "- tool: find"], "no tool 'find'"),
    "a chain whose arguments break the schema": (
        ['arguments: {city: "{city}"}', "arguments: {city: 5}"],
        "arguments of lookup break its schema",
    ),
    "a chain's arguments not known by then": (
        ['arguments: {city: "{city}"}', 'arguments: {city: "{temp}"}'],
        "not known by then: ['temp']",
    ),
    "a chain's result of undefined slots": (
        ["        yields: {temp: {integer: [0, 9]}}\n", ""],
        "a result uses undefined slots ['temp']",
    ),
    "a chain's answer of undefined slots": (
        ['    answer: "{temp} in {city}."', '    answer: "{x}"'],
        "the answer uses undefined slots ['x']",
    ),
    "a chain without steps": (["    steps:", "    moves:"], "KeyError: 'steps'"),
    "a refusal of undefined slots": (["harm {city}.", "harm {town}."], "undefined slots ['town']"),
    "an answer that is missing": (['answer: "Hi."', 'reply: "Hi."'], "KeyError: 'answer'"),
}


@pytest.mark.parametrize("row", RULES.values(), ids=RULES.keys())
def test_each_rule_reports_its_problem_in_a_line(row, tmp_path):
    pairs, words = row
    found = list(problems(domain_of(tmp_path, changed(*pairs))))
    assert any(words in problem for problem in found), found
    assert all("\n" not in problem for problem in found)


BROKEN = {
    "not YAML": "tools: [",
    "a tab": "tools:\n\t- a",
    "empty": "",
    "a list": "- a\n- b",
    "a text": "hello",
    "no tools": "domain: demo\nabout: x\n",
    "tools that are texts": "domain: demo\nabout: x\ntools: [abc]\n",
    "tools that are none": "domain: demo\nabout: x\ntools:\n",
    "a tool without a schema": changed("    inputSchema:", "    schema:"),
    "an unknown key in a tool": changed("    does: look", "    doess: look"),
    "an unknown key in an outcome": changed('{result: "{temp}",', '{result: "{temp}", text: x,'),
    "an unknown key of the file": GOOD + "\nrefusal: []\n",
    "no domain": changed("domain: demo", "title: demo"),
    "pools that are a list": GOOD + "\npools: [a]\n",
    "a request that is no text": changed('"ten {city}"', "10"),
    "a bare date": changed("maximum: 5", "default: 2026-01-01"),
    "a date that does not exist": changed("about: tests", "about: 2026-13-45"),
    "an object tag": "!!python/object:os.system {}",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_one_line_that_names_it(text, tmp_path):
    with pytest.raises(CatalogError) as caught:
        domain_of(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'demo.yaml'}: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_utf_8_is_one_line(tmp_path):
    (tmp_path / "demo.yaml").write_bytes(b"domain: \xff\xfe")
    with pytest.raises(CatalogError, match="not UTF-8"):
        load_domain(tmp_path / "demo.yaml", POOLS)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(CatalogError, match="No such file"):
        load_domain(tmp_path / "none.yaml", POOLS)
    with pytest.raises(CatalogError, match=r"pools\.yaml: No such file"):
        load_catalogue(tmp_path)


def test_pools_that_are_no_mapping_are_one_line(tmp_path):
    (tmp_path / POOLS_FILE).write_text("- a\n", encoding="utf-8")
    with pytest.raises(CatalogError, match=r"pools\.yaml: no mapping"):
        load_catalogue(tmp_path)


def test_the_command_counts_and_prints_every_problem(tmp_path, capsys):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(GOOD, encoding="utf-8")
    bad.write_text("tools: [", encoding="utf-8")
    assert main([str(good)]) == 0
    assert capsys.readouterr().out == ""
    assert main([str(good), str(bad)]) == 1
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1 and "not YAML" in printed.out
    assert printed.err == "1 tools checked, 1 problems\n"


def test_a_path_keeps_its_leading_dot():
    tool = load_domain(FILES[0], load_pools()).tools[0]
    rng = Random(0)
    pools = load_pools()
    paths = {fill("path", pools, rng).said for _ in range(50)}
    assert any(path.startswith("./") for path in paths)
    with_path = type(tool)("t", "", "", {}, (), slots={"path": {"choice": {"./a": "./a"}}})
    assert say("{path} please", with_path, pools, rng).text == "./a please"


@pytest.mark.parametrize(
    ("left", "tidied"),
    [
        ("a  b", "a b"),
        ("Weather , please .", "Weather, please."),
        ("Weather,?", "Weather?"),
        ("Weather,", "Weather"),
        (", please", "please"),
        ("at 12:30 sharp", "at 12:30 sharp"),
    ],
)
def test_what_a_left_out_part_leaves_behind_is_tidied(left, tidied):
    assert tidy(left) == tidied


@pytest.mark.parametrize("spec", ["nowhere", 5, None, {}, {"number": [1, 2]}, {"id": None, "x": 1}])
def test_a_spec_that_is_none_raises_one_kind_of_error(spec):
    if spec == {"id": None, "x": 1}:
        assert fill(spec, POOLS, Random(0)).value == "None"
        return
    with pytest.raises(SlotError):
        fill(spec, POOLS, Random(0))
