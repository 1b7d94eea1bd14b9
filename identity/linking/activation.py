"""Switching to another version of the model: in batches beside the live flow, each a transaction of its own under the identity
lock, so that what was stopped goes on where it ended.

From the moment of switching, whatever changes is scored by the new version. A record that was not looked at yet keeps its old
links meanwhile.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from cdp import audit
from cdp.arrays import uuids
from cdp.catalogue import snapshot
from cdp.catalogue.declare import raise_version
from identity import locks, records, regroup
from identity.linking import active, refusals
from identity.linking.jobs import refuse_if_busy, wake
from identity.models import MatchModel, Record

BATCH = 500
_State = MatchModel.State
_PAGE = "SELECT id FROM identity_record WHERE %s::uuid IS NULL OR id > %s::uuid ORDER BY id LIMIT %s"
_LEFT = (
    "SELECT record_id FROM identity_matchrow WHERE %s::uuid IS NULL OR record_id > %s::uuid ORDER BY record_id LIMIT %s"
)


class NotActivatable(ValueError):
    """This version cannot be put in force; says why and what to do instead."""


def activate(version: int, *, by: audit.Actor, at: datetime) -> MatchModel:
    """Puts a version in force, from now on for whatever changes; `step` brings the rest up to date. Raises NotActivatable,
    jobs.Busy, MatchModel.DoesNotExist."""
    with transaction.atomic():
        refuse_if_busy()
        row = MatchModel.objects.get(version=version)
        if row.sealed is None or row.state in (_State.TRAINING, _State.FAILED):
            raise NotActivatable(
                f"version {version} has not been trained to its end: choose one that has, or train anew"
            )
        if row.state == _State.ACTIVE:
            raise NotActivatable(f"version {version} is in force already")
        refusals.define(by=by)
        MatchModel.objects.filter(state=_State.ACTIVE).update(state=_State.RETIRED, job="")
        row.state, row.activated_at, row.actor = _State.ACTIVE, at, f"{by.kind}:{by.id}"[:80]
        _begin(row, "activate")
        audit.record("matching.activate", by=by, object=("match_model", row.id), details={"version": version})
    return row


def deactivate(*, by: audit.Actor, at: datetime) -> MatchModel:
    """Goes back to identifiers alone; `step` withdraws the links. Raises NotActivatable, jobs.Busy."""
    with transaction.atomic():
        refuse_if_busy()
        row = MatchModel.objects.filter(state=_State.ACTIVE).first()
        if row is None:
            raise NotActivatable("no version is in force: records are joined by identifiers alone")
        row.state = _State.RETIRED
        _begin(row, "withdraw")
        audit.record("matching.deactivate", by=by, object=("match_model", row.id), details={"version": row.version})
    return row


def _begin(row: MatchModel, job: str) -> None:
    row.job, row.total, row.looked_at, row.position, row.error = job, Record.objects.count(), 0, None, ""
    row.save()
    raise_version()
    transaction.on_commit(wake)


def step(row_id: UUID, *, at: datetime) -> bool:
    """Scores the next records by the version in force, or withdraws their links where none is; whether there is more to do.
    Safe to repeat, and for two at once."""
    with transaction.atomic():
        locks.take()
        row = MatchModel.objects.select_for_update().get(pk=row_id)
        if row.job not in ("activate", "withdraw"):
            return False
        ids = _page(_PAGE if row.job == "activate" else _LEFT, row.position)
        if ids:
            touched = _rescore(row, ids, at=at) if row.job == "activate" else _withdraw(ids)
            regroup.regroup({}, touched, (), regrouped=(), at=at, actor="matching")
            row.position, row.looked_at = ids[-1], row.looked_at + len(ids)
        else:
            _finish(row)
        row.save(update_fields=["position", "looked_at", "job"])
        return bool(ids)


def _rescore(row: MatchModel, ids: list[UUID], *, at: datetime) -> set[UUID]:
    from identity.linking import settle

    model = active.current()
    if model is None or model.id != row.id:
        snapshot.forget()
        model = active.current()
    if model is None or model.id != row.id:
        raise NotActivatable(f"{row} is not in force any more")
    return settle.settle(model, records.by_id(ids), at=at, anew=True).touched


def _withdraw(ids: Collection[UUID]) -> set[UUID]:
    literal = uuids(ids)
    with connection.cursor() as cursor:
        cursor.execute(
            """DELETE FROM identity_matchkey k USING (
                   SELECT record_id, unnest(keys) AS key FROM identity_matchrow WHERE record_id = ANY(%s::uuid[])) m
               WHERE k.record_id = m.record_id AND k.key = m.key""",
            [literal],
        )
        cursor.execute("DELETE FROM identity_matchrow WHERE record_id = ANY(%s::uuid[])", [literal])
        cursor.execute(
            """DELETE FROM identity_review WHERE state = 'open' AND reason IN ('near_even', 'bridge', 'guard')
               AND (left_id = ANY(%s::uuid[]) OR right_id = ANY(%s::uuid[]))""",
            [literal, literal],
        )
        cursor.execute(
            """DELETE FROM identity_link WHERE rule = 'similar' AND (left_id = ANY(%s::uuid[]) OR right_id = ANY(%s::uuid[]))
               RETURNING left_id, right_id""",
            [literal, literal],
        )
        return {record for pair in cursor.fetchall() for record in pair}


def _finish(row: MatchModel) -> None:
    """Drops what earlier versions left: counts of keys that nobody has any more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM identity_retiredkey r WHERE NOT EXISTS (SELECT FROM identity_matchkey k WHERE k.key = r.key)"
        )
    audit.record(
        "matching.activated" if row.job == "activate" else "matching.withdrawn", by=audit.SYSTEM,
        object=("match_model", row.id), rows=row.looked_at, details={"version": row.version},
    )  # fmt: skip
    row.job = ""


def _page(query: str, after: UUID | None) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(query, [after, after, BATCH])
        return [row[0] for row in cursor.fetchall()]
