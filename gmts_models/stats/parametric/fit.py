"""The maximum of a parametric survival likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from gmts_models.errors import InputError
from gmts_models.outcome import Floats
from gmts_models.stats.blas import on_one_thread
from gmts_models.stats.clusters import sum_by_cluster
from gmts_models.stats.options import column_names
from gmts_models.stats.parametric.distributions import Family, family_named
from gmts_models.stats.parametric.likelihood import score_rows
from gmts_models.stats.parametric.newton import Maximum, Problem, Standardised, maximise, start
from gmts_models.stats.parametric.observations import Observations
from gmts_models.stats.parametric.trouble import (
    is_maximum,
    refuse_dependent_columns,
    refuse_no_maximum,
    refuse_uninformative,
)
from gmts_models.stats.rows import read_matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class ParametricFit:
    """A maximum of the (penalised) log-likelihood.

    Attributes
    ----------
    family : its name.
    coefficients : (p + 1,) intercept first.
    scale : (s,) of each stratum; one where there are no strata or the scale is fixed.
    scale_is_fixed : whether it was given rather than estimated.
    covariance : (k, k) of the coefficients, then the log scales that were estimated; the sandwich
        where clusters or `robust` were given.
    naive_covariance : (k, k) inverse of the (penalised) observed information.
    log_likelihood : of the times, without the penalty.
    log_likelihood_null : of the model with intercept and scales only; NaN where it has no maximum.
    gradient : (k,) of the (penalised) log-likelihood at the result.
    distance : how far the result is from the maximum, in standard errors: the square root of
        g' V g.
    steps : Newton steps taken, of the intercept-only fit too.
    """

    family: str
    coefficients: Floats
    scale: Floats
    scale_is_fixed: bool
    covariance: Floats
    naive_covariance: Floats
    log_likelihood: float
    log_likelihood_null: float
    gradient: Floats
    distance: float
    steps: int

    @property
    def parameters(self) -> int:
        """How many were estimated, k."""
        return len(self.covariance)

    @property
    def aic(self) -> float:
        """Akaike's criterion: -2 log-likelihood + 2 k."""
        return 2 * (self.parameters - self.log_likelihood)


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelihoodRatio:
    """Twice the gain in log-likelihood over intercept and scales, its degrees of freedom, its p."""

    statistic: float
    df: int
    p: float


@on_one_thread
def fit_parametric(
    X: npt.ArrayLike | None,
    rows: Observations,
    family: str = "weibull",
    *,
    offset: npt.ArrayLike | None = None,
    scale: float | None = None,
    alpha: float = 0.0,
    robust: bool = False,
    names: Sequence[str] | None = None,
) -> ParametricFit:
    """Fit ``y = intercept + X beta + offset + scale W``, y the time or its logarithm.

    Parameters
    ----------
    X : (n, p) without the intercept; None for intercept only.
    rows : of `right_censored` or `interval_censored`. Its strata each have a scale of their own;
        its clusters make the covariance a sandwich of sums by cluster.
    family : weibull, exponential, rayleigh, lognormal, loglogistic (log time), or
        extreme, gaussian, logistic (time itself).
    offset : (n,) added to the linear predictor.
    scale : fixes the scale; default estimated, except where the family fixes it.
    alpha : ridge penalty, ``alpha / 2`` times the sum of squared coefficients of X as given. With
        one, columns may be sums of others.
    robust : sandwich covariance with each row a cluster, where no clusters are given.
    names : (p,) of the columns, for errors.

    Returns
    -------
    ParametricFit; converged, or an error is raised.

    Raises
    ------
    InputError : X or offset is not finite or of another length, a time is not positive where the
        family is of log time, or an option is out of range.
    FitError : nobody leaves, columns are constant (or collinear, without a penalty), a column
        separates those who leave from those who stay, or the likelihood has no maximum; with what
        to do.

    Notes
    -----
    Late entry is conditioned on exactly. Case weights multiply the log-likelihood. Damped Newton
    steps on standardised columns, from the moments, through the intercept-only maximum.

    The sandwich of weighted rows is that of replicated rows clustered by person; R (survival
    3.5-3) leaves the weights out of its scores.

    Source: Kalbfleisch & Prentice (2002), The Statistical Analysis of Failure Time Data, ch. 3;
    Lin & Wei (1989), JASA 84:1074-1078, for the sandwich. Agrees with
    ``survival::survreg(Surv(...) ~ X, dist = family, scale = scale, cluster = clusters)``.
    """
    if not isinstance(rows, Observations):
        raise InputError(
            "rows must be Observations",
            where="fit_parametric, rows",
            fix="fit_parametric(X, right_censored(exit_, left, entry), family)",
        )
    law = family_named(family)
    fixed = _fixed_scale(law, scale)
    if not alpha >= 0:
        raise InputError("alpha must be at least 0", where="fit_parametric(alpha=...)")
    matrix, shift = _check_matrix(X, len(rows)), _check_offset(offset, len(rows))
    problem = _problem(law, rows, shift, fixed)
    labels = column_names(matrix.shape[1], names)
    refuse_uninformative(problem)
    standard = Standardised.of(matrix, rows.weights)
    refuse_dependent_columns(standard, rows.weights, labels, penalised=alpha > 0)

    null, found = _climb(problem, standard, alpha)
    refuse_no_maximum(problem, found, labels)
    return _result(problem, rows, matrix, standard, null, found, robust=robust)


