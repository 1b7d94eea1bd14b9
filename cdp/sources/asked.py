"""Which source a REST request speaks of, within the limits of whoever asks."""

from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from rest_framework.request import Request

from cdp.access import rates
from cdp.access.objects import visible
from cdp.access.problems import Problem
from cdp.access.rest import sources_of
from cdp.sources.models import Source


def source_of(request: Request, source_id: UUID) -> Source:
    """The source, if the reader may see it. Raises Http404."""
    rows: QuerySet[Source] = visible(request.user, Source.objects.all(), "view_source")
    limited = sources_of(request)
    source = rows.filter(pk=source_id).first() if limited is None or source_id in limited else None
    if source is None:
        raise Http404
    return source


def speaking_for(request: Request, asked: UUID | None) -> Source | None:
    """In whose name the request tells something: the source asked for, or the one its key is limited to; None if neither is.

    What it tells counts against that source's rate, as on the tracking API. Raises Http404, and Problem: 429 with
    Retry-After."""
    limited = sources_of(request) or frozenset()
    if asked is None and len(limited) != 1:
        return None
    source = source_of(request, asked or next(iter(limited)))
    rates.spend_source(source.pk)
    return source


def unclear() -> Problem:
    """The 400 for whoever has to say which source."""
    return Problem(
        400, "source_needed", "It is not clear for which source this is",
        "The key is not limited to exactly one source.", field="source_id",
        remedy="Send source_id, or use a key that is limited to one source (create_key --source ID).",
    )  # fmt: skip
