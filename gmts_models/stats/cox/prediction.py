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
from gmts_models.stats.rows import read_matrix, read_numbers


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
    since : (n,) months that each is known to have stayed, or one number; default 0. Times before
        it give 1.
    level, interval : of the limits, as in `kaplan_meier`.

    Returns
    -------
    PredictedSurvival : NaN at times past the last at which anyone of the stratum was observed.

    Raises
    ------
    InputError : shapes differ, a value is missing, or a stratum was not in the fit.
    """
    curves = fit if isinstance(fit, CoxCurves) else cox_curves(fit)
    new = new_rows(curves, X, strata, offset)
    when = _months(times)
    tenure = None if since is None else tenure_of(since, len(new.X))
    hazard, variance = np.empty((2, len(new.X), len(when)))
    bases = curves.baselines
    for stratum in np.unique(new.strata):
        rows = np.flatnonzero(new.strata == stratum)
        earlier = None if tenure is None else _hazard_before(bases[stratum], tenure[rows])
        for j, time in enumerate(when):
            at = _window(bases[stratum], time, len(rows), earlier, tenure, rows)
            hazard[rows, j] = new.relative[rows] * at.cumulative
            away = new.X[rows] * at.cumulative[:, None] - at.mean
            quadratic = np.einsum("ij,ij->i", away @ curves.covariance, away)
            variance[rows, j] = new.relative[rows] ** 2 * (at.variance + quadratic)
    return _predicted(when, hazard, variance, level, interval)


def _months(times: npt.ArrayLike) -> Floats:
    when = read_numbers(np.atleast_1d(np.asarray(times)), "times", "times")
    if np.isnan(when).any():
        raise InputError("times must be months, none missing", where="times")
    return when


def _hazard_before(base: BaselineHazard, entry: Floats) -> HazardAt:
    """Return the hazard that people under observation from `entry` (n,) on did not go through.

    From 0 on means at risk from the first moment: the departures at 0 are theirs too.
    """
    return hazard_at(base, np.where(entry > 0, entry, -1.0))


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
    entry, exit_ : (r,) months; stretches must not overlap, and over a gap nothing is added.
    times : (m,) months; NaN past the path's end.
    strata, offset, level, interval : as for `predict_survival`.

    Returns
    -------
    PredictedSurvival : of n = 1 person, given still there at the path's beginning.

    Raises
    ------
    InputError : as `predict_survival`, or the stretches are none, or overlap.
    """
    curves = fit if isinstance(fit, CoxCurves) else cox_curves(fit)
    new = new_rows(curves, X, strata, offset)
    begin, end = _stretches(entry, exit_, len(new.X))
    when = _months(times)
    bases = curves.baselines
    hazard, variance = np.zeros(len(when)), np.zeros(len(when))
    away = np.zeros((len(when), new.X.shape[1]))
    for x, relative, stratum, a, b in zip(new.X, new.relative, new.strata, begin, end, strict=True):
        reached = np.flatnonzero(when >= a)  # a later stretch says nothing of earlier times
        at = hazard_at(bases[stratum], np.minimum(when[reached], b)).since(
            _hazard_before(bases[stratum], np.full(len(reached), a))
        )
        hazard[reached] += relative * at.cumulative
        variance[reached] += relative**2 * at.variance
        away[reached] += relative * (x * at.cumulative[:, None] - at.mean)
    variance += np.einsum("ij,ij->i", away @ curves.covariance, away)
    hazard[when > end.max()] = np.nan
    return _predicted(when, hazard[None], variance[None], level, interval)


def _stretches(entry: npt.ArrayLike, exit_: npt.ArrayLike, n: int) -> tuple[Floats, Floats]:
    begin, end = (
        read_numbers(each, name, "predict_path")
        for name, each in (("entry", entry), ("exit_", exit_))
    )
    if n == 0 or begin.shape != (n,) or end.shape != (n,):
        raise InputError(
            f"X has {n} rows, entry {len(begin)}, exit_ {len(end)}: one or more stretches are "
            "needed, each with all three",
            where="predict_path",
        )
    order = np.argsort(begin)
    apart = (end > begin).all() and (begin[order][1:] >= end[order][:-1]).all()  # not so if NaN
    if not apart or begin[order[0]] < 0:
        raise InputError(
            "stretches of a path must follow each other, from month 0 on", where="entry, exit_"
        )
    return begin, end


def tenure_of(since: npt.ArrayLike | None, n: int) -> Floats:
    """Return (n,) months that each of n people is known to have stayed; None is 0."""
    tenure = np.zeros(n) if since is None else np.asarray(since, dtype=float)
    tenure = np.full(n, tenure) if tenure.ndim == 0 else tenure
    if tenure.shape != (n,) or not (np.isfinite(tenure) & (tenure >= 0)).all():
        raise InputError(f"since must be one number, or {n}, none negative", where="since")
    return tenure


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
    matrix = read_matrix(X, np.shape(X)[0] if np.ndim(X) else 0)
    p = len(curves.coefficients)
    if matrix.ndim != 2 or matrix.shape[1] != p:
        raise InputError(f"X has shape {matrix.shape}, the fit has {p} columns", where="X")
    if not np.isfinite(matrix).all():
        raise InputError("X holds values that are missing or infinite", where="X")
    n, known = len(matrix), len(curves.baselines)
    codes = np.zeros(n) if strata is None else read_numbers(strata, "strata", "strata")
    if strata is None and known > 1:
        raise InputError(f"the fit has {known} strata: say which each row is of", where="strata")
    if codes.shape != (n,) or not np.isin(codes, np.arange(known)).all():
        raise InputError(
            f"strata must be {n} codes from 0 to {known - 1}",
            where="strata",
            fix="take the rank of each label among the sorted labels of the fit",
        )
    moved = np.zeros(n) if offset is None else read_numbers(offset, "offset", "offset")
    if moved.shape != (n,) or not np.isfinite(moved).all():
        raise InputError("offset must be a finite number a row", where="offset")
    if offset is None and curves.offset_centre is not None:
        raise InputError("the fit had an offset: give that of the new rows", where="offset")
    centred = matrix - curves.centre
    eta = centred @ curves.coefficients + moved - (curves.offset_centre or 0.0)
    return NewRows(X=centred, relative=relative_hazard(eta), strata=codes.astype(np.int64))


def relative_hazard(eta: Floats) -> Floats:
    """Return exp(eta), finite: beyond exp(300) survival is 0 whatever the hazard."""
    return np.exp(np.minimum(eta, 300.0))


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
