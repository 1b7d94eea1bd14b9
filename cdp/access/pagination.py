"""Keyset pagination: `?limit=` and an opaque, signed `?cursor=`; answers {"results": [...], "next": cursor or null}.

A cursor holds the sort key of the last row, so a page costs the same however deep it lies, and nothing is skipped or
shown twice when rows are added meanwhile. Sort keys are ids and times, never personal values: a cursor stands in a URL.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.core import signing
from django.db.models import Q, QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.access.problems import Problem

DEFAULT_LIMIT, MAX_LIMIT = 50, 200
Row = TypeVar("Row")
Key = tuple[Any, ...]


def _pack(value: object) -> object:
    if isinstance(value, UUID):
        return {"u": value.hex}
    if isinstance(value, datetime):
        return {"t": value.isoformat()}
    return value


def _unpack(value: Any) -> Any:
    if isinstance(value, dict):
        return UUID(value["u"]) if "u" in value else datetime.fromisoformat(value["t"])
    return value


def write_cursor(key: Key, salt: str) -> str:
    """The cursor after a row with this sort key (UUIDs, aware datetimes, ints, texts, None)."""
    return signing.dumps([_pack(part) for part in key], salt=f"cursor:{salt}", compress=False)


def read_cursor(cursor: str, salt: str) -> Key:
    """The sort key in a cursor that `write_cursor` made with the same salt; a 400 Problem for any other text."""
    try:
        return tuple(_unpack(part) for part in signing.loads(cursor, salt=f"cursor:{salt}"))
    except (signing.BadSignature, ValueError, TypeError, KeyError):
        raise Problem(
            400,
            "bad_cursor",
            "The cursor is not valid",
            field="cursor",
            remedy="Take `next` of the previous page as it is, or leave the cursor out to begin again.",
        ) from None


def _limit(request: Request, default: int) -> int:
    text = request.query_params.get("limit", "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= MAX_LIMIT:
        raise Problem(
            400,
            "bad_limit",
            f"The limit is a number from 1 to {MAX_LIMIT}",
            field="limit",
            remedy=f"Send limit=1 to limit={MAX_LIMIT}, or leave it out.",
        )
    return int(text)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """One page of a list that is read with SQL of one's own: fetch `fetch` rows that sort after `after`, then `cut`.

    >>> page = Page.of(request, "timeline")
    >>> rows = timeline(record_ids, before=page.after, limit=page.fetch)
    >>> rows, next = page.cut(rows, key=lambda row: (row.occurred_at, row.id))
    """

    limit: int
    after: Key | None
    salt: str

    @classmethod
    def of(cls, request: Request, salt: str, default: int = DEFAULT_LIMIT) -> "Page[Row]":
        """Reads limit and cursor. `salt` names the list and its order: a cursor of another list is refused."""
        cursor = request.query_params.get("cursor", "")
        return cls(_limit(request, default), read_cursor(cursor, salt) if cursor else None, salt)

    @property
    def fetch(self) -> int:
        """How many rows to ask for: one more than shown tells whether there is a next page."""
        return self.limit + 1

    def cut(self, rows: Sequence[Row], key: Callable[[Row], Key]) -> tuple[list[Row], str | None]:
        """The rows to show, and the next page's cursor if there is one."""
        shown = list(rows[: self.limit])
        more = len(rows) > self.limit
        return shown, write_cursor(key(shown[-1]), self.salt) if more else None


def answer(results: Sequence[Any], next: str | None) -> Response:
    """The answer of every list."""
    return Response({"results": list(results), "next": next})


def after(ordering: Sequence[str], key: Key) -> Q:
    """The condition of the rows that sort after `key`. `ordering`: non-null fields as for order_by, ending in a unique one."""
    condition = Q(pk__in=[])
    equal = Q()
    for field, value in zip(ordering, key, strict=True):
        name, comparison = field.lstrip("-"), "lt" if field.startswith("-") else "gt"
        condition |= equal & Q(**{f"{name}__{comparison}": value})
        equal &= Q(**{name: value})
    first = ordering[0].lstrip("-")
    # Implied by the rest; an index range that the planner can use, which a chain of ORs is not.
    bound = Q(**{f"{first}__{'lte' if ordering[0].startswith('-') else 'gte'}": key[0]})
    return (
        bound & condition
        if len(ordering) > 1
        else Q(**{f"{first}__{'lt' if ordering[0].startswith('-') else 'gt'}": key[0]})
    )


class CursorPagination(BasePagination):
    """For querysets in generic views. The order is the view's attribute `cursor_ordering`, else newest id first."""

    def __init__(self) -> None:
        self.next: str | None = None

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """The rows of the queryset on this page; remembers the next cursor."""
        ordering = tuple(getattr(view, "cursor_ordering", ("-pk",)))
        page: Page[Any] = Page.of(request, f"{queryset.model._meta.label_lower}:{','.join(ordering)}")
        rows: QuerySet[Any] = queryset.order_by(*ordering)
        if page.after is not None:
            rows = rows.filter(after(ordering, page.after))
        names = [field.lstrip("-") for field in ordering]
        shown, self.next = page.cut(
            list(rows[: page.fetch]), key=lambda row: tuple(getattr(row, name) for name in names)
        )
        return shown

    def get_paginated_response(self, data: Any) -> Response:
        """{"results", "next"}"""
        return answer(data, self.next)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """How drf-spectacular describes a page."""
        return {
            "type": "object",
            "required": ["results", "next"],
            "properties": {
                "results": schema,
                "next": {"type": ["string", "null"], "description": "Cursor of the next page; null on the last."},
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The query parameters of every list."""
        return LIST_PARAMETERS


LIST_PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "limit",
        "in": "query",
        "required": False,
        "description": "How many results.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    },
    {
        "name": "cursor",
        "in": "query",
        "required": False,
        "description": "`next` of the previous page.",
        "schema": {"type": "string"},
    },
]
