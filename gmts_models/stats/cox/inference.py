"""Tests of all coefficients, and the limits and p-values of each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from gmts_models.outcome import Floats
from gmts_models.stats.clusters import sum_by_cluster
from gmts_models.stats.cox.exact import ExactCoxFit
from gmts_models.stats.cox.fit import CoxFit, likelihood_at
from gmts_models.stats.cox.residuals import score_residuals
from gmts_models.stats.cox.trouble import quadratic_form
from gmts_models.stats.intervals import normal_quantile


@dataclass(frozen=True, slots=True, kw_only=True)
class ChiSquared:
    """A test: statistic, degrees of freedom, p."""

    statistic: float
    df: int
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalTests:
    """Tests of all coefficients being 0; the three agree in large samples.

    Attributes
    ----------
    likelihood_ratio, score, wald : of the model.
    """

    likelihood_ratio: ChiSquared
    score: ChiSquared
    wald: ChiSquared


def global_tests(fit: CoxFit | ExactCoxFit, covariance: Floats | None = None) -> GlobalTests:
    """Test all coefficients of an unpenalised fit.

    Likelihood-ratio and score tests take rows for independent; a robust `covariance` (p, p) makes
    Wald's test robust, NaN if there are too few clusters for it. Agrees with
    ``summary(coxph(...))``.
    """
    V = fit.covariance if covariance is None else covariance
    wald = quadratic_form(V, fit.coefficients)
    ratio = 2 * (fit.log_likelihood - fit.log_likelihood_null)
    df = len(fit.coefficients)
    return GlobalTests(
        likelihood_ratio=_chi_squared(ratio, df),
        score=_chi_squared(fit.score_test, df),
        wald=_chi_squared(wald, df),
    )


def robust_score_test(fit: CoxFit) -> ChiSquared:
    """Test all coefficients by the scores at 0, with their variance over the fit's clusters.

    NaN if there are fewer clusters than columns. Agrees with the robust score test of
    ``summary(coxph(..., cluster = ))``, but where there is an offset: R leaves it out here.
    """
    at_zero = replace(fit, likelihood=likelihood_at(fit.data, np.zeros(len(fit.coefficients))))
    given = fit.data.given
    scores = score_residuals(at_zero) * given.weights[:, None]
    scores = sum_by_cluster(scores, given.clusters)
    total = scores.sum(axis=0)
    return _chi_squared(quadratic_form(scores.T @ scores, total), len(total))


def information_criteria(fit: CoxFit | ExactCoxFit, events: int) -> tuple[float, float]:
    """Return Akaike's and Schwarz's criterion, the latter for the number of departures."""
    p = len(fit.coefficients)
    return -2 * fit.log_likelihood + 2 * p, -2 * fit.log_likelihood + p * float(np.log(events))


def _chi_squared(statistic: float, df: int) -> ChiSquared:
    return ChiSquared(statistic=statistic, df=df, p=float(stats.chi2.sf(statistic, df)))


@dataclass(frozen=True, slots=True, kw_only=True)
class WaldInference:
    """Coefficients with their uncertainty, all (p,).

    Attributes
    ----------
    estimate, std_err, z, p : p two-sided.
    lower, upper : of the coefficient; exp of them are those of the hazard ratio.
    """

    estimate: Floats
    std_err: Floats
    z: Floats
    p: Floats
    lower: Floats
    upper: Floats


def wald_inference(
    fit: CoxFit | ExactCoxFit, level: float = 0.95, *, covariance: Floats | None = None
) -> WaldInference:
    """Return Wald's limits and tests of each coefficient.

    `covariance` (p, p) is by default the fit's; `robust_covariance(fit)` gives one that does not
    trust the model.
    """
    error = np.sqrt(np.diag(fit.covariance if covariance is None else covariance))
    z = fit.coefficients / error
    half = normal_quantile(level) * error
    return WaldInference(
        estimate=fit.coefficients,
        std_err=error,
        z=z,
        p=2 * stats.norm.sf(np.abs(z)),
        lower=fit.coefficients - half,
        upper=fit.coefficients + half,
    )
