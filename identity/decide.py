"""What a person decides about records: they are one, they are two, this merge was wrong. Outlives every re-run."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from cdp import audit
from cdp.audit import Actor
from cdp.ids import uuid7
from identity import history, locks, records, regroup
from identity.models import Constraint, Merge, Profile, Record
from identity.records import Rec

Pair = tuple[UUID, UUID]

# A decision about a pair answers the question about it, however it was decided; without one the question is open again, or as
# undecided as a steward had left it.
_ANSWERED = """
UPDATE identity_review v SET state = CASE n.verdict WHEN 'must_link' THEN 'same' ELSE 'different' END,
    decided_by = %s, decided_at = %s, batch = NULL, before = '[]', earlier = CASE WHEN v.state = 'unsure' THEN jsonb_build_object(
        'state', v.state, 'by', v.decided_by, 'at', v.decided_at, 'batch', v.batch, 'before', v.before, 'earlier', v.earlier) END
FROM unnest(%s::uuid[], %s::uuid[], %s::text[]) AS n(left_id, right_id, verdict)
WHERE v.left_id = n.left_id AND v.right_id = n.right_id
"""
_ASKED_AGAIN = """
UPDATE identity_review v SET state = coalesce(w.earlier->>'state', 'open'), decided_by = coalesce(w.earlier->>'by', ''),
    decided_at = (w.earlier->>'at')::timestamptz, batch = (w.earlier->>'batch')::uuid,
    before = coalesce(w.earlier->'before', '[]'), earlier = nullif(w.earlier->'earlier', 'null')
