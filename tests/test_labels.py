"""Labels of text replies, hand-written ones and every one that the catalogue can give."""

from random import Random

import pytest

from data.domains import load_catalogue
from data.phrasing import put
from data.slots import fill
from data.wordings import ASK_BACK, NO_TOOL_FITS, SMALL_TALK
from evals.labels import label

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
