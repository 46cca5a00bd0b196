"""Operations of an OpenAPI 3.0 or 3.1 document as tools.

Parameters and the properties of a JSON body become arguments; credentials are left out, since
whoever runs the call adds them. https://spec.openapis.org/oas/v3.1.1
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from data.cli import DataError
from data.tools.codes import Notes, Rejected
from data.tools.found import Found
from data.tools.openapi_schemas import Arguments, SchemaReader
from data.tools.references import target
from data.tools.schema_mends import pointer

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# The specification itself says that parameters of these names are not described as such.
_AUTH_HEADERS = {"authorization", "accept", "content-type", "cookie"}
_JSON_TYPE = re.compile(r"application/(?:[\w.+-]+\+)?json\b|\*/\*|application/\*", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}\Z")
_FORM_TYPE = "application/x-www-form-urlencoded"
MAX_NAME = 64


def is_openapi(value: Any) -> bool:
    """Whether a JSON value is an OpenAPI document, of whichever version."""
    return isinstance(value, dict) and ("openapi" in value or "swagger" in value)


def operations(document: dict[str, Any], place: str) -> Iterator[Found]:
    """One definition an operation, in the document's order. Raises DataError for other versions."""
    version = str(document.get("openapi", document.get("swagger")))
    if not version.startswith(("3.0", "3.1")):
        raise DataError(f"{place}: OpenAPI {version[:20]}; 3.0 and 3.1 are read, convert it first")
    info = document.get("info")
    title = str(info.get("title", place)) if isinstance(info, dict) else place
    paths = document.get("paths", {})
    if not isinstance(paths, dict):
        raise DataError(f"{place}: paths is no object; give a whole OpenAPI document")
    reader = _Reader(document, version.startswith("3.0"))
    for path, given in paths.items():
        try:
            item = reader.followed(given, pointer("/paths", path))
        except Rejected as problem:
            yield Found(None, title, str(path), (), problem)
            continue
        for method in METHODS:
            if isinstance(item, dict) and method in item:
                yield reader.found(str(path), method, item, title)


