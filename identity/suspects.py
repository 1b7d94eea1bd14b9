"""Profiles that may be more than one person: what their records say of names, birth dates and ids does not go together. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar
from uuid import UUID

from identity import names
from identity.components import components
from identity.contradictions import Several, Witness, levels, weight
from identity.names import Person
from identity.rules import Holder

T = TypeVar("T")
Pair = tuple[UUID, UUID]
MANY = 12  # records; a person with more is looked at
LINE = -3.0  # weight from which a contradiction is strong, and asked about: one in nine
# Of those whom likeness joined, with nothing beside name and place to go by, so many are namesakes: one in ten, as log2 of odds.
NAMESAKES = -3.17
WEAK_BITS = 12.0  # what holds a profile together with less than this is one shared device
_MOST_PAIRS = 2_000  # of two sides so many are looked through for the pair that tells most


class Tie(NamedTuple):
    """What joins two records: bits and rules of its links; `by`: who decided it."""

    bits: float
    rules: tuple[str, ...] = ()
    by: str = ""

    @property
    def alike(self) -> bool:
        """Likeness alone joins them."""
        return not self.by and set(self.rules) == {"similar"}


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What does not go together: counts by reason, how much it weighs (log2 of the odds that it is two people), the two records
    to ask about first, and what brought their sides together (rules of links, actors of decisions).

    Reasons: given_names, family_names, birth_dates (how many that cannot be one), suffixes, national_ids, verified_ids (the most
    ids of one kind that one source has for it), contacts (2: nothing in common where both sides can be reached),
    suffix (1: one side alone has one), records, weak_link (bits), likeness (bits for one person beside name and place, where
    likeness alone joins and they are 0 or less)."""

    reasons: dict[str, int] = field(default_factory=dict)
    weight: float = 0.0
    pair: Pair | None = None
    rules: dict[str, int] = field(default_factory=dict)
    by: tuple[str, ...] = ()


class _Cut(NamedTuple):
    """Two sides of a profile, and how much speaks for two people."""

    weight: float
    ours: tuple[Witness, ...]
    theirs: tuple[Witness, ...]


Beside = Callable[[Sequence[UUID], Sequence[UUID]], float]


def suspect(
    said: Sequence[Witness], ties: Mapping[Pair, Tie], several: Several, beside: Beside | None = None
) -> Suspicion:
    """Judges the records of one profile. ties: what joins them, by pair; several: how often one person has several ids of a
    source; beside: bits for one person beside name and place, of two groups that likeness alone joins."""
    holders = [it.holder for it in said]
    alike = _namesakes(said, ties, beside) if beside is not None else []
    cut = max([*_cuts(said, ties, several), *alike], key=lambda it: it.weight, default=None)
    reasons = _reasons(said)
    if alike and (most := max(it.weight for it in alike)) >= NAMESAKES:
        reasons["likeness"] = round(NAMESAKES - most)
    if len(said) > MANY:
        reasons["records"] = len(said)
    edges = {pair: float("inf") if tie.by else tie.bits for pair, tie in ties.items()}
    weakest = min((bits for _, bits in spanning(edges)), default=WEAK_BITS)
    if weakest < WEAK_BITS and len({it.person for it in holders}) > 1:
        reasons["weak_link"] = round(weakest)
    if cut is None:
        return Suspicion(reasons)
    if cut.weight >= LINE:
        reasons |= _beyond(cut)
    if not reasons:
        return Suspicion()
    across = _across(cut, ties)
    rules = Counter(rule for tie in across for rule in tie.rules)
    return Suspicion(
        reasons, cut.weight, _telling(cut, several), dict(rules), tuple(sorted({t.by for t in across} - {""}))
    )


def _reasons(said: Sequence[Witness]) -> dict[str, int]:
    persons = {it.person for it in said}
    strong = Counter((it.holder.source_id, it.holder.key_kind) for it in said if it.holder.strong)
    counts = {
        "given_names": _kinds(
            {it.given for it in persons if it.given}, lambda a, b: names.same_given(a, b) is not False
        ),
        "birth_dates": _kinds(
            {it.born for it in persons if it.born}, lambda a, b: names.same_birth(a, b) != "different"
        ),
        "suffixes": len({it.suffix for it in persons if it.suffix}),
        "family_names": _kinds({it.family for it in persons if it.family}, lambda a, b: bool(names.same_family(a, b))),
        "national_ids": len({it.national_id for it in said if it.national_id}),
        "verified_ids": max(strong.values(), default=0),
    }
    return {name: n for name, n in counts.items() if n > 1}


def _kinds(values: set[T], alike: Callable[[T, T], bool]) -> int:
    """How many groups of values there are of which none can be the same as one of another group."""
    groups: list[list[T]] = []
    for value in sorted(values, key=str):
        near = [group for group in groups if any(alike(value, other) for other in group)]
        groups = [group for group in groups if group not in near] + [[value, *(it for group in near for it in group)]]
    return len(groups)


