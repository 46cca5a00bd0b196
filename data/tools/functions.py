"""Functions of a Python file as definitions, by their type hints and docstrings.

Importing a file runs it, so this happens at the user's word only (--run-code).
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from data.cli import DataError, UserError
from data.tools.codes import Rejected
from data.tools.found import Found


def functions_of(path: Path) -> Iterator[Found]:
    """The public functions that a file itself defines, in its order. Raises UserError, DataError.

    The schema of each is transformers.utils.get_json_schema's.
    """
    module = _imported(path)
    public = module.__dict__.get("__all__")
    for name, value in list(vars(module).items()):
        is_own = inspect.isfunction(value) and value.__module__ == module.__name__
        if is_own and (name in public if public is not None else not name.startswith("_")):
            yield _found(value, name, path.stem)


def _imported(path: Path) -> ModuleType:
    name = f"_tools_of_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path}: not a Python file; give one that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # type hints are looked up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError(f"{path}: cannot be imported ({reason[:200]}); mend the file") from None
    return module


def _found(function: Callable[..., Any], name: str, server: str) -> Found:
    try:
        from transformers.utils import get_json_schema
    except ImportError:
        raise UserError(
            'type hints are read with Transformers, which is missing; pip install -e ".[train]"'
        ) from None
    where = f"{server}.{name}"
    try:
        function_schema = get_json_schema(function)["function"]
    except Exception as error:  # the user's annotations can raise whatever they like
        reason = " ".join(str(error).split())[:120]
        return Found({"name": name}, server, where, (), Rejected("function_unreadable", "", reason))
    function_schema.pop("return", None)
    return Found(function_schema, server, where)
