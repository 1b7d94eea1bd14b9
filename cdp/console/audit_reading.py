"""Reading the audit trail, by REST or in admin, is an entry itself: who watches is watched too."""

from collections.abc import Iterable
from typing import Any

from cdp.access.principals import audited
from cdp.audit.entries import open_reason
from cdp.audit.models import Entry


def listed(request: Any, *, filters: Iterable[str], rows: int) -> None:
    """Writes that the list was read; names of the filters, since their values are typed in and could be anything."""
    audited(request, "audit.read", object=("audit", "entries"), rows=rows, details={"filters": sorted(filters)})


def opened(request: Any, entry: Entry) -> str | None:
    """The entry's reason in clear, or None if it has none; writes that this entry was read."""
    fields = [] if entry.reason_sealed is None else ["reason"]
    audited(request, "audit.read", object=("entry", entry.pk), fields=fields)
    return None if entry.reason_sealed is None else open_reason(entry.entry_id, bytes(entry.reason_sealed))
