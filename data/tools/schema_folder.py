"""A folder of JSON Schemas as definitions: each file holds the arguments of one tool."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data.cli import DataError, UserError
from data.tools.codes import Notes, Rejected
from data.tools.definitions import definitions, is_definitions
from data.tools.documents import read_document
from data.tools.found import Found

SUFFIXES = (".json", ".yaml", ".yml")
_ENDINGS = (".schema", "_schema", "-schema")


def tools_of_folder(folder: Path) -> Iterator[Found]:
    """One tool a file, named after its title or the file. Raises UserError for an empty folder."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise UserError(f"{folder}: no {', '.join(SUFFIXES)} file; give a folder of JSON Schemas")
    for path in files:
        where = str(path.relative_to(folder))
        try:
            value = read_document(path)
        except DataError as error:
            problem = Rejected("schema_invalid", "", str(error)[:120])
            yield Found(None, folder.name, where, (), problem)
            continue
        if is_definitions(value):
            yield from definitions(value, folder.name)
        else:
            yield _tool(value, path, where)


def is_schema(value: Any) -> bool:
    """Whether a JSON value is a JSON Schema of an object."""
    words = {"$schema", "properties", "type", "$ref", "allOf", "anyOf", "oneOf", "$defs"}
    return isinstance(value, dict) and bool(words & set(value))


def schema_tool(value: Any, path: Path) -> Found:
    """One schema file as a tool."""
    return _tool(value, path, path.name)


def _tool(value: Any, path: Path, where: str) -> Found:
    stem = path.name.split(".")[0] if path.name.count(".") > 1 else path.stem
    for ending in _ENDINGS:
        stem = stem.removesuffix(ending)
    if not is_schema(value):
        problem = Rejected("schema_invalid", "", "no JSON Schema")
        return Found({"name": stem}, path.parent.name, where, (), problem)
    title = value.get("title")
    is_name = isinstance(title, str) and title.replace("_", "a").replace("-", "a").isalnum()
    name = title if is_name else stem
    notes = Notes(str(name))
    if not is_name:
        notes.add("name_made", "/title", repr(title)[:80], str(name))
    words = ("description", "title")
    schema = {key: part for key, part in value.items() if key not in words}
    description = value.get("description", title if not is_name else None)
    tool = {"name": name, "description": description, "inputSchema": schema}
    return Found(tool, path.parent.name, where, tuple(notes.items))
