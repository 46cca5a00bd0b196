"""Labels of text replies, hand-written ones and every one that the catalogue can give."""

from random import Random

import pytest
from conftest import SHARED

from data.cli import DataError
from data.domains import load_catalogue
from data.formats.when2call import Labelled
from data.phrasing import put
from data.record import write_rows
from data.slots import fill
from data.wordings import ASK_BACK, NO_TOOL_FITS, SMALL_TALK
from evals.labels import MEASURED, LabelAccuracy, label, label_accuracy, labelled, main

WHEN2CALL = SHARED / "real" / "when2call.raw.jsonl"
TEXTS = {
    "clarify": [
        "Which city do you mean?",
        "Sure! For which date?",
        "Could you give me the invoice number?",
        "Please provide the order number.",
        "Please tell me when it should start.",
        "I need the patient's date of birth to go on.",
        "I still need your account number.",
        "I'm missing the departure airport.",
        "Happy to book it. Let me know which day suits you.",
        "Two files have that name. Which one should I delete?",
        "To send the mail I require an address.",
        "What should the title be? I can't create a page without one.",
        "Sorry, I did not catch that. Which day do you mean?",
        "I'm sorry, I need the order number to look it up. Could you give it to me?",
        "Sure. Would you like me to include drafts?",
        "In which unit would you like the wind speed, metric or imperial?",
    ],
    "refuse": [
        "I can't help with that.",
        "I cannot read another person's messages.",
        "I can\u2019t open that record.",
        "I won't write a fake review: it would mislead buyers.",
        "Sorry, but that would be fraud.",
        "I'm sorry, I am not able to do this.",
        "I'm unable to book a table with the tools I have.",
        "None of my tools can book a flight.",
        "There is no tool here that translates text.",
        "That is not something I will help with.",
        "That would be illegal, so no.",
        "I'd rather not do that.",
        "We do not have access to that system.",
        "I apologize, but this is out of my reach.",
        "I have no function for that.",
        "I can't do that. Would you like me to list the official warnings?",
    ],
    "answer": [
        "It is 12 degrees in Paris.",
        "Your order PO-17 has been placed.",
        "The invoice is paid.",
        "You're welcome!",
        "Good morning! How can I help?",
        "All done. Is there anything else I can do for you?",
        "Weather is hours and days; climate is its average over decades.",
        "",
        "Le vol part à 9 h.",
        "The table is booked for four. " * 20 + "Note that I cannot change it later.",
        "The cheapest flight leaves at 9:40 for 120 euros. Would you like me to book it?",
        "Three rooms are free on that day. Would you like more details?",
    ],
}


@pytest.mark.parametrize(
    ("text", "decision"), [(text, decision) for decision in TEXTS for text in TEXTS[decision]]
)
def test_a_reply_gets_the_label_a_person_would_give(text, decision):
    assert label(text) == decision


def test_every_refusal_of_the_catalogue_is_a_refusal():
    rng = Random(0)
    replies = []
    for domain in load_catalogue():
        for entry in domain.refusals:
            specs = entry.get("slots", {})
            slots = {name: fill(spec, domain.pools, rng) for name, spec in specs.items()}
            replies.append(put(entry["refusal"], slots))
    assert replies
    assert [reply for reply in replies if label(reply) != "refuse"] == []


def test_every_question_about_every_needed_slot_is_a_clarification():
    wrong = [
        text
        for domain in load_catalogue()
        for tool in domain.tools
        for need in tool.needs.values()
        for text in (template.format(need=need, does=tool.does) for template in ASK_BACK)
        if label(text) != "clarify"
    ]
    assert wrong == []


def test_every_reply_that_no_tool_fits_is_a_refusal():
    wrong = [
        text
        for domain in load_catalogue()
        for tool in domain.tools
        for text in (template.format(does=tool.does) for template in NO_TOOL_FITS)
        if label(text) != "refuse"
    ]
    assert wrong == []


@pytest.mark.parametrize("reply", [reply for _, reply in SMALL_TALK])
def test_small_talk_is_an_answer(reply):
    assert label(reply) == "answer"


def test_the_ends_of_a_long_text_are_read():
    assert label("It is fine. " * 100_000 + "Which city do you mean?") == "clarify"
    assert label("I can't do that. " + "It is fine. " * 100_000) == "refuse"


def test_gold_texts_of_the_dataset_get_the_label_of_their_kind(dataset):
    for split in ("train", "test_seen", "test_unseen"):
        found = label_accuracy(split, list(labelled(dataset / f"{split}.jsonl")))
        assert found.n > 0
        assert (found.macro_f1, found.accuracy) == (1.0, 1.0)


def test_macro_f1_is_the_mean_over_the_labels_that_occur():
    texts = [("Which day?", "clarify"), ("I can't.", "clarify"), ("It rains.", "answer")]
    found = label_accuracy("x", [Labelled(*text) for text in texts])
    assert (found.n, found.accuracy) == (3, pytest.approx(2 / 3))
    assert found.macro_f1 == pytest.approx((2 / 3 + 1) / 2)
    assert label_accuracy("nothing", []) == LabelAccuracy("nothing", 0, 0.0, 0.0)


def test_the_command_prints_a_row_a_file(dataset, capsys):
    assert main([str(dataset / "test_seen.jsonl"), "--half", "even"]) == 0
    *_, row = capsys.readouterr().out.splitlines()
    assert row.startswith("| test_seen.jsonl | ") and row.endswith(" | 1.000 | 1.000 |")


def test_a_file_without_labels_is_named(tmp_path):
    write_rows(tmp_path / "x.jsonl", [{"text": "Hi"}])
    with pytest.raises(DataError, match=r"x\.jsonl:1: no record and no row of When2Call"):
        list(labelled(tmp_path / "x.jsonl"))


@pytest.mark.skipif(not WHEN2CALL.is_file(), reason="the real When2Call file is not here")
@pytest.mark.parametrize(("half", "place"), [("even", 0), ("odd", 1)])
def test_the_stated_accuracy_is_the_measured_one(half, place):
    stated = MEASURED[place]
    found = label_accuracy("", list(labelled(WHEN2CALL, half)))
    assert half in stated.data
    assert (found.n, round(found.macro_f1, 3), round(found.accuracy, 3)) == (
        stated.n,
        stated.macro_f1,
        stated.accuracy,
    )
    assert found.macro_f1 >= 0.95
