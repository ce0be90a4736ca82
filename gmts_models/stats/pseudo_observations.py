"""Pseudo-observations: a number for each person that stands for having left by a horizon.

Without censoring it is 1 for those who left and 0 for the others. Under censoring it is what the
person adds to the Kaplan-Meier risk: it may lie outside 0 to 1, and its mean given the columns is
the risk given the columns, if censoring depends on none of them (within strata: on no other).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gmts_models.outcome import Bools, Floats
from gmts_models.stats.rows import check_rows, read_numbers
from gmts_models.stats.survival.risk_sets import sum_at
from gmts_models.stats.times import merge_near_ties

_ROOM = 2_000_000
"""Numbers of a table of amounts by times that is held at once."""
_ALONE = 1e-9
"""Share of those at risk under which what is left after taking a row out is rounding."""


def pseudo_observations(
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    horizons: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
) -> Floats:
    """Jackknife the Kaplan-Meier risk: N times that of all, less N - 1 times that without the row.

    Parameters
    ----------
    exit_ : (n,) months at which observation ends; there is no late entry.
    left : (n,) bool; False = still there when last seen.
    horizons : (m,) months.
    weights : (n,) case weights, > 0; default 1. A whole number is so many rows; one of them is
        taken out at a time, and of a row that weighs less than 1 all.
    strata : (n,) labels; the jackknife is of each stratum's own curve.

    Returns
    -------
    (n, m) pseudo-observations of having left by each horizon, exact at ties too. NaN where the
    stratum's risk is not estimable: nobody was followed to the horizon, and not all had left.

    Notes
    -----
    Where a row alone is followed to the horizon, the curve without it goes on as it was. With
    equal weights it takes one sort; a table of distinct weights by times otherwise.

    Source: Andersen, Klein & Rosthøj (2003), Biometrika 90:15-27. Agrees with
    ``1 - prodlim::jackknife(prodlim(Hist(exit, left) ~ 1), times)``.
    """
    rows = check_rows(exit_, left, None, weights, strata, where="pseudo_observations")
    months = read_numbers(np.atleast_1d(np.asarray(horizons)), "horizons", "pseudo_observations")
    merged = merge_near_ties(np.concatenate([rows.exit, months]))
    time, months = merged[: len(rows)], merged[len(rows) :]
    found = np.empty((len(rows), len(months)))
    for stratum in range(int(rows.strata.max()) + 1):
        of = np.flatnonzero(rows.strata == stratum)
        for j, horizon in enumerate(months):
            found[of, j] = _jackknife(time[of], rows.left[of], rows.weights[of], horizon)
    return found


def _jackknife(exit_: Floats, left: Bools, weights: Floats, horizon: float) -> Floats:
    """Return (r,) pseudo-observations of one stratum at one horizon."""
    if exit_.max() < horizon and not left[exit_ == exit_.max()].all():
        return np.full(len(exit_), np.nan)
    time = np.unique(exit_[exit_ <= horizon])
    if not len(time):
        return np.zeros(len(exit_))
    place = np.searchsorted(time, exit_)  # that of its own exit; k where it is past the horizon
    seen = place < len(time)
    ending = sum_at(place, weights, len(time) + 1)
    at_risk = np.asarray(np.cumsum(ending[::-1])[::-1][:-1], dtype=float)
    events = sum_at(place[seen & left], weights[seen & left], len(time))
    factor = np.where(_rest(at_risk, events) > 0, 1 - events / at_risk, 0.0)
    # The curve from each time on: what happens after a row has ended does not know of it.
    after = np.append(np.cumprod(factor[::-1])[::-1], [1.0, 1.0])
    taken, amount = np.unique(np.minimum(weights, 1.0), return_inverse=True)
    own = np.minimum(place, len(time) - 1)
    without = np.empty(len(exit_))
    step = max(1, _ROOM // len(time))
    for first in range(0, len(taken), step):
        of = np.flatnonzero((amount >= first) & (amount < first + step))
        out = taken[first : first + step, None]
        stays = _kept(at_risk - out, at_risk, events)
        before = np.column_stack([np.ones(len(out)), np.cumprod(stays, axis=1)])
        goes = _kept(at_risk - out, at_risk, events - out)
        which = amount[of] - first
        last = np.where(left[of], goes[which, own[of]], stays[which, own[of]])
        without[of] = before[which, place[of]] * np.where(seen[of], last, 1.0)
    without *= after[place + 1]
    times = (weights.sum() - taken[amount]) / taken[amount]
    # The survival of all, less that without the row: how much the row lowers the risk.
    return np.asarray(1 - after[0] - times * (after[0] - without), dtype=float)


def _rest(at_risk: Floats, leaving: Floats) -> Floats:
    """Return how many stay, and 0 for what rounding leaves of none."""
    rest = at_risk - leaving
    return np.where(rest > _ALONE * np.abs(at_risk), rest, 0.0)


def _kept(remaining: Floats, at_risk: Floats, leaving: Floats) -> Floats:
    """Return the share of those remaining that stay; 1 where nobody remains."""
    some = remaining > _ALONE * at_risk
    share = _rest(np.where(some, remaining, 1.0), np.where(some, leaving, 0.0))
    return np.where(some, share / np.where(some, remaining, 1.0), 1.0)
