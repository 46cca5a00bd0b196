"""Is the teacher the model that will be trained? A model that learns from itself learns its habits.

Names are compared, for that is what an endpoint tells: without owner, provider, quantisation and
tuning, and by family and size, so that `qwen3:1.7b` and `me/Qwen3-1.7B-chat-GGUF` are Qwen3-1.7B.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from data.cli import UserError

_SIZE = re.compile(r"\d+(?:\.\d+)?[bm]\Z")
_SPLIT = re.compile(r"[-_:@\s/\\]+")
_SUFFIX = re.compile(r"\.(?:gguf|safetensors|bin)\Z")
# Words of a name that change how a model is stored, served or tuned, not which one it is.
_FORMS = {
    "instruct", "chat", "base", "it", "gguf", "awq", "gptq", "fp8", "fp16", "bf16", "int8", "int4",
    "4bit", "8bit", "bnb", "mlx", "latest", "hf", "main", "unsloth", "dynamic", "q4", "q5", "q6",
    "q8", "k", "m", "s", "0", "thinking"
}  # fmt: skip


def refuse_same(teacher: str, student: str) -> None:
    """Raise UserError where the teacher is the student, or a tuned form of it."""
    for name in {teacher, *_bases(teacher)}:
        if is_same(name, student):
            by = "" if name == teacher else f" (it is made from {name})"
            raise UserError(
                f"--teacher {teacher}: is the base model that will be trained, {student}{by}; "
                "give another model, or name the true one with --student"
            )


def is_same(teacher: str, student: str) -> bool:
    """Whether one name has the other's family and size, or all of its words."""
    ours, theirs = _words(student), _words(teacher)
    if not ours or not theirs:
        return ours == theirs
    core = _family_and_size(ours)
    if core is None:
        return ours == theirs or _contains(theirs, ours)
    return _contains(theirs, core)


def _words(name: str) -> list[str]:
    """The words of a model's name that say which one it is."""
    last = _SUFFIX.sub("", name.strip().rstrip("/").casefold()).split("/")[-1]
    words = [word for word in _SPLIT.split(last) if word]
    return [word for word in words if word not in _FORMS] or words


def _family_and_size(words: list[str]) -> list[str] | None:
    """The words up to the first size: qwen3, 1.7b."""
    at = next((n for n, word in enumerate(words) if _SIZE.match(word)), None)
    return words[: at + 1] if at else None


def _contains(words: list[str], part: list[str]) -> bool:
    starts = range(len(words) - len(part) + 1)
    return any(words[start : start + len(part)] == part for start in starts)


def _bases(name: str) -> list[str]:
    """What the files of a local folder say that it is made from."""
    found = []
    for file, key in (
        ("adapter_config.json", "base_model_name_or_path"),
        ("config.json", "_name_or_path"),
    ):
        try:
            base = json.loads((Path(name) / file).read_text(encoding="utf-8")).get(key)
        except (OSError, ValueError, AttributeError):
            continue
        if isinstance(base, str) and base:
            found.append(base)
    return found
