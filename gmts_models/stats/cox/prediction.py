"""Survival and absolute risk of new people from a Cox fit, with their uncertainty.

The variance of a cumulative hazard has two parts: of the baseline increments, and of the
coefficients, which matters more the further someone is from the means of the risk sets.

Source: Tsiatis (1981), Annals of Statistics 9:93-108; Therneau & Grambsch (2000), section 10.2.
Agrees with ``survival::survfit(coxph(...), newdata, conf.type = interval)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.cox.baseline import (
    BaselineHazard,
    CoxCurves,
    HazardAt,
    cox_curves,
    hazard_at,
)
from gmts_models.stats.cox.fit import CoxFit
from gmts_models.stats.intervals import Interval, limits


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedSurvival:
    """Survival of n people at m times; NaN where not estimable. The risk is 1 - survival.

    Attributes
    ----------
    time : (m,) months since the start.
    survival : (n, m) P(T > time), given still there at `since` where that was given.
    std_err : (n, m) of survival, and of the risk.
    lower, upper : (n, m) limits of survival.
    hazard, hazard_std_err : (n, m) cumulative hazard, -log(survival), and its standard error.
    """

    time: Floats
    survival: Floats
    std_err: Floats
    lower: Floats
    upper: Floats
    hazard: Floats
    hazard_std_err: Floats


def predict_survival(
    fit: CoxFit | CoxCurves,
    X: npt.ArrayLike,
    times: npt.ArrayLike,
    *,
    strata: npt.ArrayLike | None = None,
    offset: npt.ArrayLike | None = None,
    since: npt.ArrayLike | None = None,
    level: float = 0.95,
    interval: Interval = "log",
) -> PredictedSurvival:
    """Predict survival of new people.

    Parameters
    ----------
    fit : of `fit_cox`, or its `cox_curves`, with a robust covariance if that is wanted.
    X : (n, p) columns, as in the fit.
    times : (m,) months since the start.
    strata : (n,) int codes: the rank of the label among the sorted labels of the fit.
    offset : (n,) as in the fit; needed where the fit had one.
    since : (n,) months that each is known to have stayed; default 0. Times before it give 1.
    level, interval : of the limits, as in `kaplan_meier`.

    Returns
    -------
    PredictedSurvival : NaN at times past the last at which anyone of the stratum was observed.

    Raises
    ------
    InputError : shapes differ, or a stratum was not in the fit.
    """
    curves = fit if isinstance(fit, CoxCurves) else cox_curves(fit)
    new = new_rows(curves, X, strata, offset)
    when = np.atleast_1d(np.asarray(times, dtype=float))
    tenure = None if since is None else np.asarray(since, dtype=float)
    n = len(new.X)
    if tenure is not None and (tenure.shape != (n,) or not (tenure >= 0).all()):
        raise InputError(f"since must be {n} months, none negative", where="since")
    hazard, variance = np.empty((2, len(new.X), len(when)))
    bases = curves.baselines
    for stratum in np.unique(new.strata):
        rows = np.flatnonzero(new.strata == stratum)
        earlier = None if tenure is None else hazard_at(bases[stratum], tenure[rows])
        for j, time in enumerate(when):
            at = _window(bases[stratum], time, len(rows), earlier, tenure, rows)
            hazard[rows, j] = new.relative[rows] * at.cumulative
            away = new.X[rows] * at.cumulative[:, None] - at.mean
            quadratic = np.einsum("ij,ij->i", away @ curves.covariance, away)
            variance[rows, j] = new.relative[rows] ** 2 * (at.variance + quadratic)
    return _predicted(when, hazard, variance, level, interval)


def _window(
    base: BaselineHazard,
    time: float,
    n: int,
    earlier: HazardAt | None,
    tenure: Floats | None,
    rows: Ints,
) -> HazardAt:
    """Return the baseline hazard up to `time`, for n people, from their tenure on."""
    if earlier is None or tenure is None:
        at = hazard_at(base, np.array([time]))
        return HazardAt(
            cumulative=np.repeat(at.cumulative, n),
            variance=np.repeat(at.variance, n),
            mean=np.repeat(at.mean, n, axis=0),
        )
    return hazard_at(base, np.maximum(time, tenure[rows])).since(earlier)


def predict_path(
    fit: CoxFit | CoxCurves,
    X: npt.ArrayLike,
    entry: npt.ArrayLike,
    exit_: npt.ArrayLike,
    times: npt.ArrayLike,
    *,
    strata: npt.ArrayLike | None = None,
    offset: npt.ArrayLike | None = None,
    level: float = 0.95,
    interval: Interval = "log",
) -> PredictedSurvival:
    """Predict survival of one person whose columns change along a known path.

    Parameters
    ----------
    X : (r, p) columns on each stretch (entry, exit_] of the path, in any order.
    entry, exit_ : (r,) months; stretches must not overlap.
    times : (m,) months; NaN past the path's end.
    strata, offset, level, interval : as for `predict_survival`.

    Returns
    -------
    PredictedSurvival : of n = 1 person, given still there at the path's beginning.
    """
    curves = fit if isinstance(fit, CoxCurves) else cox_curves(fit)
    new = new_rows(curves, X, strata, offset)
    begin, end = np.asarray(entry, dtype=float), np.asarray(exit_, dtype=float)
    order = np.argsort(begin)
    if (end <= begin).any() or (begin[order][1:] < end[order][:-1]).any():
        raise InputError("stretches of a path must follow each other", where="entry, exit_")
    when = np.atleast_1d(np.asarray(times, dtype=float))
    bases = curves.baselines
    hazard, variance = np.zeros(len(when)), np.zeros(len(when))
    away = np.zeros((len(when), new.X.shape[1]))
    for x, relative, stratum, a, b in zip(new.X, new.relative, new.strata, begin, end, strict=True):
        at = hazard_at(bases[stratum], np.clip(when, a, b)).since(
            hazard_at(bases[stratum], np.full(len(when), a))
        )
        hazard += relative * at.cumulative
        variance += relative**2 * at.variance
        away += relative * (x * at.cumulative[:, None] - at.mean)
    variance += np.einsum("ij,ij->i", away @ curves.covariance, away)
    hazard[when > end.max()] = np.nan
    return _predicted(when, hazard[None], variance[None], level, interval)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRows:
    """New people: centred X (n, p), relative hazard exp(eta) (n,), stratum codes (n,)."""

    X: Floats
    relative: Floats
    strata: Ints


def new_rows(
    curves: CoxCurves, X: npt.ArrayLike, strata: npt.ArrayLike | None, offset: npt.ArrayLike | None
) -> NewRows:
    """Check columns, stratum codes and offset of new people; errors as of `predict_survival`."""
    matrix = np.asarray(X, dtype=float)
    p = len(curves.coefficients)
    if matrix.ndim != 2 or matrix.shape[1] != p:
        raise InputError(f"X has shape {matrix.shape}, the fit has {p} columns", where="X")
    if not np.isfinite(matrix).all():
        raise InputError("X holds values that are missing or infinite", where="X")
    n, known = len(matrix), len(curves.baselines)
    codes = np.zeros(n, dtype=np.int64) if strata is None else np.asarray(strata, dtype=np.int64)
    if strata is None and known > 1:
        raise InputError(f"the fit has {known} strata: say which each row is of", where="strata")
    if codes.shape != (n,) or ((codes < 0) | (codes >= known)).any():
        raise InputError(f"strata must be {n} codes from 0 to {known - 1}", where="strata")
    moved = np.zeros(n) if offset is None else np.asarray(offset, dtype=float)
    if offset is None and curves.offset_centre is not None:
        raise InputError("the fit had an offset: give that of the new rows", where="offset")
    centred = matrix - curves.centre
    eta = centred @ curves.coefficients + moved - (curves.offset_centre or 0.0)
    return NewRows(X=centred, relative=np.exp(eta), strata=codes)


def _predicted(
    when: Floats, hazard: Floats, variance: Floats, level: float, interval: Interval
) -> PredictedSurvival:
    # Rounding may leave less than nothing of a difference of hazards.
    hazard = np.maximum(hazard, 0.0)
    survival, se = np.exp(-hazard), np.sqrt(np.maximum(variance, 0.0))
    lower, upper = limits(survival, survival * se, level, interval, se_of_log=se)
    return PredictedSurvival(
        time=when,
        survival=survival,
        std_err=survival * se,
        lower=lower,
        upper=upper,
        hazard=hazard,
        hazard_std_err=se,
    )
