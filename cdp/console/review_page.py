"""What the steward's queue shows: the questions, and one pair of records side by side with all that speaks for and against."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict

from cdp.access.principals import purpose_of
from cdp.catalogue import snapshot
from cdp.console import gate, names, sameness, shown, together, waterfall
from cdp.console.gate import Person
from cdp.console.paths import chain
from cdp.sources import lookup
from cdp.sources.models import Source
from consent.permits import permits_profiles
from identity import explain, profiles, queue, records
from identity.known import RecordView
from identity.linking import active
from identity.models import Review

PAGE = 25
STATES = (("open", "open"), ("same", "same person"), ("different", "different people"), ("unsure", "put aside"))
LIKELY = {"high": (0.9, 1.0, "90 % and more"), "even": (0.1, 0.9, "10 to 90 %"), "low": (0.0, 0.1, "under 10 %")}
AGES = {"day": (1, "since yesterday"), "week": (7, "last 7 days"), "month": (30, "last 30 days")}
FILTERS = ("state", "reason", "source", "likely", "age")
_FIELDS = {"prior": "two strangers", "kin": "relatives agree so too", "labels": "what stewards taught"}


def chosen(asked: QueryDict) -> dict[str, str]:
    """The filters of an address, without what means nothing; the state is open unless another is asked for."""
    offered = {
        "state": {key for key, _ in STATES}, "reason": set(queue.REASONS), "likely": set(LIKELY), "age": set(AGES),
        "source": {str(id) for id in Source.objects.values_list("id", flat=True)},
    }  # fmt: skip
    found = {name: asked.get(name, "") for name in FILTERS if asked.get(name, "") in offered[name]}
    return {"state": "open", **found}


def filtered(filters: dict[str, str], *, at: datetime) -> QuerySet[Review]:
    """The questions that the filters leave."""
    rows = queue.reviews().filter(state=filters["state"])
    if "reason" in filters:
        rows = rows.filter(reason=filters["reason"])
    if "likely" in filters:
        low, high, _ = LIKELY[filters["likely"]]
        rows = rows.filter(probability__gte=low, probability__lte=high)
    if "age" in filters:
        rows = rows.filter(at__gte=at - timedelta(days=AGES[filters["age"]][0]))
    if "source" in filters:
        rows = queue.of_source(rows, UUID(filters["source"]))
    return rows


def listing(request: HttpRequest, filters: dict[str, str], *, at: datetime) -> dict[str, Any]:
    """A page of the queue."""
    page = Paginator(queue.in_order(filtered(filters, at=at)), PAGE).get_page(request.GET.get("page"))
    rows = list(page.object_list)
    open_now = queue.counts()
    return {
        "page": page,
        "rows": _named(request, rows, at=at),
        "filters": filters,
        "states": STATES,
        "likely": [(key, words) for key, (_, _, words) in LIKELY.items()],
        "ages": [(key, words) for key, (_, words) in AGES.items()],
        "sources": Source.objects.order_by("name"),
        "reasons": [(key, words, open_now[key]) for key, words in queue.REASONS.items()],
        "open": sum(open_now.values()),
    }


def _named(request: HttpRequest, rows: Sequence[Any], *, at: datetime) -> list[dict[str, Any]]:
    """The rows with masked names of both people, and the sources of both records."""
    ids = {id for row in rows for id in (row.left_profile, row.right_profile) if id}
    allowed = permits_profiles(ids, purpose_of(request), at=at)
    recs = records.by_id({id for row in rows for id in (row.left_id, row.right_id)})
    sources = lookup.load({rec.source_id for rec in recs.values()})

    def side(record: UUID, profile: UUID | None) -> dict[str, Any]:
        rec, seen = recs.get(record), profile in allowed and allowed[profile].allowed
        source = sources.get(rec.source_id) if rec else None
        return {"name": names.of_record(rec) if rec and seen else "withheld", "source": source.name if source else ""}

    return [
        {"row": row, "left": side(row.left_id, row.left_profile), "right": side(row.right_id, row.right_profile)}
        for row in rows
    ]


class Withheld(Exception):
    """One of the two may not be read for this purpose; `refused` says why."""

    def __init__(self, refused: gate.Refused) -> None:
        super().__init__("withheld")
        self.refused = refused


def people_of(request: HttpRequest, row: Any, *, at: datetime) -> tuple[Person, Person]:
    """The people behind the two records of a question. Raises Withheld, KeyError for who is gone."""
    found = gate.admit(request, {row.left_profile, row.right_profile}, at=at)
    left, right = found[row.left_profile], found[row.right_profile]
    for it in (left, right):
        if isinstance(it, gate.Refused):
            raise Withheld(it)
    assert isinstance(left, Person)
    assert isinstance(right, Person)
    return left, right


def pair(row: Any, left: Person, right: Person, *, at: datetime) -> dict[str, Any]:
    """One question: both records side by side, what they share, and the weights. Raises KeyError, explain.KeyMissing."""
    one = {it.id: it for it in left.known.records}[row.left_id]
    two = {it.id: it for it in right.known.records}[row.right_id]
    found = explain.explain(row.left_id, row.right_id, at=at)
    linked = explain.shared(row.left_id, row.right_id)
    return {
        "sides": [_side(left, one), _side(right, two)],
        "traits": _traits(one, two, left.open, right.open),
        "identifiers": _identifiers(row, left, right),
        "linked": linked,
        "picture": _picture(found, linked),
        "explained": found,
        "sure": _sure(row, found),
        "way": _way(row) if row.left_profile == row.right_profile else [],
        "inside": row.left_profile == row.right_profile,
        "open": left.open and right.open,
    }


def _sure(row: Any, found: explain.Explained) -> str:
    """How likely it is, by the model of today or by that which asked; "" where none did."""
    if found.match is not None:
        return _percent(found.match.probability)
    return _percent(row.probability) if row.reason in ("near_even", "bridge", "guard") else ""


def _way(row: Any) -> list[dict[str, Any]]:
    """The strongest way from one record to the other inside their profile, with its weakest step."""
    links = [*profiles.links_of(row.left_profile), *together.by_hand(profiles.constraints_of(row.left_profile))]
    steps = chain(links, row.left_id, row.right_id) or []
    least = min((it.weight for it in steps), default=0.0)
    return [
        {"rule": it.rule, "bits": it.weight, "by_hand": it.rule == together.DECIDED, "weakest": it.weight == least}
        for it in steps
    ]


def _side(person: Person, record: RecordView) -> dict[str, Any]:
    return {
        "person": person,
        "name": names.called(shown.record_traits(record, open=person.open)),
        "source": record.source,
        "key_kind": record.key_kind,
        "key": shown.key(record, open=person.open),
        "first_seen": record.first_seen,
    }


def _traits(one: RecordView, two: RecordView, *opened: bool) -> list[dict[str, Any]]:
    """A row for each declared trait of either; undeclared ones where both people stand open. What is compared is not masked."""
    kinds, sources = snapshot.current().identifiers, lookup.load({one.source_id, two.source_id})
    rows = []
    for path in sorted({*one.traits, *two.traits}):
        said = [record.traits.get(path) for record in (one, two)]
        if not all(opened) and any(it and it[1] == "undeclared" for it in said):
            continue
        values = [
            shown.value(path, it[0], it[1], open=is_open) if it else None
            for it, is_open in zip(said, opened, strict=True)
        ]
        told = [(it[0], sources[rec.source_id].region) for it, rec in zip(said, (one, two), strict=True) if it]
        rows.append({"name": path, "values": values, "how": sameness.compared(path, told, kinds)})
    return sorted(rows, key=lambda row: 0 if row["how"] == "differ" else 1 if row["how"] else 2)


def _identifiers(row: Any, left: Person, right: Person) -> list[dict[str, Any]]:
    """The identifiers of both records by kind, those that both hold first."""
    found: dict[UUID, dict[str, Any]] = {}
    for place, (person, record) in enumerate(((left, row.left_id), (right, row.right_id))):
        for it in person.known.identifiers:
            if record in it.records:
                entry = {"kind": it.kind, "values": [None, None], "retired": it.retired, "digest": it.digest}
                found.setdefault(it.digest, entry)["values"][place] = shown.identifier(it, open=person.open)
    rows = [{**it, "shared": True} for it in found.values() if None not in it["values"]]
    for kind in dict.fromkeys(it["kind"] for it in found.values()):
        own = [it for it in found.values() if it["kind"] == kind and None in it["values"]]
        ours, theirs = ([it for it in own if it["values"][place] is not None] for place in (0, 1))
        for one, two in zip_longest(ours, theirs):  # side by side what is of one kind
            both = [one["values"][0] if one else None, two["values"][1] if two else None]
            rows.append({"kind": kind, "values": both, "retired": "", "shared": False})
    return sorted(rows, key=lambda it: (not it["shared"], it["kind"]))


def _picture(found: explain.Explained, linked: Iterable[explain.Shared]) -> str:
    """The waterfall of the model; without one, that of the rules' weights."""
    if found.match is None:
        steps = [waterfall.Step(f"same {it.kind.replace('_', ' ')}", "", it.bits) for it in linked]
        return waterfall.draw(steps) if steps else ""
    steps = [
        waterfall.Step(_called(part.field), _level(part), part.bits + part.rarity_bits, start=part.field == "prior")
        for part in found.match.parts
    ]
    model = active.current()
    marks = [(_bits(model.threshold), "joined from here")] if model else []
    return waterfall.draw(steps, marks=marks)


def _called(field: str) -> str:
    return _FIELDS.get(field, field.removeprefix("other:").replace("_", " "))


def _level(part: Any) -> str:
    rare = f", {'rare' if part.rarity_bits > 0 else 'common'} value" if abs(part.rarity_bits) >= 0.5 else ""
    return "" if part.field in _FIELDS else f"{part.level}{rare}"


def _bits(probability: float) -> float:
    """log2 of the odds."""
    held = min(max(probability, 1e-9), 1 - 1e-9)
    return math.log2(held / (1 - held))


def _percent(probability: float) -> str:
    """Never 0 or 100 %: a model is never so sure."""
    return (
        "over 99.9 %" if probability > 0.999 else "under 0.1 %" if probability < 0.001 else f"{100 * probability:.1f} %"
    )
