"""How far a run is: what is wanted, kept and rejected, by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from data.build import MIX
from data.record import Example
from data.shares import apportion
from data.synthesize.judge import Judge
from data.synthesize.settings import Settings
from data.synthesize.tasks import Task, Tool, make_task, possible_kinds

# A kind of which so many answers in a row were rejected, and none was ever kept, is given up.
MAX_BARREN = 40
SHOWN_ANSWER_CHARS = 2000


@dataclass(frozen=True)
class Reject:
    """An answer, or a request without one, that gave no record."""

    id: str
    kind: str
    code: str
    message: str
    answer: str = ""


class State:
    """What is kept and what is still wanted; changed by answers only."""

    def __init__(self, settings: Settings, tools: Sequence[Tool], judge: Judge) -> None:
        self._tools = tools
        self._seed = settings.seed
        self._judge = judge
        kinds = possible_kinds(tools, settings.kinds)
        self.impossible = tuple(kind for kind in settings.kinds if kind not in kinds)
        self.wanted = apportion(settings.records, {kind: MIX[kind] for kind in kinds})
        self.kept: dict[str, Example] = {}
        self.rejects: list[Reject] = []
        self.n_kept: Counter[str] = Counter()
        self.n_answers: Counter[str] = Counter()
        self._next_number: Counter[str] = Counter()

    def task(self, task_id: str) -> Task:
        """The task of an id; it is never given out by `next_task` again."""
        kind, _, number = task_id.rpartition("-")
        self._next_number[kind] = max(self._next_number[kind], int(number) + 1)
        return make_task(self._tools, kind, int(number), self._seed)

    def next_task(self, under_way: Counter[str]) -> Task | None:
        """A new task of the kind that lacks the largest share; None where none lacks any."""
        lacking = {
            kind: wanted - self.n_kept[kind] - under_way[kind]
            for kind, wanted in self.wanted.items()
            if not self.is_barren(kind)
        }
        kind = max(lacking, key=lambda one: lacking[one] / max(1, self.wanted[one]), default=None)
        if kind is None or lacking[kind] <= 0:
            return None
        return self.task(f"{kind}-{self._next_number[kind]:06d}")

    def is_barren(self, kind: str) -> bool:
        """Whether a kind is given up."""
        return self.n_kept[kind] == 0 and self.n_answers[kind] >= MAX_BARREN

    def take(self, task: Task, text: str, finish: str) -> None:
        """Judge an answer, and keep or reject it."""
        verdict = self._judge.judge(task, text, finish)
        self.n_answers[task.kind] += 1
        if verdict.example is not None and self.n_kept[task.kind] < self.wanted[task.kind]:
            self.kept[task.id] = verdict.example
            self.n_kept[task.kind] += 1
        elif verdict.example is None:
            self.reject(task, verdict.code, verdict.message, text)

    def reject(self, task: Task, code: str, message: str, answer: str = "") -> None:
        shown = answer[:SHOWN_ANSWER_CHARS]
        self.rejects.append(Reject(task.id, task.kind, code, message, shown))

    @property
    def is_done(self) -> bool:
        return all(self.n_kept[kind] >= wanted for kind, wanted in self.wanted.items())

    def facts(self) -> dict[str, Any]:
        """Counts for the manifest."""
        return {
            "kinds": {
                kind: {
                    "wanted": wanted,
                    "answers": self.n_answers[kind],
                    "kept": self.n_kept[kind],
                    "given_up": self.is_barren(kind),
                }
                for kind, wanted in self.wanted.items()
            },
            "impossible": list(self.impossible),
            "rejects": dict(Counter(reject.code for reject in self.rejects).most_common()),
        }
