"""No value out of the air: each argument of a gold call comes from what was said before the call.

The rules are stated in grounding.py; they know nothing of the generator. They are held to 2,000
calls of train, and that they can fail is shown by other values in the same places.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

import pytest
from grounding import RULES, Leaf, Said, leaves_of, rule_for, said_in

from data.build import examples_by_split
from data.domains import load_catalogue
from data.record import Example, Message
from data.wire import read_strict, result_text

N_CALLS = 2000
SCALE = 0.2
MIN_REJECTED = 0.9


class Found(NamedTuple):
    """One leaf of one call, the conversation before it, and the rule that accounts for it."""

    tool: str
    leaf: Leaf
    said: Said
    rule: str | None


@pytest.fixture(scope="module")
def found() -> list[Found]:
    """The leaves of 2,000 calls of train."""
    train = examples_by_split(load_catalogue(), seed=42, scale=SCALE)["train"]
    calls = [call for example in train for call in _calls(example)]
    return [
        Found(tool["description"], leaf, said, rule_for(leaf, said))
        for tool, arguments, said in Random(1).sample(calls, N_CALLS)
        for leaf in leaves_of(arguments, tool["inputSchema"])
    ]


def _calls(example: Example) -> Iterator[tuple[dict[str, Any], dict[str, Any], Said]]:
    """Tool, arguments and what was said before, of each call."""
    tools = {tool["name"]: tool for tool in example.tools}
    for index, message in enumerate(example.messages):
        if message.role == "assistant":
            for call in read_strict(message.content).calls:
                yield tools[call.name], dict(call.arguments), said_in(example.messages[:index])


def test_every_value_of_2000_gold_calls_comes_from_the_conversation(found: list[Found]) -> None:
    missed = [one for one in found if one.rule is None]
    assert not missed, [(m.tool, m.leaf.path, m.leaf.value, m.said.text[-300:]) for m in missed]


def test_every_rule_is_needed(found: list[Found]) -> None:
    assert {one.rule for one in found} >= set(RULES)


def test_another_value_in_the_same_place_would_be_out_of_the_air(found: list[Found]) -> None:
    """One that the parameter has in another conversation; of a boolean, the other one."""
    rng = Random(2)
    n_tried: Counter[str] = Counter()
    n_rejected: Counter[str] = Counter()
    for one, others in _with_others(found):
        if one.rule and one.rule != "constant" and others:
            changed = one.leaf._replace(value=rng.choice(others))
            n_tried[one.rule] += 1
            n_rejected[one.rule] += rule_for(changed, one.said) is None
    shares = {rule: n_rejected[rule] / n for rule, n in n_tried.items() if n >= 10}
    assert min(shares.values()) >= MIN_REJECTED, shares
    assert sum(n_rejected.values()) / sum(n_tried.values()) >= 0.97, shares


def _with_others(found: list[Found]) -> Iterator[tuple[Found, list[Any]]]:
    """Each leaf, and values that its parameter has elsewhere and no call here has."""
    elsewhere: dict[tuple[str, str], list[Any]] = defaultdict(list)
    here: dict[str, set[str]] = defaultdict(set)
    for one in found:
        elsewhere[one.tool, one.leaf.path].append(one.leaf.value)
        here[one.said.text].add(str(one.leaf.value))
    for one in found:
        if isinstance(one.leaf.value, bool):
            yield one, [not one.leaf.value]
        else:
            others = elsewhere[one.tool, one.leaf.path]
            yield one, [value for value in others if str(value) not in here[one.said.text]]


UNITS = {"enum": ["metric", "imperial"]}
NUMBER = {"type": "number"}
TEXT = {"type": "string"}
SWITCH = {"type": "boolean"}


@pytest.mark.parametrize(
    ("name", "schema", "value", "text", "rule"),
    [
        ("city", TEXT, "Salt Lake City", "weather in salt  lake city?", "said"),
        ("city", TEXT, "Rome", "weather in Romeville", None),
        ("city", TEXT, "Lima", "weather, please", None),
        ("tab", TEXT, "Copy of May", 'a tab named "copy of" and the name of May', "pieces"),
        ("days", NUMBER, 3, "the next three days", "number"),
        ("days", NUMBER, 3, "on March 3, 2027", None),
        ("days", NUMBER, 3, "invoice INV-0003", None),
        ("price", NUMBER, 45.5, "for 45.50, please", "number"),
        ("loan", NUMBER, 300000, "a loan of 300k", "number"),
        ("loan", NUMBER, 300000, "a loan of 30,000", None),
        ("lat", NUMBER, -12.6, "at -12.6 degrees", "number"),
        ("lat", NUMBER, -12.6, "at 12.6 degrees", None),
        ("stops", NUMBER, 0, "without any stops", "number"),
        ("stops", NUMBER, 0, "with stops", None),
        ("minutes", NUMBER, 90, "an hour and a half", "length"),
        ("minutes", NUMBER, 90, "half an hour", None),
        ("window", {"enum": ["7d", "1h"]}, "7d", "over the past seven days", "length"),
        ("window", {"enum": ["7d", "1h"]}, "1h", "over the past seven days", None),
        ("on", TEXT, "2027-03-03", "on March 3rd, 2027", "date"),
        ("on", TEXT, "2027-03-03", "on 3 March 2026", None),
        ("on", TEXT, "2027-03-03", "tomorrow", None),
        ("at", TEXT, "17:30", "at 5:30pm", "date"),
        ("at", TEXT, "17:30", "at 5:30 am", None),
        ("start", TEXT, "2027-03-03T17:00:00Z", "Mar 3 2027 at 5 pm UTC", "date"),
        ("start", TEXT, "2027-03-03T17:00:00Z", "Mar 4 2027 at 5 pm UTC", None),
        ("cron", TEXT, "0 6 * * 1", "every Monday at 6 am", "date"),
        ("cron", TEXT, "0 6 * * 1", "every Tuesday at 6 am", None),
        ("confirm", {"const": True}, True, "cancel it", "constant"),
        ("units", UNITS, "metric", "in Celsius", "words"),
        ("units", UNITS, "imperial", "in Celsius", None),
        ("units", TEXT, "metric", "in Celsius", None),
        ("breakfast", SWITCH, True, "a room with breakfast", "switch"),
        ("breakfast", SWITCH, False, "a room, no breakfast", "switch"),
        ("breakfast", SWITCH, False, "a room with breakfast", None),
        ("breakfast", SWITCH, True, "a room", None),
    ],
)
def test_the_rules_by_example(
    name: str, schema: dict[str, Any], value: Any, text: str, rule: str | None
) -> None:
    said = said_in((Message("user", text),))
    (leaf,) = leaves_of({name: value}, {"type": "object", "properties": {name: schema}})
    assert rule_for(leaf, said) == rule


def test_what_a_tool_answered_counts_and_what_the_assistant_said_does_not() -> None:
    (leaf,) = leaves_of({"id": "TRF-1"}, {"properties": {"id": TEXT}})
    answered = Message("tool", result_text(1, '{"transfer": "TRF-1"}'))
    assert rule_for(leaf, said_in((answered,))) == "said"
    assert rule_for(leaf, said_in((Message("assistant", "It is TRF-1."),))) is None
