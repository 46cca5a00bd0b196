"""Does a request of a benchmark that will be reported stand in a record?

Two ways to find it, on what users say, words in lower case, turn by turn and all turns as one:
nearly the same text (data.novelty), or most of a benchmark's request, in its words, somewhere in
a text, which may be longer or say it with a few words changed.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from data.checks.prints import request_text
from data.novelty import Novelty
from data.record import Example

# A shorter turn ("yes, please") is said everywhere and tells nothing.
MIN_TURN_CHARS = 25
RUN_WORDS = 3
LEAK_SHARE = 0.6
# Of a short request ("play some jazz music") all must be there; of one with fewer runs than
# MIN_SHARED, its whole text alone tells.
SHORT_RUNS = 5
# Runs of words that stand in more requests than this ("what is the") find nothing by themselves.
MAX_REQUESTS_OF_RUN = 100
MIN_SHARED = 2

Runs = frozenset[tuple[str, ...]]


class Benchmark:
    """The requests of one benchmark."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.n_requests = 0
        self._novelty = Novelty()
        self._runs: list[Runs] = []
        self._by_run: dict[tuple[str, ...], list[int]] = defaultdict(list)

    def add(self, example: Example) -> None:
        """Take in what its user says."""
        self.n_requests += 1
        for text in texts_of(example):
            runs = _runs_of(text)
            if self._novelty.admit(text) and len(runs) >= MIN_SHARED:
                for run in runs:
                    self._by_run[run].append(len(self._runs))
                self._runs.append(runs)

    def has(self, texts: list[str]) -> bool:
        """Whether one of the texts is, nearly is, or holds a request of the benchmark."""
        return any(not self._novelty.is_new(text) or self._holds_most(text) for text in texts)

    def _holds_most(self, text: str) -> bool:
        runs = _runs_of(text)
        shared: Counter[int] = Counter()
        for run in runs:
            numbers = self._by_run.get(run, ())
            if len(numbers) <= MAX_REQUESTS_OF_RUN:
                shared.update(numbers)
        alike = (self._runs[number] for number, count in shared.items() if count >= MIN_SHARED)
        return any(_share_of(request, runs) >= LEAK_SHARE for request in alike)


def _share_of(request: Runs, runs: Runs) -> float:
    """The share of a request's runs that stand in a text; of a short one, all or nothing."""
    share = len(request & runs) / len(request)
    return share if len(request) >= SHORT_RUNS else float(share == 1)


def _runs_of(text: str) -> Runs:
    """All runs of RUN_WORDS words."""
    words = text.split()
    return frozenset(zip(*(words[start:] for start in range(RUN_WORDS)), strict=False))


def texts_of(example: Example) -> list[str]:
    """All that the user says as one text, and each turn that is long enough to tell."""
    turns = [vars(message) for message in example.messages if message.role == "user"]
    texts = [request_text(turns)] if turns else []
    if len(turns) > 1:
        texts += [text for turn in turns if len(text := request_text([turn])) >= MIN_TURN_CHARS]
    return [text for text in texts if text]
