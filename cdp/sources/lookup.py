"""Sources as the hot paths see them: immutable, found by write key or id, remembered for two seconds."""

import hashlib
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from cdp.sources.models import Source

_SECONDS = 2.0
_MOST = 4096  # keys remembered, wrong ones too: a client that guesses keys must not fill the memory


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What the doors and the pipeline need of a source. `purposes` are pairs (purpose, legal basis); `region` is the
    installation's where the source has none."""

    id: UUID
    name: str
    kind: str
    purposes: tuple[tuple[str, str], ...]
    priority: int
    region: str
    namespace: str
    enabled: bool


_lock = threading.Lock()
_by_hash: dict[bytes, tuple[float, SourceInfo | None]] = {}
_by_id: dict[UUID, tuple[float, SourceInfo]] = {}


def forget() -> None:
    """Drops what this process remembers."""
    with _lock:
        _by_hash.clear()
        _by_id.clear()


def key_hash(key: str) -> bytes:
    """SHA-256 of a write key. Enough here: the key is 256 random bits, so nobody can try them all."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def info_of(source: Source) -> SourceInfo:
    """The immutable view of a row."""
    return SourceInfo(
        id=source.id,
        name=source.name,
        kind=source.kind,
        purposes=tuple((entry["purpose"], entry["basis"]) for entry in source.purposes),
        priority=source.priority,
        region=source.region or settings.REGION,
        namespace=source.namespace,
        enabled=source.enabled,
    )


def by_write_key(key: str) -> SourceInfo | None:
    """The source of a write key, or None. A disabled source is returned with `enabled=False`: the door says why."""
    if not key or len(key) > 200:
        return None
    digest, now = key_hash(key), time.monotonic()
    known = _by_hash.get(digest)
    if known and known[0] > now:
        return known[1]
    source = Source.objects.filter(key_hash=digest).first()
    info = info_of(source) if source else None
    with _lock:
        if len(_by_hash) >= _MOST:
            _by_hash.clear()
        _by_hash[digest] = (now + _SECONDS, info)
    return info


def load(source_ids: Iterable[UUID]) -> dict[UUID, SourceInfo]:
    """The sources with these ids; unknown ids are absent. At most one query."""
    now = time.monotonic()
    found: dict[UUID, SourceInfo] = {}
    missing: set[UUID] = set()
    for source_id in source_ids:
        known = _by_id.get(source_id)
        if known and known[0] > now:
            found[source_id] = known[1]
        else:
            missing.add(source_id)
    if missing:
        fresh = {source.id: info_of(source) for source in Source.objects.filter(id__in=missing)}
        with _lock:
            _by_id.update((source_id, (now + _SECONDS, info)) for source_id, info in fresh.items())
        found.update(fresh)
    return found
