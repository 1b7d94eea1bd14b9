"""JSON bodies, read strictly: what no rule below expects is refused here, once, with a reason that quotes nothing."""

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework import parsers

from cdp.access.problems import Problem

MAX_DEPTH = 40  # a rule of a segment is the deepest thing anybody sends; whatever walks a body recurses once a level


def _refusal(detail: str, remedy: str) -> Problem:
    return Problem(400, "malformed", "The body cannot be read", detail, field="", remedy=remedy)


def _check(value: Any, depth: int = 0) -> None:
    """Raises a 400 Problem for what is nested too deeply, and for NUL, which PostgreSQL cannot keep in a text."""
    if isinstance(value, str):
        if "\0" in value:
            raise _refusal("A text holds the character NUL.", "Leave out \\u0000.")
    elif isinstance(value, dict | list):
        if depth >= MAX_DEPTH:
            raise _refusal(f"It is nested more than {MAX_DEPTH} levels deep.", "Nest it less deeply.")
        inner = [*value, *value.values()] if isinstance(value, dict) else value
        for each in inner:
            _check(each, depth + 1)


class JSONParser(parsers.BaseParser):
    """RFC 8259 and nothing beyond it: no NaN, no lone surrogates, no bytes that are not UTF-8.

    A whole number of more than 64 bits is read as a floating one, so that a field of whole numbers refuses it."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The body's value. Raises a 400 Problem."""
        try:
            value = orjson.loads(stream.read())
        except ValueError:
            # `from None`: the parser's message says where, and its exception holds the whole body.
            raise _refusal("It is not JSON in UTF-8.", "Send valid JSON in UTF-8.") from None
        _check(value)
        return value
