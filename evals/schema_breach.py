"""In what do a call's arguments break their tool's schema? Bounded, whatever the reply holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from jsonschema.exceptions import best_match

from data.checks.engines import MAX_SCHEMAS_KEPT, SchemaError, compiled, metaschema_errors
from data.checks.patterns import PatternTooSlow
from data.wire import ToolCall

# More than any sensible reply has; beyond them a reply counts as invalid and is not looked into.
MAX_CALLS = 64
MAX_ARGUMENT_CHARS = 50_000
_MAX_REASON = 300


def schema_breach(calls: Sequence[ToolCall], schemas: Mapping[str, dict[str, Any]]) -> str | None:
    """The first breach of a schema by calls of known tools, or None. No reference is fetched."""
    if len(calls) > MAX_CALLS:
        return f"{len(calls)} calls, more than {MAX_CALLS}"
    for call in calls:
        schema = schemas.get(call.name)
        breach = None if schema is None else _breach(call.arguments, schema)
        if breach is not None:
            return f"{call.name}: {breach}"[:_MAX_REASON]
    return None


def _breach(arguments: dict[str, Any], schema: dict[str, Any]) -> str | None:
    if problem := _problem_of(json.dumps(schema)):
        return f"the tool's own schema is invalid: {problem}"
    if (length := len(json.dumps(arguments))) > MAX_ARGUMENT_CHARS:
        return f"arguments of {length} characters, more than {MAX_ARGUMENT_CHARS}"
    try:
        errors = compiled(schema).errors(arguments)
    except (SchemaError, PatternTooSlow) as problem:
        return f"its schema cannot be applied: {problem}"
    error = best_match(errors)
    return None if error is None else f"{error.json_path}: {error.message}"


@lru_cache(maxsize=MAX_SCHEMAS_KEPT)
def _problem_of(schema_text: str) -> str | None:
    """The first thing in which a schema breaks its metaschema."""
    return next((message for _, message in metaschema_errors(json.loads(schema_text))), None)
