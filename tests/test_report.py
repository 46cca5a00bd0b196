"""The report: what it warns of, its table and card, and its page in a real browser."""

import json
import re
import shutil

import pytest
from made_evaluations import (
    HOSTILE,
    REFUSAL,
    always_calls,
    evaluation_of,
    gold,
    hostile,
    split_of,
)

from evals.report.card import with_table
from evals.report.page import script_json, write_report
from evals.report.table import table_of

ARMS = {"base": gold, "base_native": always_calls, "tuned": hostile}


def test_a_loss_of_refusals_is_said_in_table_and_page(tmp_path):
    evaluation = evaluation_of([split_of(100)], {"base": gold, "tuned": always_calls})
    table = table_of(evaluation)
    assert "WARNING: test_seen: tuned has a refusal_recall of 0.000, base 1.000 (n 20" in table
    assert "irrelevance_recall" in " ".join(evaluation.warnings())
    write_report(tmp_path / "report.html", evaluation, "Title")
    assert (
        "WARNING: test_seen: tuned has a refusal_recall" in (tmp_path / "report.html").read_text()
    )


def test_no_loss_is_no_warning():
    assert evaluation_of([split_of(100)], {"base": always_calls, "tuned": gold}).warnings() == []
    # Four of four lost may be chance.
    assert evaluation_of([split_of(20)], {"base": gold, "tuned": always_calls}).warnings() == []


def test_over_call_and_under_call_stand_beside_accuracy():
    lines = table_of(evaluation_of([split_of(20)], {"base": gold})).splitlines()
    names = [line.split("|")[1].strip() for line in lines if line.startswith("|")]
    at = names.index("accuracy")
    assert names[at : at + 3] == ["accuracy", "over_call", "under_call"]


def test_tuned_is_compared_with_the_better_base():
    def right_calls_only(record):
        return gold(record) if record.kind == "tool_call" else REFUSAL

    arms = {"base": always_calls, "base_native": right_calls_only, "tuned": gold}
    evaluation = evaluation_of([split_of(50)], arms)
    table = table_of(evaluation)
    assert "tuned minus base_native, the better base by accuracy" in table
    assert "| metric | n | base | tuned | base_native | difference |" in table
    assert {c.base for c in evaluation.comparisons} == {"base", "base_native"}


def test_a_limit_and_a_missing_arm_are_said():
    evaluation = evaluation_of(
        [split_of(10)], {"base": gold}, limit=10, skipped={"base_native": "no template"}
    )
    table = table_of(evaluation)
    assert "--limit 10: NOT A REAL SCORE" in table
    assert "base_native is left out: no template" in table


def test_the_card_gets_the_table_once():
    card = "---\nbase_model: x\n---\n# Adapter\n\nText.\n"
    once = with_table(card, "| a |\n")
    assert once.startswith(card.rstrip())
    assert with_table(once, "| a |\n") == once
    replaced = with_table(once + "\nAfter.\n", "| b |")
    assert "| a |" not in replaced
    assert replaced.count("## Evaluation") == 1
    assert replaced.endswith("After.\n")


def test_no_reply_can_leave_the_pages_data():
    text = script_json({"reply": HOSTILE})
    assert "<" not in text
    assert text.isascii()
    assert json.loads(text) == {"reply": HOSTILE}


def test_the_page_needs_nothing_else(tmp_path):
    write_report(tmp_path / "report.html", evaluation_of([split_of(10)], ARMS), "Title")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert re.findall(r"(?:src|href)=[\"']?([^\"'> ]+)", page.split("<script")[0]) == ["data:,"]
    assert page.count("<script") == page.count("</script>") == 2
    assert "default-src 'none'" in page


def test_a_number_that_no_browser_reads_does_not_break_the_page(tmp_path):
    split = split_of(5)
    split.examples[0].tools[0]["inputSchema"]["maximum"] = float("inf")
    write_report(tmp_path / "report.html", evaluation_of([split], {"base": gold}), "Title")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    data = page.split('id="data">')[1].split("</script>")[0]

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    assert len(json.loads(data, parse_constant=refuse)["examples"]) == 5


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium of this machine, driven by playwright."""
    api = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed")
    with api.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=program)
        yield found
        found.close()


class Opened:
    """A page, with what it complained of and asked for."""

    def __init__(self, browser, path):
        self.complaints, self.requests = [], []
        self.page = browser.new_page(viewport={"width": 1366, "height": 800})
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())

    def choose(self, name, value):
        self.page.select_option(f"select[name={name}]", value)

    def expect(self, count):
        self.page.wait_for_function(
            "text => document.getElementById('count').textContent.endsWith(text)",
            arg="no example fits" if count == 0 else f" of {count}",
        )


@pytest.fixture
def opened(browser, tmp_path):
    """The report of 2,000 examples and three arms, one of them hostile."""
    splits = [split_of(1000), split_of(1000, "test_unseen")]
    path = tmp_path / "report.html"
    write_report(path, evaluation_of(splits, ARMS), "Title")
    found = Opened(browser, path)
    yield found
    assert found.complaints == []
    assert [url for url in found.requests if not url.startswith(("file:", "data:"))] == []
    assert found.page.title() == "Title"
    found.page.close()


def test_every_filter_narrows_the_examples(opened):
    opened.expect(2000)
    opened.choose("split", "test_unseen")
    opened.expect(1000)
    opened.choose("kind", "refusal")
    opened.expect(200)
    opened.choose("arm", "base")
    opened.choose("verdict", "wrong")
    opened.expect(0)
    opened.choose("arm", "base_native")
    opened.expect(200)
    opened.choose("failure", "over_call")
    opened.expect(200)
    opened.choose("failure", "under_call")
    opened.expect(0)
    opened.choose("failure", "")
    opened.choose("verdict", "differs")
    opened.expect(200)
    opened.page.fill("input[name=text]", "QUESTION 997")
    opened.expect(1)
    assert opened.page.text_content("#detail h3") == "refusal-997"


def test_pages_of_examples_are_turned_and_keys_move(opened):
    page = opened.page
    assert page.locator("#rows button").count() == 100
    assert page.is_disabled("#back")
    page.click("#forth")
    assert page.text_content("#count") == "101–200 of 2000"
    page.locator("#rows button").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.text_content("#detail h3") == page.evaluate("data.examples[102].id")
    page.keyboard.press("ArrowUp")
    assert page.text_content("#detail h3") == page.evaluate("data.examples[101].id")


def test_hostile_replies_are_shown_as_text(opened):
    shown = opened.page.locator("#detail .answer").nth(1).locator("pre").first.text_content()
    assert "</script><script>" in shown
    assert "\\u202eback" in shown
    assert "\\u0000" in shown
    assert "\\ud800" in shown
    assert "\\u2028" in shown
    assert opened.page.locator("#detail img").count() == 0


def test_an_example_shows_prompt_tools_reading_verdict_and_reason(opened):
    text = opened.page.text_content("#detail")
    for part in ("Question 0", "get_weather_0", "right is: call", "Paris", "decides to call"):
        assert part in text
    opened.choose("kind", "refusal")
    opened.expect(400)
    assert "call where refuse is right" in opened.page.text_content("#detail")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_screenshot_shows_a_page_of_more_than_one_colour(opened, scheme, tmp_path):
    opened.page.emulate_media(color_scheme=scheme)
    image = opened.page.screenshot(path=tmp_path / "report.png")
    assert len(image) > 20_000  # an empty page of this size has under 5,000 bytes
    colour = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colour == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 28)"}[scheme]
