"""Examples of bodies for the API's description. They are read by people first: what they show must work as it stands."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer

Serializer = TypeVar("Serializer", bound=type[Any])


def example(body: Mapping[str, Any], name: str = "Example") -> Callable[[Serializer], Serializer]:
    """Decorates a serializer with a body that it takes. People in it are those of the tests."""
    decorate: Callable[[Serializer], Serializer] = extend_schema_serializer(
        examples=[OpenApiExample(name, value=dict(body), request_only=True)]
    )
    return decorate