def likelihood_ratio(fit: ParametricFit) -> LikelihoodRatio:
    """Test all coefficients but the intercept at once.

    Agrees with the Chisq of ``print(survreg(...))``. It means nothing after a penalised fit.
    """
    statistic = 2 * (fit.log_likelihood - fit.log_likelihood_null)
    df = len(fit.coefficients) - 1
    p = float(stats.chi2.sf(statistic, df)) if df else float("nan")
    return LikelihoodRatio(statistic=statistic, df=df, p=p)


def working_times(law: Family, rows: Observations) -> tuple[Floats, Floats, Floats]:
    """Return lower and upper limit and entry, (n,) each, on the scale of the family.

    Raises
    ------
    InputError : a time is not positive and the family is of log time.
    """
    if not law.log_time:
        return rows.lower, rows.upper, rows.entry
    bad = (rows.upper <= 0) | ((rows.lower <= 0) & np.isinf(rows.upper))
    if bad.any():
        found = np.flatnonzero(bad)
        raise InputError(
            f"{len(found)} times are not positive, and have no logarithm",
            where=f"{law.name}, rows {', '.join(map(str, found[:5]))}"
            + (", ..." if len(found) > 5 else ""),
            fix="say what part of a month the first day is, for instance 0.5 / 30.4375",
        )
    low, high, begin = (np.maximum(each, 0) for each in (rows.lower, rows.upper, rows.entry))
    with np.errstate(divide="ignore"):
        return np.log(low), np.log(high), np.log(begin)


def _problem(law: Family, rows: Observations, offset: Floats, fixed: float | None) -> Problem:
    lower, upper, entry = working_times(law, rows)
    seen = rows.seen
    jacobian = -float(rows.weights[seen] @ lower[seen]) if law.log_time else 0.0
    return Problem(
        law=law,
        lower=lower - offset,
        upper=upper - offset,
        entry=entry - offset,
        weights=rows.weights,
        strata=rows.strata if fixed is None else np.zeros(len(rows), dtype=np.int64),
        fixed=fixed,
        jacobian=jacobian,
    )


def _climb(problem: Problem, standard: Standardised, alpha: float) -> tuple[Maximum, Maximum]:
    """Return the fit of intercept and scales only, and the whole one (the same without columns)."""
    ones = np.ones((len(standard.Z), 1))
    begin = start(problem)
    null = maximise(problem, ones, begin, np.zeros(1))
    p = standard.Z.shape[1]
    if not p:
        return null, null
    begin = null.theta if is_maximum(problem, null) else begin
    begin = np.concatenate([begin[:1], np.zeros(p), begin[1:]])
    penalty = np.concatenate([[0.0], alpha / np.square(standard.spread)])
    return null, maximise(problem, np.hstack([ones, standard.Z]), begin, penalty)


def _result(
    problem: Problem,
    rows: Observations,
    X: Floats,
    standard: Standardised,
    null: Maximum,
    found: Maximum,
    *,
    robust: bool,
) -> ParametricFit:
    """Take the fit back to the columns as they were given."""
    back = standard.back(problem.scales)
    q, w = X.shape[1] + 1, rows.weights
    naive = covariance = back @ found.covariance @ back.T
    if robust or rows.clusters is not None:
        full = np.hstack([np.ones((len(X), 1)), X])
        scores = score_rows(found.terms, full, problem.strata, problem.scales)
        moved = sum_by_cluster(w[:, None] * scores @ naive, rows.clusters)
        covariance = moved.T @ moved
    theta = back @ found.theta
    null_value = float(w @ null.terms.value) if is_maximum(problem, null) else float("nan")
    return ParametricFit(
        family=problem.law.name,
        coefficients=theta[:q],
        scale=np.exp(theta[q:]) if problem.fixed is None else np.array([problem.fixed]),
        scale_is_fixed=problem.fixed is not None,
        covariance=covariance,
        naive_covariance=naive,
        log_likelihood=float(w @ found.terms.value) + problem.jacobian,
        log_likelihood_null=null_value + problem.jacobian,
        gradient=np.asarray(np.linalg.solve(back.T, found.gradient), dtype=float),
        distance=found.distance,
        steps=null.steps + (found.steps if found is not null else 0),
    )


def _fixed_scale(law: Family, scale: float | None) -> float | None:
    if scale is None:
        return law.scale
    if law.scale is not None:
        raise InputError(
            f"the scale of {law.name} is {law.scale:g} already",
            where="fit_parametric(scale=...)",
            fix="fix the scale of weibull instead",
        )
    if not (np.isfinite(scale) and scale > 0):
        raise InputError("scale must be a number above 0", where="fit_parametric(scale=...)")
    return float(scale)


def _check_matrix(X: npt.ArrayLike | None, n: int) -> Floats:
    matrix = np.empty((n, 0)) if X is None else read_matrix(X, n, "fit_parametric")
    bad = ~np.isfinite(matrix).all(axis=0)
    if bad.any():
        raise InputError(
            "X is missing or infinite",
            where=f"fit_parametric, columns {', '.join(map(str, np.flatnonzero(bad)))}",
        )
    return matrix


def _check_offset(offset: npt.ArrayLike | None, n: int) -> Floats:
    shift = np.zeros(n) if offset is None else np.asarray(offset, dtype=float)
    if shift.shape != (n,) or not np.isfinite(shift).all():
        raise InputError("offset must be a finite number a row", where="fit_parametric, offset")
    return shift
