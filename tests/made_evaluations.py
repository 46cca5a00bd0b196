"""Evaluations made without a model, for the tests of what is shown of them."""

from __future__ import annotations

from data.record import Example, Message
from data.wire import ToolCall, request_text
from evals.evaluation import ArmResult, Evaluation, comparisons_of, scores_of, split_metrics
from evals.splits import Split

KINDS = ("tool_call", "clarification", "refusal", "irrelevance", "answer")
REFUSAL = "I have no tool for that."
ASK = "Which city do you mean?"
HOSTILE = (
    "</script><script>document.title = 'owned'</script><img src=x onerror=\"document.title='x'\">"
    " <!-- &lt; \u2028 \x00 \x1b[31m \u202eback \ud800 {{ title }} end"
)


def weather(number: int) -> dict:
    return {
        "name": f"get_weather_{number}",
        "description": "Weather now",
        "inputSchema": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "City"}},
            "required": ["city"],
        },
    }


def example(kind: str, number: int) -> Example:
    """The number-th record of a kind; every tenth tool is the same."""
    tool = weather(number % 10)
    golds = {
        "tool_call": request_text(ToolCall(tool["name"], {"city": "Paris"}, 1)),
        "clarification": ASK,
        "refusal": REFUSAL,
        "irrelevance": REFUSAL,
        "answer": "Paris is a city.",
    }
    messages = (Message("user", f"Question {number}"), Message("assistant", golds[kind]))
    return Example(f"{kind}-{number}", kind, "test", (tool,), messages)


def split_of(n: int, name: str = "test_seen") -> Split:
    """`n` records of all kinds in turn."""
    examples = tuple(example(KINDS[i % len(KINDS)], i) for i in range(n))
    return Split(name, examples, n, "0" * 64)


def gold(record: Example) -> str:
    return record.gold or ""


def always_calls(record: Example) -> str:
    """What a model says that can do nothing but call."""
    return request_text(ToolCall(record.tools[0]["name"], {"city": "Paris"}, 1))


def hostile(record: Example) -> str:
    return HOSTILE


def evaluation_of(splits, arms, **facts) -> Evaluation:
    """An evaluation of `arms`: a function from record to reply by name."""
    results = []
    for name, reply in arms.items():
        scores = {
            s.name: scores_of(s, {e.id: reply(e) for e in s.examples}, "jsonrpc") for s in splits
        }
        metrics = {s.name: split_metrics(s, scores[s.name], None) for s in splits}
        results.append(ArmResult(name, "jsonrpc", scores, metrics, provenance={"model": "made"}))
    compared = tuple(comparisons_of(splits, results))
    return Evaluation(tuple(splits), tuple(results), compared, **facts)
