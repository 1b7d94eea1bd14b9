"""The form with which somebody opens people's values on a page: a purpose and a reason."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from cdp.console.detail_views import open_for
from cdp.console.reveal import NoReason
from consent.refusal import NotPermitted


def opened(request: HttpRequest, profile_ids: Iterable[UUID], *, purpose: str, reason: str) -> datetime | str:
    """Opens these profiles; until when, or why not. Raises Http404, PermissionDenied."""
    try:
        return open_for(request, profile_ids, purpose=purpose, reason=reason)
    except NotPermitted as refusal:
        return f"Not opened: {refusal.decision.because}"
    except NoReason as refusal:
        return f"Not opened: {refusal}"
    except PermissionError:
        raise PermissionDenied from None


def posted(request: HttpRequest, profile_ids: Iterable[UUID]) -> None:
    """Does so from a page's form, and says what came of it."""
    until = opened(request, profile_ids, purpose=request.POST.get("purpose", ""), reason=request.POST.get("reason", ""))
    if isinstance(until, str):
        messages.error(request, until)
    else:
        messages.success(request, "Open for ten minutes. This was written to the audit trail with your reason.")
