"""API keys: made once, shown once, kept as a hash. Revocation is effective at once: every request reads the row.

One prepared look-up per request buys that no process can go on honouring a revoked key; only the note of the last use is
remembered in the process, so that it is written at most once a minute.
"""

import hashlib
import secrets
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from cdp.access.buckets import parse as parse_rate
from cdp.access.models import ApiKey
from cdp.access.scopes import parse_all
from cdp.audit import Actor, record
from cdp.database.together import together

PREFIX = "cdp"
NOTE_USE_EVERY = timedelta(minutes=1)
_FIELDS = [field.attname for field in ApiKey._meta.concrete_fields]
_COLUMNS = ", ".join(str(field.column) for field in ApiKey._meta.concrete_fields)
_BY_HASH = f"SELECT {_COLUMNS} FROM access_apikey WHERE hash = %s"
_noted: dict[UUID, datetime] = {}
_lock = threading.Lock()


def forget() -> None:
    """Drops what this process remembers of keys."""
    with _lock:
        _noted.clear()


@dataclass(frozen=True)
class ServiceAccount:
    """What `request.user` is for a request with an API key. It holds scopes, never Django permissions."""

    key: ApiKey
    is_authenticated: bool = True
    is_anonymous: bool = False
    is_active: bool = True
    is_staff: bool = False
    is_superuser: bool = False

    @property
    def pk(self) -> UUID:
        """The key's id: DRF names a throttled caller by it."""
        return self.key.pk

    def get_username(self) -> str:
        """The key's public prefix."""
        return self.key.prefix

    def has_perm(self, perm: str, row: object = None) -> bool:
        """Never: scopes open doors for a key, not the permissions of people."""
        return False


def _hash(token: str) -> bytes:
    # A plain digest is enough: 256 random bits cannot be guessed, so nothing is gained by a slow one.
    return hashlib.sha256(token.encode()).digest()


def _new_token() -> tuple[str, str]:
    prefix = secrets.token_hex(4)
    return prefix, f"{PREFIX}_{prefix}_{secrets.token_urlsafe(32)}"


def create_key(
    name: str,
    scopes: Sequence[str],
    by: Actor,
    sources: Iterable[UUID] = (),
    expires_at: datetime | None = None,
    purpose: str = "operate",
    rate: str = "",
) -> tuple[ApiKey, str]:
    """A new key and its token, which is not kept and cannot be shown again. `rate`: its own limit (`buckets.parse`), ""
    for the installation's. Raises UnknownScope, or ValueError without any scope or for what is no rate."""
    held = parse_all(scopes)
    parse_rate(rate)
    if not held:
        raise ValueError("a key without a scope opens nothing: name at least one")
    prefix, token = _new_token()
    with transaction.atomic():
        key = ApiKey.objects.create(
            name=name,
            prefix=prefix,
            hash=_hash(token),
            scopes=held,
            source_ids=list(sources),
            purpose=purpose,
            rate=rate.strip().lower(),
            expires_at=expires_at,
            created_by=f"{by.kind}:{by.id}",
        )
        record("key.create", by=by, object=("key", key.pk), purpose=purpose, details={"scopes": held})
    return key, token


def rotate(key: ApiKey, *, by: Actor, at: datetime, overlap: timedelta = timedelta(days=1)) -> tuple[ApiKey, str]:
    """A successor with the same rights; the old key goes on working for `overlap`, but never longer than it would have.

    The successor gets a life as long as the old one's had been. Raises ValueError for a key that is no longer live or
    was already replaced."""
    with transaction.atomic():
        old = ApiKey.objects.select_for_update().get(pk=key.pk)
        if not old.is_live(at=at) or old.replaced_by_id:
            raise ValueError("only a live key that was not yet replaced can be rotated")
        expires_at = at + (old.expires_at - old.created_at) if old.expires_at else None
        new, token = create_key(old.name, old.scopes, by, old.source_ids, expires_at, old.purpose, old.rate)
        end = at + overlap
        old.expires_at = min(old.expires_at, end) if old.expires_at else end
        old.replaced_by = new
        old.save(update_fields=["expires_at", "replaced_by"])
        record("key.rotate", by=by, object=("key", old.pk), details={"replaced_by": str(new.pk)})
    return new, token


def revoke(key: ApiKey, *, by: Actor, at: datetime) -> bool:
    """Ends a key at once. False if it was already revoked."""
    with transaction.atomic():
        done = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=at)
        if done:
            record("key.revoke", by=by, object=("key", key.pk))
    return bool(done)


def authenticate(token: str, *, at: datetime) -> ApiKey | None:
    """The live key of a token, or None. Notes the use, at most once a minute."""
    if not token.startswith(f"{PREFIX}_") or len(token) > 100:
        return None
    (rows,) = together((_BY_HASH, [_hash(token)]))
    key = ApiKey.from_db("default", _FIELDS, rows[0]) if rows else None
    if key is None or not key.is_live(at=at):
        return None
    _note_use(key, at)
    return key


def _note_use(key: ApiKey, at: datetime) -> None:
    with _lock:
        last = _noted.get(key.pk, key.last_used_at)
        if last is not None and at - last < NOTE_USE_EVERY:
            return
        _noted[key.pk] = at
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=at)
