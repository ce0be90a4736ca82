"""Survival of new people from a Cox fit whose effects change with time.

Someone's hazard is the baseline's times a factor that is another one at each time of leaving, so
that it is added up over those times. The variance is that of `prediction`, with the columns of each
time in the place of the columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gmts_models.outcome import Floats, Ints
from gmts_models.stats.cox.baseline import BaselineHazard, CoxCurves
from gmts_models.stats.cox.prediction import PredictedSurvival, relative_hazard
from gmts_models.stats.intervals import Interval, limits
from gmts_models.stats.options import new_columns
from gmts_models.stats.times import TIE_TOLERANCE, count_until

Shape = str | float
"""How an effect changes: "log" with log(1 + months), "linear" with months, or a number: another
effect after that month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapedEffect:
    """A column times a function of time.

    Attributes
    ----------
    column : number of the column of X.
    shape : the function.
    """

    column: int
    shape: Shape


def time_shape(shape: Shape, months: Floats) -> Floats:
    """Return the function of time at `months` (m,)."""
    if shape == "log":
        return np.log1p(months)
    if shape == "linear":
        return months
    return np.asarray(months > float(shape), dtype=float)


def predict_time_effects(
    curves: CoxCurves,
    X: npt.ArrayLike,
    times: Floats,
    effects: Sequence[ShapedEffect],
    *,
    strata: Ints,
    level: float = 0.95,
    interval: Interval = "log-log",
) -> PredictedSurvival:
    """Predict survival of new people.

    Parameters
    ----------
    curves : of a fit of the p columns of X and, behind them, one for each effect.
    X : (n, p) columns.
    times : (m,) months.
    effects : in the order of their columns in the fit.
    strata : (n,) codes.
    level, interval : of the limits.

    Returns
    -------
    PredictedSurvival : NaN at times past the last at which anyone of the stratum was observed.
    """
    p = len(curves.coefficients) - len(effects)
    matrix = new_columns(X, p, "predict_time_effects")
    hazard, variance = np.empty((2, len(matrix), len(times)))
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        base = curves.baselines[stratum]
        hazard[rows], variance[rows] = _passed(curves, base, matrix[rows], times, effects)
    survival, error = np.exp(-hazard), np.sqrt(np.maximum(variance, 0.0))
    lower, upper = limits(survival, survival * error, level, interval, se_of_log=error)
    return PredictedSurvival(
        time=times,
        survival=survival,
        std_err=survival * error,
        lower=lower,
        upper=upper,
        hazard=hazard,
        hazard_std_err=error,
    )


def _passed(
    curves: CoxCurves,
    base: BaselineHazard,
    X: Floats,
    times: Floats,
    effects: Sequence[ShapedEffect],
) -> tuple[Floats, Floats]:
    """Return (n, m) cumulative hazard and its variance, of people of one stratum."""
    beta, centre = curves.coefficients, curves.centre
    p = X.shape[1]
    acting = X[:, [each.column for each in effects]]
    shapes = np.array([time_shape(each.shape, base.time) for each in effects])
    shapes = shapes.reshape(len(effects), len(base.time))
    fixed = (X - centre[:p]) @ beta[:p] - centre[p:] @ beta[p:]
    relative = relative_hazard(fixed[:, None] + (acting * beta[p:]) @ shapes)  # (n, k)
    jump = np.diff(base.cumulative, prepend=0.0)
    noise = np.diff(base.variance, prepend=0.0)
    mean = np.diff(base.mean, axis=0, prepend=0.0)
    hazard, variance = np.empty((2, len(X), len(times)))
    for j, place in enumerate(count_until(base.time, times)):
        here, until = relative[:, :place], slice(place)
        weighted = here * jump[until]
        hazard[:, j] = weighted.sum(axis=1)
        columns = np.hstack([X, np.zeros_like(acting)]) - centre
        away = columns * hazard[:, [j]] - here @ mean[until]
        away[:, p:] += acting * (weighted @ shapes[:, until].T)
        variance[:, j] = here**2 @ noise[until]
        variance[:, j] += np.einsum("ij,ij->i", away @ curves.covariance, away)
    beyond = times - TIE_TOLERANCE * np.maximum(1.0, np.abs(times)) > base.last
    hazard[:, beyond] = variance[:, beyond] = np.nan
    return hazard, variance
