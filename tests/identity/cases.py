"""Short ways to say what was observed, and to look at what came of it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from django.db import connection

from identity.models import Evidence
from identity.observe import Observation, Resolution, observe

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=2)  # than everything that cases observe
SPACE = UUID("0190a1b2-0000-7000-8000-000000000000")
SHOP, CRM, LOYALTY, TILL = (uuid5(SPACE, name) for name in ("shop", "crm", "loyalty", "till"))


def said(
    key: str,
    *identifiers: tuple[str, str],
    source: UUID = SHOP,
    kind: str = "user_id",
    at: int = 0,
    namespace: str = "",
    facts: dict[str, object] | None = None,
    **sealed: object,
) -> Observation:
    """An observation `at` minutes past noon. A source has a namespace of its own unless one is named."""
    return Observation(
        source_id=source,
        namespace=namespace or source.hex,
        region="US",
        key_kind=kind,
        key=key,
        identifiers=[(kind, key), *identifiers],
        facts=facts or {},
        sealed=dict(sealed),
        occurred_at=NOON + timedelta(minutes=at),
    )


def see(*observations: Observation) -> list[Resolution]:
    """Observes them in one call."""
    return observe(list(observations), at=NOON + timedelta(days=1))


def profiles() -> dict[UUID, UUID]:
    """Record -> profile, as stored."""
    return dict(rows("SELECT id, profile_id FROM identity_record"))


def together(*resolutions: Resolution) -> bool:
    """Whether their records are one profile now."""
    now = profiles()
    return len({now[resolution.record_id] for resolution in resolutions}) == 1


def rows(query: str, params: list[object] | None = None) -> list[tuple]:  # type: ignore[type-arg]
    """The rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(query, params or [])
        return cursor.fetchall()


def digests_of_record(record_id: UUID) -> tuple[UUID, ...]:
    """All identifiers by which a record is known."""
    return tuple(Evidence.objects.filter(record_id=record_id).order_by("id").values_list("digest", flat=True))
