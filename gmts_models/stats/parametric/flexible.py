"""The maximum of the likelihood of a flexible family of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never, get_args

import numpy as np
import numpy.typing as npt

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Bools, Floats
from gmts_models.stats.blas import on_one_thread
from gmts_models.stats.options import check_option
from gmts_models.stats.parametric.distributions import family_named
from gmts_models.stats.parametric.fit import ParametricFit, fit_parametric, working_times
from gmts_models.stats.parametric.flexible_families import (
    FlexibleFamily,
    GeneralisedGamma,
    Jet,
    LogHazardSpline,
)
from gmts_models.stats.parametric.observations import Observations
from gmts_models.stats.rows import read_matrix

FlexibleName = Literal["generalised_gamma", "spline"]

_MOST_STEPS, _MOST_HALVINGS, _LONGEST = 200, 40, 2.0
_CLOSE = 1e-7
"""Standard errors from the maximum at which one more step is the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexibleFit:
    """A maximum of the (penalised) log-likelihood.

    Attributes
    ----------
    family : its name.
    knots : (k,) of the spline, in log months; empty for the generalised gamma.
    coefficients : (p,) log time ratios.
    shape : (k,) as the family has them (``flexible_families.py``).
    covariance : (p + k, p + k) of coefficients and shape: the inverse of the (penalised) observed
        information.
    log_likelihood : of the times, without the penalty.
    steps : Newton steps taken.
    """

    family: FlexibleName
    knots: Floats
    coefficients: Floats
    shape: Floats
    covariance: Floats
    log_likelihood: float
    steps: int

    @property
    def law(self) -> FlexibleFamily:
        """The family."""
        match self.family:
            case "generalised_gamma":
                return GeneralisedGamma()
            case "spline":
                return LogHazardSpline(knots=self.knots)
        assert_never(self.family)

    @property
    def aic(self) -> float:
        """Akaike's criterion: -2 log-likelihood + 2 parameters."""
        return 2 * (len(self.covariance) - self.log_likelihood)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Problem:
    """X (n, p), log times (n,), log entries of the rows `late`, weights (n,).

    Half of `penalty` (p + k,) times the squared distance from `centre` is taken off.
    """

    law: FlexibleFamily
    X: Floats
    log_time: Floats
    log_entry: Floats
    late: npt.NDArray[np.int64]
    left: Bools
    weights: Floats
    penalty: Floats
    centre: Floats


@on_one_thread
def fit_flexible(
    X: npt.ArrayLike,
    rows: Observations,
    family: FlexibleName,
    *,
    knots: int = 3,
    alpha: float = 0.0,
    names: Sequence[str] | None = None,
) -> FlexibleFit:
    """Fit a cumulative hazard of ``log t - X beta``.

    Parameters
    ----------
    X : (n, p) without the intercept.
    rows : of `right_censored`, without strata or clusters.
    family : "generalised_gamma", or "spline" of log time for the log cumulative hazard.
    knots : of the spline, 2 or more, at quantiles (5 to 95 %) of the log times of leaving; 2 is
        Weibull.
    alpha : ridge penalty, ``alpha / 2`` times the sum of squared coefficients of X as given and,
        of the generalised gamma, of the squared distance of its q from 1, the Weibull's.
    names : (p,) of the columns, for errors.

    Raises
    ------
    InputError : as `fit_parametric`; there is no such family; there are less than 2 knots; or rows
        are interval-censored or of strata.
    FitError : as `fit_parametric` for Weibull, from which the steps begin; people leave at too few
        times for the knots; there is no maximum within reach; or the cumulative hazard falls.

    Notes
    -----
    Late entry is conditioned on exactly. Case weights multiply the log-likelihood. Damped Newton
    steps from the Weibull maximum, which both families contain. The derivatives of the generalised
    gamma are differences, which leave about 1e-8 standard errors of the estimates.
    """
    check_option(family, get_args(FlexibleName), "family", "fit_flexible")
    if knots < 2:
        raise InputError("a spline has at least 2 knots", where="fit_flexible(knots=...)")
    if (np.isfinite(rows.upper) & ~rows.seen).any() or rows.strata.any():
        raise InputError("rows must be of right_censored, without strata", where="fit_flexible")
    weibull = fit_parametric(X, rows, "weibull", alpha=alpha, names=names)
    begin = np.concatenate([weibull.coefficients[1:], _shape_of(weibull, family, knots)])
    problem = _problem(X, rows, family, knots, alpha, begin)
    law, p = problem.law, problem.X.shape[1]
    theta, information, value, steps = _climb(problem, begin, family)
    log_times = float(rows.weights[problem.left] @ problem.log_time[problem.left])
    if isinstance(law, LogHazardSpline) and law.falls(theta[p:]):
        raise FitError(
            "the fitted cumulative hazard falls somewhere, which none can",
            where=f"knots={knots}",
            fix="use fewer knots, or WeibullAFT",
        )
    return FlexibleFit(
        family=family,
        knots=law.knots if isinstance(law, LogHazardSpline) else np.empty(0),
        coefficients=theta[:p],
        shape=theta[p:],
        covariance=np.asarray(np.linalg.inv(information), dtype=float),
        log_likelihood=value + _lost(problem, theta) - log_times,
        steps=steps,
    )


