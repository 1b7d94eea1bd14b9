"""Undeclared keys: counted, named only under seal, bounded; suggested, declared, and then split as facts."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from cdp import audit
from cdp.audit.models import Pending
from cdp.catalogue import observe as observing
from cdp.catalogue import snapshot
from cdp.catalogue.declare import InvalidDeclaration, accept, declare, declare_named, suggestions, withdraw
from cdp.catalogue.models import Field, Overflow
from cdp.catalogue.observe import observe
from tests.people import CAST

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def see(*traits: dict[str, object], at: datetime = NOW, events: tuple[str, ...] = ()) -> None:
    catalogue = snapshot.current()
    observe([catalogue.split("trait", it) for it in traits], at, events=events)


def suggested() -> dict[str, tuple[str, str]]:
    return {it.name: (it.suggestion.data_class, it.suggestion.type) for it in suggestions()}


def test_names_and_values_do_not_stand_in_clear() -> None:
    see({"alice-archer-secret": "canary-value-123"}, events=("Canary Event",))
    with connection.cursor() as cursor:
        cursor.execute(
            "select string_agg(f::text, ' '), string_agg(encode(f.sealed_name, 'escape'), '') from catalogue_field f"
        )
        dump = "".join(cursor.fetchone())
    assert "canary" not in dump.lower()
    assert "alice" not in dump.lower()
    assert set(suggested()) == {"alice-archer-secret", "Canary Event"}


def test_counts_add_up_over_batches() -> None:
    see({"shoe": 43}, {"shoe": 44}, {"shoe": None})
    see({"shoe": 45}, at=NOW + timedelta(days=1))
    row = Field.objects.get()
    assert (row.seen, row.first_seen, row.last_seen) == (4, NOW, NOW + timedelta(days=1))
    assert (row.shape["number"], row.shape["null"]) == (3, 1)
    assert suggested() == {"shoe": ("fact", "number")}


def test_declared_and_builtin_fields_are_not_counted() -> None:
    see({"email": "alice@example.com", "country": "NL", "age": 41}, events=("Order Completed",))
    assert not Field.objects.exists()


def test_suggestions_by_shape() -> None:
    plans = ["free", "gold", "silver"]
    see(
        *(
            {
                "vip": n % 2 == 0, "tier": plans[n % 3], "handle": f"person{n}", "contact": CAST[n % 3].email,
                "visited": "2026-01-31",
                "lastName2": "x", "ref": f"a1b2c3d4e5f6a7b8{n:04}", "joined": "2026-01-31T10:00:00Z",
            }
            for n in range(60)
        )
    )  # fmt: skip
    assert suggested() == {
        "vip": ("fact", "boolean"),
        "tier": ("fact", "text"),
        "handle": ("identifying", "text"),
        "contact": ("identifying", "text"),
        "visited": ("identifying", "date"),
        "lastName2": ("identifying", "text"),
        "ref": ("identifying", "text"),
        "joined": ("fact", "datetime"),
    }


def test_random_keys_fill_no_more_than_their_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observing, "MOST", 5)
    see({f"k{n}": 1 for n in range(4)})
    see({f"q{n}": 1 for n in range(4)})
    assert Field.objects.count() == 5
    assert Overflow.objects.get().keys == 3
    see({"k1": 1})
    assert Field.objects.order_by("-seen").first().seen == 2  # type: ignore[union-attr]


def test_accepting_a_suggestion_makes_a_fact() -> None:
    see({"shoe": 43}, events=("Fitting Booked",))
    before = snapshot.current()
    assert before.split("trait", {"shoe": 43}).facts == {}
    for it in suggestions():
        accept(it.field, by=audit.SYSTEM)
    after = snapshot.current()
    assert after.split("trait", {"shoe": 43}).facts == {"shoe": 43}
    assert after.event_label(before.event_name("Fitting Booked")) == "Fitting Booked"
    assert after.event_name("Fitting Booked") == before.event_name("Fitting Booked")
    assert not suggestions()
    row = Field.objects.get(scope="trait")
    assert (row.name, row.sealed_name, row.seen) == ("shoe", None, 1)
    assert Pending.objects.filter(entry__action="catalogue.declare").count() == 2


def test_declaring_before_it_is_seen_and_twice() -> None:
    first = declare_named("trait", "loyalty.tier", "text", "fact", by=audit.SYSTEM)
    number = snapshot.current().number
    assert declare_named("trait", "loyalty.tier", "text", "fact", by=audit.SYSTEM).id == first.id
    assert snapshot.current().number == number
    assert snapshot.current().split("trait", {"loyalty": {"tier": "gold"}}).facts == {"loyalty": {"tier": "gold"}}
    declare(first, by=audit.SYSTEM, data_class="identifying")
    assert snapshot.current().split("trait", {"loyalty": {"tier": "gold"}}).facts == {}
    withdraw(first, by=audit.SYSTEM)
    assert snapshot.current().declared("trait", "loyalty.tier") is None


def test_an_identifying_trait_can_carry_an_identifier() -> None:
    declare_named("trait", "member.no", "text", "identifying", identifier="loyalty_card", by=audit.SYSTEM)
    assert snapshot.current().identifiers["member.no"] == "loyalty_card"
    assert snapshot.current().identifiers["email"] == "email"


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("data_class", ("trait", "email", "text", "fact")),
        ("data_class", ("trait", "x", "text", "undeclared")),
        ("scope", ("body", "x", "text", "fact")),
        ("name", ("trait", "x[1]", "text", "fact")),
        ("name", ("trait", "", "text", "fact")),
        ("type", ("trait", "x", "blob", "fact")),
        ("type", ("event", "X", "text", "fact")),
    ],
)
def test_what_cannot_be_declared(field: str, arguments: tuple[str, str, str, str]) -> None:
    with pytest.raises(InvalidDeclaration) as error:
        declare_named(*arguments, by=audit.SYSTEM)
    assert error.value.field == field


def test_a_declaration_elsewhere_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    old = snapshot.current()
    declare_named("trait", "tier", "text", "fact", by=audit.SYSTEM)
    monkeypatch.setattr(snapshot, "_current", old)
    monkeypatch.setattr(snapshot, "_checked", 0.0)
    assert snapshot.current().declared("trait", "tier") is not None
