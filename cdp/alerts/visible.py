"""Which alerts somebody may see: those of the house with `sources:read`, those of a source with a right on it."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import Q

from cdp.access.objects import visible
from cdp.alerts.models import Alert, Alerts
from cdp.sources.models import Source


def visible_to(user: Any, *, limited: Collection[UUID] | None = None) -> Alerts:
    """The opened alerts for a user or service account whose scope opened the door; `limited`: only these sources."""
    rows = Alert.objects.all().opened()
    sources = visible(user, Source.objects.all(), "view_source")
    if limited is not None:
        sources = sources.filter(id__in=limited)
    ids = [str(id) for id in sources.values_list("id", flat=True)]
    return rows.filter(~Q(kind__startswith="source_") | Q(about__in=ids))
