"""Rules of survivorship in admin, values typed by a steward in admin and REST, and what the profile then says of both."""

import json
from datetime import timedelta
from html import unescape
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from cdp.audit import SYSTEM
from cdp.audit.entries import open_reason
from cdp.audit.models import Pending
from cdp.catalogue.declare import declare_named
from cdp.outbox.models import Change
from identity import decide, known, manual, preview, recompute, survivorship
from identity.history import resolve_id
from identity.models import AttributeRule, Merge, Record
from identity.observe import observe
from identity.profiles import export
from identity.rebuild import rebuild
from identity.strategies import InvalidRule, Rule
from tests.console.conftest import NOW, World, client_with, entries, get, observation, signed_in
from tests.people import ALICE

pytestmark = pytest.mark.django_db
NO_SOURCE = UUID(int=7)
REASON = "Customer corrected it on the phone"


def patch(client: Client, path: str, body: object, **headers: str) -> tuple[int, dict]:
    answer = client.patch(f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers=headers)
    return answer.status_code, answer.json()


def typed(world: World, **traits: object) -> None:
    manual.correct(world.alice, traits, by=SYSTEM, at=NOW, reason=REASON)


def golden(world: World) -> dict:
    now = resolve_id(world.alice)  # of two merged, whose id is older stays
    person = known.one(now) if now else None
    assert person is not None
    return {it.name: it for it in person.golden}


def facts(world: World) -> dict:
    listed = get(client_with("profiles:read"), "profiles/")[1]["results"]
    return next(it["facts"] for it in listed if it["id"] == str(world.alice))


@pytest.fixture
def disagree(world: World) -> World:
    """The till says later that Alice lives elsewhere, and writes her name in capitals."""
    later = NOW - timedelta(days=1)
    observe([observation(world.till, ALICE, "T-1", at=later, country="BE", firstName="ALICE")], at=NOW)
    return world


def apply_rules() -> None:
    for rule_id in AttributeRule.objects.filter(finished_at=None).values_list("id", flat=True):
        while recompute.step(rule_id, at=NOW):
            pass


def test_a_key_types_a_value_and_withdraws_it(disagree: World) -> None:
    client, path = client_with("profiles:*"), f"profiles/{disagree.alice}/"
    Change.objects.all().delete()
    status, done = patch(client, path, {"traits": {"firstName": "Alicia", "country": "DE"}, "reason": REASON})
    assert (status, done["changed"]) == (200, ["country", "firstName"])
    assert set(Change.objects.values_list("profile_id", flat=True)) == {disagree.alice}, "segments follow"
    _, profile = get(client, f"{path}?expand=provenance")
    assert (profile["traits"]["firstName"], profile["traits"]["country"]) == ("Alicia", "DE")
    assert profile["provenance"]["country"]["rule"] == "manual"
    assert profile["provenance"]["country"]["source"] == "steward"
    _, why = get(client, f"{path}provenance/")
    country = next(it for it in why["results"] if it["trait"] == "country")
    assert sorted((it["source"], it["value"], it["survives"]) for it in country["candidates"]) == [
        ("shop", "NL", False), ("steward", "DE", True), ("till", "BE", False),
    ]  # fmt: skip
    assert rebuild(check=True, at=NOW) == 0
    assert patch(client, path, {"traits": {"country": "DE"}, "reason": REASON})[1]["changed"] == []
    assert patch(client, path, {"traits": {"country": None, "firstName": None}, "reason": REASON})[0] == 200
    assert get(client, path)[1]["traits"]["country"] == "BE"
    assert rebuild(check=True, at=NOW) == 0
    first, second = entries("profile.correct")
    assert (first["fields"], first["details"]) == (["country", "firstName"], {"typed": 2, "withdrawn": 0})
    assert second["details"] == {"typed": 0, "withdrawn": 2}
    assert not [secret for secret in ("Alicia", "DE", REASON) if secret in json.dumps([first, second])]
    kept = Pending.objects.filter(entry__action="profile.correct").order_by("id").first()
    assert kept is not None
    assert open_reason(UUID(first["entry_id"]), bytes(kept.sealed)) == REASON


