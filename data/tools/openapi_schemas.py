"""Schemas of an OpenAPI document as JSON Schema 2020-12: one inputSchema an operation.

A reference into the document becomes one into $defs, so that cycles stay what they are.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from data.tools.codes import Notes, Rejected
from data.tools.references import target
from data.tools.schema_mends import pointer

MAX_PARTS = 5000
# What OpenAPI adds and JSON Schema does not know, and examples, which cost tokens.
_DROPPED = ("xml", "externalDocs", "discriminator", "example", "examples", "readOnly", "writeOnly")
_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_VALUES = ("enum", "const", "default", "required")
_ALONE = ("allOf", "anyOf", "oneOf", "not", "if", "additionalProperties", "patternProperties")


class SchemaReader:
    """Reads the schemas of one operation and collects what they refer to."""

    def __init__(self, document: dict[str, Any], is_3_0: bool, notes: Notes) -> None:
        self._document = document
        self._is_3_0 = is_3_0
        self._notes = notes
        self._names: dict[str, str] = {}
        self._n_parts = 0
        self.defs: dict[str, Any] = {}

    def read(self, value: Any, at: str) -> Any:
        """The schema with OpenAPI's own keywords translated. Raises Rejected."""
        self._n_parts += 1
        if self._n_parts > MAX_PARTS:
            raise Rejected("schema_too_large", at, f"over {MAX_PARTS:,} parts")
        if isinstance(value, list):
            return [self.read(item, pointer(at, index)) for index, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        schema = {str(key): item for key, item in value.items() if not _is_foreign(key)}
        self._without_read_only(schema, at)
        for key, item in schema.items():
            inside = pointer(at, key)
            if key in _MAPS and isinstance(item, dict):
                schema[key] = {str(n): self.read(p, pointer(inside, n)) for n, p in item.items()}
            elif key == "$ref":
                schema[key] = self._ref(item, inside)
            elif key not in _VALUES:
                schema[key] = self.read(item, inside)
        is_nullable = schema.pop("nullable", None)
        return self._nullable(schema, at) if is_nullable is True and self._is_3_0 else schema

    def resolved(self, schema: Any) -> Any:
        """A schema as it was read, its own references into $defs followed."""
        for _ in range(20):
            if not isinstance(schema, dict) or set(schema) - {"$ref", "description"}:
                return schema
            if "$ref" not in schema:
                return schema
            schema = target({"$defs": self.defs}, schema["$ref"])
        return {}

    def _ref(self, ref: Any, at: str) -> str:
        if not isinstance(ref, str):
            raise Rejected("operation_invalid", at, f"$ref {ref!r}"[:80])
        if not ref.startswith("#"):
            raise Rejected("ref_remote", at, ref[:80])
        if ref not in self._names:
            found = target(self._document, ref)
            if found is None:
                raise Rejected("ref_missing", at, ref[:80])
            name = self._def_name(ref)
            self._names[ref] = name
            self.defs[name] = {}
            self.defs[name] = self.read(found, f"/$defs/{name}")
        return f"#/$defs/{self._names[ref]}"

    def _def_name(self, ref: str) -> str:
        last = unquote(ref.rsplit("/", 1)[-1]).replace("~1", "/").replace("~0", "~")
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", last) or "it"
        while name in self.defs:
            name += "_"
        return name

    def _without_read_only(self, schema: dict[str, Any], at: str) -> None:
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            return
        out = [name for name, part in properties.items() if _is_read_only(part)]
        for name in out:
            self._notes.add("read_only", pointer(at, "properties", name), str(name))
        if out:
            schema["properties"] = {n: part for n, part in properties.items() if n not in out}
            if isinstance(schema.get("required"), list):
                schema["required"] = [n for n in schema["required"] if n not in out]

    def _nullable(self, schema: dict[str, Any], at: str) -> dict[str, Any]:
        self._notes.add("nullable", pointer(at, "nullable"), "true")
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
        if isinstance(schema.get("type"), str):
            schema["type"] = [schema["type"], "null"]
            return schema
        if not {"$ref", "allOf", "anyOf", "oneOf"} & set(schema):
            return schema
        words: dict[str, Any] = {
            k: schema.pop(k) for k in ("title", "description", "default") if k in schema
        }
        return {**words, "anyOf": [schema, {"type": "null"}]}


def _is_foreign(key: object) -> bool:
    return key in _DROPPED or str(key).startswith("x-")


def _is_read_only(part: Any) -> bool:
    return isinstance(part, dict) and part.get("readOnly") is True


class Arguments:
    """The arguments of one operation, each under a name of its own."""

    def __init__(self, reader: SchemaReader, notes: Notes) -> None:
        self._reader = reader
        self._notes = notes
        self._properties: dict[str, Any] = {}
        self._required: list[str] = []
        self._taken: dict[tuple[str, str], str] = {}
        self._names: set[str] = set()

    def add(self, name: str, place: str, schema: Any, is_needed: bool) -> None:
        """Add a parameter; the place goes in front of a name that is taken."""
        new = name
        if new in self._properties:
            new = f"{place}_{name}"
            self._notes.add("parameter_renamed", pointer("/parameters", name), name, new)
        if new in self._properties:
            raise Rejected("operation_invalid", pointer("/parameters", name), "named twice")
        self._taken[name, place] = new
        read = self._reader.read(schema, pointer("/inputSchema/properties", new))
        self._properties[new] = read
        if is_needed:
            self._required.append(new)

    def describe(self, name: str, place: str, text: Any) -> None:
        """Give a parameter its description where its schema has none."""
        schema = self._properties.get(self._taken[name, place])
        if isinstance(schema, dict) and isinstance(text, str) and "description" not in schema:
            schema["description"] = text

    def add_body(self, given: Any, is_needed: bool, text: Any) -> None:
        """The properties of a body beside the parameters; a body that has none as one argument."""
        read = self._reader.read(given, "/requestBody")
        body = self._reader.resolved(read)
        names = body.get("properties") if isinstance(body, dict) else None
        if isinstance(names, dict) and names and not self._is_whole(body, names):
            self._properties.update(names)
            needed = body.get("required") if is_needed else None
            self._required += _names(needed, names)
            return
        self._notes.add("body_whole", "/requestBody", _reason(body, names))
        self.add("body", "body", {}, is_needed)
        self._properties[self._taken["body", "body"]] = read
        self.describe("body", "body", text)

    def _is_whole(self, body: dict[str, Any], names: dict[str, Any]) -> bool:
        return bool(set(names) & set(self._properties)) or any(key in body for key in _ALONE)

    def schema(self) -> dict[str, Any]:
        """The inputSchema, with the definitions that it really uses."""
        out: dict[str, Any] = {"type": "object", "properties": self._properties}
        if self._required:
            out["required"] = self._required
        defs = _used(out, self._reader.defs)
        return {**out, "$defs": defs} if defs else out


def _names(needed: Any, properties: dict[str, Any]) -> list[str]:
    given = needed if isinstance(needed, list) else []
    return [name for name in given if isinstance(name, str) and name in properties]


def _reason(body: Any, names: Any) -> str:
    if not isinstance(names, dict) or not names:
        kind = body.get("type", "no type") if isinstance(body, dict) else type(body).__name__
        return f"no properties ({kind})"
    return "names of parameters, or keywords that hold for all properties"


def _used(schema: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    names: dict[str, None] = {}
    waiting: list[Any] = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            ref = value.get("$ref")
            name = ref.removeprefix("#/$defs/") if isinstance(ref, str) else None
            if name in defs and name not in names:
                names[name] = None
                waiting.append(defs[name])
            waiting.extend(value.values())
    return {name: part for name, part in defs.items() if name in names}
