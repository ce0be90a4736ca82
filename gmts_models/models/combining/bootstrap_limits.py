"""Limits of probabilities from fits to people drawn again."""

from __future__ import annotations

import numpy as np

from gmts_models.outcome import Floats
from gmts_models.stats.intervals import check_level

_EDGE = 1e-12
"""Nearer to 0 or 1 than this, a probability has no place on the scale."""


def bootstrap_limits(estimate: Floats, draws: Floats, level: float) -> tuple[Floats, Floats]:
    """Return limits as wide as the refits are apart, around the estimate.

    On the scale log(-log(1 - p)), of the log cumulative hazard, each limit is half the distance
    between the two quantiles of the refits away from the estimate. Where the estimate or a
    quantile is 0 or 1, the quantiles themselves are the limits (moved to take the estimate in):
    if all refits agree there, the limits have no width.

    Parameters
    ----------
    estimate : (...) probabilities by the fit to everyone; NaN = not estimable.
    draws : (b, ...) by the refits; NaN = not estimable.
    level : of the limits, in (0, 1).

    Returns
    -------
    lower, upper : (...); NaN where there is no estimate, or half of the refits or more have none.

    Notes
    -----
    The quantiles as limits (the percentile method) leave the truth above them too often, since a
    fit to drawn people, of whom fewer are different, is further from the average than the fit to
    all of them. ``docs/models.md`` has the coverage of both.

    Source: Davison & Hinkley (1997), Bootstrap Methods and their Application, ch. 5.
    """
    check_level(level)
    shape = np.shape(estimate)
    at, again = np.reshape(estimate, -1), np.reshape(draws, (len(draws), -1))
    lower, upper = np.full(at.shape, np.nan), np.full(at.shape, np.nan)
    known = np.isfinite(at) & (2 * np.isfinite(again).sum(axis=0) > len(again))
    if known.any():
        lower[known], upper[known] = _limits(at[known], again[:, known], level)
    return lower.reshape(shape), upper.reshape(shape)


def _limits(estimate: Floats, draws: Floats, level: float) -> tuple[Floats, Floats]:
    quantiles = np.nanquantile if np.isnan(draws).any() else np.quantile
    low, high = quantiles(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    centre, bottom, top = (_log_hazard(p) for p in (estimate, low, high))
    half = (top - bottom) / 2
    on_scale = np.isfinite(centre) & np.isfinite(half)
    lower = np.where(on_scale, _probability(centre - half), np.minimum(low, estimate))
    upper = np.where(on_scale, _probability(centre + half), np.maximum(high, estimate))
    return lower, upper


def _log_hazard(p: Floats) -> Floats:
    inside = (p > _EDGE) & (p < 1 - _EDGE)
    return np.where(inside, np.log(-np.log1p(-np.where(inside, p, 0.5))), np.nan)


def _probability(log_hazard: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return np.asarray(-np.expm1(-np.exp(log_hazard)), dtype=float)
