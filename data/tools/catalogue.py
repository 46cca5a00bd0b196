"""The catalogue file: tools as MCP defines them, with what was mended and what was left out.

{"tools": [{"name", "description", "inputSchema"}], "source": [{"format", "from", "tools"}],
 "rejected": [{"tool", "pointer", "code", "found", "done"}],
 "notes": [{"tool", "pointer", "code", "found", "done"}]}
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from data.cli import DataError, UserError
from data.names import words_of
from data.tools.codes import CODES, Note, Notes, Rejected
from data.tools.found import Found
from data.tools.mend import Tool, mend_tool

_FIELDS = {"name": str, "description": str, "inputSchema": dict}
MAX_NAME = 128


@dataclass(frozen=True)
class Catalogue:
    """Tools that can be trained and evaluated, and a full account of all that were found."""

    tools: tuple[Tool, ...]
    rejected: tuple[Note, ...]
    notes: tuple[Note, ...]
    source: tuple[dict[str, Any], ...] = ()


def catalogue_of(
    found: Iterable[Found],
    source: Iterable[dict[str, Any]] = (),
    without: Sequence[str] = (),
) -> Catalogue:
    """Mend every definition; each ends up among the tools or among the rejected, once.

    Tools whose names match one of `without`, in which * stands for anything, are rejected.
    """
    tools: dict[str, Tool] = {}
    owners: dict[str, str] = {}
    rejected: list[Note] = []
    notes: list[Note] = []
    for item in found:
        label = _label(item)
        try:
            if item.problem is not None:
                raise item.problem
            if any(fnmatchcase(label, pattern) for pattern in without):
                raise Rejected("not_wanted", "/name", label)
            tool, own = mend_tool(item.definition, item.where)
            tool, renamed = _placed(tool, item.server, tools, owners)
        except Rejected as problem:
            done = CODES[problem.code].done
            rejected.append(Note(label, problem.pointer, problem.code, problem.found, done))
        else:
            tools[tool["name"]], owners[tool["name"]] = tool, item.server
            noted = (*item.notes, *own, *renamed)
            notes.extend(note._replace(tool=tool["name"]) for note in noted)
    return Catalogue(tuple(tools.values()), tuple(rejected), tuple(notes), tuple(source))


def _label(item: Found) -> str:
    name = item.definition.get("name") if isinstance(item.definition, dict) else None
    return name[:MAX_NAME] if isinstance(name, str) and name.isprintable() else item.where


def _placed(
    tool: Tool, server: str, tools: dict[str, Tool], owners: dict[str, str]
) -> tuple[Tool, tuple[Note, ...]]:
    """The tool under a name of its own. Raises Rejected where its own server has it twice."""
    name = tool["name"]
    if name not in tools:
        return tool, ()
    if tools[name] == tool:
        raise Rejected("tool_repeated", "/name", name[:80])
    prefix = "_".join(words_of(server))
    new = f"{prefix}__{name}"
    if owners[name] == server or not prefix or len(new) > MAX_NAME:
        raise Rejected("name_duplicate", "/name", name[:80])
    if new in tools:
        code = "tool_repeated" if tools[new] == {**tool, "name": new} else "name_duplicate"
        raise Rejected(code, "/name", name[:80])
    notes = Notes(new)
    notes.add("name_prefixed", "/name", name, new)
    return {**tool, "name": new}, tuple(notes.items)


def write_catalogue(path: Path, catalogue: Catalogue) -> None:
    """Write the file whole or not at all."""
    content = {
        "tools": catalogue.tools,
        "source": catalogue.source,
        "rejected": [note._asdict() for note in catalogue.rejected],
        "notes": [note._asdict() for note in catalogue.notes],
    }
    partial = path.with_name(path.name + ".partial")
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    partial.write_text(text, encoding="utf-8", errors="backslashreplace")
    os.replace(partial, path)


def read_tools(path: Path) -> tuple[Tool, ...]:
    """The tools of a catalogue file, ready for records. Raises UserError, DataError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give a file of data.tools import") from None
    except (ValueError, RecursionError):
        raise DataError(f"{path}: not JSON; python -m data.tools import writes one") from None
    tools = content.get("tools") if isinstance(content, dict) else None
    if not isinstance(tools, list) or not all(map(_is_tool, tools)):
        raise DataError(
            f"{path}: no catalogue of tools with {', '.join(_FIELDS)}; "
            f"python -m data.tools import {path} --out FILE makes one"
        )
    if not tools:
        raise DataError(f"{path}: holds no tool; see its 'rejected'")
    return tuple({key: tool[key] for key in _FIELDS} for tool in tools)


def _is_tool(tool: Any) -> bool:
    if not isinstance(tool, dict):
        return False
    return all(isinstance(tool.get(key), kind) for key, kind in _FIELDS.items())
