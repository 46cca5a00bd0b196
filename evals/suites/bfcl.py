"""BFCL v4 (Berkeley Function-Calling Leaderboard): its single-turn categories in Python.

Names, averages and what counts are those of bfcl_eval/eval_checker/eval_runner_helper.py. Left out
are multi-turn, memory and web search (they run BFCL's own simulations), Java and JavaScript (calls
that are no JSON), and format sensitivity (it varies BFCL's prompt, not ours).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from math import sqrt
from pathlib import Path
from typing import Any, NamedTuple

from data.cli import DataError, UserError
from data.formats.bfcl import read
from data.formats.parts.reject import Reject
from data.record import Example
from evals.intervals import Rate, share
from evals.score import Score

AST = ("simple_python", "multiple", "parallel", "parallel_multiple")
LIVE_AST = ("live_simple", "live_multiple", "live_parallel", "live_parallel_multiple")
IRRELEVANCE = ("irrelevance", "live_irrelevance")
RELEVANCE = "live_relevance"
CATEGORIES = (*AST, IRRELEVANCE[0], *LIVE_AST, IRRELEVANCE[1], RELEVANCE)
ANSWERS = "possible_answer"
_FILE = re.compile(r"BFCL_v\d+_(\w+)\.jsonl?")
_ITEM = re.compile(r"(.+)_[\d-]+")


class _Source(NamedTuple):
    """A file of questions and the one of its answers; None where no call is to be compared."""

    questions: Path
    answers: Path | None


def load(path: Path) -> list[Example]:
    """The items of a BFCL file, or of all BFCL files of a folder; says what it leaves out.

    The answers stand in possible_answer/ beside the questions. Raises UserError, DataError.
    """
    return [example for source in _sources(path) for example in _examples(source)]


def _sources(path: Path) -> Iterator[_Source]:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    named = {file: found[1] for file in files if (found := _FILE.fullmatch(file.name))}
    taken = {file: name for file, name in named.items() if name in CATEGORIES}
    if not taken:
        raise UserError(
            f"{path}: no file BFCL_v4_CATEGORY.json with CATEGORY one of {', '.join(CATEGORIES)}"
        )
    if left := [name for name in named.values() if name not in CATEGORIES]:
        print(f"{path}: left out, not supported: {', '.join(left)}", file=sys.stderr)
    for file, category in sorted(taken.items(), key=lambda item: CATEGORIES.index(item[1])):
        answers = file.parent / ANSWERS / file.name
        needs_answers = category in (*AST, *LIVE_AST)
        if needs_answers and not answers.is_file():
            raise UserError(f"{file}: its answers are missing; put them at {answers}")
        yield _Source(file, answers if needs_answers else None)


def _examples(source: _Source) -> Iterator[Example]:
    for item in read(source.questions, source.answers):
        if isinstance(item, Reject):
            raise DataError(
                f"{source.questions}:{item.line}: {item.reason}; mend or remove the line"
            )
        yield item


def summarize(scores: Sequence[Score]) -> dict[str, dict[str, Any]]:
    """Value, interval and n of each category and of BFCL's averages over those that are there.

    An average of which a category is missing is left out; Simple AST is Python's alone.
    """
    rates = {
        category: share(_is_right(category)(score) for score in members)
        for category in CATEGORIES
        if (members := [s for s in scores if category_of(s.id) == category])
    }
    return {name: asdict(rate) for name, rate in (rates | dict(_averages(rates, scores))).items()}


def category_of(item_id: str) -> str:
    """The category in an item's id: live_simple_3-2-0 is of live_simple."""
    found = _ITEM.match(item_id)
    return found[1] if found else ""


def _is_right(category: str) -> Callable[[Score], bool]:
    """BFCL looks at the call where one has answers, else only at whether there is one."""
    if category == RELEVANCE:
        return lambda score: score.parsed and score.decision == "call"
    if category in IRRELEVANCE:
        return lambda score: score.decision != "call"
    return lambda score: bool(score.call_match)


def _averages(rates: dict[str, Rate], scores: Sequence[Score]) -> Iterator[tuple[str, Rate]]:
    if all(category in rates for category in AST):
        yield "Non-Live AST Acc", mean_of([rates[category] for category in AST])
    if all(category in rates for category in LIVE_AST):
        live = [score for score in scores if category_of(score.id) in LIVE_AST]
        yield "Live Acc", share(bool(score.call_match) for score in live)
    if RELEVANCE in rates:
        yield "Relevance Detection", rates[RELEVANCE]
    if all(category in rates for category in IRRELEVANCE):
        yield "Irrelevance Detection", mean_of([rates[category] for category in IRRELEVANCE])


def mean_of(rates: Sequence[Rate]) -> Rate:
    """The mean of shares, each counting the same; its interval from theirs.

    Zou and Donner, Statistics in Medicine 27 (2008): distances to the bounds add as squares.
    """
    value = sum(rate.value for rate in rates) / len(rates)
    below = sqrt(sum((rate.value - rate.low) ** 2 for rate in rates)) / len(rates)
    above = sqrt(sum((rate.high - rate.value) ** 2 for rate in rates)) / len(rates)
    n = sum(rate.n for rate in rates)
    return Rate(value, max(0.0, value - below), min(1.0, value + above), n)
