"""Who asks, what they may, and as whom it is written down. A principal is a Django user or a service account."""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from cdp.access import roles
from cdp.access.keys import ServiceAccount
from cdp.access.middleware import request_id_of
from cdp.access.models import ApiKey
from cdp.audit import Actor, record


def _key_of(principal: Any) -> ApiKey | None:
    return principal.key if isinstance(principal, ServiceAccount) else None


def _principal(who: Any) -> Any:
    """The user of a request (Django's or DRF's), or the user itself."""
    return getattr(who, "user", who)


def holds(who: Any, scope: str) -> bool:
    """Does the request's (or user's) key or role open a door that wants this scope?"""
    principal = _principal(who)
    key = _key_of(principal)
    return key.holds(scope) if key else roles.holds(principal, scope)


def sees_identifying(who: Any) -> bool:
    """May the request's (or user's) answers hold identifying values in clear? Stewards, and keys with the scope
    profiles:reveal; each such read is an audit entry (`audited`)."""
    return holds(who, "profiles:reveal")


def sees_rounded(who: Any) -> bool:
    """Does the reader get counts of people rounded (`masking.rounded`)? Only if every role of theirs does."""
    held = roles.roles_of(_principal(who))
    return bool(held) and all(roles.ROLES[role].rounded for role in held)


def purpose_of(who: Any) -> str:
    """The purpose that the request reads for: the key's; a person's is "operate" unless they say otherwise."""
    key = _key_of(_principal(who))
    return key.purpose if key else "operate"


def sources_of(who: Any) -> frozenset[UUID] | None:
    """The only sources the request's key may touch; None for all."""
    key = _key_of(_principal(who))
    return frozenset(key.source_ids) if key and key.source_ids else None


def actor_of(who: Any) -> Actor:
    """The request's (or user's) actor for the audit trail: ids, no names."""
    principal = _principal(who)
    key = _key_of(principal)
    if key:
        return Actor("key", str(key.pk))
    if getattr(principal, "pk", None) is None:
        return Actor("anonymous", "")
    return Actor("user", str(principal.pk), role=",".join(sorted(roles.roles_of(principal))))


def audited(
    request: Any,
    action: str,
    *,
    object: tuple[str, object] = ("", ""),
    subjects: Iterable[UUID] = (),
    fields: Collection[str] = (),
    **more: Any,
) -> None:
    """An audit entry of what this request did or read, in the caller's transaction (see `cdp.audit.record`)."""
    more.setdefault("purpose", purpose_of(request))
    record(
        action,
        by=actor_of(request),
        object=object,
        subjects=subjects,
        fields=fields,
        request_id=request_id_of(request),
        **more,
    )
