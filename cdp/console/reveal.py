"""Revealing: a steward says for which purpose and why, and sees one person's identifying values for ten minutes.

The grant lies in the steward's session (profile id, purpose, end); the reason is in the audit trail, sealed.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cdp.access.keys import ServiceAccount
from cdp.access.principals import audited, sees_identifying

LENGTH = timedelta(minutes=10)
SHORTEST_REASON = 10
_SESSION = "reveals"


class NoReason(ValueError):
    """A reveal needs a reason that somebody else can understand later."""


def _grants(request: Any) -> dict[str, Any]:
    session = getattr(request, "session", None)
    found: dict[str, Any] = session.get(_SESSION, {}) if session is not None else {}
    return found


def until(request: Any, profile_id: UUID, *, at: datetime) -> datetime | None:
    """When the reader's grant for this profile ends; None without a live one."""
    grant = _grants(request).get(str(profile_id))
    if not grant:
        return None
    end = datetime.fromisoformat(grant["until"])
    return end if at < end else None


def granted(request: Any, profile_id: UUID, *, at: datetime) -> str | None:
    """The purpose of the reader's live grant for this profile, or None."""
    if isinstance(request.user, ServiceAccount) or until(request, profile_id, at=at) is None:
        return None
    return str(_grants(request)[str(profile_id)]["purpose"])


def opens(request: Any, granted_purpose: str | None) -> bool:
    """Are identifying values open to the reader? A key's scope opens them; a person needs role and grant."""
    if not sees_identifying(request):
        return False
    return isinstance(request.user, ServiceAccount) or granted_purpose is not None


def grant(
    request: Any,
    profile_id: UUID,
    *,
    purpose: str,
    reason: str,
    subjects: list[UUID],
    at: datetime,
    kind: str = "profile",
) -> datetime:
    """Opens a profile (or another thing: `kind`) for the signed-in reader until the time returned, and writes it down. The
    caller has asked whether the purpose is permitted. Raises PermissionError for a role that may not, NoReason."""
    if not sees_identifying(request):
        raise PermissionError("this role sees no identifying values")
    if len(reason.strip()) < SHORTEST_REASON:
        raise NoReason(f"say why in at least {SHORTEST_REASON} letters")
    end = at + LENGTH
    live = {id: it for id, it in _grants(request).items() if datetime.fromisoformat(it["until"]) > at}
    audited(
        request,
        f"{kind}.reveal",
        object=(kind, profile_id),
        subjects=subjects,
        purpose=purpose,
        reason=reason.strip(),
        details={"until": end.isoformat()},
    )
    request.session[_SESSION] = {**live, str(profile_id): {"until": end.isoformat(), "purpose": purpose}}
    return end


def close(request: Any, profile_id: UUID) -> None:
    """Ends a grant early."""
    left = {id: it for id, it in _grants(request).items() if id != str(profile_id)}
    request.session[_SESSION] = left
