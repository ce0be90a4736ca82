"""Limits of the risk of leaving by cause that need no rows of people: the delta method.

What is needed of the fits by cause are their curves: coefficients with their covariance, baseline
hazards with their variance. Fits of different causes are not correlated, for nobody leaves twice.
The variance trusts the model; `absolute_risk_limits` has one that does not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gmts_models.outcome import Floats
from gmts_models.stats.competing.absolute_risk import SurvivalForm, risk_gradient, risk_steps
from gmts_models.stats.competing.cause_specific_prediction import (
    AbsoluteRisk,
    predict_absolute_risk,
)
from gmts_models.stats.competing.new_people import Part, beyond, new_people, parts_of
from gmts_models.stats.cox.baseline import CoxCurves
from gmts_models.stats.intervals import limits
from gmts_models.stats.times import count_until


def delta_limits(
    curves: Sequence[CoxCurves],
    X: npt.ArrayLike,
    times: npt.ArrayLike,
    *,
    strata: npt.ArrayLike | None = None,
    since: npt.ArrayLike | None = None,
    form: SurvivalForm = "exponential",
    level: float = 0.95,
) -> AbsoluteRisk:
    """Predict the risk of new people by cause, with standard errors and limits.

    Parameters
    ----------
    curves : of `cause_specific_curves`.
    X, times, strata, since, form : as for `predict_absolute_risk`.
    level : of the limits, which are made on the scale log(-log(1 - risk)).

    Returns
    -------
    AbsoluteRisk : limits are NaN where the risk is 0 or 1.

    Source: Cheng, Fine & Wei (1998), Biometrics 54:219-228; Tsiatis (1981), Annals of Statistics
    9:93-108.
    """
    new = new_people(curves, X, strata, since, form)
    when = np.atleast_1d(np.asarray(times, dtype=float))
    n, m, causes = len(new.X), len(when), len(curves)
    risk = predict_absolute_risk(curves, new.X, when, strata=new.strata, since=new.since, form=form)
    variance, total_variance = np.full((n, m, causes), np.nan), np.full((n, m), np.nan)
    for part in parts_of(curves, new, by_month=m * causes * causes):
        steps = risk_steps(part.hazard, form)
        by_log = risk_gradient(steps, form, count_until(part.time, when))
        variance[part.people] = _variance(curves, part, by_log)
        total_variance[part.people] = _variance(curves, part, by_log.sum(axis=2)[:, :, None])[
            ..., 0
        ]
    total = np.minimum(risk.sum(axis=2), 1.0)
    gone = beyond(curves[0], new, when)
    variance[gone] = total_variance[gone] = np.nan
    error, total_error = np.sqrt(variance), np.sqrt(total_variance)
    most, least = limits(1 - risk, error, level, "log-log")
    total_most, total_least = limits(1 - total, total_error, level, "log-log")
    return AbsoluteRisk(
        risk=risk,
        std_err=error,
        lower=1 - least,
        upper=1 - most,
        total=total,
        total_std_err=total_error,
        total_lower=1 - total_least,
        total_upper=1 - total_most,
    )


def _variance(curves: Sequence[CoxCurves], part: Part, by_log: Floats) -> Floats:
    """Return (b, m, q) variances of q quantities.

    Parameters
    ----------
    by_log : (b, m, q, c, k) their derivatives by the logarithm of each hazard.

    Notes
    -----
    A hazard of cause c is dL exp(x'b). Its logarithm moves with the noise of the baseline's dL, and
    with b by x less the mean of the risk set.
    """
    variance = np.zeros(by_log.shape[:3])
    for c, each in enumerate(curves):
        base = each.baselines[part.stratum]
        here = by_log[:, :, :, c, np.searchsorted(part.time, base.time)]
        jump = np.diff(base.cumulative, prepend=0.0)
        by_base = here / jump
        variance += np.square(by_base) @ np.diff(base.variance, prepend=0.0)
        away = here.sum(axis=-1)[..., None] * part.X[:, None, None]
        away -= by_base @ np.diff(base.mean, axis=0, prepend=0.0)
        variance += np.einsum("nmqi,ij,nmqj->nmq", away, each.covariance, away, optimize=True)
    return variance
