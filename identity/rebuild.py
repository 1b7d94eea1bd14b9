"""Everything derived of people, recomputed from records, evidence and decisions: the result must equal what is live."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import UUID

from django.db import connection, transaction

from cdp.catalogue import snapshot
from cdp.vault import keys, sealed
from identity import locks, profilerows, records, regroup, relink, rules
from identity.models import MatchModel
from identity.records import Rec
from identity.traits import Stamped, whole

CHUNK = 1000
Progress = Callable[[str, int], None]


def rebuild(check: bool = False, *, at: datetime | None = None, progress: Progress | None = None) -> int:
    """Recomputes splits of traits, retired values, links, clusters, golden records and redirects; how many of them differed.

    In chunks, each a transaction of its own under the identity lock, so that the flow goes on in between and a rebuild that
    was stopped is simply begun again. With `check` each chunk is rolled back: nothing is written."""
    moment = at or datetime.now(UTC)
    differences = 0
    for name, steps in (
        ("traits", _chunks(_record_ids, _resplit)),
        ("values", _chunks(_shared_digests, _relink)),
        ("links", iter([_strays])),
        *_likeness(),
        ("profiles", _chunks(_record_ids, _regroup)),
        ("ids", iter([_orphans])),
    ):
        for number, step in enumerate(steps, start=1):
            with transaction.atomic():
                locks.take()
                differences += step(moment)
                if check:
                    transaction.set_rollback(True)
            if progress:
                progress(name, number)
    return differences


Step = Callable[[datetime], int]


def _chunks(page: Callable[[UUID | None], list[UUID]], work: Callable[[list[UUID], datetime], int]) -> Iterator[Step]:
    last: UUID | None = None
    while ids := page(last):
        last = ids[-1]
        yield lambda at, ids=ids: work(ids, at)  # type: ignore[misc]


def _likeness() -> Iterator[tuple[str, Iterator[Step]]]:
    """Everything that matching keeps, where it was ever in use."""
    if not MatchModel.objects.exists():
        return
    from identity.linking import repair

    yield "keys", _chunks(_record_ids, lambda ids, at: repair.index_rows(ids))
    yield "blocks", _key_chunks(repair.keys, repair.recount)
    yield "likeness", _chunks(_record_ids, repair.likeness)


def _key_chunks(page: Callable[[int | None, int], list[int]], work: Callable[[list[int]], int]) -> Iterator[Step]:
    last: int | None = None
    while keys := page(last, 10 * CHUNK):
        last = keys[-1]
        yield lambda at, keys=keys: work(keys)  # type: ignore[misc]


def _record_ids(after: UUID | None) -> list[UUID]:
    return _page("SELECT id FROM identity_record WHERE %s::uuid IS NULL OR id > %s::uuid ORDER BY id LIMIT %s", after)


def _shared_digests(after: UUID | None) -> list[UUID]:
    """Values that several records hold, or that are retired."""
    return _page(
        """SELECT digest FROM identity_evidence WHERE %s::uuid IS NULL OR digest > %s::uuid
           GROUP BY digest HAVING count(*) > 1 ORDER BY digest LIMIT %s""",
        after,
    )


def _page(query: str, after: UUID | None) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(query, [after, after, CHUNK])
        return [row[0] for row in cursor.fetchall()]


def _resplit(ids: list[UUID], at: datetime) -> int:
    """Splits traits by the catalogue of today, and judges junk values anew."""
    found = records.by_id(ids)
    catalogue, names = snapshot.current(), profilerows.declared_names()
    altered = []
    for rec in found.values():
        facts, rest = _split(catalogue, rec)
        if facts != rec.facts or rest != rec.sealed:
            rec.facts, rec.sealed = facts, rest
            altered.append(rec)
    records.update(altered, keys.load([rec.id for rec in altered]), names)
    return len(altered) + _rejudge(ids)


def _split(catalogue: snapshot.Catalogue, rec: Rec) -> tuple[Stamped, Stamped]:
    facts: Stamped = {}
    rest: Stamped = {}
    for trait in {**rec.facts, **rec.sealed}:
        at = (rec.facts.get(trait) or rec.sealed[trait])[1]
        split = catalogue.split("trait", {trait: whole(rec.facts, rec.sealed, trait)})
        if trait in split.facts:
            facts[trait] = [split.facts[trait], at]
        if trait in split.sealed:
            rest[trait] = [split.sealed[trait], at]
    return facts, rest


def _rejudge(ids: list[UUID]) -> int:
    """Makes the list of junk values right for the evidence of these records."""
    held = keys.load(ids)
    verdicts: dict[UUID, tuple[int, bool]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT record_id, kind, digest, sealed FROM identity_evidence WHERE record_id = ANY(%s::uuid[])", [ids]
        )
        for record_id, kind, digest, blob in cursor.fetchall():
            if digest not in verdicts:
                spelt = sealed.unseal(held[record_id], blob, aad=records.evidence_aad(record_id, digest))
                verdicts[digest] = (kind, rules.is_junk(kind, spelt))
        junk = [digest for digest, (_, is_junk) in verdicts.items() if is_junk]
        cursor.execute(
            "DELETE FROM identity_retiredvalue WHERE digest = ANY(%s::uuid[]) AND reason = 'junk'",
            [[digest for digest, (_, is_junk) in verdicts.items() if not is_junk]],
        )
        differences: int = cursor.rowcount
        cursor.execute(
            """INSERT INTO identity_retiredvalue (kind, digest, reason, holders)
               SELECT kind, digest, 'junk', count(*) FROM identity_evidence WHERE digest = ANY(%s::uuid[]) GROUP BY 1, 2
               ON CONFLICT (digest) DO UPDATE SET reason = 'junk', holders = excluded.holders
               WHERE identity_retiredvalue.reason <> 'junk' OR identity_retiredvalue.holders <> excluded.holders""",
            [junk],
        )
        return differences + int(cursor.rowcount)


def _relink(digests: list[UUID], at: datetime) -> int:
    """Decides links and retirement of shared values from the whole set of their holders."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT v.digest, v.holders, (SELECT count(*) FROM identity_evidence e WHERE e.digest = v.digest)
               FROM identity_retiredvalue v WHERE v.digest = ANY(%s::uuid[]) AND v.reason = 'shared'""",
            [digests],
        )
        before = {row[0]: row[1:] for row in cursor.fetchall()}
        cursor.execute(
            "DELETE FROM identity_retiredvalue WHERE digest = ANY(%s::uuid[]) AND reason = 'shared'", [list(before)]
        )
        known: dict[UUID, Rec] = {}
        done = relink.relink(relink.holders_of(digests)[0], known)
        cursor.execute(
            """UPDATE identity_retiredvalue v
               SET holders = (SELECT count(*) FROM identity_evidence e WHERE e.digest = v.digest)
               WHERE v.digest = ANY(%s::uuid[]) AND v.reason = 'shared' RETURNING digest""",
            [digests],
        )
        after = {row[0] for row in cursor.fetchall()}
    miscounted = sum(bool(stored != counted) for stored, counted in before.values())
    return int(done.made + done.withdrawn + len(after ^ before.keys()) + miscounted)


def _strays(at: datetime) -> int:
    """Links of values that their records no longer hold, or that link nobody; retired values that nobody holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            """DELETE FROM identity_link l WHERE digest IS NOT NULL AND (
               NOT EXISTS (SELECT FROM identity_evidence e WHERE e.record_id = l.left_id AND e.digest = l.digest)
               OR NOT EXISTS (SELECT FROM identity_evidence e WHERE e.record_id = l.right_id AND e.digest = l.digest)
               OR EXISTS (SELECT FROM identity_retiredvalue v WHERE v.digest = l.digest))"""
        )
        links: int = cursor.rowcount
        cursor.execute(
            """DELETE FROM identity_retiredvalue v
               WHERE NOT EXISTS (SELECT FROM identity_evidence e WHERE e.digest = v.digest)"""
        )
        return links + int(cursor.rowcount)


def _regroup(ids: list[UUID], at: datetime) -> int:
    memory: dict[UUID, Rec] = {}
    done = regroup.regroup(memory, ids, (), regrouped=ids, at=at, actor="rebuild")
    return done.moved + len(done.changed | done.gone)


def _orphans(at: datetime) -> int:
    """Profiles without records, and redirects that lead to no profile."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM identity_profile p WHERE NOT EXISTS (SELECT FROM identity_record r WHERE r.profile_id = p.id)"
        )
        profiles: int = cursor.rowcount
        cursor.execute(
            "DELETE FROM identity_redirect d WHERE NOT EXISTS (SELECT FROM identity_profile p WHERE p.id = d.new_id)"
        )
        return profiles + int(cursor.rowcount)