@pytest.mark.parametrize(
    ("traits", "field"),
    [
        ({"country": "Nowhere"}, "traits.country"),
        ({"age": "old"}, "traits.age"),
        ({"age": True}, "traits.age"),
        ({"email": "no address"}, "traits.email"),
        ({"phone": "0"}, "traits.phone"),
        ({"shoeSize": "42"}, "traits"),
        ({"firstName": ""}, "traits.firstName"),
        ({"firstName": {"x": "y"}}, "traits.firstName"),
        ({"firstName": "x" * 2001}, "traits.firstName"),
        ({"firstName": [None]}, "traits.firstName"),
        ({"firstName": []}, "traits.firstName"),
        ({"address": {"city": "Gent", "garden": "big"}}, "traits.address"),
        ({}, "traits"),
        ("Alice", "traits"),
    ],
)
def test_what_cannot_be_typed_is_refused_and_nothing_is_changed(world: World, traits: object, field: str) -> None:
    path, before = f"profiles/{world.alice}/", golden(world)
    body = {"traits": {"lastName": "Zimmer", **traits} if isinstance(traits, dict) and traits else traits}
    status, problem = patch(client_with("profiles:write"), path, {**body, "reason": REASON})
    assert status == 400, problem
    named = problem.get("field") or problem["errors"][0]["field"]
    assert named == field
    assert golden(world) == before
    assert patch(client_with("profiles:write"), path, {"traits": {"lastName": "Zimmer"}, "reason": "short"})[0] == 400


def test_typing_needs_its_scope_permission_and_the_whole_person(world: World, say) -> None:
    path, body = f"profiles/{world.alice}/", {"traits": {"lastName": "Zimmer"}, "reason": REASON}
    assert patch(client_with("profiles:read"), path, body)[0] == 403
    assert patch(client_with("profiles:*", sources=[world.shop.id]), path, body)[0] == 403
    assert patch(client_with("profiles:*"), f"profiles/{world.shop.id}/", body)[0] == 404
    tag = client_with("profiles:*").get(f"/api/v1/{path}").headers["ETag"]
    assert patch(client_with("profiles:*"), path, body, if_match='"other"')[0] == 412
    say("operate", "restricted")
    assert patch(client_with("profiles:*"), path, body)[0] == 403
    say("operate", "released")
    assert tag
    assert "lastName" in golden(world)
    assert golden(world)["lastName"].value == ALICE.last


def test_a_key_of_some_sources_sees_nothing_that_was_typed(disagree: World) -> None:
    typed(disagree, country="DE", firstName="Alicia")
    limited = client_with("profiles:*", sources=[disagree.shop.id])
    for path in (f"profiles/{disagree.alice}/", f"profiles/{disagree.alice}/provenance/"):
        text = json.dumps(get(limited, path)[1])
        assert "Alicia" not in text
        assert "DE" not in text
    listed = [it for it in get(limited, "profiles/")[1]["results"] if it["id"] == str(disagree.alice)]
    assert "country" not in listed[0]["facts"]


def test_typed_values_are_sealed_exported_and_erased_with_the_person(world: World) -> None:
    typed(world, lastName="Zimmer", address={"city": "Gent", "country": "BE"})
    [row] = Record.objects.filter(profile_id=world.alice).exclude(manual=None)
    assert b"Zimmer" not in bytes(row.manual)
    assert golden(world)["address.city"].value == "Gent"
    assert golden(world)["address.country"].data_class == "fact"
    told = [it["typed_by_a_steward"] for it in export(Record.objects.values_list("id", flat=True))]
    assert {"lastName", "address"} in [set(it) for it in told]
    from identity.erase import erase

    erase(list(Record.objects.filter(profile_id=world.alice).values_list("id", flat=True)), at=NOW)
    assert not Record.objects.exclude(manual=None).exists()


def test_typed_values_go_with_their_profile_through_merge_and_split(world: World) -> None:
    typed(world, lastName="Zimmer")
    manual.correct(world.bob, {"lastName": "Bakker"}, by=SYSTEM, at=NOW - timedelta(hours=1), reason=REASON)
    decide.same_person(world.alice, world.bob, by=SYSTEM, at=NOW)
    assert golden(world)["lastName"].value == "Zimmer", "of two, the latest"
    observe([observation(world.shop, ALICE, ALICE.user_id, at=NOW, lastName="Other")], at=NOW)
    assert golden(world)["lastName"].value == "Zimmer"
    decide.undo(Merge.objects.get(kind="merged").id, by=SYSTEM, at=NOW)
    bob = known.one(world.bob)
    assert bob is not None
    assert {it.value for it in bob.golden if it.typed} == {"Bakker"}
    assert golden(world)["lastName"].value == "Zimmer"
    assert rebuild(check=True, at=NOW) == 0


