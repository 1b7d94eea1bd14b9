"""Consent's share of personal data: parties and their states, and what the ledger says of a person's digests."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from cdp.vault import keys
from consent import locks

# Consent is kept by identifier and by profile, not by record: the record's evidence says which. Read by SQL, because
# identity's models lie above this room.
_PROFILES = "select distinct profile_id from identity_record where id = any(%s::uuid[]) and profile_id is not null"
_DIGESTS = "select distinct digest from identity_evidence where record_id = any(%s::uuid[])"
# Evidence (free text) of those entries that no living party can rely on any more.
_FORGOTTEN = f"""
select e.id from consent_ledgerentry e
where e.evidence_sealed is not null and e.id in (select entry_id from consent_subject where digest in ({_DIGESTS}))
and not exists (select from consent_party p where p.digest = any(e.subjects) and p.valid_to is null)
"""
_KEPT = timedelta(days=7 * 366)


class ConsentHolder:
    """The ledger itself outlives an erasure (Art. 17(3)(b) and (e), Art. 7(1): the controller must be able to show that
    consent was given): keyed digests whose key rotates, without any value. Its free-text evidence is sealed under a key of
    the entry, which is destroyed. What is derived from the ledger for a profile goes."""

    name = "consent"
    models = (
        "consent.ledgerentry",
        "consent.subject",
        "consent.party",
        "consent.state",
        "consent.suppression",
    )

    def find(self, record_ids: Iterable[UUID]) -> int:
        """How many party rows and ledger lines speak of these records' identifiers."""
        ids = list(record_ids)
        with connection.cursor() as cursor:
            cursor.execute(
                f"select (select count(*) from consent_party where digest in ({_DIGESTS})) "
                f"+ (select count(distinct entry_id) from consent_subject where digest in ({_DIGESTS}))",
                [ids, ids],
            )
            return int(cursor.fetchone()[0])

    def export(self, record_ids: Iterable[UUID]) -> Iterator[dict[str, Any]]:
        """What was agreed to and withdrawn under these records' identifiers, oldest first."""
        with connection.cursor() as cursor:
            cursor.execute(
                "select purpose, status, basis, notice_version, channel, method, effective_from, expires_at, recorded_at "
                f"from consent_ledgerentry where id in (select entry_id from consent_subject where digest in ({_DIGESTS})) "
                "order by effective_from, id",
                [list(record_ids)],
            )
            names = [column.name for column in cursor.description or ()]
            for row in cursor.fetchall():
                plain = (it.isoformat() if isinstance(it, datetime) else it for it in row)
                yield dict(zip(names, plain, strict=True))

    def erase(self, record_ids: Iterable[UUID]) -> int:
        """Ends the parties of these records' profiles for identifiers that no other record of the profile has, and drops
        the states of profiles that keep none. Before identity deletes its evidence."""
        ids = list(record_ids)
        locks.take()
        with connection.cursor() as cursor:
            cursor.execute(
                """
                delete from consent_party p using identity_record r, identity_evidence e
                where r.id = any(%s::uuid[]) and e.record_id = r.id and p.party_id = r.profile_id and p.digest = e.digest
                and not exists (select from identity_evidence o join identity_record s on s.id = o.record_id
                    where o.digest = p.digest and s.profile_id = p.party_id and s.id <> all(%s::uuid[]))
                """,
                [ids, ids],
            )
            gone = cursor.rowcount
            cursor.execute(
                f"delete from consent_state s where s.party_id in ({_PROFILES}) and not exists "
                "(select from consent_party p where p.party_id = s.party_id and p.valid_to is null)",
                [ids],
            )
            gone += cursor.rowcount
            cursor.execute(_FORGOTTEN, [ids])
            return int(gone) + keys.destroy([entry for (entry,) in cursor.fetchall()])

    def purge(self, now: datetime) -> int:
        """Past groupings are kept for seven years, to answer what was allowed then."""
        with connection.cursor() as cursor:
            cursor.execute("delete from consent_party where valid_to < %s", [now - _KEPT])
            return int(cursor.rowcount)
