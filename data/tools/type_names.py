"""Type names that people write, as JSON Schema: `list(str)`, `Dict[str, int]`, `'asc' | 'desc'`.

TYPE  := PART ("|" PART | " or " PART)* [", optional"]
PART  := NAME [ "[" TYPE, ... "]" ] | "array of" TYPE | LITERAL      (also with () and <>)
"""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from typing import Any, NamedTuple

JSON_TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")
_WORDS = {
    "string": "str text char character varchar",
    "integer": "int long short byte bigint biginteger int8 int16 int32 int64 uint uint32 uint64",
    "number": "float double decimal real numeric float32 float64 bigdecimal",
    "boolean": "bool",
    "array": "list tuple set frozenset sequence iterable arraylist vector collection",
    "object": "dict dictionary map mapping hashmap hashtable treemap json struct",
    "null": "none nonetype nil",
}
NAMES = {name: name for name in JSON_TYPES} | {
    word: name for name, words in _WORDS.items() for word in words.split()
}
_FORMATS = {"date": "date", "datetime": "date-time", "uuid": "uuid", "uri": "uri", "email": "email"}
_ANY = {"any", "mixed", "enum"}
_OPTIONAL = re.compile(r"\s*[,(]\s*(optional|required)\s*\)?\s*\Z", re.IGNORECASE)
_NAME = re.compile(r"(?:typing\.|java\.util\.|java\.lang\.)?([A-Za-z]\w*)\s*\Z")
_GENERIC = re.compile(r"(?:typing\.)?([A-Za-z]\w*)\s*([\[(<])(.*)[\])>]\s*\Z", re.DOTALL)
_ARRAY_OF = re.compile(r"(?:array|list)\s+of\s+(.+)\Z", re.IGNORECASE | re.DOTALL)
_PAIRS = {"[": "]", "(": ")", "<": ">", "{": "}"}
MAX_LENGTH, MAX_DEPTH = 400, 20


class TypeReading(NamedTuple):
    """What a type text says; `code` is how it is reported, `optional` None where it is not said."""

    schema: dict[str, Any]
    code: str
    optional: bool | None = None


@lru_cache(maxsize=4096)
def read_type(text: str) -> TypeReading | None:
    """The schema that a text in the place of a type means, or None where that is not clear."""
    if len(text) > MAX_LENGTH:
        return None
    marked = _OPTIONAL.search(text)
    bare = text[: marked.start()] if marked else text
    optional = marked[1].lower() == "optional" if marked else None
    if bare.strip().lower() == "optional":
        return TypeReading({}, "type_optional", True)
    schema = _union(bare, MAX_DEPTH)
    if schema is None:
        return None
    return TypeReading(schema, _code(bare, schema, optional), optional)


def _code(text: str, schema: dict[str, Any], optional: bool | None) -> str:
    if optional is not None:
        return "type_optional"
    if "enum" in schema:
        return "type_choices"
    if not schema:
        return "type_any"
    return "type_name" if _NAME.match(text.strip()) else "type_generic"


def _union(text: str, depth: int) -> dict[str, Any] | None:
    parts = _split(re.sub(r"\s+or\s+", "|", text) if "'" not in text else text, "|")
    if not depth or len(parts) > 40:
        return None
    literals = [_literal(part) for part in parts]
    if all(literal is not None for literal in literals):
        return _enum([literal[0] for literal in literals if literal])
    schemas = [_part(part.strip(), depth - 1) for part in parts]
    if any(schema is None for schema in schemas):
        return None
    return any_of([schema for schema in schemas if schema is not None])


def any_of(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    """One schema that allows what any of them allows."""
    if len(schemas) == 1 or {} in schemas:
        return schemas[0] if len(schemas) == 1 else {}
    if all(set(schema) == {"type"} and isinstance(schema["type"], str) for schema in schemas):
        types = list(dict.fromkeys(schema["type"] for schema in schemas))
        return {"type": types if len(types) > 1 else types[0]}
    return {"anyOf": schemas}


def _part(text: str, depth: int) -> dict[str, Any] | None:
    name = _NAME.match(text)
    if name:
        return _named(name[1].lower())
    array = _ARRAY_OF.match(text)
    if array:
        plural = re.sub(r"(?<=\w{3})s\Z", "", array[1].strip())
        items = _union(array[1], depth) or _union(plural, depth) if depth else None
        return None if items is None else _array(items)
    generic = _GENERIC.match(text)
    return _generic(generic[1].lower(), _split(generic[3], ","), depth) if generic else None


def _named(name: str) -> dict[str, Any] | None:
    if name in _ANY:
        return {}
    if name in _FORMATS:
        return {"type": "string", "format": _FORMATS[name]}
    return {"type": NAMES[name]} if name in NAMES else None


def _generic(name: str, texts: list[str], depth: int) -> dict[str, Any] | None:
    if name == "literal":
        literals = [_literal(text) for text in texts]
        return None if None in literals else _enum([one[0] for one in literals if one])
    ends_open = name == "tuple" and len(texts) == 2 and texts[1].strip() == "..."
    parts = [_union(text, depth) for text in (texts[:1] if ends_open else texts)]
    known = [part for part in parts if part is not None]
    if not parts or len(known) < len(parts):
        return None
    if name == "optional":
        return any_of([*known, {"type": "null"}])
    if name == "union":
        return any_of(known)
    kind = NAMES.get(name)
    if kind == "object":
        return {"type": "object", "additionalProperties": known[-1]} if len(known) == 2 else None
    if kind == "array" and len(known) == 1 and (name != "tuple" or ends_open):
        return _array(known[0])
    if name == "tuple":
        exact = {"minItems": len(known), "maxItems": len(known)}
        return {"type": "array", "prefixItems": known, **exact}
    return None


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items} if items else {"type": "array"}


def _enum(values: list[Any]) -> dict[str, Any]:
    is_text = all(isinstance(value, str) for value in values)
    return {"type": "string", "enum": values} if is_text else {"enum": values}


def _literal(text: str) -> tuple[Any] | None:
    """A quoted text or a number, in a tuple of its own: null is no literal."""
    text = text.strip()
    if not re.match(r"""(['"]).*\1\Z|-?\d+(\.\d+)?\Z""", text, re.DOTALL):
        return None
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
    return (value,) if isinstance(value, str | int | float) else None


def _split(text: str, mark: str) -> list[str]:
    """Split at a mark that stands outside of brackets and quotes."""
    parts, start, closers, quote = [], 0, "", ""
    for index, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in _PAIRS:
            closers += _PAIRS[char]
        elif closers and char == closers[-1]:
            closers = closers[:-1]
        elif char == mark and not closers:
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]
