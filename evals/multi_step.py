"""Records of several steps, scored turn by turn with gold history and, apart, end to end.

Replies are found by id: RECORD for the scored turn, RECORD#TURN for another turn with gold history,
RECORD@TURN for a turn of an episode. A prompt that was answered once is not asked again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from data.record import Example
from data.wire import Wire
from evals.intervals import share
from evals.score import Score, score_example
from evals.turns import Episode, EpisodeScore, gold_turns

KIND = "multi_step"
Texts = Mapping[str, str]
Ask = Callable[[Sequence[Example]], dict[str, str]]


@dataclass(frozen=True)
class MultiStep:
    """What came of the records of several steps: of each turn, and of each record as a whole."""

    turns: tuple[Score, ...]
    episodes: tuple[EpisodeScore, ...]

    def metrics(self) -> dict[str, Any]:
        """Shares with n and interval; a part that was not asked is left out."""
        parts: dict[str, Sequence[Score | EpisodeScore]]
        parts = {"turns": self.turns, "end_to_end": self.episodes}
        return {name: _part(scores) for name, scores in parts.items() if scores}


def _part(scores: Sequence[Score | EpisodeScore]) -> dict[str, Any]:
    failures = Counter(score.failure for score in scores if score.failure)
    return {
        "accuracy": asdict(share(score.correct for score in scores)),
        "failures": dict(failures.most_common()),
    }


def earlier_turns(examples: Sequence[Example]) -> list[Example]:
    """The turns of records of several steps that are not scored anyhow."""
    return [turn for example in _several(examples) for turn in gold_turns(example)[:-1]]


def play(examples: Sequence[Example], wire: Wire, texts: Texts, ask: Ask) -> dict[str, str]:
    """Every reply that the episodes take, beside those there are; asked of all together, turn by
    turn."""
    found = dict(texts)
    while asked := list(_open_questions(examples, wire, found)):
        found |= ask(asked)
    return found


def _open_questions(examples: Sequence[Example], wire: Wire, texts: Texts) -> Iterator[Example]:
    for example in _several(examples):
        question = _played(example, wire, texts)[1]
        if question is not None:
            yield question


def multi_step_of(examples: Sequence[Example], wire: Wire, texts: Texts) -> MultiStep:
    """Scores of the records of which every turn was answered."""
    turns: list[Score] = []
    episodes: list[EpisodeScore] = []
    for example in _several(examples):
        answered = _gold_replies(example, texts)
        if all(text is not None for _, text in answered):
            turns += [score_example(turn, text or "", wire) for turn, text in answered]
        episode, question = _played(example, wire, texts)
        if question is None:
            episodes.append(episode.score())
    return MultiStep(tuple(turns), tuple(episodes))


def _several(examples: Sequence[Example]) -> Iterator[Example]:
    return (example for example in examples if example.kind == KIND)


def _gold_replies(example: Example, texts: Texts) -> list[tuple[Example, str | None]]:
    """Each turn of a record with its reply; the last turn is the record's own."""
    *earlier, last = gold_turns(example)
    return [*((turn, texts.get(turn.id)) for turn in earlier), (last, texts.get(example.id))]


def _played(example: Example, wire: Wire, texts: Texts) -> tuple[Episode, Example | None]:
    """An episode as far as there are replies, and the question that is open; None at its end."""
    episode = Episode(example, wire)
    answered = {turn.prompt: text for turn, text in _gold_replies(example, texts)}
    number = 0
    while True:
        number += 1
        prompt = episode.prompt_messages()
        question = replace(example, id=f"{example.id}@{number}", messages=prompt, accepted=None)
        reply = texts.get(question.id, answered.get(prompt))
        if reply is None:
            return episode, question
        if episode.take(reply):
            return episode, None