def _problem(
    X: npt.ArrayLike,
    rows: Observations,
    family: FlexibleName,
    knots: int,
    alpha: float,
    begin: Floats,
) -> _Problem:
    """Return the problem, of which `begin` (p + k,) is the Weibull's maximum."""
    lower, _, entry = working_times(family_named("weibull"), rows)
    matrix, left = read_matrix(X, len(rows), "fit_flexible"), rows.seen
    penalised = np.arange(len(begin)) < matrix.shape[1]
    if family == "spline":
        knot = _knots(lower[left], rows.weights[left], knots)
        law: FlexibleFamily = LogHazardSpline(knots=knot)
    else:
        law = GeneralisedGamma()
        penalised[-1] = True
    late = np.flatnonzero(np.isfinite(entry))
    return _Problem(
        law=law,
        X=matrix,
        log_time=lower,
        log_entry=entry[late],
        late=late,
        left=left,
        weights=rows.weights,
        penalty=np.where(penalised, alpha, 0.0),
        centre=np.where(np.arange(len(begin)) < matrix.shape[1], 0.0, begin),
    )


def _knots(log_time: Floats, weights: Floats, count: int) -> Floats:
    """Return (count,) quantiles of log times, between distinct ones in proportion."""
    distinct, which = np.unique(log_time, return_inverse=True)
    share = np.bincount(which, weights) / weights.sum()
    middle = np.cumsum(share) - share / 2
    places = np.interp(np.linspace(0.05, 0.95, count), middle, distinct)
    if (np.diff(places) <= 0).any():
        raise FitError(
            f"people leave at too few times for {count} knots",
            where=f"knots={count}",
            fix="use fewer knots, or WeibullAFT",
        )
    return places


def _shape_of(fit: ParametricFit, family: FlexibleName, knots: int) -> Floats:
    """Return the shape at which the family is that Weibull distribution."""
    intercept, scale = float(fit.coefficients[0]), float(fit.scale[0])
    if family == "spline":
        return np.array([-intercept / scale, 1 / scale, *np.zeros(knots - 2)])
    return np.array([intercept, np.log(scale), 1.0])


def _climb(
    problem: _Problem, theta: Floats, family: FlexibleName
) -> tuple[Floats, Floats, float, int]:
    """Return the maximum, the information there, its height and the steps taken."""
    value, gradient, information = _evaluate(problem, theta)
    ended = False
    for steps in range(1, _MOST_STEPS + 1):  # noqa: B007 - used after the loop
        size, axes = np.linalg.eigh(information)
        # Where the surface curves upwards, step along the gradient as if it curved down as much.
        size = np.maximum(np.abs(size), 1e-14 * np.abs(size).max())
        step = (axes / size) @ (axes.T @ gradient)
        ended = bool(gradient @ step < _CLOSE**2)
        step = step / max(1.0, np.abs(step).max() / _LONGEST)
        for _ in range(_MOST_HALVINGS):
            found = _evaluate(problem, theta + step)
            if found[0] >= value - 1e-11 * (1 + abs(value)):
                break
            step = step / 2
        else:
            break
        theta = theta + step
        value, gradient, information = found
        if ended:
            break
    if not ended or not (np.linalg.eigvalsh(information) > 0).all():
        raise FitError(
            "the likelihood has no maximum within reach",
            where=family,
            fix="leave out or merge columns that few share, add a penalty, or use WeibullAFT",
        )
    return theta, information, value, steps


def _evaluate(problem: _Problem, theta: Floats) -> tuple[float, Floats, Floats]:
    """Return the penalised log-likelihood of log times, its gradient and minus its curvature."""
    p, w = problem.X.shape[1], problem.weights
    beta, shape = theta[:p], theta[p:]
    eta = problem.X @ beta
    with np.errstate(all="ignore"):
        seen = np.flatnonzero(problem.left)
        at = problem.log_time - eta
        parts = [
            (np.arange(len(w)), -1.0, problem.law.cumulative(at, shape)),
            (seen, 1.0, problem.law.log_rate(at[seen], shape)),
        ]
        if len(problem.late):
            begin = problem.law.cumulative(problem.log_entry - eta[problem.late], shape)
            parts.append((problem.late, 1.0, begin))
        value = -_lost(problem, theta)
        gradient, curvature = np.zeros(len(theta)), np.zeros((len(theta), len(theta)))
        for rows, sign, jet in parts:
            value += _add(gradient, curvature, sign * w[rows], problem.X[rows], jet)
    gradient -= problem.penalty * (theta - problem.centre)
    curvature -= np.diag(problem.penalty)
    sound = np.isfinite(value) and np.isfinite(gradient).all() and np.isfinite(curvature).all()
    return (value if sound else -np.inf), gradient, -curvature


def _lost(problem: _Problem, theta: Floats) -> float:
    """Return what the penalty takes off."""
    return 0.5 * float(problem.penalty @ np.square(theta - problem.centre))


def _add(gradient: Floats, curvature: Floats, weight: Floats, X: Floats, jet: Jet) -> float:
    """Add the weighted sum of a function of (log t - X beta, shape); return that of its values."""
    p = X.shape[1]
    gradient[:p] -= X.T @ (weight * jet.gradient[0])
    gradient[p:] += jet.gradient[1:] @ weight
    curvature[:p, :p] += X.T @ ((weight * jet.curvature[0, 0])[:, None] * X)
    cross = X.T @ (weight * jet.curvature[0, 1:]).T
    curvature[:p, p:] -= cross
    curvature[p:, :p] -= cross.T
    curvature[p:, p:] += jet.curvature[1:, 1:] @ weight
    return float(weight @ jet.value)
