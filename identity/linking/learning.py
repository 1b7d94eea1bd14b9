"""From records in memory to a model and what is told of it. Pure."""

import math
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import pyarrow as pa

from identity.labels import Label
from identity.linking import choosing
from identity.matching import labels as stages
from identity.matching.model import Field, Model
from identity.matching.scoring import HOPELESS, Scorer, probabilities
from identity.matching.table import Table, build
from identity.matching.training import Trained

_PLACES = 2  # values of one kind of a record that are learnt from
FEW = 10  # holders of a value that a model may tell of: a rare name is a person
_THRESHOLDS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)


def table(raw: Sequence[Mapping[str, Sequence[str]]]) -> Table:
    """Columns of the values of records."""
    places = {
        kind: min(max(len(one.get(kind, ())) for one in raw), _PLACES)
        for kind in dict.fromkeys(k for one in raw for k in one)
    }
    columns = []
    for kind, most in sorted(places.items()):
        for place in range(most):
            values = [one[kind][place] if len(one.get(kind, ())) > place else None for one in raw]
            columns.append((kind, pa.array(values, type=pa.string())))
    return build(columns)


def taught(trained: Trained, ids: Sequence[UUID], decided: Sequence[Label]) -> tuple[Model, int]:
    """The model with what people decided, as far as that is enough to learn from; and by how many decisions."""
    places = {id: at for at, id in enumerate(ids)}
    known = [label for label in decided if label.left in places and label.right in places]
    left = np.array([places[label.left] for label in known], dtype=np.int64)
    right = np.array([places[label.right] for label in known], dtype=np.int64)
    same, drawn = (np.array([getattr(label, it) for label in known], dtype=bool) for it in ("same", "drawn"))
    weight = np.array([label.weight for label in known])
    try:
        stage = stages.stage(trained.model, trained.scorer, stages.Decisions(left, right, same, drawn, weight))
    except stages.TooFew:
        return trained.model, 0
    return msgspec.structs.replace(trained.model, stage=stage), stage.labels


def without_rare(model: Model, people: int) -> Model:
    """The model without the frequencies of values that fewer than FEW people have. These count as rare as they are on average."""
    return msgspec.structs.replace(model, fields=tuple(_without_rare(one, people) for one in model.fields))


def _without_rare(one: Field, people: int) -> Field:
    from base64 import b64decode, b64encode

    rarest, hashes, rarities = dict(one.rarest), dict(one.hashes), dict(one.rarities)
    most = -math.log2(min(FEW / max(people, FEW), 1.0))
    for aspect in hashes:
        kept = np.frombuffer(b64decode(hashes[aspect]), dtype="<u8")
        shares = np.frombuffer(b64decode(rarities[aspect]), dtype="<f4")
        frequent = shares <= most
        if frequent.all():
            continue
        rarest[aspect] = float(np.float32((rarest[aspect] + float(shares[~frequent].mean())) / 2))
        hashes[aspect] = b64encode(kept[frequent].tobytes()).decode()
        rarities[aspect] = b64encode(shares[frequent].tobytes()).decode()
    return msgspec.structs.replace(one, rarest=rarest, hashes=hashes, rarities=rarities)


def summary(trained: Trained, model: Model, *, threshold: float, base: int) -> dict[str, Any]:
    """What may be shown of a model, JSON: fields with levels, m, u and bits; prior; estimates by its own probabilities; the
    blocking rules of the live flow and which share of likely pairs they find. base: how many records there are in all."""
    bits = trained.bits
    if model.stage is not None:
        again = Scorer(model, trained.table, trained.scorer.comparer, trained.scorer.rarities)
        bits = again.bits(trained.blocked.left, trained.blocked.right)
    # Of hopeless pairs only a bound is known, and a sum over so many of them would tell.
    chances = np.where(bits > HOPELESS, probabilities(bits), 0.0)
    chosen = choosing.choose(trained, chances, base=base)
    return {
        "fields": [
            {
                "name": one.name, "compared": one.compared,
                "levels": [
                    {"level": level, "m": round(m, 6), "u": round(u, 9), "bits": round(math.log2(m / u), 2)}
                    for level, m, u in zip(one.levels, one.m, one.u, strict=True)
                ],
            }
            for one in model.fields
        ],
        "prior": model.prior,
        "pairs": len(bits),
        "thresholds": [_estimate(chances, it) for it in _THRESHOLDS],
        "estimated": _estimate(chances, threshold),
        "blocking": {"rules": ["+".join(rule) for rule in chosen.rules], "found": chosen.found},
    }  # fmt: skip


def _estimate(chances: Any, threshold: float) -> dict[str, float]:
    """Precision and recall that the probabilities themselves imply, if pairs are joined from a threshold on."""
    joined = chances >= threshold
    right, all = float(chances[joined].sum()), float(chances.sum())
    pairs = int(joined.sum())
    return {
        "threshold": threshold, "pairs": pairs, "precision": round(right / pairs, 4) if pairs else 1.0,
        "recall": round(right / all, 4) if all else 1.0,
    }  # fmt: skip
