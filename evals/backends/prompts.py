"""A record as the prompt of a model: in our template, or in the base model's own."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal

from data.record import Example, Message
from data.render import chat_template, encode, render, to_messages
from data.wire import Wire

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# `ours`: our template. `native`: the chat template that the base model came with.
Style = Literal["ours", "native"]
_PROBE = Example(
    id="probe",
    kind="tool_call",
    source="probe",
    tools=({"name": "look_up_probe", "description": "", "inputSchema": {"type": "object"}},),
    messages=(Message("system", "Be brief."), Message("user", "Look it up.")),
)


def prompt_ids(tokenizer: PreTrainedTokenizerBase, example: Example, wire: Wire) -> list[int]:
    """Our template's prompt; the first ids of what was trained, whatever the tokenizer."""
    messages = to_messages(example.prompt, wire)
    rendered = render(example.tools, messages, wire, add_generation_prompt=True)
    return encode(tokenizer, rendered).input_ids


def native_ids(tokenizer: PreTrainedTokenizerBase, example: Example) -> list[int]:
    """The prompt in the tokenizer's own chat template, without thinking where it has a switch."""
    text = _native_text(tokenizer, example)
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def why_not_native(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """Why the tokenizer's own template cannot offer tools; None where it can."""
    from jinja2 import TemplateError

    if not tokenizer.chat_template:
        return "the model has no chat template"
    try:
        text = _native_text(tokenizer, _PROBE)
    except (TemplateError, ValueError, TypeError, KeyError) as error:
        return f"the model's chat template fails: {str(error).splitlines()[0]}"
    return None if "look_up_probe" in text else "the model's chat template takes no tools"


def _native_text(tokenizer: PreTrainedTokenizerBase, example: Example) -> str:
    text: str = tokenizer.apply_chat_template(
        to_messages(example.prompt, "hermes"),
        tools=openai_tools(example) or None,
        add_generation_prompt=True,
        tokenize=False,
        enable_thinking=False,
    )
    return text


def openai_tools(example: Example) -> list[dict[str, Any]]:
    """The record's tools in OpenAI's shape."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool["name"],
                "description": tool.get("description", ""),
                "parameters": tool.get("inputSchema", {"type": "object"}),
            },
        }
        for tool in example.tools
    ]


def template_sha256(tokenizer: PreTrainedTokenizerBase | None, wire: Wire, style: Style) -> str:
    """The hash of the template that prompts are made with."""
    own = style == "native" and tokenizer is not None
    source = str(tokenizer.chat_template) if own else chat_template(wire)  # type: ignore[union-attr]
    return hashlib.sha256(source.encode()).hexdigest()
