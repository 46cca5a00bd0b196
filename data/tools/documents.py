"""JSON and YAML files as values. YAML is read as its 1.2 reads: `no` is a text, a date too."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from data.cli import DataError, UserError

MAX_BYTES = 64 << 20


def read_text(path: Path) -> str:
    """The text of a file, a byte order mark left out. Raises UserError, DataError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path}: over {MAX_BYTES >> 20} MiB; give a smaller file")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give an existing file") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from None


def read_document(path: Path) -> Any:
    """The value of a JSON or YAML file; of JSON lines, a list of their values."""
    text = read_text(path)
    if path.suffix.lower() in (".yaml", ".yml"):
        return _yaml(path, text)
    try:
        return json.loads(text)
    except RecursionError:
        raise DataError(f"{path}: nested too deep") from None
    except ValueError as error:
        lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
        if len(lines) > 1 and path.suffix.lower() in (".jsonl", ".ndjson", ".json", ""):
            return [_line(path, number, line, error) for number, line in lines]
        raise DataError(f"{path}: not JSON: {error}") from None


def _line(path: Path, number: int, line: str, whole: ValueError) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = whole if number == 1 else str(error).split(": line")[0]
        raise DataError(f"{path}:{number}: not JSON: {reason}") from None


def _yaml(path: Path, text: str) -> Any:
    import yaml

    try:
        return yaml.load(text, Loader=_loader())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: not YAML: {reason[:200]}") from None


@cache
def _loader() -> Any:
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("Loader12", (base,), {})
    dropped = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:value")
    loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in pairs if tag not in dropped]
        for first, pairs in base.yaml_implicit_resolvers.items()
    }
    words = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
    loader.add_implicit_resolver("tag:yaml.org,2002:bool", words, list("tTfF"))
    return loader
