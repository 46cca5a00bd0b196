"""The words that ask the teacher for one example, and the JSON Schema of its answer.

Changing a word here changes what an earlier run would have asked: raise VERSION with it.
"""

from __future__ import annotations

import json
from typing import Any

from data.synthesize.tasks import Task, Tool

VERSION = 1
SYSTEM = """You write training examples for an assistant that calls tools. You answer with one \
JSON object and nothing else: no explanation, no code fence.

Rules for every example:
- The request is what a person types. It never names a tool, a parameter or a schema.
- Every value in a call is said in the request, or stands in a result before the call, or is fixed \
by the schema. Nothing is guessed, and no date is relative to today.
- Arguments that the request does not speak of are left out.
- No real persons, no secrets, no addresses that could be somebody's; made-up ones look real.
- The person and the assistant write English, unless the tools are clearly for another language."""

TASKS = {
    "tool_call": """Write a request that {target} serves with exactly one call, and that call.
{{"request": "...", "calls": [{{"name": "...", "arguments": {{...}}}}]}}""",
    "parallel": """Write one request that needs two or three calls at once, none of which needs \
another's result, with {target}, and those calls.
{{"request": "...", "calls": [{{"name": "...", "arguments": {{...}}}}, ...]}}""",
    "multi_step answer": """Write a request that needs {target}, each call with the result that \
the tool gives back (plausible, as a tool would write it), and the assistant's answer, which tells \
the person what the results say and nothing else. One to three steps; a later call may use an \
earlier result.
{{"request": "...", "steps": [{{"name": "...", "arguments": {{...}}, "result": "..."}}], \
"answer": "..."}}""",
    "multi_step call": """Write a request that needs {target} step by step: the calls made so far, \
each with the result that the tool gives back (plausible, as a tool would write it), and the next \
call, which uses something from a result.
{{"request": "...", "steps": [{{"name": "...", "arguments": {{...}}, "result": "..."}}], \
"calls": [{{"name": "...", "arguments": {{...}}}}]}}""",
    "clarification": """Write a request that wants what {target} does, but does not say and does \
not imply the value of {missing}; all other required values are said. Then write the assistant's \
question: it asks for exactly that, in one or two sentences, in everyday words.
{{"request": "...", "reply": "..."}}""",
    "refusal": """Write a request that a decent assistant with these tools must refuse: it would \
harm somebody, break the law, or go beyond what the person may do, with {target} or near it. Be \
concrete but give no usable instructions for harm. Then write the reply: it declines in one or two \
sentences, says why, and offers something allowed where there is something.
{{"request": "...", "reply": "..."}}""",
    "irrelevance": """Write an ordinary, harmless request that none of the tools can serve{hint}. \
Then write the reply: it says in one or two sentences that it cannot do this with its tools, and \
what it can help with instead.
{{"request": "...", "reply": "..."}}""",
    "answer": """Write a question near the topic of {target}: it needs no tool (general knowledge, \
an explanation, small talk). Then write the reply: right, helpful, at most three sentences.
{{"request": "...", "reply": "..."}}""",
}


def messages_of(task: Task) -> list[dict[str, str]]:
    """What is sent for a task."""
    form = task.kind
    if form == "multi_step":
        form += " call" if task.ends_in_call else " answer"
    names = " and ".join(f'"{tool["name"]}"' for tool in task.targets) or "the tools"
    hint = f"; something like what this would do: {_described(task.targets[0])}" if (
        task.kind == "irrelevance" and task.targets
    ) else ""  # fmt: skip
    missing = " and ".join(f'"{name}"' for name in task.missing)
    asked = TASKS[form].format(target=names, missing=missing, hint=hint)
    tools = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in task.tools)
    text = f"Tools:\n{tools}\n\nThe person: {task.voice}.\n\nExample {task.id}. {asked}"
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]


def _described(tool: Tool) -> str:
    return str(tool.get("description") or tool["name"])[:300]


def schema_of(task: Task) -> dict[str, Any]:
    """The JSON Schema of the answer, for endpoints that hold a model to one."""
    text = {"type": "string"}
    fields: dict[str, Any] = {"request": text}
    if task.kind in ("tool_call", "parallel"):
        most = 1 if task.kind == "tool_call" else 3
        fields["calls"] = _list(_call(task), min(most, 2), most)
    elif task.kind == "multi_step":
        fields["steps"] = _list(_call(task, result=text), 1, 3)
        fields |= {"calls": _list(_call(task), 1, 1)} if task.ends_in_call else {"answer": text}
    else:
        fields["reply"] = text
    return _object(fields)


def _object(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def _list(items: dict[str, Any], least: int, most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least, "maxItems": most}


def _call(task: Task, **more: Any) -> dict[str, Any]:
    """A call of one of the targets."""
    calls = [
        _object({"name": {"const": tool["name"]}, "arguments": _arguments(tool), **more})
        for tool in task.targets
    ]
    return calls[0] if len(calls) == 1 else {"anyOf": calls}


def _arguments(tool: Tool) -> dict[str, Any]:
    """The tool's schema; one with references, which hold at its own root only, as any object."""
    schema: dict[str, Any] = tool["inputSchema"]
    return {"type": "object"} if '"$ref"' in json.dumps(schema) else schema
