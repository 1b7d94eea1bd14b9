"""Records that changed: what is compared of them, their keys, whom they are like. Under the identity lock, in sets.

The stored links and questions by likeness are a function of the stored records, the refusals and the model: in whatever order and
batches records came, and when one has gone it is as if it had never been.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from cdp.vault import keys
from identity.linking import comparable, index, refusals, rows
from identity.linking.active import Active
from identity.linking.rows import Pair, Row, Weight
from identity.linking.settled import Settled
from identity.matching.prepare import Prepared
from identity.records import Rec

NEAR_EVEN = "near_even"
_NONE = Row(None, frozenset(), 0)
_EMPTY = Prepared({})


def settle(
    active: Active, recs: Mapping[UUID, Rec], *, at: datetime, gone: Collection[UUID] = (), anew: bool = False
) -> Settled:
    """Brings what is stored of these records up to date; `gone` are erased ones. With `anew` they are scored even where
    nothing of them changed. Raises KeyMissing."""
    scene = _Scene(active)
    refused = refusals.refused(recs.values(), at=at)
    wanted = comparable.prepare([rec for rec in recs.values() if rec.id not in refused], active.model.reading)
    stored = rows.load([id for id, rec in recs.items() if not rec.new])
    altered: dict[UUID, Prepared | None] = {}
    for id in recs:
        row = scene.rows[id] = stored.get(id, _NONE)
        now = (wanted.get(id), id in refused, active.version)
        if now != (row.prepared, id in stored and row.prepared is None, row.version) and (id in stored or any(now[:2])):
            altered[id] = now[0]
    scene.rows |= rows.load_keys(gone)
    altered |= dict.fromkeys(gone, None)
    scene.alter(altered, anew=[id for id in recs if anew and scene.rows[id].prepared])
    scene.write(altered, refused)
    result = Settled(rows=scene.written)
    stirred = {*altered, *scene.rekeyed} | (set(recs) if anew else set())
    if stirred:
        _relink(scene, stirred, {id for id in stirred if id not in recs or not recs[id].new}, result)
    result.prepared = {id: row.prepared for id, row in scene.rows.items()}
    return result


class _Scene:
    """The records at hand, and the blocks of their keys, as they are to be."""

    def __init__(self, active: Active) -> None:
        self.active = active
        self.rows: dict[UUID, Row] = {}
        self.blocks: dict[int, set[UUID]] = {}  # of keys that are not retired: who has them
        self.retired: dict[int, int] = {}  # key -> how many have it
        self.rekeyed: set[UUID] = set()  # records in whose block something was retired or released
        self.written = 0
        self._before: dict[UUID, frozenset[int]] = {}  # keys as stored, of whoever's keys change
        self._counted: set[int] = set()  # retired keys whose count changed
        self._released: set[int] = set()

    def alter(self, altered: Mapping[UUID, Prepared | None], anew: Collection[UUID] = ()) -> None:
        """Gives records other values, and keys by them, also those of `anew`. What that retires and releases gives others finer
        keys or takes them."""
        rules, digest = self.active.rules, self.active.digest
        values = {id: self.rows[id].prepared for id in anew} | dict(altered)
        plain = {
            id: frozenset(index.keys_of(it, rules, digest)) if it else frozenset[int]() for id, it in values.items()
        }
        known = {id: self.rows.get(id, _NONE) for id in altered}
        current = {id: row.keys for id, row in known.items() if row.version == self.active.version}
        self.look({key for own in (*plain.values(), *current.values()) for key in own})
        for id, now in altered.items():
            row = known[id]
            self._before[id] = row.keys
            kept = row.keys if row.version == self.active.version else frozenset()
            self.rows[id] = Row(now, kept, self.active.version)
        self._rekey({*altered, *anew}, plain)
        self._settle_blocks()

    def look(self, asked: Iterable[int]) -> None:
        """Reads the blocks of keys that are not at hand."""
        missing = [key for key in asked if key not in self.blocks and key not in self.retired]
        for key, (n, held) in rows.blocks(missing).items():
            if n is None:
                self.blocks[key] = set(held)
            else:
                self.retired[key] = n

    def _rekey(self, ids: Collection[UUID], plain: Mapping[UUID, frozenset[int]]) -> None:
        """Works out the keys of records by what is retired now. plain: those of some without the finer ones."""
        # What a record has is at hand before it is asked which of it is retired.
        self.look({key for id in ids for key in self.rows[id].keys})
        wanted: dict[UUID, frozenset[int]] = {}
        for id in ids:
            it, known = self.rows[id].prepared, plain.get(id)
            if known is not None and self.retired.keys().isdisjoint(known):
                wanted[id] = known
            else:
                found = index.keys_of(it, self.active.rules, self.active.digest, self.retired) if it else ()
                wanted[id] = frozenset(found)
        self.look({key for id, own in wanted.items() for key in own | self.rows[id].keys})
        for id, own in wanted.items():
            row = self.rows[id]
            if own == row.keys:
                continue
            self._before.setdefault(id, row.keys)
            for key in own - row.keys:
                self._count(key, id, 1)
            for key in row.keys - own:
                self._count(key, id, -1)
            self.rows[id] = row._replace(keys=own)

    def _count(self, key: int, id: UUID, more: int) -> None:
        if key in self.retired:
            self.retired[key] += more
            self._counted.add(key)
        elif more > 0:
            self.blocks[key].add(id)
        else:
            self.blocks[key].discard(id)

    def _settle_blocks(self) -> None:
        """Retires and releases keys until each is as the number of its records demands."""
        while True:
            full = [key for key, held in self.blocks.items() if len(held) > index.LIMIT]
            free = [key for key in self._counted if self.retired.get(key, index.LIMIT + 1) <= index.LIMIT]
            if not full and not free:
                return
            stirred: set[UUID] = set()
            for key in full:
                held = self.blocks.pop(key)
                self.retired[key] = len(held)
                self._counted.add(key)
                self._released.discard(key)
                stirred |= held
            for key, held in rows.holders(free).items():
                now = {id for id in held if id not in self.rows or key in self.rows[id].keys}
                now |= {id for id, row in self.rows.items() if key in row.keys}
                del self.retired[key]
                self._counted.discard(key)
                self._released.add(key)
                self.blocks[key] = now
                stirred |= now
            self.rows |= rows.load([id for id in stirred if id not in self.rows])
            self.rekeyed |= stirred
            self._rekey(stirred, {})

    def write(self, altered: Mapping[UUID, Prepared | None], refused: Collection[UUID]) -> None:
        """Writes what differs from what is stored."""
        added = [(key, id) for id, before in self._before.items() for key in self.rows[id].keys - before]
        dropped = [(key, id) for id, before in self._before.items() for key in before - self.rows[id].keys]
        rows.write_keys(added, dropped)
        rows.write_retired({key: self.retired[key] for key in self._counted}, self._released)
        whole = {id: (it, self.rows[id].keys) for id, it in altered.items() if it is not None or id in refused}
        rows.put(whole, keys.load([id for id, (it, _) in whole.items() if it is not None]), self.active.version)
        rows.drop(altered.keys() - whole.keys())
        others = {
            id: self.rows[id].keys
            for id, before in self._before.items()
            if id not in altered and self.rows[id].keys != before
        }
        rows.rekey(others)
        self.written = len(altered) + len(others)

    def score(self, stirred: Collection[UUID]) -> dict[Pair, Weight]:
        """Weight and probability of the pairs of these records of which there is anything to say to a steward or to link."""
        places: dict[UUID, int] = {}
        codes = self._pairs(stirred, places)
        if not codes:
            return {}
        self.rows |= rows.load(places.keys() - self.rows.keys())
        values = [self.rows[id].prepared or _EMPTY for id in places]
        many = len(places)
        left, right = [code // many for code in codes], [code % many for code in codes]
        bits, chances = self.active.scorer.pairs(values, left, right)
        least, ids = self.active.review_from, list(places)
        return {
            _pair(ids[a], ids[b]): (weight, chance)
            for a, b, weight, chance in zip(left, right, bits, chances, strict=True)
            if chance >= least
        }

    def _pairs(self, stirred: Collection[UUID], places: dict[UUID, int]) -> list[int]:
        """Who of these is compared with whom: pairs of places (low * number of places + high), each once. Fills `places`."""
        own = {key for id in stirred for key in self.rows[id].keys}
        self.look(own)
        blocks = [held for key in own if (held := self.blocks.get(key)) is not None and len(held) > 1]
        for held in blocks:
            for id in held:
                places.setdefault(id, len(places))
        many, found = len(places), set[int]()
        chosen = {places[id] for id in stirred if id in places}
        for held in blocks:
            numbers = [places[id] for id in held]
            for one in chosen.intersection(numbers):
                found.update(
                    one * many + other if one < other else other * many + one for other in numbers if other != one
                )
        return list(found)


def _pair(a: UUID, b: UUID) -> Pair:
    return (a, b) if a < b else (b, a)


def _relink(scene: _Scene, stirred: set[UUID], known: set[UUID], result: Settled) -> None:
    """Makes the links and questions of these records equal to what the model says of them. known: those that may have some."""
    active = scene.active
    scored = scene.score(stirred)
    linked = {pair: weight for pair, weight in scored.items() if weight[1] >= active.threshold}
    asked = {pair: (NEAR_EVEN, weight) for pair, weight in scored.items() if weight[1] < active.threshold}
    before = rows.links(known) if known else {}
    stale = [pair for pair in before if pair not in linked]
    # Whoever was not looked at yet by this model will look for its links itself: until then they stand.
    waiting = rows.waiting({id for pair in stale for id in pair} - stirred, active.version)
    dropped = [pair for pair in stale if waiting.isdisjoint(pair)]
    fresh = {pair: weight for pair, weight in linked.items() if before.get(pair) != weight}
    rows.write_links(fresh, dropped)
    result.touched |= {id for pair in (*fresh, *dropped) for id in pair}
    result.made, result.withdrawn = len(fresh), len(dropped)
    open_now = rows.reviews(known, [NEAR_EVEN]) if known else {}
    closed = [pair for pair in open_now if pair not in asked]
    news = {pair: it for pair, it in asked.items() if open_now.get(pair) != it}
    result.asked, result.closed = rows.write_reviews(news, closed, [NEAR_EVEN]), len(closed)
