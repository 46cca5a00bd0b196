"""JSON Schema engines: `jsonschema` is the reference, `jsonschema_rs` a first pass if installed.

No schema is ever fetched.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from data.checks.formats import FORMATS, format_checker
from data.checks.obvious import LOCAL_REF, is_obviously_valid
from data.checks.patterns import PatternTooSlow, check_pattern, check_pattern_properties
from data.checks.plain import is_plain

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

MAX_ERRORS = 20
MAX_SCHEMAS_KEPT = 20_000
_SHARED = ("$schema", "$defs", "definitions")
UNUSABLE = {"schema_invalid", "schema_ref", "schema_ref_remote", "schema_pattern"}


class Interrupted(BaseException):
    """The time for one line is over; a BaseException, so that no `except Exception` swallows it."""


class SchemaError(Exception):
    """The reference engine cannot evaluate a schema."""


def load() -> None:
    """Import what checks need: it can take over a second, too long for the time of one line.

    With a first pass the reference is asked rarely, and is imported then.
    """
    import numpy

    assert numpy
    if _rust() is None:
        import jsonschema.validators

        assert jsonschema.validators


class Compiled:
    """A schema ready to check arguments with both engines."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema
        self._reference: Validator | None = None

    @cached_property
    def _quick(self) -> Any:
        return _quick_engines(json.dumps(self._schema))

    def errors(self, arguments: Any) -> list[Any]:
        """The reference engine's errors, MAX_ERRORS at most. Raises SchemaError, PatternTooSlow."""
        if is_obviously_valid(arguments, self._schema):
            return []
        if self._quick is not None and _says_valid(self._quick, arguments):
            return []
        return self._first(arguments)

    def allows(self, name: str, value: Any) -> bool:
        """Whether a value fits one property; true where that cannot be told."""
        part = self._schema["properties"][name]
        if is_obviously_valid(value, part, self._schema):
            return True
        around = {k: v for k, v in self._schema.items() if k in _SHARED}
        text = json.dumps({**around, **{k: v for k, v in part.items() if k != "default"}})
        if "$ref" in text:
            text = json.dumps({**around, "allOf": [part]})
        return _allows(text, json.dumps(value))

    def _first(self, value: Any) -> list[Any]:
        try:
            if self._reference is None:
                self._reference = reference_engine(self._schema)
            found = self._reference.iter_errors(value)
            return [error for error, _ in zip(found, range(MAX_ERRORS), strict=False)]
        except PatternTooSlow:
            raise
        except BaseException as error:
            if not _is_failure(error):
                raise
            raise SchemaError(f"{type(error).__name__}: {str(error)[:120]}") from None


def _is_failure(error: BaseException) -> bool:
    """Whether an engine failed on a strange schema, which is a finding, and the user did not stop.

    rpds, on which jsonschema's references stand, panics near the recursion limit, and a panic of
    Rust is no Exception.
    """
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def _says_valid(quick: Any, value: Any) -> bool:
    try:
        return bool(quick.is_valid(value))
    except Exception:  # such as a lone surrogate, which Rust cannot hold
        return False


def compiled(schema: dict[str, Any]) -> Compiled:
    """For callers that meet a schema again and again: the same one for the same JSON."""
    return _compiled(json.dumps(schema))


@lru_cache(maxsize=MAX_SCHEMAS_KEPT)
def _compiled(schema: str) -> Compiled:
    return Compiled(json.loads(schema))


@lru_cache(maxsize=MAX_SCHEMAS_KEPT)
def _quick_engines(schema: str) -> Any:
    """quick_engine of a schema's JSON: each distinct one is compiled once."""
    return quick_engine(json.loads(schema))


@lru_cache(maxsize=MAX_SCHEMAS_KEPT)
def _allows(schema: str, value: str) -> bool:
    try:
        return not _compiled(schema).errors(json.loads(value))
    except (SchemaError, PatternTooSlow):
        return True


def known_dialect(dialect: Any) -> bool:
    """Whether jsonschema has the metaschema of a $schema."""
    if not isinstance(dialect, str):
        return False
    return dialect.rstrip("#") in _RUST_DIALECTS or _class_named(dialect) is not None


