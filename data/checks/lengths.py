"""Token lengths of records, with the real chat template and tokenizer.

Tool definitions repeat, so each distinct one is rendered once; the template renders the
conversation with stand-ins, which are then replaced. Tokens are counted piece by piece, as
data.render.encode counts them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from data import cli
from data.record import Example, Message
from data.render import render, render_example, to_messages

_STAND_IN = re.compile(r'\{"name":"@tool(\d+)@","inputSchema":\{"type":"object"\}\}')
_STAND_INS = [{"name": f"@tool{number}@"} for number in range(256)]
_EMPTY = '{"name":"@tool0@","inputSchema":{"type":"object"}}'


class TokenCounter:
    """Counts tokens of records; `source` is a folder with tokenizer.json, or a model on the Hub."""

    def __init__(self, source: str, max_length: int) -> None:
        self.max_length = max_length
        self._tokenizer = load_tokenizer(source)

    def count(self, examples: Sequence[Example]) -> list[int]:
        """Tokens of each record's training text, in order; one batch call of the tokenizer."""
        pieces, owners = [], []
        for owner, example in enumerate(examples):
            for piece in pieces_of(example):
                if piece:
                    pieces.append(piece)
                    owners.append(owner)
        counts = [0] * len(examples)
        encoded = self._tokenizer.encode_batch_fast(pieces, add_special_tokens=False)
        for owner, encoding in zip(owners, encoded, strict=True):
            counts[owner] += len(encoding)
        return counts


def load_tokenizer(source: str) -> Any:
    """A tokenizers.Tokenizer from a folder, a tokenizer.json or a Hub id. Raises UserError."""
    from tokenizers import Tokenizer

    path = Path(source)
    if path.is_dir():
        path = path / "tokenizer.json"
    try:
        if path.exists():
            tokenizer = Tokenizer.from_file(str(path))
        elif path.name == "tokenizer.json" or source.startswith((".", "/", "~")):
            raise OSError("no such file")
        else:
            tokenizer = Tokenizer.from_pretrained(source)
    except Exception as error:  # tokenizers raises plain Exception for a file it cannot read
        reason = str(error).split("\n")[0][:120]
        raise cli.UserError(
            f"--tokenizer {source}: {reason}; give a folder with tokenizer.json or a Hub id"
        ) from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def pieces_of(example: Example) -> tuple[str, ...]:
    """The pieces of data.render.render_example, from tool texts that are kept."""
    if len(example.tools) > len(_STAND_INS):
        return render_example(example).pieces
    texts = [_tool_text(_Definition(tool)) for tool in example.tools]
    rendered = render(_STAND_INS[: len(texts)], to_messages(example.messages, "jsonrpc"))
    first = _STAND_IN.sub(
        lambda match: texts[int(match[1])] if int(match[1]) < len(texts) else match[0],
        rendered.pieces[0],
    )
    return (first, *rendered.pieces[1:])


class _Definition:
    """A tool, compared by identity: the validator keeps one object for each distinct definition."""

    def __init__(self, tool: dict[str, Any]) -> None:
        self.tool = tool

    def __hash__(self) -> int:
        return id(self.tool)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Definition) and self.tool is other.tool


@lru_cache(maxsize=20_000)
def _tool_text(definition: _Definition) -> str:
    """One tool as the template writes it."""
    before, _, after = render(_STAND_INS[:1], ()).text.partition(_EMPTY)
    text = render((definition.tool,), ()).text
    return text[len(before) : len(text) - len(after)]


def example_of(row: dict[str, Any]) -> Example | None:
    """The record to render, or None where its shape does not allow that."""
    try:
        messages = tuple(Message(m["role"], m["content"]) for m in row["messages"])
        if not all(isinstance(m.content, str) and isinstance(m.role, str) for m in messages):
            return None
        return Example("", "", "", tuple(row["tools"]), messages)
    except (KeyError, TypeError):
        return None
