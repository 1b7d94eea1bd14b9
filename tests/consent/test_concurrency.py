"""A statement and a regrouping that pass each other: whichever commits last knows of both."""

import threading
from uuid import UUID, uuid4

import pytest
from django.db import connections, transaction

from consent.parties import regroup
from consent.permits import permits_profiles
from consent.rebuild import rebuild
from consent.record import Statement, record
from tests.consent.conftest import day


@pytest.mark.usefixtures("clean")
def test_no_state_misses_an_entry() -> None:
    digests = [uuid4() for _ in range(40)]
    parties = [uuid4() for _ in digests]
    failures: list[BaseException] = []

    def run(act: object) -> None:
        try:
            for n in range(0, len(digests), 4):
                with transaction.atomic():
                    act(n)  # type: ignore[operator]
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    def say(n: int) -> None:
        record(
            [Statement((it,), "operate", "withdrawn", day(0), UUID(int=it.int ^ 1)) for it in digests[n : n + 4]],
            actor="pipeline",
            at=day(0),
        )

    def group(n: int) -> None:
        regroup(
            {party: [digest] for party, digest in zip(parties[n : n + 4], digests[n : n + 4], strict=True)}, at=day(0)
        )

    threads = [threading.Thread(target=run, args=[act]) for act in (say, group, say, group)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert rebuild(check=True) == 0
    assert not any(it.allowed for it in permits_profiles(parties, "operate", at=day(1)).values())
