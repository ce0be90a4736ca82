"""Risk of leaving by cause of new people, from cause-specific Cox fits, with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gmts_models.outcome import Floats, Ints
from gmts_models.stats.clusters import sum_by_cluster
from gmts_models.stats.competing.absolute_risk import (
    RiskSteps,
    SurvivalForm,
    risk_gradient,
    risk_steps,
)
from gmts_models.stats.competing.cause_specific import CauseSpecificFit, cause_specific_curves
from gmts_models.stats.competing.new_people import Part, beyond, new_people, parts_of
from gmts_models.stats.cox.baseline import CoxCurves
from gmts_models.stats.cox.fit import CoxFit
from gmts_models.stats.cox.residuals import score_residuals
from gmts_models.stats.intervals import Interval, limits
from gmts_models.stats.times import count_until


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsoluteRisk:
    """Risk of n new people at m times by c causes, with limits; NaN where not estimable.

    Attributes
    ----------
    risk, std_err, lower, upper : (n, m, c).
    total, total_std_err, total_lower, total_upper : (n, m) of leaving from any cause, which is
        the sum over causes.
    """

    risk: Floats
    std_err: Floats
    lower: Floats
    upper: Floats
    total: Floats
    total_std_err: Floats
    total_lower: Floats
    total_upper: Floats


def predict_absolute_risk(
    fit: CauseSpecificFit | Sequence[CoxCurves],
    X: npt.ArrayLike,
    times: npt.ArrayLike,
    *,
    strata: npt.ArrayLike | None = None,
    since: npt.ArrayLike | None = None,
    form: SurvivalForm = "product-limit",
) -> Floats:
    """Predict the risk of new people by cause.

    Parameters
    ----------
    fit : of `fit_cause_specific`, or its `cause_specific_curves`.
    X : (n, p) columns, as in the fit.
    times : (m,) months since the start.
    strata : (n,) int codes: the rank of the label among the sorted labels of the fit.
    since : (n,) months that each is known to have stayed, or one number; default 0. Risks are
        given that: (F(t) - F(since)) / S(since), and 0 at times before it.
    form : how hazards become risks, see `SurvivalForm`. With many departures in a month
        "product-limit" after a fit by Efron's method is nearest the truth.

    Returns
    -------
    (n, m, c) P(left by then from each cause); NaN past the stratum's last month of observation.

    Raises
    ------
    InputError : shapes differ, a stratum was not in the fit, or there is no such form.

    Source: Benichou & Gail (1990). Agrees with ``predict(CSC(...), newdata, times, cause)`` and
    ``survfit`` of a multi-state ``coxph``, by `form`.
    """
    curves = cause_specific_curves(fit) if isinstance(fit, CauseSpecificFit) else tuple(fit)
    new = new_people(curves, X, strata, since, form)
    when = np.atleast_1d(np.asarray(times, dtype=float))
    risk = np.full((len(new.X), len(when), len(curves)), np.nan)
    for part in parts_of(curves, new, by_month=len(curves)):
        place = count_until(part.time, when)
        by_time = risk_steps(part.hazard, form).incidence[:, :, place].transpose(0, 2, 1)
        risk[part.people] = np.minimum(by_time, 1.0)
    risk[beyond(curves[0], new, when)] = np.nan
    return risk


def absolute_risk_limits(
    fit: CauseSpecificFit,
    X: npt.ArrayLike,
    times: npt.ArrayLike,
    *,
    strata: npt.ArrayLike | None = None,
    since: npt.ArrayLike | None = None,
    form: SurvivalForm = "product-limit",
    level: float = 0.95,
    interval: Interval = "log-log",
) -> AbsoluteRisk:
    """Predict the risk of new people by cause, with standard errors and limits.

    Parameters and errors as for `predict_absolute_risk`; `level` and `interval` as for
    `kaplan_meier`. The time it takes grows with the people of the fit times those predicted.

    Notes
    -----
    The standard error is the infinitesimal jackknife: what each person (or cluster) of the fit
    moves the risk by, through coefficients and hazards of all causes, squared and added up. It
    does not trust the model.

    Source: Ozenne et al. (2017), The R Journal 9:440-460. Agrees with
    ``predict(CSC(...), se = TRUE, product.limit = FALSE)``, its limits too (``confint``).
    """
    curves = cause_specific_curves(fit)
    new = new_people(curves, X, strata, since, form)
    when = np.atleast_1d(np.asarray(times, dtype=float))
    n, m, causes = len(new.X), len(when), len(curves)
    risk = predict_absolute_risk(curves, new.X, when, strata=new.strata, since=new.since, form=form)
    error, total_error = np.full((n, m, causes), np.nan), np.full((n, m), np.nan)
    given = fit.fits[0].data.given
    moved = [score_residuals(each) @ each.covariance for each in fit.fits]
    for part in parts_of(curves, new, by_month=causes, numbers=len(given) * m * causes):
        place = count_until(part.time, when)
        steps = risk_steps(part.hazard, form)
        influence = _influence(fit, part, steps, form, place, moved)
        influence *= given.weights[:, None]
        influence = sum_by_cluster(influence, given.clusters)
        cube = influence.reshape(len(influence), len(part.people), m, causes)
        error[part.people] = np.sqrt(np.square(cube).sum(axis=0))
        total_error[part.people] = np.sqrt(np.square(cube.sum(axis=3)).sum(axis=0))
    total = np.minimum(risk.sum(axis=2), 1.0)
    error[np.isnan(risk)] = total_error[np.isnan(total)] = np.nan
    lower, upper = limits(risk, error, level, interval)
    total_lower, total_upper = limits(total, total_error, level, interval)
    return AbsoluteRisk(
        risk=risk,
        std_err=error,
        lower=lower,
        upper=upper,
        total=total,
        total_std_err=total_error,
        total_lower=total_lower,
        total_upper=total_upper,
    )


def _influence(
    fit: CauseSpecificFit,
    part: Part,
    steps: RiskSteps,
    form: SurvivalForm,
    place: Ints,
    moved: list[Floats],
) -> Floats:
    """Return (n, b m c) what one more of each row given moves the risks by.

    Parameters
    ----------
    moved : (n, p) by cause, what it moves the coefficients by.
    """
    gradient = risk_gradient(steps, form, place)
    b, m, causes, _, _ = gradient.shape
    result = np.zeros((len(fit.fits[0].data.given), b * m * causes))
    for c, each in enumerate(fit.fits):
        at = _places(each, part.stratum)
        by_log = gradient[:, :, :, c]
        here = by_log[..., np.searchsorted(part.time, each.data.grid.time[at])]
        # By the baseline hazard: everyone's hazard is a multiple of it.
        base = each.likelihood.at.hazard[at]
        by_base = (here / base).reshape(b * m * causes, -1).T
        by_coefficients = by_log.sum(axis=-1)[..., None] * part.X[:, None, None]
        through = _through_hazard(each, at, by_base, result)
        slope = by_coefficients.reshape(b * m * causes, -1).T - through
        result += moved[c] @ slope
    return result


def _through_hazard(fit: CoxFit, at: slice, by_base: Floats, result: Floats) -> Floats:
    """Add what rows move through the baseline hazard; return what the coefficients move (p, q).

    Parameters
    ----------
    by_base : (k, q) derivative of q quantities by the baseline hazards at the places `at`.
    result : (n, q) added to.
    """
    rows, hazard = fit.data.rows, fit.likelihood.at
    mine = slice(*np.searchsorted(rows.last, [at.start, at.stop]))
    last = rows.last[mine] - at.start
    squares, weight = hazard.squares[at], fit.data.grid.weight[at]
    passed = np.cumsum(by_base * squares[:, [0]], axis=0)
    gone = passed[last]
    late = np.flatnonzero((rows.late >= mine.start) & (rows.late < mine.stop))
    gone[rows.late[late] - mine.start] -= passed[rows.late_until[late] - at.start]
    died = np.flatnonzero(rows.left[mine])
    gone[died] -= (by_base * squares[:, [1]])[last[died]]
    relative = fit.likelihood.risk[mine] / rows.weights[mine]
    gone *= relative[:, None]
    order = rows.order[mine]
    result[order] -= gone
    result[order[died]] += (by_base * (hazard.hazard[at] / weight)[:, None])[last[died]]
    return np.asarray(rows.X[mine].T @ (rows.weights[mine][:, None] * gone))


def _places(fit: CoxFit, stratum: int) -> slice:
    """Return the places of a stratum in the grid of a fit."""
    return slice(*np.searchsorted(fit.data.grid.stratum, [stratum, stratum + 1]))
