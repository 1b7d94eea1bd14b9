"""Sources: a write key shown once, kept hashed, found fast, replaced at once."""

import pytest
from django.db import connection

from cdp import audit
from cdp.audit.models import Pending
from cdp.sources import lookup
from cdp.sources.create import InvalidSource, change, create, rotate_write_key

pytestmark = pytest.mark.django_db


def test_a_source_is_found_by_its_key() -> None:
    source, key = create("shop", purposes=[("operate", "contract"), ("news", "consent")], region="nl", by=audit.SYSTEM)
    found = lookup.by_write_key(key)
    assert found == lookup.load([source.id])[source.id]
    assert found is not None
    assert (found.name, found.region, found.enabled) == ("shop", "NL", True)
    assert found.purposes == (("operate", "contract"), ("news", "consent"))
    assert key.startswith("wk_")
    assert len(key) > 40


@pytest.mark.parametrize("key", ["", "wk_", "nobody's", "x" * 500, "\ud800", "é"])
def test_another_key_finds_nothing(key: str) -> None:
    create("shop", by=audit.SYSTEM)
    assert lookup.by_write_key(key) is None


def test_the_key_is_kept_only_as_a_hash() -> None:
    _, key = create("shop", by=audit.SYSTEM)
    with connection.cursor() as cursor:
        cursor.execute("select s::text from sources_source s")
        assert key not in cursor.fetchone()[0]
    assert key not in str(Pending.objects.values_list("entry", flat=True))


def test_lookups_are_remembered_and_forgotten(django_assert_num_queries: object) -> None:
    source, key = create("shop", by=audit.SYSTEM)
    lookup.by_write_key(key)
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert lookup.by_write_key(key)
    new = rotate_write_key(source, by=audit.SYSTEM)
    assert lookup.by_write_key(key) is None
    assert lookup.by_write_key(new)


def test_changes_are_seen_and_audited() -> None:
    source, key = create("shop", by=audit.SYSTEM)
    change(source, by=audit.SYSTEM, enabled=False, purposes=[("news", "consent")])
    lookup.forget()
    found = lookup.by_write_key(key)
    assert found is not None
    assert not found.enabled
    assert found.purposes == (("news", "consent"),)
    assert Pending.objects.filter(entry__action="source.change").count() == 1


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("name", {"name": "no spaces"}),
        ("name", {"name": ""}),
        ("kind", {"name": "a", "kind": "pigeon"}),
        ("purposes", {"name": "a", "purposes": []}),
        ("purposes", {"name": "a", "purposes": [("operate", "whim")]}),
        ("purposes", {"name": "a", "purposes": [("operate", "consent"), ("operate", "contract")]}),
    ],
)
def test_what_cannot_be_made(field: str, arguments: dict[str, object]) -> None:
    with pytest.raises(InvalidSource) as error:
        create(by=audit.SYSTEM, **arguments)  # type: ignore[arg-type]
    assert error.value.field == field


def test_names_are_unique() -> None:
    create("shop", by=audit.SYSTEM)
    with pytest.raises(InvalidSource):
        create("shop", by=audit.SYSTEM)
