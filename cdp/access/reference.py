"""The API's reference, as a page wants it: groups of operations with fields, examples and code, from the OpenAPI description.

Pure: a description goes in, values come out.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdp.access.samples import Sample, samples

METHODS = ("get", "post", "put", "patch", "delete")
_DEEPEST = 4  # levels of fields that are listed; deeper ones show in the example
_BY_FORMAT = {
    "uuid": "019c2f6e-5b1a-7c3d-8e4f-0a1b2c3d4e5f",
    "date-time": "2026-03-01T12:00:00Z",
    "date": "2026-03-01",
    "uri": "urn:problem-type:cdp:invalid",
    "email": "alice@example.com",
}
_BY_TYPE = {"integer": 1, "number": 1.5, "boolean": True, "null": None}
_COMMON = {"400", "401", "403", "404", "406", "409", "412", "413", "415", "422", "429", "503"}


@dataclass(frozen=True)
class Row:
    """A field or parameter."""

    name: str
    kind: str
    required: bool
    text: str
    depth: int = 0
    where: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What an operation answers: success with fields and an example, or one of the problems."""

    status: str
    text: str
    rows: tuple[Row, ...]
    example: str


@dataclass(frozen=True)
class Operation:
    """One operation."""

    id: str
    method: str
    path: str
    title: str
    text: tuple[str, ...]
    scope: str
    parameters: tuple[Row, ...]
    fields: tuple[Row, ...]
    body: str
    answers: tuple[Answer, ...]
    problems: tuple[Answer, ...]
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Group:
    """The operations of a room."""

    name: str
    title: str
    text: str
    operations: tuple[Operation, ...]


class _Schemas:
    """Follows references of one description."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self._known: Mapping[str, Any] = description.get("components", {}).get("schemas", {})

    def of(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The schema that is meant: behind a reference, and the first that is not null of alternatives."""
        if "$ref" in schema:
            return self.of(self._known[schema["$ref"].rpartition("/")[2]])
        for several in ("allOf", "oneOf", "anyOf"):
            if several in schema:
                chosen: Mapping[str, Any] = next(
                    (it for it in schema[several] if it.get("type") != "null" and it.get("enum") != [None]), {}
                )
                return {**self.of(chosen), **{k: v for k, v in schema.items() if k in {"description", "default"}}}
        return schema

    def kind(self, schema: Mapping[str, Any]) -> str:
        """The type in words."""
        found = self.of(schema)
        if found.get("type") == "array":
            return f"list of {self.kind(found.get('items', {}))}"
        kinds = found.get("type", "any")
        word = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
        return str(found.get("format", word)) if word == "string" else word

    def rows(self, schema: Mapping[str, Any], depth: int = 0) -> Iterator[Row]:
        """The fields of an object, each followed by those inside of it."""
        found = self.of(schema)
        if found.get("type") == "array":
            yield from self.rows(found.get("items", {}), depth)
        for name, inner in found.get("properties", {}).items():
            own = self.of(inner)
            choices = tuple(str(it) for it in own.get("enum", ()) if it is not None)
            text = str(inner.get("description") or own.get("description") or "")
            needed = name in found.get("required", ())
            yield Row(name, self.kind(inner), needed, "" if choices else text, depth, choices=choices)
            if depth + 1 < _DEEPEST:
                yield from self.rows(inner, depth + 1)

    def example(self, schema: Mapping[str, Any], depth: int = 0) -> Any:
        """A value of the schema."""
        found = self.of(schema)
        for given in ("example", "default"):
            if found.get(given) is not None:
                return found[given]
        choices = [it for it in found.get("enum", ()) if it is not None]
        if choices:
            return choices[0]
        kind = found.get("type")
        kind = next((it for it in kind if it != "null"), None) if isinstance(kind, list) else kind
        if kind == "array":
            return [self.example(found.get("items", {}), depth + 1)] if depth < _DEEPEST else []
        if kind == "object":
            return {name: self.example(it, depth + 1) for name, it in found.get("properties", {}).items()}
        return _BY_FORMAT.get(found.get("format", ""), "…") if kind == "string" else _BY_TYPE.get(str(kind))


