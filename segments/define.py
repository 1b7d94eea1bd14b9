"""Making, changing and removing segments: checked, audited, and built at once."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from graphlib import CycleError
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.utils.text import slugify
from kombu.exceptions import OperationalError

from cdp import audit
from cdp.audit import Actor
from consent.models import Purpose
from segments import program
from segments.models import Segment
from segments.nodes import Node
from segments.rebuild import build
from segments.rules import Fault, InvalidRule, parse

log = structlog.get_logger(__name__)
# Above this many profiles a build is a job, not part of the request.
SMALL = 50_000
_CHANGEABLE = ("name", "description", "rule", "purpose", "enabled")


class StaleVersion(Exception):
    """The segment was changed by somebody else meanwhile."""


def check(rule: Any, *, purpose: str = "operate", key: str = "") -> Node:
    """The tree of a rule that could be saved now (under `key`, where a segment of that key may already be).

    Raises InvalidRule: undeclared or identifying fields, unknown segments and purposes, types, circles."""
    others = list(
        Segment.objects.filter(enabled=True).exclude(key=key).values_list("id", "key", "version", "purpose", "rule")
    )
    purposes = frozenset(Purpose.objects.values_list("key", flat=True))
    keys = {row[1] for row in others}
    faults: tuple[Fault, ...] = ()
    node = None
    try:
        node = parse(rule, program.vocabulary(keys | ({key} if key else set()), purposes))
    except InvalidRule as error:
        faults = error.faults
    if purpose not in purposes:
        faults = (*faults, Fault("purpose", "names no purpose", "use the key of a purpose, or make it first"))
    if faults or node is None:
        raise InvalidRule(faults)
    if key and program.references(node):
        try:
            program.build([*others, (UUID(int=0), key, 0, purpose, rule)])
        except CycleError:
            problem = "refers to itself, directly or through another segment"
            raise InvalidRule((Fault("", problem, "take the reference out of one of them"),)) from None
    return node


def define(
    name: str,
    rule: Mapping[str, Any],
    *,
    by: Actor,
    at: datetime,
    key: str = "",
    purpose: str = "operate",
    description: str = "",
    enabled: bool = True,
) -> Segment:
    """Makes a segment; its members are built when the transaction commits. Raises InvalidRule (also for a key in use)."""
    with transaction.atomic():
        program.seize()
        wanted = key or slugify(name)[:60]
        if not wanted or Segment.objects.filter(key=wanted).exists():
            raise InvalidRule((Fault("key", "is in use or empty", "choose another key"),))
        check(rule, purpose=purpose, key=wanted)
        segment = Segment.objects.create(
            key=wanted, name=name, rule=dict(rule), purpose=purpose, description=description, enabled=enabled
        )
        audit.record("segment.define", by=by, object=("segment", segment.id), purpose=purpose, details={"version": 1})
        _build_on_commit(segment.id, at)
    segment.refresh_from_db()
    return segment


def change(segment_id: UUID, *, by: Actor, at: datetime, version: int | None = None, **fields: Any) -> Segment:
    """Changes name, description, rule, purpose or enabled; what is affected is built when the transaction commits.

    `version`: the one that the change was made from. Raises StaleVersion, InvalidRule, Segment.DoesNotExist."""
    unknown = set(fields) - set(_CHANGEABLE)
    if unknown:
        raise ValueError(f"cannot be changed: {', '.join(sorted(unknown))}")
    with transaction.atomic():
        program.seize()
        segment = Segment.objects.select_for_update().get(pk=segment_id)
        if version is not None and version != segment.version:
            raise StaleVersion
        changed = sorted(name for name, value in fields.items() if getattr(segment, name) != value)
        for name in changed:
            setattr(segment, name, fields[name])
        if {"rule", "purpose", "enabled"} & set(changed):
            if segment.enabled:
                check(segment.rule, purpose=segment.purpose, key=segment.key)
            else:
                _refuse_if_referred(segment)
        if changed:
            segment.version += 1
            segment.updated_at = at
            if {"rule", "enabled"} & set(changed):
                segment.built_at = None
                _build_on_commit(segment.id, at)
            segment.save()
            details = {"version": segment.version}
            audit.record("segment.change", by=by, object=("segment", segment.id), fields=changed, details=details)
    segment.refresh_from_db()
    return segment


def remove(segment_id: UUID, *, by: Actor, at: datetime, version: int | None = None) -> None:
    """Deletes a segment; its members leave, its history stays. Raises InvalidRule when another segment refers to it."""
    with transaction.atomic():
        program.seize()
        segment = Segment.objects.select_for_update().get(pk=segment_id)
        if version is not None and version != segment.version:
            raise StaleVersion
        _refuse_if_referred(segment)
        segment.delete()
        audit.record("segment.remove", by=by, object=("segment", segment_id))
        _build_on_commit(segment_id, at)


def _refuse_if_referred(segment: Segment) -> None:
    referring = [it.key for it in program.current().dependents(segment.key)]
    if referring:
        problem = f"other segments refer to it: {', '.join(referring)}"
        raise InvalidRule((Fault("", problem, "change those first"),))


def _build_on_commit(segment_id: UUID, at: datetime) -> None:
    # After the commit, not inside: the lock on definitions is then free, so that the live path never waits for a build.
    transaction.on_commit(partial(_build, segment_id, at))


def _build(segment_id: UUID, at: datetime) -> None:
    if population() <= SMALL:
        build(segment_id, at=at)
    else:
        build_later(segment_id)


def build_later(segment_id: UUID) -> bool:
    """Has the worker of jobs build a segment; False without a broker: then the calendar builds within a minute
    what was never built."""
    from segments.tasks import build_segment

    try:
        build_segment.delay(segment_id=str(segment_id))
    except OperationalError:
        log.warning("broker unreachable", task="build_segment")
        return False
    return True


def population() -> int:
    """How many profiles there are: the planner's estimate when there are many, else counted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = 'identity_profile'::regclass")
        estimate = int(cursor.fetchone()[0])
        if estimate > 2 * SMALL:
            return estimate
        cursor.execute("SELECT count(*) FROM identity_profile")
        return int(cursor.fetchone()[0])
