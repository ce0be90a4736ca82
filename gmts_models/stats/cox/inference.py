"""Tests of all coefficients, and the limits and p-values of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, stats

from gmts_models.outcome import Floats
from gmts_models.stats.cox.fit import CoxFit
from gmts_models.stats.cox.robust import robust_covariance
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


def global_tests(fit: CoxFit, covariance: Floats | None = None) -> GlobalTests:
    """Test all coefficients of an unpenalised fit.

    Likelihood-ratio and score tests take rows for independent; a robust `covariance` (p, p) makes
    Wald's test robust. Agrees with ``summary(coxph(...))``.
    """
    V = fit.covariance if covariance is None else covariance
    wald = float(fit.coefficients @ linalg.solve(V, fit.coefficients, assume_a="pos"))
    ratio = 2 * (fit.log_likelihood - fit.log_likelihood_null)
    df = len(fit.coefficients)
    return GlobalTests(
        likelihood_ratio=_chi_squared(ratio, df),
        score=_chi_squared(fit.score_test, df),
        wald=_chi_squared(wald, df),
    )


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


def wald_inference(fit: CoxFit, level: float = 0.95, *, robust: bool = False) -> WaldInference:
    """Return Wald's limits and tests of each coefficient, robust by the fit's clusters if asked."""
    V = robust_covariance(fit) if robust else fit.covariance
    error = np.sqrt(np.diag(V))
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
