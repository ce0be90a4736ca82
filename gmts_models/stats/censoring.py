"""Censoring weights: how people lost from view are made up for by those who were not.

Conventions, stated here once:

- G(t) is the product-limit estimate of not being censored by t, made from *the rows that are
  scored*, by stratum (cohort) where cohorts are censored together. At a tie events come before
  censorings.
- Someone who left by h weighs 1 / G(T-); someone seen beyond h weighs 1 / G(h). Without late
  entry the weights of n rows then add up to exactly n.
- Where everyone who remains is censored exactly at h, as September cohorts are at 12, 24, ...
  months, G(h) = 0 and they are known survivors: they weigh 1 / G(h-).
- Late entry: the question is P(T <= h given T > entry), the weight is multiplied by G(entry),
  the risk set of G is entry < t <= exit, and rows that enter at h or later are not scored.
- Where nobody of a stratum could be seen at h (G(h-) = 0), its rows are not scored; those who
  enter after the last such gap are.

Source: Graf et al. (1999), Statistics in Medicine 18:2529-2545; Gerds & Schumacher (2006),
Biometrical Journal 48:1029-1040.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gmts_models.outcome import Bools, Floats, Ints, Outcome
from gmts_models.stats.times import count_at_risk, merge_near_ties, sum_by_time

_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


@dataclass(frozen=True, slots=True, kw_only=True)
class CensoringWeights:
    """Who counts, as what, and how much, at one horizon.

    Attributes
    ----------
    left : (n,) bool: left by the horizon.
    counted : (n, b) float: `counts` for the rows of which the question can be asked, else 0.
    weight : (n, b) float: the censoring weight times `counted`; 0 for the censored.
    """

    left: Bools
    counted: Floats
    weight: Floats


def censoring_weights(
    y: Outcome,
    horizon: float,
    *,
    strata: Ints | None = None,
    follow_up: Floats | None = None,
    counts: Floats | None = None,
) -> CensoringWeights:
    """Weigh the rows whose state at `horizon` is known, so that they stand for all.

    Parameters
    ----------
    y : n rows.
    horizon : months, > 0.
    strata : (n,) codes of the groups that are censored together; default one group.
    follow_up : (n,) months from the start to the census, where known: rows with less than
        `horizon` are not scored, whatever became of them. NaN = not known.
    counts : (n, b) how often each row is counted, one column a bootstrap sample; default 1.

    Returns
    -------
    CensoringWeights
    """
    n = len(y)
    repeats = np.ones((n, 1)) if counts is None else counts
    merged = merge_near_ties(np.concatenate([y.exit, y.entry, [horizon]]))
    exit_, entry, h = merged[:n], merged[n : 2 * n], merged[-1]
    asked = entry < h
    if follow_up is not None:
        asked &= ~(follow_up < h * (1 - 1e-9))
    counted, weight = np.zeros(repeats.shape), np.zeros(repeats.shape)
    groups = np.zeros(n, dtype=np.int64) if strata is None else strata
    for group in np.unique(groups[asked]):
        rows = np.flatnonzero(asked & (groups == group))
        part, estimable = _stratum_weights(exit_[rows], y.left[rows], entry[rows], h, repeats[rows])
        counted[rows] = np.where(estimable, repeats[rows], 0.0)
        weight[rows] = np.where(estimable, part * repeats[rows], 0.0)
    return CensoringWeights(left=y.left & (exit_ <= h), counted=counted, weight=weight)


def leaver_weights(y: Outcome, counts: Floats | None = None) -> Floats:
    """Weigh those who left, whenever they did, so that they stand for all who left by then.

    Parameters
    ----------
    y : n rows, none of which enters late.
    counts : (n,) how often each row is counted; default 1.

    Returns
    -------
    (n,) ``counts / G(T-)`` of those who left, 0 of the others. Summed over those who left by h
    they are n times 1 - Kaplan-Meier at h.
    """
    repeats = np.ones((len(y), 1)) if counts is None else counts[:, None]
    exit_ = merge_near_ties(y.exit)
    time = np.unique(exit_)
    lost = sum_by_time(exit_, time, repeats, ~y.left)[:, 0]
    gone = sum_by_time(exit_, time, repeats, y.left)[:, 0]
    staying = count_at_risk(time, np.zeros(len(y)), exit_, repeats)[:, 0] - gone
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(lost > 0, np.clip(1 - lost / staying, 0, 1), 1.0)
    before = np.concatenate([[1.0], np.cumprod(factor)[:-1]])
    weight = np.zeros(len(y))
    weight[y.left] = 1 / before[np.searchsorted(time, exit_[y.left])]
    return weight * repeats[:, 0]


def _stratum_weights(
    exit_: Floats, left: Bools, entry: Floats, h: float, counts: Floats
) -> tuple[Floats, Bools]:
    """Return (r, b) weights of one stratum, and (r, b) whether h could be seen from the entry."""
    time = np.unique(exit_)
    lost = sum_by_time(exit_, time, counts, ~left)
    gone = sum_by_time(exit_, time, counts, left)
    staying = count_at_risk(time, entry, exit_, counts) - gone
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(lost > 0, np.clip(1 - lost / staying, 0, 1), 1.0)
    empties = factor < 1e-12  # what cancellation leaves where everyone at risk is lost
    first = np.zeros((1, counts.shape[1]))
    log_g = np.concatenate([first, np.cumsum(np.log(np.where(empties, 1.0, factor)), axis=0)])
    emptied = np.concatenate([first, np.cumsum(empties, axis=0)])

    enters = np.where(entry > 0, np.searchsorted(time, entry, side="right"), 0)
    leaves = np.searchsorted(time, exit_, side="left")
    before, after = (int(np.searchsorted(time, h, side=side)) for side in _SIDES)
    # Everyone who remains at h is censored exactly then: known survivors, weighed by G(h-).
    at_census = emptied[after] > emptied[before]
    end = np.where(at_census, log_g[before], log_g[after])
    survivor = (exit_ > h)[:, None] | (at_census & ((exit_ == h) & ~left)[:, None])
    with np.errstate(over="ignore"):
        weight = np.where(
            (left & (exit_ <= h))[:, None],
            np.exp(log_g[enters] - log_g[leaves]),
            np.where(survivor, np.exp(log_g[enters] - end), 0.0),
        )
    # Whoever was there when a risk set emptied before h cannot be followed to h by anyone.
    return weight, emptied[before] == emptied[enters]
