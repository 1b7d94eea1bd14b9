"""Who does not want to be found by likeness: the purpose "matching", asked of the ledger as of any other."""

from collections.abc import Callable, Collection
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from cdp import audit
from consent.models import Basis, Purpose
from consent.permits import permits_many, permitted_sql
from consent.purposes import ensure_purpose
from consent.rules import EVERY
from identity import locks, records, regroup
from identity.linking import active
from identity.linking.comparable import PURPOSE
from identity.records import Rec

BATCH = 500
_SPOKE = """
SELECT own.id, own.profile_id FROM consent_state s JOIN identity_record own ON own.profile_id = s.party_id
WHERE s.purpose = ANY(%s)
"""
_CLOSED = """
UNION SELECT own.id, own.profile_id FROM identity_matchrow n JOIN identity_record own ON own.id = n.record_id
WHERE n.sealed IS NULL
"""
_PASSES = 3  # who objects takes along those who were joined only for likeness; once parted they are asked again


def define(*, by: audit.Actor) -> None:
    """Makes the purpose that people refuse, if there is none: nobody can refuse what has no name."""
    ensure_purpose(
        PURPOSE,
        basis="legitimate_interests",
        by=by,
        name="Recognise a person by likeness",
        description="Records that share no identifier are joined when names, dates and addresses are alike enough. Whoever"
        " objects is recognised by identifiers alone.",
    )


def refused(recs: Collection[Rec], *, at: datetime) -> set[UUID]:
    """Those of the records whose person the purpose is not permitted for. Two queries where nobody ever spoke of it."""
    if not recs:
        return set()
    records.load_evidence([rec for rec in recs if not rec.new and not rec.evidence])
    asked = [rec.evidence.keys() or (rec.key_digest,) for rec in recs]
    answers = permits_many(asked, PURPOSE, at=at)
    return {rec.id for rec, answer in zip(recs, answers, strict=True) if not answer.allowed}


def catch_up(*, clock: Callable[[], datetime]) -> int:
    """Withdraws the links of whoever has refused since they were made, and makes those of whoever agrees again; of how many
    records. Only people who ever spoke of it are looked at. Safe to repeat."""
    done = 0
    for _ in range(_PASSES):
        count = _pass(clock)
        done += count
        if not count:
            break
    return done


def _pass(clock: Callable[[], datetime]) -> int:
    done, last = 0, UUID(int=0)
    while active.current() is not None:
        last, count = _step(last, at=clock())
        if not count:
            break
        done += count
    return done


def _step(after: UUID, *, at: datetime) -> tuple[UUID, int]:
    from identity.linking import settle

    permitted, params = permitted_sql(PURPOSE, at, column="r.profile_id")
    asked = _SPOKE
    # Where nobody has to agree, who is parted from somebody who objected is permitted again without a word of the ledger.
    if not Purpose.objects.filter(key=PURPOSE, basis=Basis.CONSENT).exists():
        asked += _CLOSED
    with transaction.atomic():
        locks.take()
        model = active.current()
        with connection.cursor() as cursor:
            cursor.execute(
                f"""SELECT r.id FROM ({asked}) AS r LEFT JOIN identity_matchrow m ON m.record_id = r.id
                    WHERE r.id > %s AND (m.record_id IS NOT NULL AND m.sealed IS NULL) = {permitted} ORDER BY r.id LIMIT %s""",
                [[PURPOSE, EVERY], after, *params, BATCH],
            )
            ids = [row[0] for row in cursor.fetchall()]
        if not ids or model is None:
            return after, 0
        touched = settle.settle(model, records.by_id(ids), at=at).touched
        regroup.regroup({}, touched, (), regrouped=(), at=at, actor="matching")
    return ids[-1], len(ids)
