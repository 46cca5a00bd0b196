"""Every code that an import can report: what was found, and what was done about it.

Codes are stable: a code is never renamed and never changes its meaning. docs/tools.md has the same
table.
"""

from __future__ import annotations

from typing import NamedTuple

MENDED, KEPT, REJECTED = "mended", "kept", "rejected"


class Rule(NamedTuple):
    """One thing that may be found in a definition. `outcome` is MENDED, KEPT or REJECTED."""

    outcome: str
    meaning: str
    done: str


class Note(NamedTuple):
    """One thing found in one tool; `pointer` is a JSON pointer into it as it was given."""

    tool: str
    pointer: str
    code: str
    found: str
    done: str


def _mended(meaning: str, done: str) -> Rule:
    return Rule(MENDED, meaning, done)


def _kept(meaning: str, done: str) -> Rule:
    return Rule(KEPT, meaning, done)


def _rejected(meaning: str, done: str) -> Rule:
    return Rule(REJECTED, meaning, done)


_TOOLS = {
    "name_made": _mended("an operation or schema without a usable name", "named after what it is"),
    "name_prefixed": _mended(
        "tools of two sources share a name", "the later one carries its source in front"
    ),
    "description_missing": _mended("no description", "made from the title or the name"),
    "schema_missing": _mended("no inputSchema", "an object without properties"),
    "schema_key": _mended("the schema under another key", "moved to inputSchema"),
    "schema_too_deep": _mended("a schema one level too deep", "taken out of its wrapping"),
    "schema_bare": _mended("properties without the object around them", "wrapped"),
    "schema_type": _mended("a schema that does not say that it is an object", 'type "object" set'),
    "text_control_token": _mended("a token of the chat template in a text", "taken apart"),
    "text_surrogate": _mended("half of a surrogate pair in a text", "replaced by U+FFFD"),
    "text_credential": _mended("something like a credential in a text", "replaced by dots"),
    "name_chars": _kept("a name that some clients refuse", "kept: its server knows no other"),
    "tool_long": _kept("a definition that fills most of 2,048 tokens", "kept"),
    "not_wanted": _rejected("a tool that --without names", "nothing: it was your word"),
    "tool_type": _rejected("a tool that is no object", "write name, description, inputSchema"),
    "tool_repeated": _rejected("the same tool twice", "nothing: the first one is in"),
    "name_missing": _rejected("no name", "name the tool"),
    "name_duplicate": _rejected("two different tools of one name", "rename one of them"),
    "name_unusable": _rejected(
        "a name with control characters or tokens of the template", "rename the tool"
    ),
    "schema_invalid": _rejected("a schema that breaks its metaschema", "correct the keyword"),
    "schema_not_object": _rejected("arguments that are no object", "wrap them in an object"),
    "schema_too_large": _rejected("too many parts or levels", "flatten the schema"),
    "ref_missing": _rejected("a local $ref that leads nowhere", "define it under $defs"),
    "ref_remote": _rejected("a $ref to another document; never fetched", "copy it to $defs"),
    "ref_cycle": _rejected("a $ref that leads only to itself", "define what is meant"),
    "value_unusable": _rejected(
        "a credential, template token, broken character or NaN in a value", "replace the value"
    ),
}
_KEYWORDS = {
    "dialect": _mended("an old or unknown $schema", "removed; read as 2020-12"),
    "type_name": _mended("another language's name of a type", "JSON Schema's own name"),
    "type_any": _mended('the type "any"', "removed: no type allows any value"),
    "type_generic": _mended("a type with its parts in one text", "items, properties, anyOf"),
    "type_optional": _mended('a type marked "optional"', "the type alone, and not required"),
    "type_choices": _mended("values in the place of a type", "enum"),
    "type_unknown": _rejected("a type that nothing defines", "use a type of JSON Schema"),
    "schema_shorthand": _mended("a type name in the place of a schema", '{"type": ...}'),
    "required_boolean": _mended(
        "required as a boolean inside a property", "moved to the list of the object"
    ),
    "required_duplicate": _mended("a name twice in required", "once"),
    "required_type": _mended("required is no list of names", "a list, or removed"),
    "required_undeclared": _kept("a required argument that is not declared", "kept"),
    "properties_list": _mended("properties as a list", "an object by name"),
    "keyword_null": _mended("a keyword whose value is null", "removed"),
    "keyword_type": _mended("a keyword's value as text", "the number or boolean that it says"),
    "default_null": _mended("default null where null is not allowed", "removed"),
    "default_invalid": _mended("a default that breaks its own schema", "removed"),
    "exclusive_boolean": _mended("exclusiveMinimum or Maximum as a boolean", "a number"),
    "items_list": _mended("items as a list", "prefixItems"),
    "pattern_rewritten": _mended("a pattern that Python's re cannot compile", "in re's syntax"),
    "pattern_dropped": _mended("a pattern that nobody can compile", "removed"),
}
_OPENAPI = {
    "nullable": _mended("OpenAPI 3.0's nullable", "null among the types"),
    "auth_left_out": _mended("a parameter that carries a credential", "left out"),
    "read_only": _mended("a property that only answers carry", "left out"),
    "parameter_renamed": _mended("two parameters of one name", "the place in front of the name"),
    "parameter_left_out": _mended("an optional parameter or body without JSON", "left out"),
    "body_whole": _mended("a body whose properties cannot stand alone", "one argument, body"),
    "body_not_json": _rejected("a required body that is no JSON", "describe it as JSON"),
    "operation_invalid": _rejected("an operation that is not OpenAPI", "correct the operation"),
}
_FUNCTIONS = {
    "function_unreadable": _rejected(
        "a function without type hints or described arguments", "write both"
    ),
}
CODES: dict[str, Rule] = {**_TOOLS, **_KEYWORDS, **_OPENAPI, **_FUNCTIONS}


class Rejected(Exception):
    """There is no one right way to mend a definition. `code` is one of CODES."""

    def __init__(self, code: str, pointer: str, found: str) -> None:
        assert CODES[code].outcome == REJECTED
        super().__init__(found)
        self.code, self.pointer, self.found = code, pointer, found


class Notes:
    """The notes of one tool while it is read."""

    def __init__(self, tool: str) -> None:
        self.tool = tool
        self.items: list[Note] = []

    def add(self, code: str, pointer: str, found: object, done: str = "") -> None:
        """Note something; `done` where the table's words are not enough."""
        assert CODES[code].outcome != REJECTED
        text = found if isinstance(found, str) else repr(found)
        self.items.append(Note(self.tool, pointer, code, text[:120], done or CODES[code].done))
