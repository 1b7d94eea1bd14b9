"""What decisions of people teach: a second stage over the weights that were learnt without them. Pure.

Logistic regression on each field's weight, drawn towards the model as it is (every factor 1, offset 0), so that a few dozen
decisions correct what they speak of and leave the rest alone. Newton's method (iteratively reweighted least squares); the
penalty is that of normal priors on the factors and the offset.
"""

import numpy as np
import numpy.typing as npt

from identity.matching.model import Model, Stage
from identity.matching.scoring import Scorer

Floats = npt.NDArray[np.float64]
_FACTOR_SPREAD, _OFFSET_SPREAD = 0.35, 3.0  # how far factors and the offset (bits) are expected to stray
LEAST = 20


class TooFew(ValueError):
    """Too few decisions, or all of one kind; says so."""


def stage(
    model: Model, scorer: Scorer, left: npt.NDArray[np.int64], right: npt.NDArray[np.int64], same: npt.NDArray[np.bool_]
) -> Stage:
    """Learns the second stage. left, right: rows of the scorer's table; same: what people decided. Raises TooFew."""
    if len(same) < LEAST or same.all() or not same.any():
        raise TooFew(
            f"{len(same)} decisions, {int(same.sum())} of them matches: at least {LEAST} are needed, and both answers"
        )
    _, bits, extra, kin = scorer.pieces(left, right)
    names = [one.name for one in model.fields]
    x = np.column_stack((bits + extra, kin, np.ones(len(same)))) * np.log(2)
    fixed = np.full(len(same), model.prior_bits * np.log(2))
    mean = np.array([*[1.0] * (len(names) + 1), 0.0])
    spread = np.array([*[_FACTOR_SPREAD] * (len(names) + 1), _OFFSET_SPREAD])
    found = _newton(x, fixed, same.astype(np.float64), mean, spread)
    factors = np.maximum(found[:-1], 0.0)
    return Stage(float(found[-1]), dict(zip((*names, "kin"), factors.tolist(), strict=True)), len(same))


def _newton(x: Floats, fixed: Floats, y: Floats, mean: Floats, spread: Floats) -> Floats:
    beta, precision = mean.copy(), 1 / spread**2
    for _ in range(50):
        p = 1 / (1 + np.exp(-(x @ beta + fixed).clip(-60, 60)))
        slope = x.T @ (y - p) - precision * (beta - mean)
        curve = (x * (p * (1 - p))[:, None]).T @ x + np.diag(precision)
        step = np.linalg.solve(curve, slope)
        # A long step overshoots where all is nearly certain.
        step *= min(1.0, 1.0 / max(float(np.abs(step).max()), 1e-12))
        beta = beta + step
        if float(np.abs(step).max()) < 1e-8:
            break
    return beta