FROM (
    SELECT r.id, CASE r.earlier->>'state' WHEN 'unsure' THEN r.earlier END AS earlier FROM identity_review r
    JOIN unnest(%s::uuid[], %s::uuid[]) AS n(left_id, right_id) USING (left_id, right_id)
    WHERE r.state IN ('same', 'different')
) w WHERE v.id = w.id
"""


class Undecidable(ValueError):
    """The decision makes no sense as asked; the text says why and what to do instead. Names no person."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What came of a decision: rows of history, profiles touched, and why links that a person or a value asks for are not
    followed ("cannot_link": another decision forbids it). `before`: the pairs that it decided -> what was decided of them."""

    merges: tuple[UUID, ...] = ()
    profiles: tuple[UUID, ...] = ()
    refused: dict[str, int] = field(default_factory=dict)
    before: dict[Pair, str | None] = field(default_factory=dict)


def signature(by: Actor) -> str:
    """Who, as decisions and history keep it."""
    return f"{by.kind}:{by.id}"[:80]


def must_link(a: UUID, b: UUID, *, by: Actor, at: datetime | None = None) -> Decision:
    """These two records are one person, whatever the rules say. A cannot-link between other records of the two clusters
    still wins and is reported as refused. Raises Undecidable."""
    return join_pairs([(a, b)], by=by, at=at)


def cannot_link(a: UUID, b: UUID, *, by: Actor, at: datetime | None = None) -> Decision:
    """These two records are two people: nothing puts them into one profile again. Raises Undecidable."""
    return part_pairs([(a, b)], by=by, at=at)


def join_pairs(pairs: Collection[Pair], *, by: Actor, at: datetime | None = None) -> Decision:
    """`must_link` for many pairs in one decision. Raises Undecidable."""
    return _decide("identity.must_link", [_pair(*pair) for pair in pairs], Constraint.Verdict.MUST_LINK, by=by, at=at)


def part_pairs(pairs: Collection[Pair], *, by: Actor, at: datetime | None = None) -> Decision:
    """`cannot_link` for many pairs in one decision. Raises Undecidable."""
    return _decide(
        "identity.cannot_link", [_pair(*pair) for pair in pairs], Constraint.Verdict.CANNOT_LINK, by=by, at=at
    )


def part(a: UUID, b: UUID, *, by: Actor, at: datetime | None = None) -> Decision:
    """These two records are two people. Are they one profile, what its links alone join with either goes with that one: earlier
    must-links across give way. Raises Undecidable."""
    with transaction.atomic():
        locks.take()
        pair = _pair(a, b)
        homes = set(Record.objects.filter(id__in=pair).values_list("profile_id", flat=True))
        blocks = _linked(homes.pop()) if len(homes) == 1 else {}
        ours, theirs = blocks.get(a, [a]), blocks.get(b, [b])
        pairs = [pair] if ours == theirs else [_pair(one, other) for one in ours for other in theirs]
        return _decide("identity.cannot_link", pairs, Constraint.Verdict.CANNOT_LINK, by=by, at=at)


def _linked(profile: UUID | None) -> dict[UUID, list[UUID]]:
    """What the links of a profile join, as if nobody had decided that some of its records are one: record -> its cluster."""
    inside = set(Record.objects.filter(profile_id=profile).values_list("id", flat=True))
    scene = records.by_id(
        regroup.reach(inside)
    )  # links lead out of a profile too: whoever clusters takes whole components
    with transaction.atomic():
        Constraint.objects.filter(
            verdict=Constraint.Verdict.MUST_LINK, left_id__in=inside, right_id__in=inside
        ).delete()
        parts = regroup.partition(scene).parts
        transaction.set_rollback(True)
    return {record: [it for it in cluster if it in inside] for cluster in parts for record in cluster}


def unmerge(profile: UUID, records: Collection[UUID], *, by: Actor, at: datetime | None = None) -> Decision:
    """These records of a profile are somebody else than its other records. Raises Undecidable."""
    with transaction.atomic():
        locks.take()
        profile = history.resolve_id(profile) or profile
        inside = set(Record.objects.filter(profile_id=profile).values_list("id", flat=True))
        chosen = set(records)
        if not chosen or not chosen <= inside:
            raise Undecidable("Choose records that belong to this profile now; reload it to see which do.")
        if chosen == inside:
            raise Undecidable("These are all records of the profile: choose some of them, the others stay.")
        pairs = [_pair(a, b) for a in chosen for b in inside - chosen]
        return _decide("identity.unmerge", pairs, Constraint.Verdict.CANNOT_LINK, by=by, at=at)


def same_person(a: UUID, b: UUID, *, by: Actor, at: datetime | None = None) -> Decision:
    """These two profiles, whole, are one person. Raises Undecidable, also where a cannot-link keeps some of them apart."""
    with transaction.atomic():
        locks.take()
        ours, theirs = _members(a), _members(b)
        if ours == theirs:
            raise Undecidable("They are one profile already.")
        return _join(ours, theirs, Q(), by=by, at=at)


def join(a: UUID, b: UUID, *, by: Actor, at: datetime | None = None) -> Decision:
    """These two records are one person, and so is who is one person with either today. Raises Undecidable."""
    with transaction.atomic():
        locks.take()
        homes = dict(Record.objects.filter(id__in=_pair(a, b)).values_list("id", "profile_id"))
        if len(homes) == 2 and homes[a] != homes[b] and homes[a] and homes[b]:
            ours, theirs = _members(homes[a]), _members(homes[b])
            firsts = [a, *(it for it in ours if it != a)], [b, *(it for it in theirs if it != b)]
            # What is said anew of the two themselves replaces what was said before.
            return _join(*firsts, ~Q(left_id__in=(a, b), right_id__in=(a, b)), by=by, at=at)
        return join_pairs([(a, b)], by=by, at=at)


def _join(ours: list[UUID], theirs: list[UUID], others: Q, *, by: Actor, at: datetime | None) -> Decision:
    """Joins two profiles whole, through the first record of each, unless one of the `others` decisions forbids it."""
    if Constraint.objects.filter(_across(ours, theirs), others, verdict=Constraint.Verdict.CANNOT_LINK).exists():
        raise Undecidable("A decision says that some of their records are two people: take that back first.")
    pairs = [_pair(ours[0], other) for other in theirs] + [_pair(one, theirs[0]) for one in ours[1:]]
    # One decision is enough, unless names or birth dates of other records contradict: then each of them is decided.
    for enough in (pairs[:1], pairs):
        with transaction.atomic():
            done = _decide("identity.same_person", enough, Constraint.Verdict.MUST_LINK, by=by, at=at)
            homes = Record.objects.filter(id__in=[*ours, *theirs]).values_list("profile_id", flat=True)
            if len(set(homes)) == 1:
                return done
            transaction.set_rollback(True)
    raise Undecidable("Together they would be more records than one person can have.")


def _across(ours: list[UUID], theirs: list[UUID]) -> Q:
    return Q(left_id__in=ours, right_id__in=theirs) | Q(left_id__in=theirs, right_id__in=ours)


def _members(profile: UUID | None) -> list[UUID]:
    """The records of a profile, the one that it began with first."""
    found = history.resolve_id(profile) if profile else None
    home = Profile.objects.filter(pk=found).first() if found else None
    if home is None:
        raise Undecidable("There is no such profile (any more).")
    inside = Record.objects.filter(profile_id=home.id).order_by("id").values_list("id", flat=True)
    return sorted(inside, key=lambda id: (id != home.founder, id))


def withdraw(pairs: Collection[Pair], *, by: Actor, at: datetime | None = None) -> Decision:
    """Takes back what was decided about these pairs of records: the rules alone have their say. Raises Undecidable."""
    at = at or datetime.now(UTC)
    with transaction.atomic():
        locks.take()
        asked = [_pair(*pair) for pair in pairs]
        if _drop(asked) == 0:
            raise Undecidable("Nothing is decided about these records (any more).")
        done = _recluster("identity.withdraw", asked, by=by, at=at, about=("", ""), because={})
        _mark_undone(asked, done, at=at)
        return done


def undo(merge: UUID, *, by: Actor, at: datetime | None = None) -> Decision:
    """Undoes an act of the history: a merge by taking the records that moved out again, a split that a person decided by
    taking the decision back. Raises Undecidable, Merge.DoesNotExist."""
    at = at or datetime.now(UTC)
    with transaction.atomic():
        locks.take()
        act = Merge.objects.get(pk=merge)
        if act.undone_at is not None:
            raise Undecidable("It was undone already.")
        done = _take_back(act, by=by, at=at) if act.kind == Merge.Kind.SPLIT else _part(act, by=by, at=at)
        same = Q(because__decision=act.because["decision"]) if "decision" in act.because else Q(pk=merge)
        Merge.objects.filter(same).update(undone_at=at)
        return done


def _part(act: Merge, *, by: Actor, at: datetime) -> Decision:
    """Forbids everything that came with the merged-away profiles to be with what else is in the profile now, and the
    must-link that may have brought it there."""
    moved = set(act.records)
    home = history.resolve_id(act.profile_id)
    inside = set(Record.objects.filter(profile_id=home).values_list("id", flat=True))
    pairs = {_pair(a, b) for a in moved & inside for b in inside - moved}
    pairs |= {(UUID(left), UUID(right)) for left, right, _ in act.because.get("constraints", ())}
    if not pairs:
        raise Undecidable("Its records are apart already, or nothing else is left in the profile.")
    known = set(
        Record.objects.filter(id__in={record for pair in pairs for record in pair}).values_list("id", flat=True)
    )
    pairs = {pair for pair in pairs if known.issuperset(pair)}
    verdict = Constraint.Verdict.CANNOT_LINK
    return _decide("identity.undo_merge", sorted(pairs), verdict, by=by, at=at, about=("merge", act.id))


def _take_back(act: Merge, *, by: Actor, at: datetime) -> Decision:
    decided = act.because.get("constraints")
    if not decided:
        raise Undecidable(
            "No person decided this split: its link was withdrawn. Use must-link to join the records again."
        )
    before = {(UUID(left), UUID(right)): verdict for left, right, verdict in decided}
    return _restore("identity.undo_split", before, by=by, at=at, about=("merge", act.id))


def restore(before: Mapping[Pair, str | None], *, by: Actor, at: datetime) -> Decision:
    """Takes a decision back: what was decided of its pairs `before` holds again, and the rules have their say of the others."""
    with transaction.atomic():
        locks.take()
        done = _restore("identity.withdraw", before, by=by, at=at, about=("", ""))
        _mark_undone(before, done, at=at)
        return done


def _restore(
    action: str, before: Mapping[Pair, str | None], *, by: Actor, at: datetime, about: tuple[str, object]
) -> Decision:
    _drop([pair for pair, verdict in before.items() if verdict is None])
    _store({pair: verdict for pair, verdict in before.items() if verdict is not None}, by=by, at=at)
    return _recluster(action, list(before), by=by, at=at, about=about, because={})


def _mark_undone(pairs: Iterable[Pair], done: Decision, *, at: datetime) -> None:
    """Marks the acts of the history that stood on decisions about these pairs."""
    acts = Merge.objects.filter(profile_id__in=done.profiles, undone_at=None)
    for act in acts.filter(because__has_key="constraints"):
        decided = {(UUID(left), UUID(right)) for left, right, _ in act.because["constraints"]}
        if not decided.isdisjoint(pairs):
            act.undone_at = at
            act.save(update_fields=["undone_at"])


def _pair(a: UUID, b: UUID) -> Pair:
    if a == b:
        raise Undecidable("A decision is about two different records.")
    return (a, b) if a < b else (b, a)


def _decide(
    action: str,
    pairs: list[Pair],
    verdict: str,
    *,
    by: Actor,
    at: datetime | None,
    about: tuple[str, object] = ("", ""),
) -> Decision:
    at = at or datetime.now(UTC)
    with transaction.atomic():
        locks.take()
        asked = {record for pair in pairs for record in pair}
        if Record.objects.filter(id__in=asked).count() < len(asked):
            raise Undecidable("One of these records does not exist (any more).")
        replaced = _store(dict.fromkeys(pairs, verdict), by=by, at=at)
        because: dict[str, object] = {"decision": str(uuid7())}
        because |= {"constraints": [[str(left), str(right), replaced.get((left, right))] for left, right in pairs]}
        done = _recluster(action, pairs, by=by, at=at, about=about, because=because)
        return replace(done, before={pair: replaced.get(pair) for pair in pairs})


def _store(verdicts: dict[Pair, str], *, by: Actor, at: datetime) -> dict[Pair, str]:
    """Writes constraints; what they replaced."""
    if not verdicts:
        return {}
    lefts, rights = [pair[0] for pair in verdicts], [pair[1] for pair in verdicts]
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT left_id, right_id, verdict FROM identity_constraint
               JOIN unnest(%s::uuid[], %s::uuid[]) AS asked(left_id, right_id) USING (left_id, right_id)""",
            [lefts, rights],
        )
        replaced = {(left, right): verdict for left, right, verdict in cursor.fetchall()}
        cursor.execute(
            """INSERT INTO identity_constraint (id, left_id, right_id, verdict, actor, at)
               SELECT id, left_id, right_id, verdict, %s, %s
               FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[]) AS n(id, left_id, right_id, verdict)
               ON CONFLICT (left_id, right_id) DO UPDATE
               SET verdict = excluded.verdict, actor = excluded.actor, at = excluded.at""",
            [signature(by), at, [uuid7() for _ in lefts], lefts, rights, list(verdicts.values())],
        )
        cursor.execute(_ANSWERED, [signature(by), at, lefts, rights, list(verdicts.values())])
    return replaced


