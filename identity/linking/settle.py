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
        _relink(scene, stirred, result)
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
        plain = {id: index.keys_of(it, rules, digest) if it else [] for id, it in altered.items()}
        known = {id: self.rows.get(id, _NONE) for id in altered}
        current = {id: row.keys for id, row in known.items() if row.version == self.active.version}
        current |= {id: self.rows[id].keys for id in anew}
        self.look({key for own in (*plain.values(), *current.values()) for key in own})
        for id, now in altered.items():
            row = known[id]
            self._before[id] = row.keys
            kept = row.keys if row.version == self.active.version else frozenset()
            self.rows[id] = Row(now, kept, self.active.version)
        self._rekey({*altered, *anew})
        self._settle_blocks()

    def look(self, asked: Iterable[int]) -> None:
        """Reads the blocks of keys that are not at hand."""
        missing = [key for key in asked if key not in self.blocks and key not in self.retired]
        for key, (n, held) in rows.blocks(missing).items():
            if n is None:
                self.blocks[key] = set(held)
            else:
                self.retired[key] = n

    def _rekey(self, ids: Iterable[UUID]) -> None:
        """Works out the keys of records by what is retired now."""
        wanted = {}
        for id in ids:
            it = self.rows[id].prepared
            own = index.keys_of(it, self.active.rules, self.active.digest, self.retired) if it else []
            wanted[id] = frozenset(own)
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
            self._rekey(stirred)

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

    def pairs(self, stirred: Collection[UUID]) -> list[Pair]:
        """Who of these is compared with whom."""
        own = {key for id in stirred for key in self.rows[id].keys}
        self.look(own)
        found: set[Pair] = set()
        for key in own:
            held = self.blocks.get(key)
            if held is None or len(held) < 2:
                continue
            for id in held.intersection(stirred):
                found.update((id, other) if id < other else (other, id) for other in held if other != id)
        return sorted(found)

    def score(self, pairs: list[Pair]) -> dict[Pair, Weight]:
        """Weight and probability of pairs of which there is anything to say to a steward or to link."""
        if not pairs:
            return {}
        self.rows |= rows.load({id for pair in pairs for id in pair} - self.rows.keys())
        places: dict[UUID, int] = {}
        for pair in pairs:
            for id in pair:
                places.setdefault(id, len(places))
        values = [self.rows[id].prepared or Prepared({}) for id in places]
        bits, chances = self.active.scorer.pairs(
            values, [places[left] for left, _ in pairs], [places[right] for _, right in pairs]
        )
        least = self.active.review_from
        return {pair: (b, p) for pair, b, p in zip(pairs, bits, chances, strict=True) if p >= least}


def _relink(scene: _Scene, stirred: set[UUID], result: Settled) -> None:
    """Makes the links and questions of these records equal to what the model says of them."""
    active = scene.active
    scored = scene.score(scene.pairs(stirred))
    linked = {pair: weight for pair, weight in scored.items() if weight[1] >= active.threshold}
    asked = {pair: (NEAR_EVEN, weight) for pair, weight in scored.items() if weight[1] < active.threshold}
    before = rows.links(stirred)
    stale = [pair for pair in before if pair not in linked]
    # Whoever was not looked at yet by this model will look for its links itself: until then they stand.
    waiting = rows.waiting({id for pair in stale for id in pair} - stirred, active.version)
    dropped = [pair for pair in stale if waiting.isdisjoint(pair)]
    fresh = {pair: weight for pair, weight in linked.items() if before.get(pair) != weight}
    rows.write_links(fresh, dropped)
    result.touched |= {id for pair in (*fresh, *dropped) for id in pair}
    result.made, result.withdrawn = len(fresh), len(dropped)
    open_now = rows.reviews(stirred, [NEAR_EVEN])
    closed = [pair for pair in open_now if pair not in asked]
    news = {pair: it for pair, it in asked.items() if open_now.get(pair) != it}
    result.asked, result.closed = rows.write_reviews(news, closed, [NEAR_EVEN]), len(closed)
