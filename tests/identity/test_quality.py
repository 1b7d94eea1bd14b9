"""Who may be more than one person is found, asked about, cleared or parted; and how often merges are right."""

from datetime import timedelta

import pytest

from identity import decide, estimate, quality, queue, review, sampling, unsure
from identity.erase import erase
from identity.models import Constraint, QualityScan, Review, Suspect
from identity.rebuild import rebuild
from tests.identity.cases import CRM, LATER, SHOP, TILL, said, see, together
from tests.identity.likeness import in_force
from tests.identity.test_decide import STEWARD, named
from tests.people import ALICE, BOB, CHARLIE

pytestmark = pytest.mark.django_db


def constraints():
    return sorted(Constraint.objects.values_list("left_id", "right_id", "verdict"))


def look(at=LATER, whole=False):
    """One whole look."""
    scan = quality.begin(at=at, whole=whole)
    while quality.step(scan.id, at=at):
        pass
    return QualityScan.objects.get(pk=scan.id)


@pytest.fixture
def wrong():
    """Alice's three records and Bob's two, joined by somebody's mistake; Charlie's two rightly."""
    alice = see(
        *(said(f"a{n}", ("email", ALICE.email), source=it, **named(ALICE)) for n, it in enumerate((CRM, SHOP, TILL)))
    )
    bob = see(*(said(f"b{n}", ("email", BOB.email), source=it, **named(BOB)) for n, it in enumerate((CRM, SHOP))))
    see(*(said(f"c{n}", ("email", CHARLIE.email), source=it, **named(CHARLIE)) for n, it in enumerate((CRM, SHOP))))
    decide.same_person(alice[0].profile_id, bob[0].profile_id, by=STEWARD, at=LATER)
    return alice, bob


def test_a_wrong_merge_is_found_asked_about_undone_and_stays_undone(wrong):
    alice, bob = wrong
    assert together(*alice, *bob)
    scan = look()
    [suspect] = Suspect.objects.all()
    told = {"given_names": 2, "family_names": 2, "birth_dates": 2, "verified_ids": 2, "contacts": 2}
    assert suspect.reasons == told
    assert suspect.joined == {"rules": {}, "by": ["user:7"]}
    assert scan.counts["suspects"] == 1
    [question] = Review.objects.all()
    merged = constraints()
    done = review.answer([question.id], "different", by=STEWARD, at=LATER)
    assert len(done.decision.merges) == 1
    assert together(*alice)
    assert together(*bob)
    assert not together(alice[0], bob[0])
    assert rebuild(at=LATER) == 0
    assert not together(alice[0], bob[0])
    review.undo(done.batch, by=STEWARD, at=LATER)
    assert together(*alice, *bob)
    assert constraints() == merged
    review.answer([question.id], "different", by=STEWARD, at=LATER)
    look(at=LATER + timedelta(hours=2), whole=True)
    assert not Suspect.objects.exists()
    assert not Review.objects.filter(state="open").exists()


def test_a_suspect_is_asked_about_though_the_model_was_in_doubt_before(wrong):
    look()
    Review.objects.update(reason="near_even")  # as a model asks; of one profile such a question is hidden
    assert queue.counts() == {}
    look(whole=True)
    assert queue.counts() == {"suspect": 1}


def test_a_suspect_that_is_one_person_is_cleared_until_its_reasons_change(wrong):
    alice, _ = wrong
    look()
    [suspect] = Suspect.objects.all()
    quality.clear(suspect.profile_id, by=STEWARD, at=LATER)
    assert not Review.objects.exists()
    look(whole=True)
    assert Suspect.objects.get().cleared_by == "user:7"
    assert not Review.objects.exists()
    see(said("a9", ("email", ALICE.email), source=TILL, suffix="Jr", **named(ALICE)))
    see(said("a0", ("email", ALICE.email), source=CRM, at=3, suffix="Sr"))
    look(whole=True)
    assert [it.cleared_by for it in Suspect.objects.all()] in ([""], ["user:7"])
    with pytest.raises(quality.UnknownSuspect):
        quality.clear(alice[0].record_id, by=STEWARD, at=LATER)


def test_the_answer_same_clears_and_its_undo_asks_again(wrong):
    look()
    [question] = Review.objects.all()
    done = review.answer([question.id], "same", by=STEWARD, at=LATER)
    assert Suspect.objects.get().cleared_by == "user:7"
    review.undo(done.batch, by=STEWARD, at=LATER)
    assert Suspect.objects.get().cleared_by == ""