def test_a_rule_is_chosen_stored_profiles_follow_and_it_is_taken_back(disagree: World) -> None:
    steward = signed_in("steward")
    page = f"{reverse('admin:console_rule')}?attribute=country"
    Change.objects.all().delete()
    found = preview.preview("country", Rule(("source_priority",), (disagree.shop.id,)), at=NOW)
    assert (found.looked_at, found.changed) == (1, 1)
    chosen = {"step_0": "source_priority", "step_1": "most_recent", "source_0": str(disagree.shop.id), "version": "0"}
    text = unescape(steward.post(page.replace("/rule/", "/preview/"), chosen).content.decode())
    assert "1</span> of 1 profiles looked at would have another value" in text
    assert "BE" in text
    assert "A••• A•••" in text
    assert ALICE.last not in text
    assert golden(disagree)["country"].value == "BE", "a preview writes nothing"
    assert steward.post(page, chosen).status_code == 302
    assert facts(disagree)["country"] == "BE", "until the job has run"
    apply_rules()
    assert facts(disagree)["country"] == "NL"
    assert disagree.alice in set(Change.objects.values_list("profile_id", flat=True))
    assert rebuild(check=True, at=NOW) == 0
    [entry] = entries("survivorship.change")
    assert entry["details"]["before"]["steps"] == ["source_priority", "most_recent"]
    assert entry["details"]["after"]["sources"] == [str(disagree.shop.id)]
    assert entries("survivorship.applied")[0]["rows"] == 1
    text = unescape(steward.get(page).content.decode())
    assert "source priority (shop first), then most recent" in text
    assert "steward" in text
    stale = steward.post(page, {**chosen, "step_0": "longest", "source_0": ""})
    assert "Somebody else chose another rule" in unescape(stale.content.decode())
    assert steward.post(page, {"default": "1", "version": "1"}).status_code == 302
    apply_rules()
    assert facts(disagree)["country"] == "BE"
    assert AttributeRule.objects.count() == 2
    assert rebuild(check=True, at=NOW) == 0


def test_an_unfinished_job_goes_on_and_the_newest_covers_the_older(disagree: World, monkeypatch) -> None:
    monkeypatch.setattr(recompute, "BATCH", 1)
    for country, _ in zip(("longest", "most_recent"), range(2), strict=True):
        survivorship.change("country", Rule((country,)), by=SYSTEM, at=NOW)
    older, newer = AttributeRule.objects.order_by("version")
    assert recompute.waiting() == [], "not before every process knows them"
    monkeypatch.setattr(recompute, "SETTLED", 0)
    assert recompute.waiting() == [newer.id, older.id]
    assert recompute.step(newer.id, at=NOW)
    newer.refresh_from_db()
    assert (newer.total, newer.looked_at) == (1, 1)
    assert not recompute.step(newer.id, at=NOW)
    assert recompute.waiting() == []
    assert not recompute.step(older.id, at=NOW)


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (Rule(()), "steps"),
        (Rule(("alphabet",)), "steps"),
        (Rule(("longest", "longest")), "steps"),
        (Rule(("union",)), "steps"),
        (Rule(("longest",), (NO_SOURCE,)), "sources"),
        (Rule(("source_priority",), (NO_SOURCE,)), "sources"),
    ],
)
def test_rules_that_make_no_sense_are_refused(world: World, rule: Rule, field: str) -> None:
    with pytest.raises(InvalidRule) as error:
        survivorship.change("country", rule, by=SYSTEM, at=NOW)
    assert error.value.field == field
    with pytest.raises(InvalidRule):
        survivorship.change("nobodyDeclaredThis", Rule(("longest",)), by=SYSTEM, at=NOW)
    assert not AttributeRule.objects.exists()


def test_union_is_offered_for_lists_alone(world: World) -> None:
    declare_named("trait", "interests", "list", "fact", by=SYSTEM)
    survivorship.change("interests", Rule(("union",)), by=SYSTEM, at=NOW)
    steward = signed_in("steward")
    for trait, offered in (("interests", True), ("country", False)):
        text = steward.get(f"{reverse('admin:console_rule')}?attribute={trait}").content.decode()
        assert ('value="union"' in text) == offered