class _Reader:
    """Reads the operations of one document; names are unique in it."""

    def __init__(self, document: dict[str, Any], is_3_0: bool) -> None:
        self._document = document
        self._is_3_0 = is_3_0
        self._names: set[str] = set()
        self._credentials = set(_credentials(document))

    def followed(self, value: Any, at: str) -> Any:
        """What a reference names, or the value itself. Raises Rejected."""
        for _ in range(20):
            if not isinstance(value, dict) or not isinstance(value.get("$ref"), str):
                return value
            ref = value["$ref"]
            if not ref.startswith("#"):
                raise Rejected("ref_remote", at, ref[:80])
            value = target(self._document, ref)
            if value is None:
                raise Rejected("ref_missing", at, ref[:80])
        raise Rejected("ref_cycle", at, ref[:80])

    def found(self, path: str, method: str, item: dict[str, Any], title: str) -> Found:
        """The operation as a definition, or the problem that keeps it from being one."""
        where = f"{method.upper()} {path}"
        try:
            operation = item[method]
            if not isinstance(operation, dict):
                raise Rejected("operation_invalid", "", "no object")
            name, notes = self._name(operation, path, method)
            schema = self._schema(operation, item, notes)
            description = _description(operation, item, where)
            tool = {"name": name, "description": description, "inputSchema": schema}
            return Found(tool, title, where, tuple(notes.items))
        except Rejected as problem:
            return Found(None, title, where, (), problem)

    def _name(self, operation: dict[str, Any], path: str, method: str) -> tuple[str, Notes]:
        given = operation.get("operationId")
        name = _identifier(given) if isinstance(given, str) else ""
        if not name or name in self._names:
            name = _identifier(f"{method}_{path}")
        while name in self._names:
            name += "_"
        self._names.add(name)
        notes = Notes(name)
        if name != given:
            notes.add("name_made", "/operationId", repr(given), name)
        return name, notes

    def _schema(
        self, operation: dict[str, Any], item: dict[str, Any], notes: Notes
    ) -> dict[str, Any]:
        reader = SchemaReader(self._document, self._is_3_0, notes)
        arguments = Arguments(reader, notes)
        for parameter in self._parameters(operation, item):
            self._take(parameter, arguments, notes)
        body = self.followed(operation.get("requestBody"), "/requestBody")
        if isinstance(body, dict):
            self._take_body(body, arguments, notes)
        return arguments.schema()

    def _parameters(
        self, operation: dict[str, Any], item: dict[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """The parameters of the path and of the operation, which wins."""
        merged: dict[tuple[str, str], dict[str, Any]] = {}
        for given in (item.get("parameters"), operation.get("parameters")):
            for index, raw in enumerate(given if isinstance(given, list) else ()):
                parameter = self.followed(raw, f"/parameters/{index}")
                if not isinstance(parameter, dict) or not isinstance(parameter.get("name"), str):
                    raise Rejected("operation_invalid", f"/parameters/{index}", "no name")
                merged[parameter["name"], str(parameter.get("in"))] = parameter
        yield from merged.values()

    def _take(self, parameter: dict[str, Any], arguments: Arguments, notes: Notes) -> None:
        name, place = parameter["name"], str(parameter.get("in"))
        at = pointer("/parameters", name)
        is_auth = place == "header" and name.lower() in _AUTH_HEADERS
        if is_auth or (name.lower(), place) in self._credentials:
            notes.add("auth_left_out", at, f"{place} {name}")
            return
        is_needed = place == "path" or parameter.get("required") is True
        schema = parameter.get("schema")
        if schema is None:
            schema = _json_schema_of(parameter.get("content"))
        if schema is None and "content" in parameter:
            if is_needed:
                raise Rejected("operation_invalid", at, "a required parameter without JSON schema")
            notes.add("parameter_left_out", at, f"{place} {name}")
            return
        arguments.add(name, place, {} if schema is None else schema, is_needed)
        arguments.describe(name, place, parameter.get("description"))

    def _take_body(self, body: dict[str, Any], arguments: Arguments, notes: Notes) -> None:
        content = body.get("content")
        schema, is_needed = _json_schema_of(content), body.get("required") is True
        if schema is None and isinstance(content, dict) and content:
            kinds = ", ".join(map(str, content))[:80]
            if is_needed:
                raise Rejected("body_not_json", "/requestBody", kinds)
            notes.add("parameter_left_out", "/requestBody", kinds)
        elif schema is not None:
            arguments.add_body(schema, is_needed, body.get("description"))


def _credentials(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and place of each parameter that is an API key."""
    components = document.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, dict) else None
    for scheme in schemes.values() if isinstance(schemes, dict) else ():
        if isinstance(scheme, dict) and scheme.get("type") == "apiKey":
            yield str(scheme.get("name")).lower(), str(scheme.get("in"))


def _json_schema_of(content: Any) -> Any:
    """The schema of the JSON media type, or of a form, whose fields are arguments as well."""
    if not isinstance(content, dict):
        return None
    kinds = [kind for kind in content if _JSON_TYPE.match(str(kind))]
    kinds += [kind for kind in content if str(kind).lower().startswith(_FORM_TYPE)]
    media = content[kinds[0]] if kinds else None
    return media.get("schema", {}) if isinstance(media, dict) else None


def _description(operation: dict[str, Any], item: dict[str, Any], where: str) -> str:
    texts = [operation.get("summary"), operation.get("description")]
    texts += [item.get("summary"), item.get("description")] if not any(texts) else []
    said = [text.strip() for text in texts if isinstance(text, str) and text.strip()]
    if len(said) == 2 and said[0].rstrip(".") in said[1]:
        said = said[1:]
    return ". ".join([*(text.rstrip(".") for text in said[:-1]), *said[-1:]]) or where


def _identifier(text: str) -> str:
    """The text as a name that every client takes."""
    if _NAME.match(text):
        return text
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", re.sub(r"[{}]", "", text))
    return re.sub(r"_{2,}", "_", plain).strip("_.-")[:MAX_NAME].rstrip("_.-")
