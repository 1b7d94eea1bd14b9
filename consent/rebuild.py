"""States anew from the ledger and the parties: must equal the live ones."""

from collections.abc import Iterator
from uuid import UUID

from django.db import connection, transaction

from consent import locks, states

_CHUNK = 2_000


def rebuild(check: bool = False) -> int:
    """Recomputes every state; returns how many differed. With `check` nothing is written."""
    differences = 0
    for parties in _chunks():
        with transaction.atomic():
            locks.take()
            expected = {(row.party_id, row.purpose): row for row in states.folded(parties)}
            live = {(row.party_id, row.purpose): row for row in states.stored(parties)}
            wrong = {key for key in expected.keys() | live.keys() if expected.get(key) != live.get(key)}
            differences += len(wrong)
            if wrong and not check:
                states.refresh({party for party, _ in wrong})
    return differences


def _chunks() -> Iterator[list[UUID]]:
    """All parties that have an open row or a state, by id."""
    last = UUID(int=0)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                "select party_id from ("
                "(select distinct party_id from consent_party where valid_to is null and party_id > %(last)s"
                " order by 1 limit %(n)s) union (select distinct party_id from consent_state where party_id > %(last)s"
                " order by 1 limit %(n)s)) t order by 1 limit %(n)s",
                {"last": last, "n": _CHUNK},
            )
            found = [party for (party,) in cursor.fetchall()]
        if not found:
            return
        yield found
        last = found[-1]
