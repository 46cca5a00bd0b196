"""An evaluation: every arm's scores and metrics, and the tuned arm beside its bases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from data.record import Example
from data.wire import Wire
from evals.intervals import share
from evals.metrics import metrics_of
from evals.multi_step import MultiStep
from evals.paired import Difference, differences
from evals.score import Score, score_example
from evals.splits import Split, cluster_of, offers_trained, suite_module

# The tuned model has to beat the better of these two.
BASES = ("base", "base_native")
# What a tuned arm is compared with, in turn.
RIVALS = (*BASES, "base_constrained")
# The arm that an evaluation is about: the first of these that it has.
LEADS = ("tuned", "endpoint", "replies", *RIVALS)
# Fine-tuning on calls is known to break these.
GUARDED = ("refusal_recall", "irrelevance_recall")


@dataclass(frozen=True)
class ArmResult:
    """One model's (or file's) replies to all splits, scored.

    `scores`, `metrics` and `multi_step` are by split; `provenance` says what made the replies;
    `live` is what a real MCP server said to the calls.
    """

    name: str
    wire: Wire
    scores: Mapping[str, tuple[Score, ...]]
    metrics: Mapping[str, dict[str, Any]]
    multi_step: Mapping[str, MultiStep] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    live: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Comparison:
    """Every metric of a tuned arm minus that of a base, on one split."""

    split: str
    base: str
    tuned: str
    differences: tuple[Difference, ...]

    def row(self) -> dict[str, Any]:
        """As JSON."""
        names = {"split": self.split, "base": self.base, "tuned": self.tuned}
        return {**names, "differences": [found.row() for found in self.differences]}

    def of(self, metric: str) -> Difference | None:
        return next((found for found in self.differences if found.metric == metric), None)


@dataclass(frozen=True)
class Evaluation:
    """All arms on all splits. `skipped`: arms that were not to be had, and why.

    With a `limit` it is not a real score; `max_length` left out longer records.
    """

    splits: tuple[Split, ...]
    arms: tuple[ArmResult, ...]
    comparisons: tuple[Comparison, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    limit: int | None = None
    max_length: int | None = None

    @property
    def lead(self) -> ArmResult:
        """The arm that the evaluation is about: tuned where there is one."""
        by_name = {arm.name: arm for arm in self.arms}
        return next((by_name[name] for name in LEADS if name in by_name), self.arms[0])

    def rival(self, split: str) -> Comparison | None:
        """The comparison with the better of the plain bases, by accuracy."""
        found = [c for c in self.comparisons if c.split == split and c.base in BASES]
        return max(found, key=_base_accuracy, default=None)

    def warnings(self) -> list[str]:
        """Where the tuned arm declines significantly less often than a base, in words."""
        return [
            f"{comparison.split}: {comparison.tuned} has a {found.metric} of {found.b:.3f}, "
            f"{comparison.base} {found.a:.3f} (n {found.n}, p {found.p:.2g}): fine-tuning broke "
            "refusals; add refusals and requests without a fitting tool to the training data"
            for comparison in self.comparisons
            for found in comparison.differences
            if comparison.base in BASES and found.metric in GUARDED and found.better is False
        ]


def _base_accuracy(comparison: Comparison) -> float:
    accuracy = comparison.of("accuracy")
    return accuracy.a if accuracy else 0.0


def scores_of(split: Split, replies: Mapping[str, str], wire: Wire) -> tuple[Score, ...]:
    """A score for each example of a split, in its order."""
    return tuple(score_example(example, replies[example.id], wire) for example in split.examples)


def split_metrics(
    split: Split, scores: Sequence[Score], trained: frozenset[str] | None
) -> dict[str, Any]:
    """Everything that is said of one arm on one split; by tools where it is known what was
    trained, and by the suite's own categories."""
    metrics = metrics_of(scores, [cluster_of(example) for example in split.examples])
    metrics["n_in_file"] = split.n_in_file
    if trained is not None:
        metrics["by_tools"] = _by_tools(split.examples, scores, trained)
    if split.suite is not None:
        metrics[split.suite] = suite_module(split.suite).summarize(scores)
    return metrics


def _by_tools(
    examples: Sequence[Example], scores: Sequence[Score], trained: frozenset[str]
) -> dict[str, Any]:
    """Accuracy by whether any tool on offer was seen in training."""
    seen = [offers_trained(example, trained) for example in examples]
    parts = {"seen": True, "unseen": False}
    return {
        name: asdict(share(s.correct for s, was in zip(scores, seen, strict=True) if was is want))
        for name, want in parts.items()
    }


def comparisons_of(splits: Sequence[Split], arms: Sequence[ArmResult]) -> Iterator[Comparison]:
    """The tuned arm against each base, split by split."""
    by_name = {arm.name: arm for arm in arms}
    for tuned in (by_name[name] for name in ("tuned",) if name in by_name):
        for base in (by_name[name] for name in RIVALS if name in by_name):
            for split in splits:
                clusters = [cluster_of(example) for example in split.examples]
                found = differences(base.scores[split.name], tuned.scores[split.name], clusters)
                yield Comparison(split.name, base.name, tuned.name, tuple(found))
