"""Does a clarification ask for what is missing? Hand-written ones and those of the catalogue."""

import pytest
from conftest import SHARED

from data.domains import load_catalogue
from data.formats.when2call import read
from data.record import Example, Message, read_examples, read_rows
from data.wordings import ASK_BACK
from evals.asks import asks_for, lack_of

WHEN2CALL = SHARED / "real" / "when2call.raw.jsonl"
BOOK = {
    "name": "hotel_book_room",
    "description": "Reserve a room in a given hotel.",
    "inputSchema": {
        "type": "object",
        "properties": {
            "hotel": {"type": "string"},
            "check_in": {"type": "string", "format": "date"},
            "nights": {"type": "integer"},
            "room_type": {"type": "string", "enum": ["single", "double", "suite"]},
            "guest": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "email": {"type": "string"}},
                "required": ["name", "email"],
            },
        },
        "required": ["hotel", "check_in", "nights", "guest"],
    },
}
TRIP = {
    "name": "plan_trip",
    "description": "Plan a trip.",
    "inputSchema": {
        "type": "object",
        "properties": {
            "start_date": {"type": "string", "format": "date"},
            "end_date": {"type": "string", "format": "date"},
            "destination": {"type": "string", "description": "City to travel to"},
        },
        "required": ["start_date", "end_date", "destination"],
    },
}


def asked(gold: str, *tools: dict) -> Example:
    messages = (Message("user", "Please arrange it."), Message("assistant", gold))
    return Example("x", "clarification", "test", tools, messages)


# Gold question, the names of what is missing, questions that are right, questions that are not.
QUESTIONS = {
    "a name": (
        asked("Which hotel do you mean?", BOOK),
        ("hotel",),
        ["What is the name of the hotel?", "Sure! Please tell me the hotel.", "The hotel, please?"],
        ["How many nights?", "When do you arrive?", "Which room type?", "Anything else?", ""],
    ),
    "a number": (
        asked("For how many nights are you staying?", BOOK),
        ("nights",),
        ["How long will you stay?", "Please give me the number of nights.", "How many?"],
        ["Which hotel?", "On which date do you arrive?", "What is the guest's name?"],
    ),
    "a date": (
        asked("On which day do you want to check in?", BOOK),
        ("check_in",),
        ["What is the check-in date?", "When would you like to check in?"],
        ["How many nights?", "Which hotel should I check in to book?"],
    ),
    "a part of an object": (
        asked("What is the guest's email address?", BOOK),
        ("email",),
        ["Could you share an email address?", "I need the email of the guest."],
        ["What is the guest's name?", "Which hotel?"],
    ),
    "one of two alike": (
        asked("When does the trip start?", TRIP),
        ("start_date",),
        ["What is the start date?", "From which day on?", "Which date does it begin?"],
        ["What is the end date?", "Until when does it last?", "Where do you want to go?"],
    ),
    "several at once": (
        asked("Which city is it, and when does it end?", TRIP),
        ("destination", "end_date"),
        ["Where to?", "What is the end date?", "Where do you want to go, and until when?"],
        ["How many are you?", "Which room type do you like?"],
    ),
    "beside what it is for": (
        asked("To plan a trip, I need the end date. Could you give me that?", TRIP),
        ("end_date",),
        ["Before I can plan the trip to that city, please tell me the end date."],
        ["To plan a trip until its end, I need the destination. Could you give me that?"],
    ),
}


@pytest.mark.parametrize("row", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_a_question_is_right_if_it_asks_for_what_is_missing(row):
    example, names, right, wrong = row
    lack = lack_of(example)
    assert set(names) & set(lack.names)
    assert asks_for(lack, example.gold)
    assert [text for text in right if not asks_for(lack, text)] == []
    assert [text for text in wrong if asks_for(lack, text)] == []


def test_only_a_clarification_with_a_question_shows_what_is_missing():
    assert lack_of(asked("Which one?", BOOK)) is None
    messages = (Message("user", "Hi"), Message("assistant", "Which hotel do you mean?"))
    assert lack_of(Example("x", "answer", "test", (BOOK,), messages)) is None


@pytest.mark.parametrize("schema", [None, True, [], {"properties": []}, {"properties": {"a": 1}}])
def test_an_odd_schema_is_no_error(schema):
    example = asked("Which hotel do you mean?", {"name": "f", "inputSchema": schema})
    assert asks_for(lack_of(example), "Which hotel?")


def test_every_gold_question_asks_for_what_its_record_lacks(dataset):
    for split in ("train", "validation", "test_seen", "test_unseen"):
        records = [
            example
            for example in read_examples(dataset / f"{split}.jsonl")
            if example.kind == "clarification"
        ]
        wrong = [e.gold for e in records if not asks_for(lack_of(e), e.gold)]
        assert records and wrong == []


def test_the_catalogue_tells_its_needs_apart():
    """Every need of every tool asked in every way is right; another need is wrong, nearly always.

    The rest are pairs that words do not tell apart, as "the two medicines" and "the other one".
    """
    own, other = [], []
    for tool in (tool for domain in load_catalogue() for tool in domain.tools):
        for number, (name, need) in enumerate(tool.needs.items()):
            gold = ASK_BACK[number % len(ASK_BACK)].format(need=need, does=tool.does)
            if (lack := lack_of(asked(gold, tool.definition()))) is None:
                continue  # "what it is about"
            for asked_name, asked_need in tool.needs.items():
                questions = [ask.format(need=asked_need, does=tool.does) for ask in ASK_BACK]
                found = own if asked_name == name else other
                found += [asks_for(lack, question) for question in questions]
    assert all(own)
    assert sum(other) / len(other) < 0.12


@pytest.mark.skipif(not WHEN2CALL.is_file(), reason="the real When2Call file is not here")
def test_the_parameter_that_when2call_held_out_is_found():
    held_out = {row["uuid"]: row.get("held_out_param") for _, row in read_rows(WHEN2CALL)}
    records = [example for example in read(WHEN2CALL) if example.kind == "clarification"]
    found = [held_out[record.id] in lack_of(record).names for record in records]
    assert len(found) == 50
    assert sum(found) >= 47
