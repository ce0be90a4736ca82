"""Tests of several coefficients at once, pooled over imputations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from gmts_models.errors import FitError, InputError
from gmts_models.stats.missing.pooling import check_complete_df, check_imputations


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledTest:
    """A pooled F test.

    Attributes
    ----------
    statistic : F.
    df1, df2 : its degrees of freedom; df1 is the number of coefficients.
    p : P(F above the statistic).
    riv : average relative increase in variance from the gaps.
    """

    statistic: float
    df1: float
    df2: float
    p: float
    riv: float


def pooled_wald(
    estimates: npt.ArrayLike,
    covariances: npt.ArrayLike,
    *,
    null: npt.ArrayLike = 0.0,
    n_complete_df: float | None = None,
) -> PooledTest:
    """Test that k coefficients have given values (the statistic called D1).

    Parameters
    ----------
    estimates : (m, k) float.
    covariances : (m, k, k) of those k coefficients.
    null : (k,) the values, or one for all.
    n_complete_df : as in `pooling.pool`. It is used where k (m - 1) > 4.

    Raises
    ------
    InputError : as `pooling.pool`, or a value is NaN.
    FitError : the average covariance has no inverse.

    Notes
    -----
    It takes the gaps to add to the variance of all k in the same proportion.

    Source: Li, Raghunathan & Rubin (1991), JASA 86:1065-1073; Reiter (2007), Biometrika
    94:502-508, for the degrees of freedom where `n_complete_df` is given. Agrees with
    ``mice::D1(fit1, fit0, dfcom)``, and without `n_complete_df` with
    ``mitml::testModels(fit1, fit0, method = "D1")``.
    """
    found, spread = check_imputations(estimates, covariances, where="pooled_wald")
    complete = check_complete_df(n_complete_df, where="pooled_wald")
    if spread.ndim != 3 or np.isnan(found).any() or np.isnan(spread).any():
        raise InputError("covariances (m, k, k) without missing values", where="pooled_wald")
    m, k = found.shape
    distance = found.mean(axis=0) - np.asarray(null, dtype=float)
    between = np.atleast_2d(np.cov(found, rowvar=False))
    try:
        solved = np.linalg.solve(spread.mean(axis=0), np.column_stack([distance, between]))
    except np.linalg.LinAlgError:
        raise FitError(
            "the covariance of the coefficients has no inverse",
            where="pooled_wald, covariances",
            fix="test fewer coefficients, none of which is fixed or a sum of others",
        ) from None
    riv = float((1 + 1 / m) * np.trace(solved[:, 1:]) / k)
    statistic = float(distance @ solved[:, 0]) / (k * (1 + riv))
    return _f_test(statistic, k, _df_of_wald(riv, k, m, complete), riv)


def pooled_chi_squared(statistics: npt.ArrayLike, df: int) -> PooledTest:
    """Pool chi-squared statistics, where nothing else is known (the statistic called D2).

    Parameters
    ----------
    statistics : (m,) chi-squared statistics of one test (Wald or likelihood ratio), >= 0.
    df : their degrees of freedom.

    Raises
    ------
    InputError : fewer than two, a statistic that is no number or below 0, or df below 1.

    Notes
    -----
    Weaker than `pooled_wald`; with few imputations p may be out by a factor of two either way.

    Source: Li, Meng, Raghunathan & Rubin (1991), Statistica Sinica 1:65-92. Agrees with
    ``mice::D2(fit1, fit0)``.
    """
    chi = np.asarray(statistics, dtype=float)
    if chi.ndim != 1 or len(chi) < 2 or not (np.isfinite(chi) & (chi >= 0)).all() or df < 1:
        raise InputError(
            "two or more statistics, each a number of at least 0, with df of at least 1",
            where="pooled_chi_squared",
        )
    m = len(chi)
    riv = float((1 + 1 / m) * np.sqrt(chi).var(ddof=1))
    statistic = (float(chi.mean()) / df - (m + 1) / (m - 1) * riv) / (1 + riv)
    df2 = np.inf if riv == 0 else df ** (-3 / m) * (m - 1) * (1 + 1 / riv) ** 2
    return _f_test(statistic, df, df2, riv)


def _df_of_wald(riv: float, k: int, m: int, complete: float) -> float:
    t = k * (m - 1)
    if riv == 0 and np.isinf(complete):
        return float("inf")
    if t <= 4:
        return float("inf") if riv == 0 else t * (1 + 1 / k) * (1 + 1 / riv) ** 2 / 2
    if np.isinf(complete):
        return 4 + (t - 4) * (1 + (1 - 2 / t) / riv) ** 2
    return _reiter(riv * t / (t - 2), t, complete * (complete + 1) / (complete + 3))


def _reiter(a: float, t: int, complete: float) -> float:
    """Return the degrees of freedom of Reiter (2007), the reduced `complete` being his nu*."""
    low, high = complete - 4 * (1 + a), complete - 2 * (1 + a)
    if low <= 0:  # his expansion holds for more information than this
        return 4.0
    terms = (
        high / ((1 + a) ** 2 * low)
        + 8 * high / ((1 + a) * low**2)
        + 4 / ((1 + a) * low)
        + 4 / (low * high)
        + 16 * high / low**3
        + 8 / low**2
    )
    return 4 + 1 / (1 / low + a**2 * terms / (t - 4))


def _f_test(statistic: float, df1: float, df2: float, riv: float) -> PooledTest:
    value = max(statistic, 0.0)  # D2 can fall below 0, which is no evidence at all
    p = stats.chi2.sf(value * df1, df1) if np.isinf(df2) else stats.f.sf(value, df1, df2)
    return PooledTest(statistic=statistic, df1=df1, df2=df2, p=float(p), riv=riv)