def _written(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


_ACTS = {"list": "List", "retrieve": "Read one", "create": "Make one", "update": "Change one", "destroy": "Delete one"}


def _title(operation_id: str, room: str) -> str:
    """What it does, to be read below its room's title: "List", "Read one", "Members"."""
    words = operation_id.removeprefix(f"{room}_").split("_")
    act = words[-1] if words[-1] in _ACTS else ""
    rest = [word for word in words if word not in {act, "partial"}]
    if not rest:
        return _ACTS[act]
    named = " ".join(rest).capitalize()  # what lies below an object names itself
    return f"{named}: {_ACTS[act].lower()}" if act and not operation_id.startswith(room) else named


def _paragraphs(text: str) -> tuple[str, ...]:
    """Docstrings are broken by lines; a blank line ends a paragraph."""
    said = text.partition("\n\nScope:")[0].replace("`", "")
    return tuple(" ".join(part.split()) for part in said.split("\n\n") if part.strip())


def _answer(schemas: _Schemas, status: str, response: Mapping[str, Any]) -> Answer:
    content = next(iter(response.get("content", {}).values()), None)
    schema = content.get("schema") if content else None
    shown = _written(schemas.example(schema)) if schema and not status.startswith(("4", "5")) else ""
    rows = tuple(schemas.rows(schema)) if shown and schema else ()
    return Answer(status, str(response.get("description", "")), rows, shown)


def _body(schemas: _Schemas, operation: Mapping[str, Any]) -> tuple[tuple[Row, ...], Any]:
    content = next(iter(operation.get("requestBody", {}).get("content", {}).values()), None)
    if content is None:
        return (), None
    given = next(iter(content.get("examples", {}).values()), None)
    return tuple(schemas.rows(content["schema"])), given["value"] if given else schemas.example(content["schema"])


def _operation(schemas: _Schemas, base: str, method: str, path: str, it: Mapping[str, Any]) -> Operation:
    fields, body = _body(schemas, it)
    parameters = tuple(
        Row(
            p["name"], schemas.kind(p["schema"]), p.get("required", False), str(p.get("description", "")), where=p["in"],
            choices=tuple(str(choice) for choice in schemas.of(p["schema"]).get("enum", ())),
        )
        for p in sorted(it.get("parameters", ()), key=lambda p: ("path", "query", "header", "cookie").index(p["in"]))
    )  # fmt: skip
    answers = [_answer(schemas, status, response) for status, response in it["responses"].items()]
    return Operation(
        id=it["operationId"],
        method=method.upper(),
        path=path,
        title=_title(it["operationId"], str(it.get("tags", [""])[0])),
        text=_paragraphs(str(it.get("description", ""))),
        scope=str(it.get("x-scope", "")),
        parameters=parameters,
        fields=fields,
        body="" if body is None else _written(body),
        answers=tuple(answer for answer in answers if answer.status not in _COMMON),
        problems=tuple(answer for answer in answers if answer.status in _COMMON),
        samples=samples(method.upper(), base + path, body, once="Idempotency-Key" in {p.name for p in parameters}),
    )


def reference(description: Mapping[str, Any], rooms: Sequence[tuple[str, str, str]], *, base: str) -> tuple[Group, ...]:
    """The groups, in the order of `rooms` (first part of the path, title, prose); others follow. `base`: the public URL."""
    schemas = _Schemas(description)
    found: dict[str, list[Operation]] = {}
    for path, item in description["paths"].items():
        for method in METHODS:
            if method in item:
                room = str(item[method].get("tags", ["other"])[0])
                found.setdefault(room, []).append(_operation(schemas, base, method, path, item[method]))
    known = {name: (title, text) for name, title, text in rooms}
    names = [name for name in known if name in found] + [name for name in found if name not in known]
    return tuple(
        Group(name, *known.get(name, (name.replace("_", " ").capitalize(), "")), tuple(found[name])) for name in names
    )