def _drop(pairs: Collection[Pair]) -> int:
    """Deletes constraints; how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(
            """DELETE FROM identity_constraint c USING unnest(%s::uuid[], %s::uuid[]) AS gone(left_id, right_id)
               WHERE c.left_id = gone.left_id AND c.right_id = gone.right_id""",
            [[pair[0] for pair in pairs], [pair[1] for pair in pairs]],
        )
        dropped = int(cursor.rowcount)
        cursor.execute(_ASKED_AGAIN, [[pair[0] for pair in pairs], [pair[1] for pair in pairs]])
        return dropped


def _recluster(
    action: str, pairs: list[Pair], *, by: Actor, at: datetime, about: tuple[str, object], because: dict[str, object]
) -> Decision:
    asked = {record for pair in pairs for record in pair}
    homes = set(Record.objects.filter(id__in=asked).values_list("profile_id", flat=True))
    # A must-link that was taken back no longer leads from one record to the other: begin at all of both profiles.
    start = set(Record.objects.filter(profile_id__in=homes).values_list("id", flat=True))
    memory: dict[UUID, Rec] = {}
    done = regroup.regroup(memory, start, (), regrouped=(), at=at, actor=signature(by))
    if because:
        for act in Merge.objects.filter(id__in=done.merges):
            act.because = {**act.because, **because}
            act.save(update_fields=["because"])
    audit.record(
        action,
        by=by,
        object=about if about[0] else ("profile", sorted(map(str, homes))[0] if homes else ""),
        subjects=sorted(asked),
        rows=len(pairs),
        details={"merged": done.merged, "split": done.split, "refused": dict(done.refused)},
    )
    profiles = {rec.profile_id for rec in memory.values() if rec.profile_id} | done.gone
    return Decision(tuple(done.merges), tuple(sorted(profiles)), dict(done.refused))
