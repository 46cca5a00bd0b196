"""Token lengths of records, with the real chat template and tokenizer.

Tool definitions repeat, so each distinct one is rendered and counted once; the template renders
the conversation with one stand-in in their place. Tokens are counted piece by piece, as
data.render.encode counts them; a tool is a piece by itself where the tokenizer never joins what
stands before and after its line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from data import cli
from data.record import Example, Message
from data.render import render, render_example, to_messages

MAX_COUNTS_KEPT = 20_000
_STAND_IN = {"name": "@tool@"}
_STAND_IN_LINE = '{"name":"@tool@","inputSchema":{"type":"object"}}\n'
_LINE_ENDS = ("}", "}}", "]}", '"}', '"]}', "e}", "0}")
_LINE_STARTS = ('{"name":"', "</tools>")


class TokenCounter:
    """Counts tokens of records; `source` is a folder with tokenizer.json, or a model on the Hub."""

    def __init__(self, source: str, max_length: int) -> None:
        self.max_length = max_length
        self._tokenizer = load_tokenizer(source)
        self._tools_apart = _parts_lines(self._tokenizer)
        self._of_tool: dict[str, int] = {}

    def count(self, examples: Sequence[Example]) -> list[int]:
        """Tokens of each record's training text, in order; one batch call of the tokenizer."""
        texts = list(map(_texts_of if self._tools_apart else _whole_texts_of, examples))
        self._count_tools(tool for _, tools in texts for tool in tools)
        counts = [sum(self._of_tool[tool] for tool in tools) for _, tools in texts]
        owners = [owner for owner, (pieces, _) in enumerate(texts) for piece in pieces if piece]
        lengths = self._lengths([piece for pieces, _ in texts for piece in pieces if piece])
        for owner, length in zip(owners, lengths, strict=True):
            counts[owner] += length
        return counts

    def _count_tools(self, tools: Iterable[str]) -> None:
        new = [tool for tool in dict.fromkeys(tools) if tool not in self._of_tool]
        if len(self._of_tool) + len(new) > MAX_COUNTS_KEPT:
            self._of_tool.clear()
            new = list(dict.fromkeys(tools))
        self._of_tool.update(zip(new, self._lengths(new), strict=True))

    def _lengths(self, texts: list[str]) -> list[int]:
        encoded = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [len(encoding) for encoding in encoded]


def _parts_lines(tokenizer: Any) -> bool:
    """Whether no token holds both the end of a tool's line and what follows it.

    Asked of the pre-tokenizer, beyond whose cuts no token reaches; and both sides must give the
    same tokens alone, which a prefix put before every text would change.
    """
    if tokenizer.pre_tokenizer is None:
        return False
    for end, start in product(_LINE_ENDS, _LINE_STARTS):
        line = f"{end}\n"
        cuts = {end for _, (_, end) in tokenizer.pre_tokenizer.pre_tokenize_str(line + start)}
        ids = [
            tokenizer.encode(text, add_special_tokens=False).ids
            for text in (line + start, line, start)
        ]
        if len(line) not in cuts or ids[0] != ids[1] + ids[2]:
            return False
    return True


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
    return _whole_texts_of(example).pieces


class _Texts(NamedTuple):
    """The texts of a record whose tokens add up; `tools` are those counted once."""

    pieces: tuple[str, ...]
    tools: tuple[str, ...] = ()


def _texts_of(example: Example) -> _Texts:
    """The text before the tools, after them, and the rest; and each tool's line."""
    if not example.tools:
        return _Texts(render_example(example).pieces)
    first, *rest = render([_STAND_IN], to_messages(example.messages, "jsonrpc")).pieces
    around = first.split(_STAND_IN_LINE)
    if len(around) > 2:  # a text of the record looks like the stand-in
        return _Texts(render_example(example).pieces)
    tools = (_tool_line(_Definition(tool)) for tool in example.tools)
    return _Texts((*around, *rest), tuple(tools))


def _whole_texts_of(example: Example) -> _Texts:
    pieces, tools = _texts_of(example)
    if not tools:
        return _Texts(pieces)
    before, after, *rest = pieces
    return _Texts(("".join([before, *tools, after]), *rest))


class _Definition:
    """A tool, compared by identity: the validator keeps one object for each distinct definition."""

    def __init__(self, tool: dict[str, Any]) -> None:
        self.tool = tool

    def __hash__(self) -> int:
        return id(self.tool)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Definition) and self.tool is other.tool


@lru_cache(maxsize=20_000)
def _tool_line(definition: _Definition) -> str:
    """One tool's line as the template writes it."""
    before, _, after = render([_STAND_IN], ()).text.partition(_STAND_IN_LINE)
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
