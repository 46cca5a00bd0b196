"""Texts of a definition that a chat template or a record file cannot carry."""

from __future__ import annotations

import math
import re
from typing import Any

from data.checks.credentials import CREDENTIALS, credentials_in, may_hold_credentials
from data.checks.shape import CONTROL_TOKEN
from data.tools.codes import Notes, Rejected
from data.tools.schema_mends import pointer

_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_PASSWORD = re.compile(r":[^\s/:@]+@")
_PROSE = ("description", "title", "$comment")


def is_clean_name(name: str) -> bool:
    """Whether the wire and the template carry a name as it is."""
    return not (_CONTROL.search(name) or _SURROGATE.search(name) or CONTROL_TOKEN.search(name))


def cleaned(tool: dict[str, Any], notes: Notes) -> dict[str, Any]:
    """The tool with its prose mended; Rejected where a value that counts cannot be carried."""
    return {
        "name": tool["name"],
        "description": _prose(tool["description"], "/description", notes),
        "inputSchema": _clean(tool["inputSchema"], "/inputSchema", notes),
    }


def _clean(value: Any, at: str, notes: Notes) -> Any:
    if isinstance(value, dict):
        return {
            _exact(key, at): _prose(part, pointer(at, key), notes)
            if key in _PROSE and isinstance(part, str)
            else _clean(part, pointer(at, key), notes)
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [_clean(part, pointer(at, index), notes) for index, part in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise Rejected("value_unusable", at, f"{value}: no JSON")
    return _exact(value, at) if isinstance(value, str) else value


def _exact(text: str, at: str) -> str:
    """A text that means itself, such as an enum's value: it is carried as it is, or not at all."""
    found = CONTROL_TOKEN.search(text)
    if found or _SURROGATE.search(text):
        raise Rejected("value_unusable", at, repr(found[0] if found else "a lone surrogate"))
    if may_hold_credentials(text) and (secret := next(credentials_in(text), None)):
        raise Rejected("value_unusable", at, secret)
    return text


def _prose(text: str, at: str, notes: Notes) -> str:
    if _SURROGATE.search(text):
        notes.add("text_surrogate", at, "a lone surrogate")
        text = _SURROGATE.sub("\ufffd", text)
    if found := CONTROL_TOKEN.search(text):
        notes.add("text_control_token", at, repr(found[0]))
        text = CONTROL_TOKEN.sub(_taken_apart, text)
    if may_hold_credentials(text):
        for secret in credentials_in(text):
            notes.add("text_credential", at, secret)
            text = re.sub(CREDENTIALS[secret.split(" (")[0]], _masked, text)
    return text


def _taken_apart(match: re.Match[str]) -> str:
    return f"{match[0][0]} {match[0][1:]}" if len(match[0]) > 1 else ""


def _masked(match: re.Match[str]) -> str:
    with_dots = _PASSWORD.sub(":...@", match[0], count=1)
    return with_dots if with_dots != match[0] else "..."
