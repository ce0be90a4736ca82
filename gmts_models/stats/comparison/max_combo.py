"""The best of several weighted log-rank tests, with a p-value that accounts for the choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from gmts_models.errors import InputError
from gmts_models.outcome import Floats
from gmts_models.stats.comparison.groups import code_groups
from gmts_models.stats.comparison.logrank import check_scores, contrast
from gmts_models.stats.comparison.rank_scores import Variance, rank_scores
from gmts_models.stats.options import check_option
from gmts_models.stats.rows import check_rows

Alternative = Literal["two-sided", "greater", "less"]

WEIGHTINGS = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
"""(rho, gamma) of even, early, late and middle weights: the usual four."""

_LOG2_POINTS = 13
_WHERE = "max_combo"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxCombo:
    """The largest of q weighted log-rank statistics.

    Attributes
    ----------
    groups, scores : (k,) labels, sorted, and the score of each.
    weightings : (q, 2) of (rho, gamma).
    z : (q,) positive where groups with higher scores leave more than expected; NaN where the
        weighting compares nothing.
    correlation : (q, q) of z if all groups are alike.
    chosen : which weighting is the largest.
    statistic : the largest |z| (two-sided), z ("greater") or -z ("less").
    p : P(a maximum as large) if all groups are alike.
    """

    groups: npt.NDArray[Any]
    scores: Floats
    weightings: Floats
    z: Floats
    correlation: Floats
    chosen: int
    statistic: float
    p: float


def max_combo(
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    groups: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    weightings: Sequence[tuple[float, float]] = WEIGHTINGS,
    scores: npt.ArrayLike | None = None,
    alternative: Alternative = "two-sided",
    variance: Variance = "hypergeometric",
) -> MaxCombo:
    """Compare two groups, or a trend, when it is not known in advance when they differ.

    Parameters
    ----------
    exit_, left, groups, entry, weights, strata, clusters, variance : as for `logrank`.
    weightings : q pairs (rho, gamma); the weight of time t is S(t-)^rho (1 - S(t-))^gamma.
    scores : (k,) of the groups, in the sorted order of their labels. Two groups need none.
    alternative : "greater": groups with higher scores (the second of two) leave sooner.

    Returns
    -------
    The statistics, their correlation, and the p-value of the largest. With no weighting that
    compares anything, `statistic` and `p` are NaN.

    Raises
    ------
    InputError : as `logrank`; more than two groups without scores; an unknown alternative.

    Notes
    -----
    z is jointly normal with the correlation that the weighted sums of one variance give. The
    p-value is a fixed quasi-random integral (no seed: the same data give the same digits), within
    2e-5 of itself for the usual weightings and 1e-4 for six, however small it is.

    Source: Tarone (1981), Biometrics 37:79-85; Lin et al. (2020), Statistics in
    Biopharmaceutical Research 12:187-198; Genz (1992), Journal of Computational and Graphical
    Statistics 1:141-149, for the integral.
    """
    rows = check_rows(exit_, left, entry, weights, strata, clusters, where=_WHERE)
    labels, group = code_groups(groups, len(rows), _WHERE)
    check_option(alternative, ("two-sided", "greater", "less"), "alternative", _WHERE)
    if scores is None and len(labels) > 2:
        raise InputError(
            f"there are {len(labels)} groups and no scores",
            where=f"{_WHERE}, scores",
            fix="give a score to each group to test a trend, or compare two groups",
        )
    s = check_scores(np.arange(2) if scores is None else scores, labels, _WHERE)
    found = rank_scores(rows, group, len(labels), weightings, variance, _WHERE)
    z, covariance = contrast(found, s)
    size = np.sqrt(np.where(np.isnan(z), np.nan, np.diag(covariance)))
    correlation = covariance / np.outer(size, size)
    chosen, statistic, p = 0, np.nan, np.nan
    if len(shown := np.flatnonzero(~np.isnan(z))):
        extreme = {"two-sided": np.abs(z), "greater": z, "less": -z}[alternative][shown]
        chosen, statistic = int(shown[np.argmax(extreme)]), float(extreme.max())
        p = chance_of_maximum(
            statistic, correlation[np.ix_(shown, shown)], two_sided=alternative == "two-sided"
        )
    return MaxCombo(
        groups=labels,
        scores=s,
        weightings=np.array(weightings, dtype=float),
        z=z,
        correlation=correlation,
        chosen=chosen,
        statistic=statistic,
        p=p,
    )


def chance_of_maximum(statistic: float, correlation: Floats, *, two_sided: bool) -> float:
    """Return P(the largest of q standard normals, or of their sizes, >= statistic).

    Parameters
    ----------
    correlation : (q, q), positive semidefinite.

    Notes
    -----
    The sum over i of P(Z_i is beyond, and none before it is): the first factor of each integral
    is the tail itself, which keeps the digits of small chances.
    """
    chance = 0.0
    for i in range(len(correlation)):
        order = np.r_[i, np.arange(i)]
        chance += _beyond_first(statistic, correlation[np.ix_(order, order)], two_sided)
    return float(min(chance, 1.0))


def _beyond_first(limit: float, correlation: Floats, two_sided: bool) -> float:
    """Return P(Z_0 is beyond the limit, Z_1.. are not), of both signs if two-sided.

    By symmetry Z_0 is taken in the lower tail, where uniform numbers keep their digits.
    """
    if two_sided and limit <= 0:
        return 1.0 if len(correlation) == 1 else 0.0
    root = _root(correlation)
    rank = int((np.diag(root) > 0).sum())
    # A variable that others determine bounds the last of those that it depends on.
    bounds = [np.flatnonzero(np.abs(row) > 1e-9)[-1] for row in root]
    points = _points(rank - 1)
    drawn, chance = np.zeros((len(points), rank)), np.ones(len(points))
    for j in range(rank):
        low, high = np.full(len(points), -np.inf), np.full(len(points), np.inf)
        for i in np.flatnonzero(np.equal(bounds, j)):
            ends = (-np.inf, -limit) if i == 0 else (-limit, limit if two_sided else np.inf)
            mean = drawn[:, :j] @ root[i, :j]
            one, other = ((end - mean) / root[i, j] for end in ends)
            low = np.maximum(low, np.minimum(one, other))
            high = np.minimum(high, np.maximum(one, other))
        below = special.ndtr(low)
        width = np.maximum(special.ndtr(high) - below, 0.0)
        chance *= width
        if j < rank - 1:
            uniform = np.clip(below + width * points[:, j], 1e-300, 1 - 1e-16)
            drawn[:, j] = special.ndtri(uniform)
    return float(chance.mean()) * (2.0 if two_sided else 1.0)


def _root(correlation: Floats) -> Floats:
    """Return a Cholesky root of a semidefinite matrix, the first variable first.

    Of the others the one with the largest variance given those before comes next.
    """
    q = len(correlation)
    root, rest = np.zeros((q, q)), correlation.copy()
    for j in range(q):
        if j > 0:
            best, swap = j + int(np.argmax(np.diag(rest)[j:])), np.arange(q)
            swap[[j, best]] = best, j
            root, rest = root[swap], rest[np.ix_(swap, swap)]
        if rest[j, j] < 1e-12:
            break
        root[j:, j] = rest[j:, j] / np.sqrt(rest[j, j])
        rest = rest - np.outer(root[:, j], root[:, j])
    return root


def _points(dimensions: int) -> Floats:
    """Return fixed points that fill the unit cube evenly: Sobol's, moved off the edge."""
    if dimensions == 0:
        return np.zeros((1, 0))
    sobol = stats.qmc.Sobol(dimensions, scramble=False)
    return np.asarray(sobol.random_base2(_LOG2_POINTS) + 0.5 / 2**_LOG2_POINTS)