ROLES = {
    "steward": (True, True), "admin": (True, True), "marketer": (True, False), "analyst": (False, False),
    "compliance": (False, False),
}  # fmt: skip


def test_who_sees_rounded_counts_sees_no_other(disagree: World) -> None:
    survivorship.change("country", Rule(("longest",)), by=SYSTEM, at=NOW)
    AttributeRule.objects.update(total=12, looked_at=12, changed=3, finished_at=NOW)
    page = f"{reverse('admin:console_rule')}?attribute=country"
    body = {"step_0": "source_priority", "source_0": str(disagree.shop.id), "version": "1"}

    def said(client: Client) -> dict[str, str]:
        lists, rule = reverse("admin:identity_attributerule_changelist"), client.get(page).content.decode()
        preview = client.post(page.replace("/rule/", "/preview/"), body).content.decode()
        return {"list": client.get(lists).content.decode(), "rule": rule, "preview": preview}

    exact, coarse = said(signed_in("steward")), said(signed_in("admin"))
    assert '<td class="num">1</td>' in exact["list"]
    assert '<td class="num">1</td>' not in coarse["list"]
    assert "that fewer than ten of the newest profiles have" in coarse["list"]
    assert "12 profiles of several records looked at, 3 changed" in exact["rule"]
    assert "10 profiles of several records looked at, 0 changed" in coarse["rule"]
    assert '<td class="num">3</td>' not in " ".join(coarse["rule"].split())
    assert "0</span> of 1 profiles" in exact["preview"]
    assert "fewer than ten" in coarse["preview"]
    assert "flex:1" not in coarse["preview"]


@pytest.mark.parametrize("role", ROLES)
def test_who_may_see_and_choose_rules(disagree: World, role: str) -> None:
    client, (sees, chooses) = signed_in(role), ROLES[role]
    page = f"{reverse('admin:console_rule')}?attribute=country"
    for address in (reverse("admin:identity_attributerule_changelist"), page, page.replace("/rule/", "/progress/")):
        assert client.get(address).status_code == (200 if sees else 403), address
    body = {"step_0": "source_priority", "source_0": str(disagree.shop.id), "version": "0"}
    answer = client.post(page.replace("/rule/", "/preview/"), body)
    assert answer.status_code == (200 if sees else 403)
    text = unescape(answer.content.decode())
    assert ("A••• A•••" in text) == (role in {"steward", "marketer"})
    assert ("no people" in text) == (role == "admin")
    assert client.post(page, body).status_code == (302 if chooses else 403)
    assert client.get(page.replace("country", "nobodyDeclaredThis")).status_code == (404 if sees else 403)


def test_a_steward_types_and_withdraws_on_the_profile_page(disagree: World) -> None:
    client, address = signed_in("steward"), reverse("admin:console_typed", args=[disagree.alice])
    page = reverse("admin:identity_profile_change", args=[disagree.alice])
    text = unescape(client.get(page).content.decode())
    assert "1 more says" in text, "losing values are shown"
    assert ALICE.last not in unescape(client.get(f"{address}?attribute=lastName").content.decode())
    wrong = client.post(f"{address}?attribute=country", {"part_0": "Nowhere", "reason": REASON})
    assert "The catalogue declares a text here" in unescape(wrong.content.decode())
    assert (
        "at least 10"
        in unescape(
            client.post(f"{address}?attribute=country", {"part_0": "DE", "reason": "x"}).content.decode()
        ).lower()
    )
    assert (
        "Type a value" in client.post(f"{address}?attribute=country", {"part_0": "", "reason": REASON}).content.decode()
    )
    assert client.post(f"{address}?attribute=country", {"part_0": "DE", "reason": REASON}).status_code == 302
    assert golden(disagree)["country"].value == "DE"
    assert "Change or withdraw" in client.get(page).content.decode()
    assert client.post(f"{address}?attribute=country", {"withdraw": "1", "reason": REASON}).status_code == 302
    assert golden(disagree)["country"].value == "BE"
    address_form = client.get(f"{address}?attribute=address").content.decode()
    assert "postalCode" in address_form
    assert client.get(f"{address}?attribute=nobodyDeclaredThis").status_code == 404
    assert signed_in("marketer").get(f"{address}?attribute=country").status_code == 403
    assert not AttributeRule.objects.exists()
    assert User.objects.filter(username="marketer").exists()