def metaschema_errors(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Pointer and message of each breach of the metaschema that the schema declares."""
    rust = _rust()
    if rust is not None and _quietly_valid(rust, schema):
        return
    from jsonschema.exceptions import best_match

    checker = _class_for(schema)
    meta = checker(checker.META_SCHEMA, registry=_registry())
    try:
        found = list(zip(meta.iter_errors(schema), range(MAX_ERRORS), strict=False))
    except BaseException as failure:
        if not _is_failure(failure):
            raise
        yield "", f"cannot be checked: {type(failure).__name__}: {str(failure)[:120]}"
        return
    for error, _ in found:
        inner = best_match([error]) or error
        pointer = "".join(f"/{part}" for part in inner.absolute_path)
        yield pointer, inner.message[:200]


def _quietly_valid(rust: Any, schema: dict[str, Any]) -> bool:
    dialect = schema.get("$schema", "https://json-schema.org/draft/2020-12/schema")
    if not isinstance(dialect, str) or dialect.rstrip("#") not in _RUST_DIALECTS:
        return False
    try:
        return bool(rust.meta.is_valid({"$schema": dialect, **schema}))
    except Exception:  # the reference decides what the first pass cannot read
        return False


_RUST_DIALECTS = {
    "https://json-schema.org/draft/2020-12/schema",
    "http://json-schema.org/draft-07/schema",
}


@cache
def _rust() -> Any:
    try:
        import jsonschema_rs
    except ImportError:
        return None
    return jsonschema_rs


def quick_engine(schema: dict[str, Any]) -> Any:
    """jsonschema_rs's validator where its "valid" is sure to be the reference's, else None."""
    rust = _rust()
    if rust is None or not is_plain(schema):
        return None
    try:
        return rust.validator_for(schema, validate_formats=True, formats=FORMATS)
    except Exception:  # the reference decides what the first pass cannot read
        return None


def _class_for(schema: Any) -> Any:
    from jsonschema import Draft202012Validator

    dialect = schema.get("$schema") if isinstance(schema, dict) else None
    chosen = _class_named(dialect) if isinstance(dialect, str) else None
    return chosen or Draft202012Validator


def _class_named(dialect: str) -> Any:
    from jsonschema.validators import validator_for

    nothing: Any = None
    try:
        return validator_for({"$schema": dialect}, default=nothing)
    except ValueError:  # a URL that urllib cannot split
        return None


@cache
def _registry() -> Any:
    """Only the metaschemas: a registry that retrieves nothing."""
    from jsonschema_specifications import REGISTRY

    return REGISTRY


@cache
def _bounded(checker: Any) -> Any:
    """A jsonschema validator class whose patterns are bounded in time."""
    from jsonschema import validators

    extend: Any = validators.extend
    return extend(
        checker, {"pattern": check_pattern, "patternProperties": check_pattern_properties}
    )


def reference_engine(schema: Any) -> Validator:
    """jsonschema's validator for the dialect the schema declares, with its format checker."""
    checker = _class_for(schema)
    engine: Validator = _bounded(checker)(
        schema, registry=_registry(), format_checker=format_checker()
    )
    return engine


def _dict_at(schema: dict[str, Any], key: str) -> dict[str, Any]:
    value = schema.get(key)
    return value if isinstance(value, dict) else {}


def resolves(schema: dict[str, Any], ref: str) -> bool:
    """Whether a reference leads somewhere inside the schema, or to a metaschema."""
    found = LOCAL_REF.match(ref)
    if found and found[2] in _dict_at(schema, found[1]):
        return True
    from referencing import Resource
    from referencing.jsonschema import DRAFT202012

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            resource = Resource.from_contents(schema, default_specification=DRAFT202012)
            registry = _registry().with_resource(resource.id() or "", resource)
            registry.resolver(resource.id() or "").lookup(ref)
    except Exception:  # unresolvable, or a schema so odd that no reference can be followed
        return False
    return True
