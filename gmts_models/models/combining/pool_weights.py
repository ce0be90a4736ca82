"""The convex weights with which a pool of predictions has the least squared error."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.optimize import nnls

from gmts_models.outcome import Floats

_SAME = 1e-9
"""Relative difference of squared errors below which two pools are equally good."""


def pool_weights(errors: Floats) -> Floats:
    """Return the (k,) weights, at least 0 and 1 in sum, that minimise ``|errors @ weights|``.

    Parameters
    ----------
    errors : (r, k) what each of k models is off by, r >= 1.

    Notes
    -----
    Since the weights sum to 1, the pool is off by ``errors @ weights``; the minimum is the point
    of least norm in the convex hull of the columns. It is found by non-negative least squares of
    ``[errors; 1'] u = [0; 1]``, with weights ``u / sum(u)``: the conditions of optimality of both
    problems are the same. The active-set method ends after finitely many steps, exactly but for
    rounding. Where some models are averages of others, several weights are equally good: the
    fewest models are taken, and of equally many the first.

    Source: Lawson & Hanson (1974), Solving Least Squares Problems, ch. 23; Wolfe (1976),
    Mathematical Programming 11:128-149; Breiman (1996), Machine Learning 24:49-64, for stacking.
    """
    triangle = np.asarray(np.linalg.qr(errors, mode="r"), dtype=float)
    best = _minimise(triangle)
    count = len(best)
    if np.linalg.matrix_rank(np.vstack([triangle, np.ones(count)])) == count:
        return best  # the only ones
    enough = np.linalg.norm(triangle @ best) ** 2 * (1 + _SAME) + 1e-30
    for size in range(1, int((best > 0).sum()) + 1):
        for models in combinations(range(count), size):
            weights = np.zeros(count)
            weights[list(models)] = _minimise(triangle[:, list(models)])
            if np.linalg.norm(triangle @ weights) ** 2 <= enough:
                return weights
    return best


def _minimise(triangle: Floats) -> Floats:
    count = triangle.shape[1]
    target = np.append(np.zeros(len(triangle)), 1.0)
    found = nnls(np.vstack([triangle, np.ones(count)]), target)[0]
    return np.asarray(found / found.sum(), dtype=float)
