"""Group calls on their way from the wire to groups: split, sealed, joined to people, rebuilt, and nothing for who is denied."""

from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from cdp import audit
from cdp.catalogue import snapshot
from cdp.catalogue.declare import declare_named
from cdp.events.models import Event
from cdp.groups import reads
from cdp.groups.models import Group, Member
from cdp.sources import lookup
from cdp.sources.create import create
from cdp.sources.lookup import SourceInfo
from consent.purposes import ensure_purpose
from identity.models import Profile
from tests.groups.cases import group, picture, send
from tests.people import ALICE, BOB

pytestmark = pytest.mark.usefixtures("clean")


@pytest.fixture
def shop(clean: None) -> SourceInfo:
    source, _ = create("shop", by=audit.SYSTEM)
    return lookup.info_of(source)


def _identify(user: str, **traits: object) -> dict[str, object]:
    return {"type": "identify", "userId": user, "messageId": f"i-{user}", "traits": traits}


def test_calls_of_two_people_make_one_group(shop: SourceInfo) -> None:
    assert send(
        shop,
        group(ALICE.user_id, "acme", name="Acme", employees=300, slogan="We sell everything"),
        group(BOB.user_id, "acme", minute=5, name="ACME Inc."),
        {"type": "group", "anonymousId": "a-1", "groupId": 7, "messageId": "numbers"},
    ) == {"stored": 3}
    found = picture()
    assert set(found) == {"acme", "7"}
    traits = {name: value[:2] for name, value in found["acme"]["traits"].items()}
    assert traits == {
        "name": ("ACME Inc.", "identifying"),
        "employees": (300, "fact"),
        "slogan": ("We sell everything", "undeclared"),
    }
    assert found["acme"]["facts"] == {"employees": 300}
    assert (len(found["acme"]["members"]), len(found["7"]["members"])) == (2, 1)


def test_nothing_of_a_group_stands_in_clear(shop: SourceInfo) -> None:
    send(shop, group(ALICE.user_id, ALICE.email, name=ALICE.last, favouriteTea="Assam", employees=1))
    secrets = (ALICE.email, ALICE.last, "favouriteTea", "Assam")
    with connection.cursor() as cursor:
        for table in ("groups_group", "groups_member", "events_event", "catalogue_field"):
            cursor.execute(f"SELECT string_agg(t::text, '') FROM {table} t")
            text = cursor.fetchone()[0] or ""
            assert not [secret for secret in secrets if secret in text or secret.encode().hex() in text], table


def test_a_declared_name_becomes_a_fact_after_a_rebuild(shop: SourceInfo) -> None:
    send(shop, group(ALICE.user_id, "acme", name="Acme", plan="enterprise"))
    assert Group.objects.get().facts == {}
    for name in ("name", "plan"):
        declare_named("group", name, "text", "fact", by=audit.SYSTEM)
    snapshot.forget()
    with pytest.raises(CommandError, match=r"groups: [1-9]"):
        call_command("rebuild", "groups", check=True)
    call_command("rebuild", "groups")
    assert Group.objects.get().facts == {"name": "Acme", "plan": "enterprise"}
    call_command("rebuild", "groups", check=True)


def test_groups_are_rebuilt_from_the_events_alone(shop: SourceInfo) -> None:
    send(
        shop,
        group(ALICE.user_id, "acme", name="Acme"),
        group(BOB.user_id, "acme", minute=3, employees=4),
        group(BOB.user_id, "globex", minute=1),
    )
    whole = picture()
    Member.objects.all().delete()
    Group.objects.all().delete()
    call_command("rebuild", "groups")
    assert picture() == whole


def test_members_are_people_and_follow_merges(shop: SourceInfo) -> None:
    send(shop, {**group("x", "acme"), "userId": None, "anonymousId": "a-1"}, group(ALICE.user_id, "acme", minute=2))
    acme = Group.objects.get().id
    assert reads.sizes([acme])[acme].people == 2
    send(shop, {**_identify(ALICE.user_id), "anonymousId": "a-1"})
    assert Profile.objects.count() == 1
    assert reads.sizes([acme])[acme].people == 1
    assert [it.group for it in reads.groups_of(Profile.objects.get().id)] == [acme]


def test_two_namespaces_may_call_two_groups_the_same(shop: SourceInfo) -> None:
    other, _ = create("till", by=audit.SYSTEM, namespace="till")
    send(shop, group(ALICE.user_id, "1", name="One"))
    send(lookup.info_of(other), group(BOB.user_id, "1", name="Another"))
    assert len(reads.find("1")) == 2
    assert reads.find(" 1 ") == reads.find("1")
    assert reads.find("2") == []


def test_what_is_denied_or_not_readable_makes_no_group(clean: None) -> None:
    ensure_purpose("newsletter", basis="consent", by=audit.SYSTEM)
    source, _ = create("news", by=audit.SYSTEM, purposes=[("newsletter", "consent")])
    news = lookup.info_of(source)
    assert send(news, group(ALICE.user_id, "acme", name="Acme")) == {"denied": 1}
    assert Group.objects.count() == 0
    assert Event.objects.count() == 0


def test_a_batch_without_group_calls_asks_nothing(shop: SourceInfo, django_assert_num_queries: object) -> None:
    from cdp.groups.observe import observe
    from tests.groups.cases import NOW

    with django_assert_num_queries(0):  # type: ignore[operator]
        assert observe([], at=NOW) == 0


def test_many_calls_cost_as_many_queries_as_few(shop: SourceInfo) -> None:
    from django.test.utils import CaptureQueriesContext

    from tests.groups.cases import say, see

    send(shop, *(_identify(f"u-{n}") for n in range(40)))
    records: list[UUID] = list(Profile.objects.values_list("founder", flat=True))  # type: ignore[arg-type]
    spent = []
    for few, name in ((2, "a"), (40, "b")):
        with CaptureQueriesContext(connection) as queries:
            see(*(say(record, shop.id, f"{name}-{n % 20}", employees=n) for n, record in enumerate(records[:few])))
        spent.append(len(queries))
    assert spent[0] == spent[1] <= 9
