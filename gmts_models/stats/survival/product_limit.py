"""The product-limit and the cumulative hazard from risk sets, and how far rows move them."""

from __future__ import annotations

from typing import Literal

import numpy as np

from gmts_models.errors import InputError
from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.rows import Rows
from gmts_models.stats.survival.influence import influence_variance
from gmts_models.stats.survival.risk_sets import RiskSets, sum_at

Hazard = Literal["nelson-aalen", "fleming-harrington"]


def is_robust(rows: Rows, robust: bool | None, where: str) -> bool:
    """Return what was asked for; by default, whether there are clusters or broken weights."""
    if robust is False and rows.clusters is not None:
        raise InputError(
            "a variance that is not robust ignores the clusters",
            where=f"{where}, robust",
            fix="give no clusters, or robust=True",
        )
    if robust is not None:
        return robust
    return rows.clusters is not None or bool((rows.weights != np.floor(rows.weights)).any())


def product_limit_steps(sets: RiskSets, shown: Bools) -> tuple[Floats, Floats, Floats]:
    """Return the factors of the curve, and Greenwood's terms where it stays above 0.

    Returns
    -------
    factor : (k,) 1 - d/n where `shown`, else 1.
    spread : (k,) d / (n (n - d)); 0 where everyone leaves or nobody does. It is also what a
        unit of weight that stays adds to log S.
    leaving : (k,) what a unit of weight that leaves adds to log S: -1/n.
    """
    n, d = sets.at_risk, sets.events
    some = shown & (d > 0)
    keeps = some & ~sets.emptied
    remain = np.where(keeps, n - d, 1.0)
    total = np.where(some, n, 1.0)
    factor = np.where(some, np.where(sets.emptied, 0.0, remain / total), 1.0)
    return (
        factor,
        np.where(keeps, d / (total * remain), 0.0),
        np.where(keeps, -1 / total, 0.0),
    )


def product_limit(
    rows: Rows, sets: RiskSets, shown: Bools, *, robust: bool
) -> tuple[Floats, Floats]:
    """Return survival and the variance of its log (where survival is 0: NaN, or 0 if robust)."""
    factor, spread, leaving = product_limit_steps(sets, shown)
    survival = np.asarray(np.cumprod(factor), dtype=float)
    if robust:
        variance = influence_variance(rows, sets, spread, leaving)
        return survival, np.where(survival == 0, 0.0, variance)
    return survival, np.where(survival == 0, np.nan, np.cumsum(spread))


def cumulative_hazard(
    rows: Rows, sets: RiskSets, shown: Bools, hazard: Hazard, *, robust: bool
) -> tuple[Floats, Floats]:
    """Return the cumulative hazard and its variance."""
    some = shown & (sets.events > 0)
    total = np.where(some, sets.at_risk, 1.0)
    d = np.where(some, sets.events, 0.0)
    if hazard == "nelson-aalen":
        step, spread = d / total, d / total**2
        leaving = np.where(some, 1 / total, 0.0) - spread
    else:
        step, spread, leaving = _one_by_one(total, d, np.where(some, sets.departures, 0))
    variance = influence_variance(rows, sets, -spread, leaving) if robust else np.cumsum(spread)
    return np.cumsum(step), variance


def _one_by_one(total: Floats, d: Floats, departures: Ints) -> tuple[Floats, ...]:
    """Let those who leave together leave one by one: (k,) sums of terms, squares and slopes."""
    k = len(total)
    at = np.repeat(np.arange(k), departures)
    gone = np.arange(len(at)) - np.repeat(np.cumsum(departures) - departures, departures)
    m = departures[at]
    size = d[at] / m
    remain = total[at] - gone * size
    slope = 1 / (m * remain) - size * (1 - gone / m) / remain**2
    return tuple(sum_at(at, terms, k) for terms in (size / remain, size / remain**2, slope))
