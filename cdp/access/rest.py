"""The plumbing of every REST door: who asks, may they, as whom is it written down.

A view names its scopes: `scopes = "segments:read"`, or by method `scopes = {"GET": "segments:read", "POST":
"segments:write"}`. A view or a method without one is refused.

For the API's description it also says `versioned = True` if its objects come with an ETag, `paged = True` if it reads
`Page.of` (generic views need not), `problems = {"POST": (503,)}` for what it answers besides what every door can, and
`changes = False` if it changes nothing though its scope is one to write.
"""

from typing import Any, ClassVar

from rest_framework import generics, viewsets

from cdp.access.authentication import KeyAuthentication, SessionAuthentication
from cdp.access.door import Door
from cdp.access.etags import conditional, etag_of, tagged
from cdp.access.pagination import CursorPagination, Page, answer
from cdp.access.permission import Forbidden, ScopeRequired, Scopes, scope_needed
from cdp.access.principals import actor_of, audited, holds, purpose_of, sees_identifying, sees_rounded, sources_of

__all__ = [
    "CursorPagination",
    "Forbidden",
    "GenericView",
    "KeyAuthentication",
    "Page",
    "ReadOnlyViewSet",
    "ScopeRequired",
    "SessionAuthentication",
    "View",
    "ViewSet",
    "actor_of",
    "answer",
    "audited",
    "conditional",
    "etag_of",
    "holds",
    "purpose_of",
    "scope_needed",
    "sees_identifying",
    "sees_rounded",
    "sources_of",
    "tagged",
]


class View(Door):
    """A door of its own kind."""

    scopes: ClassVar[Scopes]


class GenericView(Door, generics.GenericAPIView[Any]):
    """A door to rows, with queryset and serializer."""

    scopes: ClassVar[Scopes]


class ReadOnlyViewSet(Door, viewsets.ReadOnlyModelViewSet[Any]):
    """List and detail."""

    scopes: ClassVar[Scopes]
    lookup_value_converter = "uuid"


class ViewSet(Door, viewsets.GenericViewSet[Any]):
    """Combine it with DRF's mixins, or write list(), retrieve(), create() ... that each call one verb."""

    scopes: ClassVar[Scopes]
    lookup_value_converter = "uuid"