def _cuts(said: Sequence[Witness], ties: Mapping[Pair, Tie], several: Several) -> Iterable[_Cut]:
    """The ways to part a profile in two where it holds together least. What a person decided is what is judged here, so it holds
    nothing: the links alone make the blocks."""
    by_id = {it.id: it for it in said}
    tree = spanning({pair: 0.0 if tie.by else tie.bits for pair, tie in ties.items() if by_id.keys() >= set(pair)})
    near: dict[UUID, set[UUID]] = defaultdict(set)
    for (left, right), _ in tree:
        near[left].add(right)
        near[right].add(left)
    for (left, right), _ in tree:
        side = _side(near, left, without=right)
        ours = tuple(it for it in said if it.id in side)
        theirs = tuple(it for it in said if it.id not in side)
        yield _Cut(weight(ours, theirs, several), ours, theirs)


def _namesakes(said: Sequence[Witness], ties: Mapping[Pair, Tie], beside: Beside) -> Iterable[_Cut]:
    """Each group of records that likeness alone joins to the others, and how much speaks for its being a namesake."""
    groups = components([it.id for it in said], (pair for pair, tie in ties.items() if not tie.alike))
    if len(groups) < 2:
        return []
    found = []
    for group in groups:
        ours, theirs = tuple(it for it in said if it.id in group), tuple(it for it in said if it.id not in group)
        bits = beside([it.id for it in ours], [it.id for it in theirs])
        found.append(_Cut(NAMESAKES - bits, ours, theirs))
    return found


def _side(near: Mapping[UUID, set[UUID]], start: UUID, *, without: UUID) -> set[UUID]:
    """What still hangs together with one end of an edge of a tree when the edge is cut."""
    found, waiting = {start}, [start]
    while waiting:
        at = waiting.pop()
        for other in near[at] - found:
            if not (at == start and other == without):
                found.add(other)
                waiting.append(other)
    return found


def spanning(edges: dict[Pair, float]) -> list[tuple[Pair, float]]:
    """The strongest links that hold all of it together (Kruskal's maximum spanning forest)."""
    parent: dict[UUID, UUID] = {}

    def root(id: UUID) -> UUID:
        parent.setdefault(id, id)
        while parent[id] != id:
            parent[id] = id = parent[parent[id]]
        return id

    kept = []
    for pair, bits in sorted(edges.items(), key=lambda edge: (-edge[1], edge[0])):
        left, right = root(pair[0]), root(pair[1])
        if left != right:
            parent[left] = right
            kept.append((pair, bits))
    return kept


def _beyond(cut: _Cut) -> dict[str, int]:
    """What else speaks for two people once something does: neither a mailbox nor a phone in common, though each side has one; one
    side alone is called junior or senior."""
    found = levels(cut.ours, cut.theirs)
    said = {found.get(name) for name in ("email", "phone")}
    reasons = {"contacts": 2} if False in said and True not in said else {}
    return reasons | ({"suffix": 1} if found.get("suffix") == "one" else {})


def _across(cut: _Cut, ties: Mapping[Pair, Tie]) -> list[Tie]:
    ours, theirs = {it.id for it in cut.ours}, {it.id for it in cut.theirs}
    return [tie for (a, b), tie in ties.items() if (a in ours and b in theirs) or (a in theirs and b in ours)]


def _telling(cut: _Cut, several: Several) -> Pair:
    """The two records, one of each side, that contradict each other most."""
    ours, theirs = (sorted(side, key=lambda it: (it.person == names.NOBODY, it.id)) for side in (cut.ours, cut.theirs))
    theirs = theirs[: max(_MOST_PAIRS // len(ours), 1)]
    pairs = [(a, b) for a in ours[:_MOST_PAIRS] for b in theirs]
    # Who says nothing contradicts nothing, but agrees in nothing either.
    one, two = max(pairs, key=lambda pair: (_speak(pair), weight(pair[:1], pair[1:], several)))
    return (one.id, two.id) if one.id < two.id else (two.id, one.id)


def _speak(pair: Iterable[Witness]) -> bool:
    return all(it.person != names.NOBODY for it in pair)


def _against(said: dict[UUID, Person], pair: Pair) -> bool:
    found = names.compare(said[pair[0]], said[pair[1]])
    return found.conflict or (found.given is not True and found.family is False)


def contradicting(holders: Sequence[Holder]) -> set[UUID]:
    """The records that contradict the person whom most of the records speak of."""
    said = {holder.id: holder.person for holder in holders}
    against = {a: {b for b in said if b != a and _against(said, (a, b))} for a in said}
    if not any(against.values()):
        return set()
    core = min((id for id in said if said[id] != names.NOBODY), key=lambda id: (len(against[id]), id))
    return against[core]
