"""Rows for tests of segments: profiles with facts, events, permissions; rows only, no other room's verbs."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection

from cdp import outbox
from cdp.catalogue import snapshot
from cdp.ids import uuid7
from segments.nodes import micros

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def declare(scope: str, name: str, kind: str, data_class: str = "fact") -> None:
    """Declares a field or an event name, as a steward would."""
    from cdp.catalogue.digests import of
    from cdp.catalogue.models import Field, Version

    Field.objects.create(scope=scope, name=name, type=kind, data_class=data_class, digest=of(scope, name))
    Version.objects.filter(pk=1).update(number=Version.objects.get(pk=1).number + 1)
    snapshot.forget()


def person(facts: Mapping[str, Any] | None = None) -> UUID:
    """A profile with one record of the same id."""
    profile_id = uuid7()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO identity_profile (id, facts, provenance, records, version) VALUES (%s, %s::jsonb, '{}', 1, 1)",
            [profile_id, json.dumps(dict(facts or {}))],
        )
    record(profile_id, profile_id)
    return profile_id


def record(record_id: UUID, profile_id: UUID) -> None:
    """One record of a profile."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO identity_record (id, source_id, key_kind, key_digest, profile_id, facts, attributes, first_seen)"
            " VALUES (%s, %s, 1, %s, %s, '{}', '{}', now())",
            [record_id, uuid4(), uuid4(), profile_id],
        )


def happened(profile_id: UUID, name: str, *days_ago: float, at: datetime = NOW, **facts: Any) -> list[UUID]:
    """Events of a name, so many days before `at`, with the same properties."""
    return [event(profile_id, name, at - timedelta(days=days), facts) for days in days_ago]


def event(
    profile_id: UUID, name: str, occurred_at: datetime, facts: Mapping[str, Any], *, message: UUID | None = None
) -> UUID:
    """One stored event. `message`: decides which of those of one moment came first."""
    event_id = uuid7()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_event (id, record_id, source_id, type, name, message, occurred_at, received_at, facts, sealed)"
            " VALUES (%s, %s, %s, 2, %s, %s, %s, %s, %s::jsonb, '')",
            [
                event_id, profile_id, uuid4(), snapshot.current().event_name(name), message or uuid4(), occurred_at,
                occurred_at, json.dumps(dict(facts)),
            ],
        )  # fmt: skip
    return event_id


def tell(
    profile_id: UUID, name: str, days_ago: float, *, at: datetime = NOW, message: UUID | None = None, **facts: Any
) -> UUID:
    """One event, stored and said to whoever follows."""
    occurred = at - timedelta(days=days_ago)
    made = event(profile_id, name, occurred, facts, message=message)
    digest = snapshot.current().event_name(name)
    outbox.happened([outbox.Happened(profile_id, digest, micros(occurred), json.dumps(facts))])
    return made


def members(key: str) -> set[UUID]:
    """Who is stored as a member."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT profile_id FROM segments_membership m JOIN segments_segment s ON s.id = m.segment_id"
            " WHERE s.key = %s AND m.member",
            [key],
        )
        return {row[0] for row in cursor.fetchall()}


def segment(key: str, rule: Mapping[str, Any], **more: Any) -> Any:
    """A saved segment, not built."""
    from segments.models import Segment

    return Segment.objects.create(key=key, name=key.replace("-", " "), rule=rule, **more)


def many(count: int, facts: Sequence[Mapping[str, Any]] = ({},)) -> list[UUID]:
    """Several people, with facts in turn."""
    return [person(facts[i % len(facts)]) for i in range(count)]
