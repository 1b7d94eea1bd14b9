"""Changes that happen once, however often they are sent (IETF draft-ietf-httpapi-idempotency-key-header).

A client that got no answer cannot know whether its change was made. With an `Idempotency-Key` it sends the same again: if
the change was made, it gets the answer of then; if not, it is made now.

The answer is kept in the transaction that makes the change, under an advisory lock on the key. So there is no moment at
which one of the two is there without the other: a crash takes both back, and the next attempt begins anew. The lock is tried,
not waited for: a second request meanwhile gets 409 and comes back.

Kept are answers of success. A refusal changed nothing, so sending it again does no harm, and a fault on our side must not
be answered for a day. What verbs write beside a refusal (the audit entry of a denial) stays: see `_attempt`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.http import Http404, HttpResponse
from django.utils import timezone
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.access.models import KeptAnswer
from cdp.access.permission import scope_needed
from cdp.access.principals import actor_of
from cdp.access.problems import Problem
from cdp.vault import blind, keys, sealed
from cdp.vault.aad import aad

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
KEEP = timedelta(hours=24)
LONGEST = 255
_SYSTEM = "answers"
_HEADERS = ("ETag", "Location", "Content-Location")
Handler = Callable[..., HttpResponse]
Foreseen = APIException | Http404 | PermissionDenied


@dataclass(frozen=True)
class Key:
    """A caller's key: its digest, and the fingerprint of what was sent with it."""

    digest: UUID
    fingerprint: bytes


def changes(view: Any, method: str) -> bool:
    """Does the method of the view change anything that is kept? Its scope says so (a look-up by POST reads), unless the
    view says that it changes nothing (`changes = False`)."""
    if not getattr(view, "changes", True):
        return False
    return method not in {"GET", "HEAD", "OPTIONS"} and str(scope_needed(view, method)).endswith(":write")


def keep_body(request: Request) -> None:
    """Before anybody parses the body, as the check of a session's CSRF token does: it could not be read again then."""
    if HEADER in request.headers:
        request.body  # noqa: B018 - the request keeps what was read


def key_of(request: Request, view: Any) -> Key | None:
    """The request's key; None without one, or where nothing changes. Raises a 400 Problem for an unusable one."""
    given = request.headers.get(HEADER)
    if given is None or not changes(view, request.method or ""):
        return None
    text = given.strip().removeprefix('"').removesuffix('"')  # the draft's structured string, or the bare text
    if not 1 <= len(text) <= LONGEST or not (text.isascii() and text.isprintable()):
        raise Problem(
            400, "bad_idempotency_key", "The Idempotency-Key cannot be used", field=HEADER,
            remedy=f"Send 1 to {LONGEST} visible ASCII characters, best a new UUID for every change.",
        )  # fmt: skip
    who = actor_of(request)
    # Keyed, since a client may make its keys of anything, an e-mail address too.
    return Key(blind.index("idempotency", f"{who.kind}:{who.id}\0{text}"), _fingerprint(request))


def _fingerprint(request: Request) -> bytes:
    """Of what was asked. It stands only inside of the sealed answer: a bare digest of a short body could be guessed."""
    parts = [(request.method or "").encode(), request.get_full_path().encode(), request.body]
    return sha256(b"".join(sha256(part).digest() for part in parts)).digest()


def once(key: Key, handler: Handler, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
    """The handler's answer, or the one it gave to the same request before. Raises Problem: 409 while another request with
    this key is worked on, 422 if the key came with another request before; and what the handler raises."""
    now = timezone.now()
    with transaction.atomic():
        _lock(key)
        kept = KeptAnswer.objects.filter(pk=key.digest, expires_at__gt=now).first()
        if kept is not None:
            return _replayed(kept, key)
        response, refused = _attempt(handler, request, *args, **kwargs)
        if refused is None and 200 <= response.status_code < 300:
            _keep(key, request, response, now)
    if refused is not None:
        raise refused
    return response


def _lock(key: Key) -> None:
    number = int.from_bytes(key.digest.bytes[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        if cursor.fetchone() == (True,):
            return
    raise Problem(
        409, "in_progress", "A request with this key is being worked on", field=HEADER,
        remedy="Wait as long as Retry-After says, then send the same again.", headers={"Retry-After": "1"},
    )  # fmt: skip


def _attempt(handler: Handler, request: Request, *args: Any, **kwargs: Any) -> tuple[HttpResponse, Foreseen | None]:
    """The handler's answer, or the refusal it raised: handed back instead of raised through the transaction, which would
    take the audit entry of a denial with it. Verbs have rolled back their own work by then. A fault goes through."""
    try:
        return handler(request, *args, **kwargs), None
    except (APIException, Http404, PermissionDenied) as refusal:
        return HttpResponse(), refusal


def _place(digest: UUID) -> bytes:
    return aad("access_keptanswer", digest, "sealed")


def _keep(key: Key, request: Request, response: HttpResponse, now: datetime) -> None:
    data = response.data if isinstance(response, Response) else None
    content = {
        "fingerprint": key.fingerprint,
        "status": response.status_code,
        "body": b"" if data is None else request.accepted_renderer.render(data),
        "headers": {name: response[name] for name in _HEADERS if name in response},
    }
    KeptAnswer.objects.update_or_create(
        digest=key.digest,
        defaults={
            "sealed": sealed.seal(keys.system(_SYSTEM), content, aad=_place(key.digest)),
            "expires_at": now + KEEP,
        },
    )


def _replayed(kept: KeptAnswer, key: Key) -> HttpResponse:
    content = sealed.unseal(keys.system(_SYSTEM), bytes(kept.sealed), aad=_place(key.digest))
    if content["fingerprint"] != key.fingerprint:
        raise Problem(
            422, "key_reused", "This key came with another request", field=HEADER,
            remedy="Send exactly what was sent with it before, or a new key for a new change.",
        )  # fmt: skip
    return HttpResponse(
        content["body"],
        status=content["status"],
        content_type="application/json",
        headers={**content["headers"], REPLAYED: "true"},
    )
