"""Censoring weights where who is lost depends on attributes: from a Cox model of censoring.

Conventions, stated here once:

- The event of the model is to be censored; who left is censored by leaving. At a tie departures
  come before censorings, so those who leave are not at risk of being censored then.
- Someone who left by h weighs 1 / G(T- given x). Whoever was seen up to h, and is known not to
  have left by then, weighs 1 / G(h- given x): being censored at h comes after h. Someone
  censored before h weighs 0.
- Where the last of a stratum is censored before h, nothing is known of its risk by h: its rows
  weigh 0, those who left too.

Without an identity like that of Kaplan-Meier's weights, these do not add up to n exactly.

Source: Robins & Finkelstein (2000), Biometrics 56:779-788.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gmts_models.errors import FitError
from gmts_models.outcome import Bools, Floats
from gmts_models.stats.cox.baseline import cox_curves, hazard_at
from gmts_models.stats.cox.fit import fit_cox
from gmts_models.stats.cox.prediction import relative_hazard
from gmts_models.stats.cox.risk_sums import Ties
from gmts_models.stats.rows import check_rows, read_numbers
from gmts_models.stats.times import merge_near_ties

SMALLEST = 1e-8
"""Probability of not being censored under which a weight is no estimate of anything."""


def cox_censoring_weights(
    X: npt.ArrayLike,
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    horizons: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    *,
    ties: Ties = "efron",
    penalty: Floats | None = None,
    names: Sequence[str] | None = None,
) -> Floats:
    """Weigh the rows whose state at each horizon is known, so that they stand for all like them.

    Parameters
    ----------
    X : (n, p) columns that censoring may depend on.
    exit_ : (n,) months at which observation ends; there is no late entry.
    left : (n,) bool; False = still there when last seen.
    horizons : (m,) months.
    weights : (n,) case weights, > 0, in the model of censoring; they are not in what is returned.
    strata : (n,) labels; each has a baseline hazard of censoring of its own.
    ties, penalty, names : as for `fit_cox`.

    Returns
    -------
    (n, m) weights, 0 or at least 1. They are not bounded from above.

    Raises
    ------
    InputError, FitError : as `fit_cox`; or someone whose state counts could hardly have been
        seen (G below `SMALLEST`).

    Notes
    -----
    G is exp(-H), H with the increments of `ties`. Agrees with ``survfit(coxph(...))`` of R's
    survival where ``exit_`` is moved a little back for those who left.
    """
    rows = check_rows(exit_, left, None, weights, strata, where="cox_censoring_weights")
    months = read_numbers(np.atleast_1d(np.asarray(horizons)), "horizons", "cox_censoring_weights")
    n = len(rows)
    merged = merge_near_ties(np.concatenate([rows.exit, months]))
    time, months = merged[:n], merged[n:]
    distinct = np.unique(merged)
    # Ranks instead of months: 2 k is just before the k-th time, then people leave, then are lost.
    before = 2.0 * np.searchsorted(distinct, np.minimum(time[:, None], months))
    ends = 2.0 * np.searchsorted(distinct, time) + np.where(rows.left, 1.0, 2.0)
    known = _known(time, rows.left, months) & _followed(time, rows.left, rows.strata, months)
    if rows.left.all():
        return np.where(known, 1.0, 0.0)
    fit = fit_cox(
        X,
        ends,
        ~rows.left,
        weights=rows.weights,
        strata=rows.strata,
        ties=ties,
        penalty=penalty,
        names=names,
        merge_ties=False,
    )
    curves = cox_curves(fit)
    matrix = np.asarray(X, dtype=float)
    relative = relative_hazard((matrix - curves.centre) @ curves.coefficients)
    hazard = np.empty((n, len(months)))
    for stratum, base in enumerate(curves.baselines):
        of = np.flatnonzero(rows.strata == stratum)
        at = np.asarray(before[of].ravel(), dtype=float)
        hazard[of] = hazard_at(base, at).cumulative.reshape(len(of), -1)
    hazard = np.where(known, hazard * relative[:, None], 0.0)
    hardly = (hazard > -np.log(SMALLEST)).any(axis=1)
    if hardly.any():
        raise FitError(
            f"{int(hardly.sum())} row(s) are known by a horizon by which nobody like them could "
            "be seen: the weight would be infinite",
            where="cox_censoring_weights",
            fix="ask for shorter horizons, or leave out the columns that decide who is censored",
        )
    return np.where(known, np.exp(hazard), 0.0)


def _known(time: Floats, left: Bools, months: Floats) -> Bools:
    """Return (n, m) bool: left by the horizon, or seen up to it."""
    return (left[:, None] & (time[:, None] <= months)) | (time[:, None] >= months)


def _followed(time: Floats, left: Bools, strata: npt.NDArray[np.int64], months: Floats) -> Bools:
    """Return (n, m) bool: whether anyone of the row's stratum was seen up to the horizon.

    All having left is as good.
    """
    count = int(strata.max()) + 1
    last, lost = np.full(count, -np.inf), np.full(count, -np.inf)
    np.maximum.at(last, strata, time)
    np.maximum.at(lost, strata[~left], time[~left])
    return np.asarray((last[strata, None] >= months) | (lost < last)[strata, None])
