"""What decisions of people teach: a second stage over the weights that were learnt without them. Pure.

Logistic regression on each field's weight, drawn towards the model as it is (every factor 1, offset 0), so that a few dozen
decisions correct what they speak of and leave the rest alone. Newton's method (iteratively reweighted least squares); the
penalty is that of normal priors on the factors and the offset.

The offset says how many of all pairs are matches, so it is learnt only from pairs that were drawn whatever the answer would be:
by their probability, or by chance. What somebody found and put right is mostly wrong; of how common that is it says nothing. Such
decisions have an offset of their own, which is dropped (King and Zeng 2001, logistic regression under choice-based sampling:
all but the intercept is the same).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from identity.matching.model import Model, Stage
from identity.matching.scoring import Scorer

Floats = npt.NDArray[np.float64]
_FACTOR_SPREAD, _OFFSET_SPREAD = 0.35, 3.0  # how far factors and the offset (bits) are expected to stray
_FOUND_SPREAD = 10.0  # and the offset of what was found
LEAST = 20


class TooFew(ValueError):
    """Too few decisions, or all of one kind; says so."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """What people decided: rows of the table, and whether they are one. drawn: the pair was asked about whatever the answer would
    be; weight: how much of a decision it is, for one decision may be about many pairs. Without these each is a drawn pair."""

    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    same: npt.NDArray[np.bool_]
    drawn: npt.NDArray[np.bool_] | None = None
    weight: Floats | None = None


def stage(model: Model, scorer: Scorer, said: Decisions) -> Stage:
    """Learns the second stage from decisions about pairs of the scorer's table. Raises TooFew."""
    same = said.same
    weight = np.ones(len(same)) if said.weight is None else said.weight
    drawn = np.ones(len(same), dtype=bool) if said.drawn is None else said.drawn
    many = round(float(weight.sum()))
    if many < LEAST or same.all() or not same.any():
        matches = round(float(weight[same].sum()))
        raise TooFew(f"{many} decisions, {matches} of them matches: at least {LEAST} are needed, and both answers")
    _, bits, extra, kin = scorer.pieces(said.left, said.right)
    names = [one.name for one in model.fields]
    x = np.column_stack((bits + extra, kin, drawn, ~drawn)) * np.log(2)
    fixed = np.full(len(same), model.prior_bits * np.log(2))
    mean = np.array([*[1.0] * (len(names) + 1), 0.0, 0.0])
    spread = np.array([*[_FACTOR_SPREAD] * (len(names) + 1), _OFFSET_SPREAD, _FOUND_SPREAD])
    found = _newton(x, fixed, same.astype(np.float64), weight, mean, spread)
    factors = np.maximum(found[:-2], 0.0)
    return Stage(float(found[-2]), dict(zip((*names, "kin"), factors.tolist(), strict=True)), many)


def _newton(x: Floats, fixed: Floats, y: Floats, weight: Floats, mean: Floats, spread: Floats) -> Floats:
    beta, precision = mean.copy(), 1 / spread**2
    for _ in range(50):
        p = 1 / (1 + np.exp(-(x @ beta + fixed).clip(-60, 60)))
        slope = x.T @ (weight * (y - p)) - precision * (beta - mean)
        curve = (x * (weight * p * (1 - p))[:, None]).T @ x + np.diag(precision)
        step = np.linalg.solve(curve, slope)
        # A long step overshoots where all is nearly certain.
        step *= min(1.0, 1.0 / max(float(np.abs(step).max()), 1e-12))
        beta = beta + step
        if float(np.abs(step).max()) < 1e-8:
            break
    return beta
