"""Every code the validator can report: how grave it is, what it means, how to mend it.

Codes are stable: a code is never renamed and never changes its meaning.
docs/validator.md lists the same table.
"""

from __future__ import annotations

from typing import NamedTuple

ERROR, WARNING = "error", "warning"


class Rule(NamedTuple):
    """One thing that can be wrong."""

    severity: str
    meaning: str
    fix: str


class Problem(NamedTuple):
    """One thing that is wrong in a record; `pointer` is a JSON pointer into it."""

    code: str
    pointer: str
    message: str


class Finding(NamedTuple):
    """A problem with its place; `line` counts from 1, and is 0 for the file as a whole."""

    file: str
    line: int
    id: str | None
    code: str
    severity: str
    pointer: str
    message: str
    fix: str


def finding(file: str, line: int, record_id: str | None, problem: Problem) -> Finding:
    """The problem as it is reported."""
    rule = RULES[problem.code]
    return Finding(
        file,
        line,
        record_id,
        problem.code,
        rule.severity,
        problem.pointer,
        problem.message,
        rule.fix,
    )


def _error(meaning: str, fix: str) -> Rule:
    return Rule(ERROR, meaning, fix)


def _warning(meaning: str, fix: str) -> Rule:
    return Rule(WARNING, meaning, fix)


