"""People for `bench_profiles`, as the pipeline would have left them: sealed, keyed, agreed and grouped; by COPY.

Each is known to a shop under three identifiers, every third to a till as well; each has agreed to one purpose. The id of a
profile follows from its number, so that a load generator can pick any of a million without a list.
"""

import multiprocessing
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

CHUNK = 5_000
BEGAN = datetime(2026, 1, 5, 9, tzinfo=UTC)
COUNTRIES = ("NL", "BE", "DE", "FR")
_EPOCH = int(BEGAN.timestamp() * 1000)
_SPREAD = 0x9E3779B97F4A7C15  # golden ratio: fills the random part of the ids


def id_of(number: int, part: int = 0) -> UUID:
    """The id of the profile with a number (part 0) or of one of its records (1, 2): a UUIDv7 of its own millisecond."""
    random = (number * _SPREAD + part) & ((1 << 62) - 1)
    return UUID(int=(_EPOCH + number) << 80 | 7 << 76 | part << 64 | 2 << 62 | random)


def seed(first: int, last: int, sources: Sequence[Any], environment: Mapping[str, str]) -> None:
    """Adds the people with numbers from `first` up to, not including, `last`; on as many processes as there are cores, each
    with the environment that names the databases."""
    chunks = [(start, min(start + CHUNK, last), tuple(sources)) for start in range(first, last, CHUNK)]
    with ProcessPoolExecutor(
        os.cpu_count(),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_set_up,
        initargs=(list(sys.path), dict(environment)),
    ) as pool:
        for _ in pool.map(_chunk, chunks):
            pass


def _set_up(path: list[str], environment: dict[str, str]) -> None:
    sys.path[:] = path
    os.environ.update(environment)
    import django

    django.setup()


def _chunk(chunk: tuple[int, int, Sequence[Any]]) -> None:
    from django.db import transaction

    from cdp.catalogue import snapshot
    from cdp.vault import keys
    from identity import profilerows, records
    from identity.assign import Assigned

    first, last, sources = chunk
    numbers = range(first, last)
    recs, evidence = _records(numbers, sources)
    held = keys.create([rec.id for rec in recs])
    scene = {rec.id: rec for rec in recs}
    parts: dict[UUID, list[UUID]] = {}
    for rec in recs:
        parts.setdefault(rec.profile_id, []).append(rec.id)
    assigned = Assigned(list(parts), made=set(parts))
    with transaction.atomic():
        records.insert(recs, held, frozenset(snapshot.current().classes("trait")))
        records.insert_evidence(evidence, held)
        profilerows.write(list(parts.values()), assigned, scene, {}, at=BEGAN)
        _agree(recs, evidence)
    keys.forget()


def _records(numbers: Iterable[int], sources: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Records and their evidence rows (record, kind, digest, what it was made of, first seen)."""
    from cdp.catalogue import snapshot
    from identity.prepare import Observation, read_all
    from identity.records import Rec
    from identity.traits import stamp

    catalogue, recs, evidence, asked = snapshot.current(), [], [], []
    for number in numbers:
        for part, source in enumerate(sources[: 2 if number % 3 == 0 else 1], start=1):
            seen = BEGAN + timedelta(seconds=part)
            email, phone = f"person{number}@example.com", f"+31 6 {10_000_000 + number:08d}"
            given = [("email", email)] if part == 2 else [("email", email), ("phone", phone)]
            split = catalogue.split("trait", _traits(number, part, email, phone))
            told = Observation(source.id, source.namespace, "NL", "user_id", f"u-{number}", given, {}, {}, seen)
            asked.append((told, split, id_of(number, part), id_of(number)))
    read_all([it[0] for it in asked])
    for told, split, record, profile in asked:
        said, at = told.read, stamp(told.occurred_at)
        facts = {name: [value, at] for name, value in split.facts.items()}
        sealed = {name: [value, at] for name, value in split.sealed.items()}
        kind, digest = said.key.kind, said.key.digest
        recs.append(Rec(record, told.source_id, kind, digest, profile, told.occurred_at, facts, sealed))
        evidence += [(record, it.kind, it.digest, it.spelt, told.occurred_at) for it in said.values]
    return recs, evidence


def _traits(number: int, part: int, email: str, phone: str) -> dict[str, Any]:
    said: dict[str, Any] = {"firstName": f"Given{number % 977}", "lastName": f"Family{number}", "email": email}
    said |= {"country": COUNTRIES[number % len(COUNTRIES)], "logins": number % 50}
    if part == 1:
        said |= {
            "phone": phone,
            "birthday": f"19{50 + number % 50}-03-01",
            "nickname": f"n{number}",
            "shoe": number % 47,
        }
    return said


def _agree(recs: Sequence[Any], evidence: Iterable[tuple[Any, ...]]) -> None:
    """Parties, and an agreement of each under all the identifiers by which they are known."""
    from django.db import connection

    profiles = {rec.id: rec.profile_id for rec in recs}
    parties: dict[UUID, set[UUID]] = {}
    for record, _, digest, _, _ in evidence:
        parties.setdefault(profiles[record], set()).add(digest)
    entries = {profile: UUID(int=profile.int ^ (1 << 64)) for profile in parties}
    _copy(
        connection,
        "consent_party (party_id, digest, valid_from)",
        ((profile, digest, BEGAN) for profile, digests in parties.items() for digest in digests),
    )
    _copy(
        connection,
        "consent_ledgerentry (id, purpose, status, subjects, basis, notice_version, jurisdiction, channel, method, actor,"
        " effective_from, cause)",
        (
            (
                entries[it],
                "news",
                "granted",
                list(digests),
                "consent",
                "",
                "",
                "web",
                "",
                "benchmark",
                BEGAN,
                entries[it],
            )
            for it, digests in parties.items()
        ),
    )
    subjects = ((digest, entries[profile]) for profile, digests in parties.items() for digest in digests)
    _copy(connection, "consent_subject (digest, entry_id)", subjects)
    _copy(
        connection,
        "consent_state (party_id, purpose, moments, verdicts)",
        ((profile, "news", [BEGAN], [1]) for profile in parties),
    )


def _copy(connection: Any, into: str, rows: Iterable[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
