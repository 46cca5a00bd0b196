"""Does `call_match` say what BFCL's own checker says? Mutated answers, judged by both.

The checker is bfcl_eval/eval_checker/ast_eval/ast_checker.py of the package bfcl-eval, which
`pip install --no-deps bfcl-eval` brings: its table of models (which imports a dozen API clients)
and its readers of Java and JavaScript are not needed and stand empty here.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from conftest import SHARED

from data.formats.bfcl import read
from data.record import Example, read_rows, write_rows
from data.wire import ToolCall, request_text
from evals.score import score_example

BFCL = SHARED / "real" / "bfcl_v4"
N_REPLIES = 1000
AGREEMENT = 0.995
Call = dict[str, dict[str, Any]]
Checker = Callable[[list[dict[str, Any]], list[Call], list[Any], str], bool]
EMPTY = {
    "bfcl_eval.constants.model_config": "MODEL_CONFIG_MAPPING",
    "bfcl_eval.eval_checker.ast_eval.type_convertor.java_type_converter": "java_type_converter",
    "bfcl_eval.eval_checker.ast_eval.type_convertor.js_type_converter": "js_type_converter",
}


class Item(NamedTuple):
    """A question of a BFCL file, its possible answers, and our record of it."""

    functions: list[dict[str, Any]]
    answers: list[Any]
    record: Example


class NamesKept(dict[str, Any]):
    """The table of models for one that keeps the dots of function names."""

    underscore_to_dot = False

    def __getitem__(self, name: str) -> NamesKept:
        return self


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    pytest.importorskip("bfcl_eval", reason="bfcl-eval is not installed")
    before = dict(sys.modules)
    for name, member in EMPTY.items():
        module = ModuleType(name)
        setattr(module, member, NamesKept())
        sys.modules[name] = module
    ast_checker = importlib.import_module("bfcl_eval.eval_checker.ast_eval.ast_checker")
    python = importlib.import_module("bfcl_eval.constants.enums").Language.PYTHON

    def is_valid(
        functions: list[dict[str, Any]], calls: list[Call], answers: list[Any], category: str
    ) -> bool:
        given = deepcopy((functions, calls, answers))
        try:
            return bool(ast_checker.ast_checker(*given, python, category, "any")["valid"])
        except (AttributeError, TypeError, KeyError):  # what is no object among objects ends it
            return False

    yield is_valid
    for name in set(sys.modules) - set(before):
        if name.startswith("bfcl_eval"):
            del sys.modules[name]


def items_of(source: Path) -> list[Item]:
    answers = source.parent / "possible_answer" / source.name
    by_id = {row["id"]: row["ground_truth"] for _, row in read_rows(answers)}
    return [
        Item(row["function"], by_id[row["id"]], record)
        for (_, row), record in zip(read_rows(source), read(source, answers), strict=True)
        if isinstance(record, Example)
    ]


def drawn_answer(answers: list[Any], rng: Random) -> list[Call]:
    """Calls drawn from the possible answers, each optional argument left out half of the time."""
    return [
        {name: {key: drawn(values, rng) for key, values in given.items() if is_said(values, rng)}}
        for call in answers
        for name, given in call.items()
    ]


def is_said(values: list[Any], rng: Random) -> bool:
    return any(value != "" for value in values) and not ("" in values and rng.random() < 0.5)


def drawn(values: list[Any], rng: Random) -> Any:
    return settled(rng.choice([value for value in values if value != ""]), rng)


def settled(value: Any, rng: Random) -> Any:
    """A possible answer with the alternatives inside its objects decided."""
    if isinstance(value, list):
        return [settled(item, rng) for item in value]
    if isinstance(value, dict):
        return {
            key: drawn(options, rng) if isinstance(options, list) else options
            for key, options in value.items()
            if not isinstance(options, list) or is_said(options, rng)
        }
    return value


def mutated(calls: list[Call], rng: Random) -> list[Call]:
    calls = deepcopy(calls)
    for _ in range(rng.choice((0, 1, 1, 1, 2))):
        rng.choice((in_a_value, in_a_value, in_a_value, in_the_arguments, in_the_calls))(calls, rng)
    return calls


def in_the_calls(calls: list[Call], rng: Random) -> None:
    kind = rng.randrange(5)
    if kind == 0:
        rng.shuffle(calls)
    elif kind == 1 and calls:
        calls.append(deepcopy(rng.choice(calls)))
    elif kind == 2 and calls:
        calls.remove(rng.choice(calls))
    elif kind == 3 and len(calls) > 1:
        first, second = rng.sample(range(len(calls)), 2)
        (one,), (other,) = calls[first], calls[second]
        calls[first][one], calls[second][other] = calls[second][other], calls[first][one]
    elif calls:
        index = rng.randrange(len(calls))
        ((name, arguments),) = calls[index].items()
        new = rng.choice((name.upper(), name + "_", name.replace(".", "_"), "x", name))
        calls[index] = {new: arguments}


def in_the_arguments(calls: list[Call], rng: Random) -> None:
    if not calls:
        return
    (arguments,) = rng.choice(calls).values()
    kind = rng.randrange(5)
    if kind == 0:
        arguments[rng.choice(("extra", "unit", "x"))] = rng.choice((1, "a", None, [], ""))
    elif arguments:
        name = rng.choice(list(arguments))
        value = arguments.pop(name)
        if kind == 1:
            arguments[rng.choice((name.upper(), name + "s", name.title()))] = value
        elif kind == 2:
            arguments[name] = rng.choice((None, "", [], {}, False, 0))
        elif kind == 3:  # the same arguments in another order
            arguments[name] = value


def in_a_value(calls: list[Call], rng: Random) -> None:
    holders = [arguments for call in calls for arguments in call.values() if arguments]
    if holders:
        arguments = rng.choice(holders)
        name = rng.choice(list(arguments))
        arguments[name] = changed(arguments[name], rng)


def changed(value: Any, rng: Random) -> Any:
    """Another value: now and then one that a fair judge takes for the same."""
    if rng.random() < 0.1:
        return rng.choice((str(value), [value], None, {"value": value}))
    if isinstance(value, bool):
        return rng.choice((not value, str(value).lower(), int(value)))
    if isinstance(value, int | float):
        return rng.choice((float(value), int(value), value + 1, str(value), -value, value * 1.5))
    if isinstance(value, str):
        return changed_text(value, rng)
    if isinstance(value, list) and value:
        return changed_list(value, rng)
    if isinstance(value, dict) and value:
        return changed_object(value, rng)
    return rng.choice((value, "", 0))


def changed_text(text: str, rng: Random) -> Any:
    spot = rng.randrange(len(text) + 1)
    marked = text[:spot] + rng.choice(" ,./-_*^'\"?:é中\u00a0\n") + text[spot:]
    same = (text.upper(), text.lower(), text.title(), text.replace(" ", ""), text.replace(",", ""))
    other = (text[1:], text + text, text + ".", "", 7, text.replace("'", '"'))
    return rng.choice((*same, *other, marked, marked))


def changed_list(items: list[Any], rng: Random) -> Any:
    kind, spot = rng.randrange(7), rng.randrange(len(items))
    if kind == 0:
        return items[::-1]
    if kind == 1:
        return items[:spot] + items[spot + 1 :]
    if kind == 2:
        return [*items, items[spot]]
    if kind == 3:
        return rng.choice((items[spot], {"items": items}, [items], tuple_text(items)))
    return [*items[:spot], changed(items[spot], rng), *items[spot + 1 :]]


def tuple_text(items: list[Any]) -> str:
    return str(tuple(map(str, items)))


def changed_object(members: dict[str, Any], rng: Random) -> Any:
    kind, key = rng.randrange(7), rng.choice(list(members))
    rest = {k: v for k, v in members.items() if k != key}
    if kind == 0:
        return rest
    if kind == 1:
        return {**members, "extra": 1}
    if kind == 2:
        return {**rest, key.upper(): members[key]}
    if kind == 3:
        return {**rest, key: members[key]}
    return {**members, key: changed(members[key], rng)}


class Verdict(NamedTuple):
    """What both say of one reply."""

    ours: bool
    theirs: bool
    calls: list[Call]
    id: str


def verdicts(items: list[Item], category: str, checker: Checker, seed: int) -> Iterator[Verdict]:
    rng = Random(seed)
    for number in range(N_REPLIES):
        item = items[number % len(items)] if number < len(items) else rng.choice(items)
        calls = mutated(drawn_answer(item.answers, rng), rng)
        lines = [
            request_text(ToolCall(name, arguments, index))
            for index, call in enumerate(calls, 1)
            for name, arguments in call.items()
        ]
        ours = score_example(item.record, "\n".join(lines)).call_match
        theirs = checker(item.functions, calls, item.answers, category)
        yield Verdict(bool(ours), theirs, calls, item.record.id)


def assert_they_agree(items: list[Item], category: str, checker: Checker, seed: int = 0) -> None:
    found = list(verdicts(items, category, checker, seed))
    apart = [verdict for verdict in found if verdict.ours != verdict.theirs]
    assert 0.2 < sum(verdict.theirs for verdict in found) / len(found) < 0.8
    assert 1 - len(apart) / len(found) >= AGREEMENT, apart[:10]


@pytest.mark.skipif(not BFCL.is_dir(), reason="the real BFCL files are not here")
@pytest.mark.parametrize("category", ["simple_python", "parallel"])
def test_it_agrees_on_mutated_answers_to_the_real_files(category, checker):
    assert_they_agree(items_of(BFCL / f"BFCL_v4_{category}.json"), category, checker)


def function(name: str, required: list[str], **properties: Any) -> dict[str, Any]:
    parameters = {"type": "dict", "properties": properties, "required": required}
    return {"name": name, "description": name, "parameters": parameters}


TEXT, INTEGER, FLOAT, FLAG = ({"type": t} for t in ("string", "integer", "float", "boolean"))
TEXTS, INTEGERS, FLOATS = ({"type": "array", "items": part} for part in (TEXT, INTEGER, FLOAT))
PLACE = {"type": "dict", "properties": {"city": TEXT, "floor": INTEGER, "height": FLOAT}}
BOOK = function("library.book", ["title"], title=TEXT, copies=INTEGER, price=FLOAT, signed=FLAG)
SEND = function(
    "send",
    ["to"],
    to=TEXTS,
    weights={"type": "tuple", "items": FLOAT},
    sizes=INTEGERS,
    place=PLACE,
    parts={"type": "array", "items": PLACE},
    note={"type": "any"},
)
# One row a shape of possible answer that BFCL's files have.
ANSWERS: list[list[dict[str, Any]]] = [
    [{"library.book": {"title": ["The Old Man, and the Sea", "Old Man"], "copies": [2, ""]}}],
    [{"library.book": {"title": ["It's on"], "price": [5.0], "signed": [True, ""]}}],
    [{"library.book": {"title": ["X"], "price": [5], "copies": ["", None], "signed": ["", "any"]}}],
    [{"library.book": {"title": ["", "X"], "copies": [3], "price": ["", 9.5]}}],
    [{"library.book": {"title": [2], "copies": ["n"]}}],
    [
        {
            "send": {
                "to": [["Ann Lee", "Bo"], ["Bo", "Ann Lee"]],
                "sizes": [[1, 2], ""],
                "note": ["hi"],
            }
        }
    ],
    [{"send": {"to": [[]], "weights": [[1.5, 2.0]], "sizes": ["", []]}}],
    [{"send": {"to": [["A"]], "weights": [[3, 4]], "place": [{"city": ["New York", "NYC"]}]}}],
    [{"send": {"to": ["names[0]"], "place": ["", {"city": ["Rome"], "height": [2.5, ""]}]}}],
    [{"send": {"to": [["A"]], "parts": [[{"city": ["A b"]}, {"city": ["C"], "height": [1.5]}]]}}],
    [{"send": {"to": [["A"]], "parts": [""], "note": ["", "hello there"]}}],
    [
        {"library.book": {"title": ["A"], "copies": [1]}},
        {"library.book": {"title": ["A", "B"], "copies": [1, 2]}},
        {"send": {"to": [["C"]], "sizes": [[4]]}},
    ],
]


@pytest.mark.parametrize("category", ["parallel", "multiple"])
def test_it_agrees_on_mutated_answers_of_every_shape(category, checker, tmp_path):
    answers = [a for a in ANSWERS if category == "parallel" or len(a) == 1]
    functions = [BOOK, SEND]
    ids = [f"{category}_{index}" for index in range(len(answers))]
    question = [[{"role": "user", "content": "Please."}]]
    source = tmp_path / f"BFCL_v4_{category}.json"
    (tmp_path / "possible_answer").mkdir()
    write_rows(source, ({"id": i, "question": question, "function": functions} for i in ids))
    write_rows(
        tmp_path / "possible_answer" / source.name,
        ({"id": i, "ground_truth": a} for i, a in zip(ids, answers, strict=True)),
    )
    assert_they_agree(items_of(source), category, checker)