_LINE_RULES = {
    "file_empty": _error("the file holds no record", "write one JSON object a line"),
    "encoding_utf8": _error("bytes that are not UTF-8", "save the file as UTF-8"),
    "encoding_bom": _error(
        "a byte order mark at the start of the file", "save without BOM, or --fix"
    ),
    "line_blank": _warning("a blank line", "remove it, or --fix"),
    "line_too_long": _error("a line over the size limit", "split or drop the record"),
    "json_invalid": _error("the line is not JSON", "write one complete JSON object a line"),
    "json_duplicate_key": _error("a key stands twice in one object", "keep one of them"),
    "json_not_finite": _error(
        "NaN, Infinity or a number beyond a float", "use null or a finite number"
    ),
    "json_too_deep": _error("nested too deep", "flatten the value"),
    "json_surrogate": _error("half of a surrogate pair", "escape the whole character, or drop it"),
    "check_too_slow": _error(
        "the checks of one line ran into the time limit", "simplify its schemas"
    ),
}
_RECORD_RULES = {
    "record_type": _error("the line is no JSON object", 'write {"id", "kind", "source", ...}'),
    "field_missing": _error("a required field is missing", "add it"),
    "field_type": _error("a field has the wrong type", "see the record format in the README"),
    "field_unknown": _warning("a field that nothing reads", "remove it or correct its name"),
    "kind_unknown": _error("not one of the known kinds", "use a kind that the message lists"),
    "messages_empty": _error("no messages", "add the conversation"),
    "message_type": _error("a message is not role and content text", "write strings only"),
    "message_field": _error("a message has a field that is not trained", "move it into content"),
    "role_unknown": _error("not one of the known roles", "use system, user, assistant or tool"),
    "role_order": _error(
        "a role where it cannot stand", "follow system, user, assistant, tool order"
    ),
    "content_empty": _error("a message without text", "write the text or drop the message"),
    "control_token": _error("a token of the chat template inside a text", "remove it"),
    "gold_missing": _error(
        "nothing to train or to score", "end with the assistant, or add accepted"
    ),
    "accepted_invalid": _error(
        "accepted does not fit the offered tools", "name offered tools only"
    ),
    "secret": _error(
        "something that looks like a credential", "replace it by a made-up placeholder"
    ),
}
_TOOL_RULES = {
    "tool_type": _error("a tool is no object", 'write {"name", "description", "inputSchema"}'),
    "tool_name": _error("a tool without a name", "name it"),
    "tool_name_chars": _warning("a name some servers refuse", "use 1 to 128 of A-Z a-z 0-9 _ . -"),
    "tool_description": _warning("a tool without a description", "say what it does"),
    "tool_duplicate": _error("two tools share a name", "rename or drop one"),
    "schema_missing": _error("a tool without inputSchema", 'add one, at least {"type": "object"}'),
    "schema_type": _error('inputSchema is not of type "object"', 'set "type": "object"'),
    "schema_dialect": _warning("an unknown $schema", "declare 2020-12 or draft-07"),
    "schema_invalid": _error("the schema breaks its metaschema", "correct the keyword"),
    "schema_ref": _error("a local $ref that leads nowhere", "define what it names under $defs"),
    "schema_ref_remote": _error("a $ref to another document; never fetched", "copy it to $defs"),
    "schema_pattern": _error("a pattern that Python's re cannot compile", "rewrite the pattern"),
    "schema_pattern_slow": _error("a pattern that takes forever", "avoid nested repetition"),
    "schema_unusable": _error("a schema that cannot be evaluated", "remove the endless recursion"),
    "schema_required": _warning("a required argument is not declared", "add it to properties"),
    "schema_default": _warning(
        "a default breaks its own schema", "correct the default or the type"
    ),
}
_CALL_RULES = {
    "call_not_json": _error("a call that is not JSON", "write one complete request a line"),
    "call_mixed": _error("a call beside text or in another format", "calls only, or text only"),
    "call_batch": _error("a batch array; MCP dropped it", "write one request a line"),
    "call_spacing": _warning("a call that is not compact", "no blanks between tokens, or --fix"),
    "call_unknown_tool": _error("a call of a tool that is not offered", "offer it or call another"),
    "call_no_result": _error("a call in the middle without a result", "add the tool message"),
    "rpc_version": _error('"jsonrpc" is not "2.0"', 'set "jsonrpc": "2.0"'),
    "rpc_id": _error('"id" is missing or no integer', "give an integer"),
    "rpc_id_reused": _error("two calls share an id", "count up, or --fix"),
    "rpc_id_order": _error(
        "ids do not count up from 1", "count through the conversation, or --fix"
    ),
    "rpc_method": _error('"method" is not "tools/call"', 'set "method": "tools/call"'),
    "rpc_params": _error("params is not name and arguments", 'write {"name", "arguments"}'),
    "rpc_member": _error("a member that JSON-RPC does not know", "remove it"),
    "result_not_json": _error("a tool message is no JSON-RPC response", "wrap it in a response"),
    "result_shape": _error("a response without proper result", "see MCP's CallToolResult"),
    "result_error": _error("an error object without proper code and message", "give both"),
    "result_no_call": _error("a result without an open call", "match the id of a call"),
    "argument_missing": _error("a required argument is missing", "add it, or ask for it"),
    "argument_invalid": _error("arguments break the inputSchema", "correct the value"),
    "argument_format": _error("an argument breaks its format", "correct the value"),
    "argument_offset": _warning("a time without the offset that RFC 3339 wants", "add Z or +hh:mm"),
    "argument_undeclared": _warning("an argument that the schema does not declare", "drop it"),
}
_KIND_RULES = {
    "kind_calls": _error(
        "a kind that answers in text ends in a call", "change the kind or the turn"
    ),
    "kind_no_call": _error("a kind that calls has no call", "change the kind or add the call"),
    "kind_one_call": _error("tool_call with more than one call", "use parallel or multi_step"),
    "kind_parallel": _error("parallel with fewer than two calls", "use tool_call"),
    "kind_no_result": _error("multi_step without a tool result", "use tool_call or add the result"),
    "clarify_no_question": _error("a clarification that asks nothing", "ask for what is missing"),
    "clarify_needless": _error("a clarification where nothing is missing", "make the call instead"),
    "refuse_no_reason": _warning("a refusal that does not decline", "say what will not be done"),
}
_SET_RULES = {
    "id_duplicate": _error("an id stands twice in one file", "number the records"),
    "duplicate_exact": _error("the same tools and messages twice", "drop one, or --fix"),
    "duplicate_near": _warning("almost the same request, and the same reply", "drop or vary one"),
    "leak_exact": _error("the same request stands in an --against file", "drop it here or there"),
    "leak_near": _error("almost the same request stands in an --against file", "drop one of both"),
    "tokens_over": _error(
        "longer than --max-length tokens", "shorten, split or raise --max-length"
    ),
}
RULES: dict[str, Rule] = {
    **_LINE_RULES, **_RECORD_RULES, **_TOOL_RULES, **_CALL_RULES, **_KIND_RULES, **_SET_RULES
}  # fmt: skip
