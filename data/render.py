"""Turn a record into the text that is trained, prompted and served, here and nowhere else.

The chat template is data/templates/chat.jinja; an adapter ships it for its wire (`chat_template`),
and this module renders the same text without a tokenizer, with the spans that carry loss.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import Any, NamedTuple, Protocol

from jinja2 import Template, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from data.record import Example, Message
from data.wire import Wire, read_strict

TEMPLATE_FILE = Path(__file__).parent / "templates" / "chat.jinja"
_FIRST_LINE = '{%- set wire = "jsonrpc" %}'
# What marks where a turn's loss begins and ends while rendering: no text can hold it by chance.
_OPEN, _CLOSE = (f"\ufdd0{token_hex(16)}\ufdd1" for _ in range(2))


class Rendered(NamedTuple):
    """A conversation in pieces, and whether each carries loss. Joined, they are its text."""

    pieces: tuple[str, ...]
    trained: tuple[bool, ...]

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Encoded(NamedTuple):
    """Token ids and labels of a conversation: equal length, a label of -100 carries no loss."""

    input_ids: list[int]
    labels: list[int]


class Tokenizer(Protocol):
    """What encoding needs of a Transformers tokenizer."""

    def __call__(self, text: list[str], *, add_special_tokens: bool) -> Any: ...


class _Generation(Extension):
    """The `{% generation %}` block of Transformers' chat templates."""

    tags = {"generation"}  # noqa: RUF012  (an instance variable in Jinja's own types)

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_mark"), [], [], body).set_lineno(line)

    def _mark(self, caller: Callable[[], str]) -> str:
        return f"{_OPEN}{caller()}{_CLOSE}"


def chat_template(wire: Wire) -> str:
    """The template's source for one wire, as it is saved beside a tokenizer."""
    source = TEMPLATE_FILE.read_text(encoding="utf-8")
    if not source.startswith(_FIRST_LINE):
        raise RuntimeError(f"{TEMPLATE_FILE} does not start with {_FIRST_LINE}")
    return source.replace(_FIRST_LINE, _FIRST_LINE.replace("jsonrpc", wire), 1)


@cache
def _compiled(wire: Wire) -> Template:
    """The template in the environment that Transformers gives it (utils/chat_template_utils.py)."""
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, "jinja2.ext.loopcontrols"]
    )
    env.filters["tojson"] = _tojson
    return env.from_string(chat_template(wire))


def _tojson(value: Any, separators: tuple[str, str] | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, separators=separators)


def render(
    tools: Sequence[dict[str, Any]],
    messages: Sequence[dict[str, Any]],
    wire: Wire = "jsonrpc",
    add_generation_prompt: bool = False,
) -> Rendered:
    """Render tools (MCP or OpenAI form) and messages (ours or OpenAI's) as the model sees them."""
    marked = _compiled(wire).render(
        tools=list(tools), messages=list(messages), add_generation_prompt=add_generation_prompt
    )
    pieces: list[str] = []
    trained: list[bool] = []
    for index, part in enumerate(marked.split(_OPEN)):
        target, closed, rest = part.partition(_CLOSE)
        if index and closed:
            pieces.append(target)
            trained.append(True)
        pieces.append(rest if index else part)
        trained.append(False)
    return Rendered(tuple(pieces), tuple(trained))


def render_example(example: Example, wire: Wire = "jsonrpc") -> Rendered:
    """The whole conversation of a record: its training text."""
    return render(example.tools, to_messages(example.messages, wire), wire)


def prompt_of(example: Example, wire: Wire = "jsonrpc") -> str:
    """The prompt of the turn that is scored; a prefix of the record's training text."""
    messages = to_messages(example.prompt, wire)
    return render(example.tools, messages, wire, add_generation_prompt=True).text


def to_messages(messages: Sequence[Message], wire: Wire) -> list[dict[str, Any]]:
    """Messages as the template takes them: as they are, or as OpenAI tool calls for hermes."""
    if wire == "jsonrpc":
        return [{"role": m.role, "content": m.content} for m in messages]
    return [_openai_message(message) for message in messages]


def _openai_message(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "content": _result_content(message.content)}
    calls = read_strict(message.content).calls if message.role == "assistant" else ()
    if not calls:
        return {"role": message.role, "content": message.content}
    tool_calls = [
        {
            "id": str(c.id),
            "type": "function",
            "function": {"name": c.name, "arguments": c.arguments},
        }
        for c in calls
    ]
    return {"role": "assistant", "content": "", "tool_calls": tool_calls}


def _result_content(content: str) -> str:
    """The text inside a JSON-RPC response; the content itself if it is none."""
    try:
        response = json.loads(content)
        if "error" in response:
            return f"error {response['error']['code']}: {response['error']['message']}"
        return "\n".join(part["text"] for part in response["result"]["content"])
    except (ValueError, KeyError, TypeError):
        return content


def encode(tokenizer: Tokenizer, rendered: Rendered) -> Encoded:
    """Token ids and labels of a conversation.

    Each piece is tokenised by itself, so the ids of a prompt are the first ids of the text it was
    trained in, whatever the tokenizer.
    """
    ids: list[int] = []
    labels: list[int] = []
    encoded = tokenizer(list(rendered.pieces), add_special_tokens=False)["input_ids"]
    for piece, trained in zip(encoded, rendered.trained, strict=True):
        ids.extend(piece)
        labels.extend(piece if trained else [-100] * len(piece))
    return Encoded(ids, labels)
