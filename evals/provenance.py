"""Where an arm's replies come from: model, adapter, template, decoding, data, versions, cost."""

from __future__ import annotations

import datetime as dt
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from data.versions import installed
from evals.splits import Split

SCORED_WITH = ("toolcall-sft", "jsonschema", "numpy")


def provenance(
    backend: Mapping[str, Any], splits: Sequence[Split], dollars_per_hour: float | None = None
) -> dict[str, Any]:
    """The facts of a backend with those of data and scoring; its `seconds` give the cost."""
    seconds: float | None = backend.get("seconds")
    dollars = None
    if dollars_per_hour is not None and seconds is not None:
        dollars = round(seconds / 3600 * dollars_per_hour, 4)
    return {
        **backend,
        "dollars": dollars,
        "data": {split.name: split.facts() for split in splits},
        "scored_with": {"python": platform.python_version(), **installed(SCORED_WITH)},
        "scored_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }
