"""Is an answer of the teacher an example worth training on? Kept, or rejected with a reason."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from data.build import MAX_CHARACTERS
from data.checks.checker import Checker, Options, RawLine
from data.checks.kinds import DECLINES
from data.checks.prints import request_text
from data.checks.rules import ERROR, RULES
from data.names import words_of
from data.novelty import Novelty
from data.record import Example, json_line, read_examples, row_of
from data.synthesize.grounded import Said, stem, ungrounded
from data.synthesize.reading import Rejected, example_of, read_object
from data.synthesize.tasks import Task
from data.wire import read_strict

# Warnings of the validator that matter in text that is made on purpose.
STRICT = {"argument_undeclared", "argument_offset", "refuse_no_reason"}
_EMPTY = {
    "a", "an", "and", "be", "by", "for", "id", "in", "is", "of", "on", "or", "that", "the", "to",
    "which", "with"
}  # fmt: skip


class Verdict(NamedTuple):
    """An example, or the code and the message of why there is none."""

    example: Example | None
    code: str = ""
    message: str = ""


class Judge:
    """Judges answers one after another; what it kept makes later repeats known."""

    def __init__(self, against: Sequence[Path] = ()) -> None:
        self._checker = Checker(Options())
        self._kept = Novelty()
        for path in against:
            for example in read_examples(path):
                self._kept.add(_request(example))

    def judge(self, task: Task, text: str, finish: str) -> Verdict:
        """The example of an answer, or why it is rejected."""
        try:
            example = example_of(task, read_object(text, finish))
            self._check(example)
            _check_words(task, example)
            _check_calls(example)
        except Rejected as rejected:
            return Verdict(None, rejected.code, rejected.message)
        if not self._kept.admit(_request(example)):
            return Verdict(None, "duplicate", "its request is like one that is kept")
        return Verdict(example)

    def _check(self, example: Example) -> None:
        """Raise Rejected for too long a record, and for an error of python -m data.validate."""
        if (length := n_characters(example)) > MAX_CHARACTERS:
            raise Rejected("too_long", f"{length} characters with its tools; {MAX_CHARACTERS} fit")
        line = json_line(row_of(example)).encode("utf-8")
        _, problems = self._checker.problems(RawLine(1, 0, line))
        for problem in problems:
            is_grave = RULES[problem.code].severity == ERROR or problem.code in STRICT
            if is_grave and not problem.pointer.startswith("/tools"):
                raise Rejected(f"invalid: {problem.code}", problem.message)


def n_characters(example: Example) -> int:
    """Of tools and messages; other scripts count as their escapes, which take more tokens, too."""
    texts = sum(len(json.dumps(message.content)) for message in example.messages)
    return len(json.dumps(example.tools)) + texts


def _request(example: Example) -> str:
    return request_text([vars(message) for message in example.messages])


def _check_words(task: Task, example: Example) -> None:
    """A request in people's words, and a reply that does what its kind says."""
    request, reply = example.messages[0].content, example.messages[-1].content
    for tool in example.tools:
        name = tool["name"]
        if len(words_of(name)) > 1 and name.casefold() in request.casefold():
            raise Rejected("names_tool", f"the request says {name!r}")
    if task.kind == "clarification" and not _asks_for(task, reply):
        raise Rejected("asks_other", f"asks for none of {', '.join(task.missing)}: {reply[:80]!r}")
    if said := _said_values(task, request):
        raise Rejected("says_missing", f"the request says {said[0]!r}")
    if task.kind == "answer" and "?" not in request and DECLINES.match(reply):
        raise Rejected("declines", f"{reply[:80]!r}")


def _asks_for(task: Task, reply: str) -> bool:
    """Whether a question has a word of each missing argument, of its name or description."""
    asked = {stem(word) for word in words_of(reply)}
    schema = task.targets[0]["inputSchema"]
    for name in task.missing:
        part = schema["properties"][name]
        words = [*words_of(name), *words_of(str(part.get("description", "")))]
        if not asked & {stem(word) for word in words if word not in _EMPTY}:
            return False
    return True


def _said_values(task: Task, request: str) -> list[str]:
    """Listed values of the arguments that a request should leave out, and says."""
    parts = [task.targets[0]["inputSchema"]["properties"][name] for name in task.missing]
    options = [option for part in parts for option in part.get("enum", ())]
    heard = Said(request)
    return [option for option in options if isinstance(option, str) and heard.has(option)]


def _check_calls(example: Example) -> None:
    """Raise Rejected for a call that repeats one, or has a value that nobody said before it."""
    schemas = {tool["name"]: tool["inputSchema"] for tool in example.tools}
    said: list[str] = []
    made: list[tuple[str, dict[str, Any]]] = []
    for message in example.messages:
        if message.role != "assistant":
            said.append(message.content if message.role == "user" else _result(message.content))
            continue
        heard = Said("\n".join(said))
        for call in read_strict(message.content).calls:
            if (call.name, call.arguments) in made:
                raise Rejected("repeats_call", f"{call.name} with the same arguments")
            made.append((call.name, call.arguments))
            if missed := ungrounded(call.arguments, schemas[call.name], heard):
                raise Rejected("ungrounded", "; ".join(missed)[:200])


def _result(content: str) -> str:
    """The text of a tool's result; what reading.py wrote."""
    parts: list[dict[str, Any]] = json.loads(content)["result"]["content"]
    return "\n".join(part["text"] for part in parts)