def test_a_look_sees_what_changed_and_goes_on_where_it_was_stopped(wrong, monkeypatch):
    monkeypatch.setattr(quality, "BATCH", 1)
    first = quality.begin(at=LATER)
    assert quality.step(first.id, at=LATER)
    assert quality.begin(at=LATER).id == first.id
    assert look().looked_at == 2
    assert look(at=LATER + timedelta(days=900)).looked_at == 1  # shortly before the last look
    assert look(at=LATER + timedelta(days=901)).looked_at == 0
    assert quality.due(at=LATER + timedelta(days=902))


def test_an_erased_person_leaves_no_suspect(wrong):
    look()
    erase([it.record_id for side in wrong for it in side], at=LATER)
    assert not Suspect.objects.exists()


def test_precision_is_estimated_from_a_sample_that_chance_drew(wrong):
    assert sampling.draw(3, by=STEWARD, at=LATER) == 3
    assert sampling.draw(50, by=STEWARD, at=LATER) == 2
    assert sampling.draw(50, by=STEWARD, at=LATER) == 0
    with pytest.raises(ValueError):
        sampling.draw(0, by=STEWARD, at=LATER)
    assert Review.objects.filter(reason="sample", state="open").count() == 5


def test_intervals_are_wilsons():
    assert estimate.wilson(0, 0) is None
    share = estimate.wilson(9, 10)
    assert (round(share.low, 4), round(share.high, 4)) == (0.5958, 0.9821)
    every = estimate.wilson(50, 50)
    assert every.low > 0.92
    assert every.high == 1.0
    found = estimate.recall(every, 1000, estimate.wilson(5, 50), 100)
    assert round(found.value, 3) == 0.990
    assert found.low < found.value < found.high


def test_what_nothing_contradicts_is_listed_by_how_sure_it_is(wrong):
    alice, bob = wrong
    [joined] = unsure.by_hand(10)
    assert {joined.left_id, joined.right_id} <= {it.record_id for it in (*alice, *bob)}
    assert (joined.actor, joined.probability) == ("user:7", None)
    with in_force():
        born = {"birthday": "1985-05-05"}
        same = {"firstName": "Dana", "lastName": "Doe", **born}
        like = see(
            *(said(f"d{n}", source=it, postalCode="1234 AB", **same) for n, it in enumerate((CRM, SHOP))),
            said("d3", source=TILL, **same),
        )
        assert together(*like)
        [weak] = unsure.by_likeness(10)
        # The third hangs by two links, of which one would do; the surer two hold the first pair.
        assert like[2].record_id in (weak.left_id, weak.right_id)
        assert weak.probability == pytest.approx(1 / (1 + 2**-7))
        decide.must_link(weak.left_id, weak.right_id, by=STEWARD, at=LATER)
        [next_weakest] = unsure.by_likeness(10)
        assert next_weakest.probability == pytest.approx(1 / (1 + 2**-10))
        assert [it.probability for it in unsure.by_hand(10)] == [pytest.approx(weak.probability), None]


def test_namesakes_of_one_town_are_found_though_likeness_is_sure_of_them():
    """Name and postcode agree, which is enough for this model; what else both tell does not. Of others a birth date agrees."""
    with in_force(threshold=0.5):
        alike, moved = ({"firstName": first, "lastName": "Doe", "postalCode": "1234 AB"} for first in ("Dana", "Erin"))
        one, other = see(
            *(said(f"d{n}", source=it, phone=f"+1202555010{n}", **alike) for n, it in enumerate((CRM, SHOP)))
        )
        same = see(
            *(
                said(f"e{n}", source=it, phone=f"+1202555011{n}", birthday="1985-05-05", **moved)
                for n, it in enumerate((CRM, SHOP))
            )
        )
        assert together(one, other)
        assert together(*same)
        look()
        [found] = Suspect.objects.filter(reasons__has_key="likeness")
        assert {found.left_id, found.right_id} == {one.record_id, other.record_id}
        assert found.reasons["likeness"] == -1
        first, second = unsure.by_likeness(10)
        assert (first.beside, second.beside) == (-1, None)
        assert (first.profile_id, second.profile_id) == (found.profile_id, same[0].profile_id)


def test_a_look_at_some_becomes_one_at_all_when_a_steward_wants_that(wrong):
    look()
    see(
        said("x1", ("email", "dana.doe@example.com"), source=CRM),
        said("x2", ("email", "dana.doe@example.com"), source=SHOP),
    )
    some = quality.begin(at=LATER + timedelta(hours=2))
    assert some.since is not None
    every = quality.begin(at=LATER + timedelta(hours=2), whole=True)
    assert (every.id, every.since, every.position) == (some.id, None, None)
    assert every.total == 3
    assert look(LATER + timedelta(hours=2)).looked_at == 3
