"""Replies held to a grammar: free text, or calls of offered tools with arguments that fit.

The model still decides whether to call, ask, refuse or answer, and which tool; only what is no
call of an offered tool becomes impossible. The grammar engine is llguidance.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data.cli import UserError
from data.record import Example
from data.wire import Wire, read_strict

if TYPE_CHECKING:
    import torch
    from llguidance import LLMatcher
    from transformers import PreTrainedTokenizerBase

    from evals.backends.pool import Row
    from evals.generate import Choice

# Parallel calls of one reply; the built-in dataset has up to 4.
MAX_CALLS = 16
EXACT, LOOSE, ANY_OBJECT = "exact", "loose", "any_object"
# Text begins with none of a call's brackets, and holds no call further on.
_TEXT = r"""/[^\s{\[<](.|\n)*/ & ~/(.|\n)*(\{\s*"(jsonrpc|name)"|<tool_call>)(.|\n)*/"""
_SPACING: Mapping[Wire, dict[str, Any]] = {
    "jsonrpc": {"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"},
    "hermes": {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "},
}
_BEGIN: Mapping[Wire, str] = {
    "jsonrpc": '{"jsonrpc":"2.0","id":ID,"method":"tools/call","params":{"name":',
    "hermes": '<tool_call>\n{"name": ',
}
_ARGUMENTS: Mapping[Wire, str] = {"jsonrpc": ',"arguments":', "hermes": ', "arguments": '}
_END: Mapping[Wire, str] = {"jsonrpc": "}}", "hermes": "}\n</tool_call>"}
_TAG = re.compile(r"(</?tool_call>)")
# Schemas with these may declare arguments elsewhere than in `properties`.
_OPEN = {"additionalProperties", "patternProperties", "$ref", "allOf", "anyOf", "oneOf", "if"}


@dataclass(frozen=True)
class Rule:
    """The arguments of one tool in a grammar, and how closely they hold to its inputSchema."""

    schema: str
    fit: str


class Constraint:
    """The grammars of examples, for one tokenizer and wire."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, ends: Iterable[int], vocabulary: int, wire: Wire
    ) -> None:
        from llguidance.hf import from_tokenizer

        self.wire: Wire = wire
        self._tokens = from_tokenizer(tokenizer, n_vocab=vocabulary, eos_token=sorted(ends))
        added = tokenizer.added_tokens_decoder.items()
        # The engine's own list: it takes <tool_call> for special where the tokenizer does not.
        self._special = {
            token.content: number
            for number, token in added
            if self._tokens.is_special_token(number)
        }
        self._rules: dict[str, Rule] = {}

    def choice(self, examples: Sequence[Example], choose: Choice) -> Choice:
        """`choose`, among the tokens that the grammar of each row's example allows."""

        def choose_allowed(logits: torch.Tensor, rows: Sequence[Row]) -> list[int]:
            for row in rows:
                row.matcher = row.matcher or self.matcher(examples[row.index])
            allowed = _allowed([row.matcher for row in rows], logits.shape[-1])
            tokens = choose(logits.masked_fill(~allowed.to(logits.device), -math.inf), rows)
            for row, token in zip(rows, tokens, strict=True):
                row.matcher.consume_token(token)
            return tokens

        return choose_allowed

    def matcher(self, example: Example) -> LLMatcher:
        """What may follow in a reply to an example, token by token."""
        from llguidance import LLMatcher

        matcher = LLMatcher(self._tokens, LLMatcher.grammar_from_lark(self.grammar(example)))
        if matcher.is_error():
            reason = matcher.get_error().split("\n")[0]
            raise UserError(f"{example.id}: its tools make no grammar ({reason}); drop --constrain")
        return matcher

    def grammar(self, example: Example) -> str:
        """Text, or lines of calls, in llguidance's form of Lark."""
        if not example.tools:
            return f"start: TEXT\nTEXT: {_TEXT}\n"
        numbers = range(len(example.tools))
        lines = ["start: TEXT | line_1", f"TEXT: {_TEXT}", *self._lines(_n_calls(example))]
        lines += ["tool: " + " | ".join(f"tool_{number}" for number in numbers)]
        for number, tool in zip(numbers, example.tools, strict=True):
            name, schema = json.dumps(tool["name"]), self._rule(tool).schema
            lines += [f"tool_{number}: {json.dumps(name + _ARGUMENTS[self.wire])} object_{number}"]
            lines += [f"object_{number}: %json {schema}"]
        return "\n".join(lines) + "\n"

    def fits(self) -> dict[str, int]:
        """How many of the schemas so far are held to exactly, loosely, or as any object."""
        counts = Counter(rule.fit for rule in self._rules.values())
        return {fit: counts[fit] for fit in (EXACT, LOOSE, ANY_OBJECT)}

    def _lines(self, n_before: int) -> list[str]:
        """Rules for up to MAX_CALLS calls, a line each; their ids count on from `n_before`."""
        rules = []
        for number in range(1, MAX_CALLS + 1):
            begin = self._literal(_BEGIN[self.wire].replace("ID", str(n_before + number)))
            following = f' ("\\n" line_{number + 1})?' if number < MAX_CALLS else ""
            rules.append(f"line_{number}: {begin} tool {self._literal(_END[self.wire])}{following}")
        return rules

    def _literal(self, text: str) -> str:
        """A fixed text in the grammar; a tag that is a special token is no text to the engine."""
        parts = [part for part in _TAG.split(text) if part]
        special = self._special
        return " ".join(f"<[{special[p]}]>" if p in special else json.dumps(p) for p in parts)

    def _rule(self, tool: Mapping[str, Any]) -> Rule:
        schema = tool.get("inputSchema")
        key = json.dumps(schema)
        if key not in self._rules:
            self._rules[key] = _rule(schema if isinstance(schema, dict) else {}, self.wire)
        return self._rules[key]


def _rule(schema: Mapping[str, Any], wire: Wire) -> Rule:
    """The closest rule that the engine takes: what it does not know is left out, then all."""
    from llguidance import LLMatcher

    closed = {**schema, "type": "object"}
    if "properties" in schema and not _OPEN & set(schema):
        closed["additionalProperties"] = False  # a key that nobody offered could stand twice
    for fit in (EXACT, LOOSE):
        text = json.dumps({**closed, "x-guidance": {**_SPACING[wire], "lenient": fit == LOOSE}})
        if not LLMatcher.validate_grammar_with_warnings(LLMatcher.grammar_from_json_schema(text))[
            0
        ]:
            return Rule(text, fit)
    return Rule(json.dumps({"type": "object", "x-guidance": _SPACING[wire]}), ANY_OBJECT)


def _n_calls(example: Example) -> int:
    """Calls made earlier in the conversation."""
    said = [message.content for message in example.prompt if message.role == "assistant"]
    return sum(len(read_strict(content).calls) for content in said)


def _allowed(matchers: Sequence[LLMatcher], vocabulary: int) -> torch.Tensor:
    """The tokens that may follow, [matcher, token]."""
    import numpy
    import torch

    bits = numpy.frombuffer(b"".join(m.compute_bitmask() for m in matchers), dtype=numpy.uint8)
    allowed = numpy.unpackbits(bits.reshape(len(matchers), -1), axis=1, bitorder="little")
    return torch.from_numpy(allowed[:, :vocabulary].astype(bool))
