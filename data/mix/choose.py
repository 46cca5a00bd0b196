"""Which rows go into which split.

`test_unseen` is chosen first: rows whose tools cost the fewest other rows, for no name and no
schema of it may be trained. Then train, then test_seen among the rows whose tools are trained, and
validation. Over all splits no user text is like another one.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from data.checks.prints import request_text
from data.cli import DataError
from data.mix.ledger import Ledger
from data.mix.plan import Plan
from data.mix.pool import Entry, Pool
from data.novelty import Novelty
from data.record import Example

Queues = dict[tuple[str, str], deque[Entry]]
Admits = Callable[[Entry], bool]
UNSEEN = "test_unseen"
# A row of test_unseen that costs more of the trainable rows than this share is taken last.
CHEAP_SHARE, CHEAP_ROWS = 0.002, 5


@dataclass
class Choice:
    """The chosen rows by split, and what may still be chosen."""

    plan: Plan
    read: Callable[[Entry], Example]
    ledger: Ledger
    splits: dict[str, list[Entry]] = field(default_factory=dict)
    said: Novelty = field(default_factory=Novelty)
    refused: set[Entry] = field(default_factory=set)
    """Rows that say what a chosen row says; each is noted once."""

    def draw(self, split: str, queues: Queues, admits: Admits, wanted: Mapping[str, int]) -> None:
        """Take rows of each kind, from the sources by weight, as many as are wanted and there."""
        taken = self.splits.setdefault(split, [])
        weights = {source.name: source.weight for source in self.plan.sources}
        caps = {s.name: s.cap for s in self.plan.sources if s.cap} if split == "train" else {}
        n_taken = Counter(entry.source for entry in taken)
        for kind in self.plan.shares:
            n_drawn: Counter[str] = Counter()
            live = [name for name in weights if queues.get((name, kind))]
            while live and sum(n_drawn.values()) < wanted.get(kind, 0):
                name = min(live, key=lambda one: (n_drawn[one] + 1) / weights[one])
                is_full = name in caps and n_taken[name] >= caps[name]
                entry = None if is_full else self._next(queues[name, kind], admits)
                if entry is None:
                    live.remove(name)
                    continue
                taken.append(entry)
                n_drawn[name] += 1
                n_taken[name] += 1

    def _next(self, queue: deque[Entry], admits: Admits) -> Entry | None:
        """The first row that is admitted and says something new; rows not admitted stay."""
        passed = []
        found = None
        while queue and found is None:
            entry = queue.popleft()
            if entry in self.refused:
                continue
            if not admits(entry):
                passed.append(entry)
            elif self.said.admit(_request(self.read(entry))):
                found = entry
            else:
                self.refused.add(entry)
                reason = "duplicate: its request is like a chosen one"
                self.ledger.leave_out(entry.source, entry.id, reason)
        queue.extendleft(reversed(passed))
        return found

    def missing(self, split: str) -> dict[str, int]:
        """How many rows of each kind a split still wants."""
        have = Counter(entry.kind for entry in self.splits.get(split, ()))
        return {k: n - have[k] for k, n in self.plan.quotas(split).items() if n > have[k]}


def _request(example: Example) -> str:
    return request_text([vars(message) for message in example.messages])


def choose(plan: Plan, pool: Pool, ledger: Ledger, seed: int) -> dict[str, list[Entry]]:
    """Rows of each split, in a shuffled order. Raises DataError where there are too few."""
    choice = Choice(plan, pool.read, ledger)
    shuffled = _shuffled(pool.entries, seed)
    banned = _draw_unseen(choice, shuffled)
    taken = {*choice.splits[UNSEEN], *choice.refused}
    free = []
    for entry in shuffled:
        if entry in taken or entry.split == UNSEEN:
            continue
        if entry.marks & banned:
            ledger.leave_out(entry.source, entry.id, "split: has a tool of test_unseen")
        else:
            free.append(entry)
    _draw_seen(choice, free)
    _refuse_short(choice)
    for split, chosen in choice.splits.items():
        Random(f"{seed}/{split}").shuffle(chosen)
    return {split: choice.splits[split] for split in plan.sizes}


def _shuffled(entries: Sequence[Entry], seed: int) -> list[Entry]:
    shuffled = list(entries)
    Random(seed).shuffle(shuffled)
    return shuffled


def _draw_unseen(choice: Choice, entries: Sequence[Entry]) -> set[int]:
    """Choose test_unseen; returns the names and schemas that nothing else may have."""
    trainable = [entry for entry in entries if entry.split != UNSEEN]
    uses = Counter(mark for entry in trainable for mark in entry.marks)

    def cost(entry: Entry) -> int:
        own = 0 if entry.split == UNSEEN else len(entry.marks)
        return sum(uses[mark] for mark in entry.marks) - own

    # Of rows that cost the same, those of one tool together: a second one costs nothing more.
    met = {mark: n for n, mark in enumerate(m for entry in entries for m in sorted(entry.marks))}
    able = [entry for entry in entries if entry.split in (None, UNSEEN) and entry.marks]
    able.sort(key=lambda entry: (cost(entry), sorted(met[mark] for mark in entry.marks)))
    limit = max(CHEAP_ROWS, round(len(trainable) * CHEAP_SHARE))
    first = _due(_queues(able), choice.plan)
    choice.draw(UNSEEN, first, lambda e: cost(e) <= limit, choice.plan.quotas(UNSEEN))
    banned = {mark for entry in choice.splits[UNSEEN] for mark in entry.marks}
    taken = set(choice.splits[UNSEEN])
    rest = _queues(entry for entry in able if entry not in taken)
    # Rows whose tools are all banned by now would be lost for train: they cost nothing.
    choice.draw(UNSEEN, rest, lambda e: e.marks <= banned, choice.missing(UNSEEN))
    choice.draw(UNSEEN, rest, lambda e: True, choice.missing(UNSEEN))
    return {mark for entry in choice.splits[UNSEEN] for mark in entry.marks}


def _due(queues: Queues, plan: Plan) -> Queues:
    """The head of each queue: as large a share of it as test_unseen is of the whole dataset."""
    share = plan.sizes[UNSEEN] / max(1, sum(plan.sizes.values()))
    return {
        key: deque(
            entry
            for number, entry in enumerate(queue)
            if entry.split == UNSEEN or number < round(share * len(queue))
        )
        for key, queue in queues.items()
    }


def _draw_seen(choice: Choice, free: Sequence[Entry]) -> None:
    """Choose train, then test_seen, then validation."""
    sizes = choice.plan.sizes
    n_seen = sizes["train"] + sizes["validation"] + sizes["test_seen"]
    kept_back = (n_seen - sizes["train"]) / n_seen if n_seen else 0
    rest = _queues(entry for entry in free if entry.split is None)
    trained = {key: _part(queue, kept_back) for key, queue in rest.items()}
    _add(trained, (entry for entry in free if entry.split == "train"))
    choice.draw("train", trained, lambda entry: True, choice.plan.quotas("train"))
    _add(rest, (entry for queue in trained.values() for entry in queue if entry.split is None))
    marks = {mark for entry in choice.splits["train"] for mark in entry.marks}
    _draw_from(choice, "test_seen", rest, free, lambda e: e.split is not None or e.marks <= marks)
    seen = set(choice.splits["test_seen"])
    _draw_from(choice, "validation", rest, free, lambda e: e not in seen)


def _draw_from(
    choice: Choice, split: str, rest: Queues, free: Sequence[Entry], admits: Admits
) -> None:
    """Draw a split from what train left, and from the rows that sources made for it."""
    queues = {key: deque(queue) for key, queue in rest.items()}
    _add(queues, (entry for entry in free if entry.split == split))
    choice.draw(split, queues, admits, choice.plan.quotas(split))


def _queues(entries: Iterable[Entry]) -> Queues:
    queues: Queues = {}
    _add(queues, entries)
    return queues


def _add(queues: Queues, entries: Iterable[Entry]) -> None:
    for entry in entries:
        queues.setdefault((entry.source, entry.kind), deque()).append(entry)


def _part(queue: deque[Entry], kept_back: float) -> deque[Entry]:
    """Take from a queue what train may have; the rest stays for the tests."""
    n_train = len(queue) - round(len(queue) * kept_back)
    return deque(queue.popleft() for _ in range(n_train))


def _refuse_short(choice: Choice) -> None:
    plan = choice.plan
    short = {split: missing for split in plan.sizes if (missing := choice.missing(split))}
    if not short:
        return
    parts = []
    for split, missing in short.items():
        quotas = plan.quotas(split)
        kinds = ", ".join(f"{quotas[k] - n} of {quotas[k]} {k}" for k, n in missing.items())
        fits = min((quotas[k] - n) / plan.shares[k] for k, n in missing.items())
        size = int(fits * sum(plan.shares.values()))
        parts.append(f"{split} gets {kinds} (sizes.{split} {size} would do)")
    raise DataError(
        f"{plan.path}: too few rows are left: {'; '.join(parts)}; add a source, raise a cap, or "
        "change sizes or shares"
    )
