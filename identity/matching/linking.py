"""A whole table resolved: trained or with a model at hand, scored, clustered. Pure."""

from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from identity.matching import blocking, labels
from identity.matching.blocking import Blocked
from identity.matching.labels import Decisions
from identity.matching.model import Model
from identity.matching.partition import Partition, components, partition
from identity.matching.progress import Say, silent, step
from identity.matching.scoring import HOPELESS, Scorer, probabilities
from identity.matching.table import Table
from identity.matching.training import train

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_COMPLETED = 200  # records of a component within which all pairs are scored


@dataclass(slots=True)
class Linked:
    """left, right, probability: the scored pairs that are not hopeless. histogram: (edges, counts) of all weights, in bits;
    the first bar is of all that are hopeless."""

    model: Model
    table: Table
    scorer: Scorer
    blocked: Blocked
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    probability: Floats
    histogram: tuple[Ints, Ints]
    partition: Partition
    threshold: float


def link(
    table: Table,
    *,
    model: Model | None = None,
    decisions: Decisions | None = None,
    threshold: float | None = None,
    say: Say = silent,
) -> Linked:
    """Resolves a table whose reading is the model's, if there is one. Raises training.Untrainable and labels.TooFew."""
    if model is None:
        trained = train(table, say=say)
        model, table, scorer, blocked, bits = (
            trained.model,
            trained.table,
            trained.scorer,
            trained.blocked,
            trained.bits,
        )
    else:
        told = step(say, "choosing pairs", 0.2, 0.4)
        codes = blocking.Codes(table, [part for part in model.parts() if part.field in table.columns])
        blocked = blocking.block(codes, limit=model.limit, rules=model.rules, told=told)
        scorer = Scorer(model, table)
        bits = scorer.bits(blocked.left, blocked.right, step(say, "scoring", 0.4, 0.95))
    if decisions is not None:
        model = msgspec.structs.replace(model, stage=labels.stage(model, scorer, decisions))
        scorer = Scorer(model, table, scorer.comparer, scorer.rarities)
        bits = scorer.bits(blocked.left, blocked.right, step(say, "scoring", 0.9, 0.95))
    threshold = model.threshold if threshold is None else threshold
    say("clustering", 0.95)
    # Of hopeless pairs no more is known: they are one bar.
    edges = np.arange(int(HOPELESS) - 2, 62, 2, dtype=np.int64)
    counts = np.histogram(np.where(bits > HOPELESS, bits, edges[0]).clip(edges[0], 59.9), bins=edges)[0].astype(
        np.int64
    )
    kept = bits > HOPELESS
    left, right, probability = blocked.left[kept], blocked.right[kept], probabilities(bits[kept])
    left, right, probability = complete(scorer, left, right, probability, threshold)
    found = partition(
        table.size,
        left,
        right,
        probability,
        threshold=threshold,
        must=_pairs(decisions, True),
        cannot=_pairs(decisions, False),
    )
    say("done", 1.0)
    return Linked(model, table, scorer, blocked, left, right, probability, (edges, counts), found, threshold)


def _pairs(decisions: Decisions | None, same: bool) -> list[tuple[int, int]]:
    """Those that were decided so."""
    if decisions is None:
        return []
    which = decisions.same == same
    return list(zip(decisions.left[which].tolist(), decisions.right[which].tolist(), strict=True))


def complete(
    scorer: Scorer, left: npt.NDArray[np.int32], right: npt.NDArray[np.int32], probability: Floats, threshold: float
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Floats]:
    """With all other pairs inside components scored too: two records that meet through a third may share no key themselves.

    Components of more than 200 records are left as they are."""
    size = scorer.comparer.table.size
    strong = probability >= threshold
    component = components(size, left[strong].astype(np.int64), right[strong].astype(np.int64))
    order = np.argsort(component, kind="stable")
    sizes = np.bincount(component, minlength=size)
    inside = component[left] == component[right]
    scored = np.bincount(component[left[inside]], minlength=size)
    wanted = (sizes > 2) & (sizes <= _COMPLETED) & (scored < sizes * (sizes - 1) // 2)
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    found = []
    for one in np.unique(sizes[wanted]).tolist():
        members = order[starts[wanted & (sizes == one)][:, None] + np.arange(one)]
        a, b = np.triu_indices(one, 1)
        found.append(members[:, a].ravel() * size + members[:, b].ravel())
    if not found:
        return left, right, probability
    kept = inside & wanted[component[left]]
    known = np.sort(left[kept].astype(np.int64) * size + right[kept])
    every = np.concatenate(found)
    at = np.minimum(np.searchsorted(known, every), len(known) - 1)
    more = every[known[at] != every]
    i, j = (more // size).astype(np.int32), (more % size).astype(np.int32)
    bits = scorer.bits(i, j)
    chances = np.where(bits > HOPELESS, probabilities(bits), 0.0)
    return np.concatenate((left, i)), np.concatenate((right, j)), np.concatenate((probability, chances))
