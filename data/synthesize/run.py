"""Ask, judge, keep: the loop. One thread decides; the others only wait for the endpoint."""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any

from data.cli import DataError, UserError
from data.synthesize.budget import Budget, Cost
from data.synthesize.journal import ANSWERED, ASKED, FAILED, SETTINGS, Journal
from data.synthesize.prompts import VERSION, messages_of, schema_of
from data.synthesize.settings import Settings
from data.synthesize.state import State
from data.synthesize.tasks import Task
from data.synthesize.teacher import Answer, Failure, Teacher
from data.synthesize.two_models import is_same

# So many requests one after another without any answer: the endpoint is gone.
MAX_IN_VAIN = 5
MAX_DELAY_S = 60.0
POLL_S = 0.2


@dataclass
class Ask:
    """One task on its way. `n_failed`: attempts that the endpoint did not answer."""

    task: Task
    n_failed: int = 0
    plain: bool = False
    messages: list[dict[str, str]] = field(init=False)
    reserved: Cost = field(init=False)

    def __post_init__(self) -> None:
        self.messages = messages_of(self.task)


class Run:
    """A run that can be stopped at any time and gone on with."""

    def __init__(self, settings: Settings, state: State, journal: Journal) -> None:
        self.settings = settings
        self.state = state
        self.budget = Budget(settings)
        self.limit: str | None = None
        self.n_guided = 0
        self.is_new = False
        self._journal = journal
        self._waiting: list[tuple[float, int, Ask]] = []
        self._under_way: dict[Future[Answer | Failure], Ask] = {}
        self._order = count()
        self._n_in_vain = 0
        self._is_answering = False
        self._problem: UserError | None = None

    @property
    def n_answers(self) -> int:
        return sum(self.state.n_answers.values())

    def go_on(self, tools_sha256: str) -> None:
        """Take in what an earlier run noted. Raises UserError where its settings were others."""
        identity = {**self.settings.identity(), "tools": tools_sha256, "prompts": VERSION}
        under_way: dict[str, Ask] = {}
        notes = self._journal.read()
        first = next(notes, None)
        if first is None:
            self.is_new = True
            self._journal.note(SETTINGS, **identity)
        elif (changed := _changed(first, identity)) is not None:
            raise UserError(
                f"{self._journal.path}: is of a run with another {changed}; choose another --out"
            )
        for note in notes:
            self._replay(note, under_way)
        for ask in under_way.values():
            if not any(ask is other for _, _, other in self._waiting):
                self.state.reject(ask.task, "lost", "on its way when an earlier run was stopped")

    def _replay(self, note: dict[str, Any], under_way: dict[str, Ask]) -> None:
        name = str(note.get("task"))
        if note["event"] == ASKED:
            ask = under_way.setdefault(name, Ask(self.state.task(name)))
            self._waiting = [entry for entry in self._waiting if entry[2] is not ask]
            self._reserve(ask)
        elif note["event"] == ANSWERED:
            ask = under_way.pop(name)
            self._settle(ask, note["tokens_in"], note["tokens_out"])
            self.n_guided += bool(note["guided"])
            self.state.take(ask.task, note["text"], note["finish"])
        elif note["event"] == FAILED:
            ask = under_way[name]
            self._settle_failed(ask, note["may_cost"])
            if note["final"]:
                self.state.reject(under_way.pop(name).task, "endpoint", note["message"])
            else:
                ask.n_failed, ask.plain = note["n_failed"], note["plain"]
                self._later(ask, 0.0)

    def run(self, teacher: Teacher, show: Callable[[Run], None]) -> None:
        """Ask until all is kept or a limit is reached; `show` is called after each answer.

        Raises UserError or DataError where the endpoint cannot be used, KeyboardInterrupt after
        what was under way has been noted.
        """
        with ThreadPoolExecutor(self.settings.concurrency) as pool:
            try:
                while self._submit(pool, teacher) or self._under_way or self._may_retry():
                    self._collect(show)
            except KeyboardInterrupt:
                while self._under_way:
                    self._collect(show)
                raise
        if self._problem is not None:
            raise self._problem

    def _may_retry(self) -> bool:
        return bool(self._waiting) and self.limit is None and self._problem is None

    def _submit(self, pool: ThreadPoolExecutor, teacher: Teacher) -> bool:
        """Send what may be sent now; returns whether anything was."""
        # The first requests go one by one: they teach the endpoint's dialect, or that it is not
        # there, for the price of one.
        width = self.settings.concurrency if self._is_answering else 1
        n_before = len(self._under_way)
        while len(self._under_way) < width and (ask := self._next()) is not None:
            self._reserve(ask)
            self._journal.note(ASKED, task=ask.task.id, messages=ask.messages)
            schema = None if ask.plain else schema_of(ask.task)
            self._under_way[pool.submit(teacher.ask, ask.messages, schema)] = ask
        return len(self._under_way) > n_before

    def _next(self) -> Ask | None:
        """A retry that is due, or a new task, if the budget allows it."""
        if self._problem is not None or self.limit is not None:
            return None
        is_due = bool(self._waiting) and self._waiting[0][0] <= time.monotonic()
        if is_due:
            ask = self._waiting[0][2]
        else:
            if not self._is_answering and self._waiting:
                return None
            asks = (*self._under_way.values(), *(ask for _, _, ask in self._waiting))
            task = self.state.next_task(Counter(ask.task.kind for ask in asks))
            if task is None:
                return None
            ask = Ask(task)
        self.limit = self.budget.limit_reached(self._most(ask))
        if self.limit is not None:
            return None
        if is_due:
            heapq.heappop(self._waiting)
        return ask

    def _most(self, ask: Ask) -> Cost:
        return self.budget.most("".join(message["content"] for message in ask.messages))

    def _reserve(self, ask: Ask) -> None:
        ask.reserved = self._most(ask)
        self.budget.reserve(ask.reserved)

    def _settle(self, ask: Ask, tokens_in: int | None, tokens_out: int | None) -> None:
        """Count what was told; what was not told, at its most."""
        told = Cost(
            ask.reserved.tokens_in if tokens_in is None else tokens_in,
            ask.reserved.tokens_out if tokens_out is None else tokens_out,
        )
        self.budget.settle(ask.reserved, told)

    def _settle_failed(self, ask: Ask, may_cost: bool) -> None:
        """A refusal takes no tokens; an answer that did not arrive may have taken them."""
        if not may_cost:
            self.budget.settle(ask.reserved, Cost(0, 0))

    def _later(self, ask: Ask, delay_s: float) -> None:
        heapq.heappush(self._waiting, (time.monotonic() + delay_s, next(self._order), ask))

    def _collect(self, show: Callable[[Run], None]) -> None:
        """Take in the answers that are there."""
        if not self._under_way:
            time.sleep(POLL_S / 4)
            return
        done, _ = wait(self._under_way, timeout=POLL_S, return_when=FIRST_COMPLETED)
        for future in done:
            ask, outcome = self._under_way.pop(future), future.result()
            if isinstance(outcome, Answer):
                self._take(ask, outcome)
            else:
                self._fail(ask, outcome)
            show(self)

    def _take(self, ask: Ask, answer: Answer) -> None:
        if is_same(answer.model, self.settings.student):
            self._problem = UserError(
                f"{self.settings.endpoint}: answers as {answer.model}, which is the model to be "
                f"trained, {self.settings.student}; ask another --teacher"
            )
        self._is_answering, self._n_in_vain = True, 0
        self._settle(ask, answer.tokens_in, answer.tokens_out)
        self.n_guided += answer.guided
        self._journal.note(ANSWERED, task=ask.task.id, **asdict(answer))
        self.state.take(ask.task, answer.text, answer.finish)

    def _fail(self, ask: Ask, failure: Failure) -> None:
        """Try again at once or later, or give the task up."""
        self._settle_failed(ask, failure.may_cost)
        ask.plain = ask.plain or failure.kind == "plain"
        ask.n_failed += failure.kind == "retry"
        may_retry = failure.kind in ("again", "plain") or (
            failure.kind == "retry" and ask.n_failed <= self.settings.retries
        )
        self._journal.note(
            FAILED,
            task=ask.task.id,
            message=failure.message,
            n_failed=ask.n_failed,
            plain=ask.plain,
            may_cost=failure.may_cost,
            final=not may_retry,
        )
        if may_retry:
            self._later(ask, self._delay_s(ask, failure))
            return
        self.state.reject(ask.task, "endpoint", failure.message)
        self._n_in_vain += 1
        if failure.kind == "fatal":
            self._problem = UserError(f"{self.settings.endpoint}: {failure.message}")
        elif self._n_in_vain >= MAX_IN_VAIN or not self._is_answering:
            self._problem = DataError(
                f"{self.settings.endpoint}: does not answer ({failure.message}); the same command "
                "goes on where this one stopped"
            )

    def _delay_s(self, ask: Ask, failure: Failure) -> float:
        if failure.kind != "retry":
            return 0.0
        if failure.retry_after_s is not None:
            return failure.retry_after_s
        return min(self.settings.retry_delay_s * 2.0 ** (ask.n_failed - 1), MAX_DELAY_S)


def _changed(first: dict[str, Any], identity: dict[str, Any]) -> str | None:
    """The name of the first setting that differs from the journal's."""
    return next((name for name, value in identity.items() if first.get(name) != value), None)
