"""Tool definitions from the OpenAPI document of a published set, lenient where it is careless.

Unlike data.tools, which imports an API to be used, this keeps the parameters that carry keys: the
set's own calls give them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from data.formats.parts.reject import RowError

MAX_LEVELS = 12
_METHODS = ("get", "post", "put", "patch", "delete", "head", "options")


def definitions_of_document(document: Any, names: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A definition for each operation; `names` has path and method by name. Raises RowError."""
    paths = document.get("paths") if isinstance(document, Mapping) else None
    if not isinstance(paths, Mapping):
        raise RowError("tools_unreadable", "the document has no paths")
    by_place = {
        (place[0], str(place[1]).lower()): name
        for name, place in names.items()
        if isinstance(place, list) and len(place) == 2
    }
    found = []
    for path, method, operation in _operations(paths):
        name = by_place.get((path, method)) or operation.get("operationId")
        name = name or f"{path.strip('/').replace('/', '_')}_{method}"
        found.append(_definition(str(name), operation, document))
    return found


def _operations(paths: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, item in paths.items():
        if not isinstance(item, Mapping):
            continue
        shared = item.get("parameters")
        for method in _METHODS:
            operation = item.get(method)
            if isinstance(operation, Mapping):
                if isinstance(shared, list):
                    own = operation.get("parameters")
                    both = [*shared, *(own if isinstance(own, list) else [])]
                    operation = {**operation, "parameters": both}
                yield path, method, operation


def _definition(name: str, operation: Mapping[str, Any], document: Any) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required: list[str] = []
    for given in operation.get("parameters") or []:
        parameter = _resolved(given, document)
        if not isinstance(parameter, dict) or not isinstance(parameter.get("name"), str):
            continue
        properties[parameter["name"]] = _schema_of(parameter)
        if parameter.get("required") is True:
            required.append(parameter["name"])
    body = _body(_resolved(operation.get("requestBody"), document))
    properties.update(body.get("properties") or {})
    required.extend(body.get("required") or [])
    schema = {"type": "object", "properties": properties, "required": required}
    described = operation.get("description") or operation.get("summary") or ""
    return {"name": name, "description": described, "inputSchema": schema}


def _schema_of(parameter: Mapping[str, Any]) -> dict[str, Any]:
    own = parameter.get("schema")
    schema = dict(own) if isinstance(own, dict) else {
        key: parameter[key] for key in ("type", "enum", "items", "default") if key in parameter
    }  # fmt: skip
    if isinstance(parameter.get("description"), str):
        schema.setdefault("description", parameter["description"])
    return schema


def _body(body: Any) -> Mapping[str, Any]:
    """The schema of a JSON body whose properties can stand beside the parameters."""
    content = body.get("content") if isinstance(body, Mapping) else None
    for form in content.values() if isinstance(content, Mapping) else ():
        schema = form.get("schema") if isinstance(form, Mapping) else None
        if isinstance(schema, Mapping) and isinstance(schema.get("properties"), Mapping):
            return schema
        if isinstance(schema, Mapping) and schema:
            return {"properties": {"body": schema}}
    return {}


def _resolved(value: Any, document: Any, level: int = 0) -> Any:
    """The value with local references replaced by what they mean, to some depth."""
    if level > MAX_LEVELS:
        return {}
    if isinstance(value, list):
        return [_resolved(part, document, level + 1) for part in value]
    if not isinstance(value, Mapping):
        return value
    ref = value.get("$ref")
    if isinstance(ref, str):
        return _resolved(_pointed(ref, document), document, level + 1)
    return {key: _resolved(part, document, level + 1) for key, part in value.items()}


def _pointed(ref: str, document: Any) -> Any:
    for step in ref.removeprefix("#/").split("/"):
        document = document.get(step) if isinstance(document, Mapping) else None
    return document if document is not None else {}
