"""Rubin's rules: one estimate and one error from those of m completed data sets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from gmts_models.errors import InputError
from gmts_models.outcome import Floats
from gmts_models.stats.intervals import check_level


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """Estimates pooled over imputations.

    Attributes
    ----------
    estimate : (p,) the mean over the imputations.
    std_err : (p,) square root of `variance`.
    variance : (p,) total: ``within + (1 + 1/m) between``.
    within : (p,) the mean of the variances.
    between : (p,) the variance of the estimates.
    covariance : (p, p) total; None where variances were given only.
    df : (p,) degrees of freedom of the t distribution that limits and `p` are of.
    riv : (p,) relative increase in variance, ``(1 + 1/m) between / within``.
    share_between : (p,) share of the variance that comes from the gaps, ``(1 + 1/m) between /
        variance`` (lambda).
    fmi : (p,) fraction of missing information, which counts that m is finite too.
    lower, upper : (p,) limits at `level`.
    statistic, p : (p,) estimate / std_err, and its two-sided p.
    m : number of imputations.
    level : of the limits.
    """

    estimate: Floats
    std_err: Floats
    variance: Floats
    within: Floats
    between: Floats
    covariance: Floats | None
    df: Floats
    riv: Floats
    share_between: Floats
    fmi: Floats
    lower: Floats
    upper: Floats
    statistic: Floats
    p: Floats
    m: int
    level: float


def pool(
    estimates: npt.ArrayLike,
    variances: npt.ArrayLike,
    *,
    n_complete_df: float | None = None,
    level: float = 0.95,
) -> Pooled:
    """Pool estimates of m completed data sets by Rubin's rules.

    Parameters
    ----------
    estimates : (m, p) float, or (m,) for a single quantity, on a scale on which they are about
        normal (`scales.pool_on_scale` for others); m >= 2.
    variances : (m, p) squared standard errors, (m, p, p) covariances, or (m,).
    n_complete_df : degrees of freedom that the analysis would have without gaps: rows less
        coefficients, or departures less coefficients for a Cox model. Default: a large sample.
    level : of the limits.

    Returns
    -------
    Pooled; a quantity that is NaN in one data set is NaN.

    Raises
    ------
    InputError : fewer than two data sets, shapes that do not fit, a value that is infinite, a
        variance below 0, or degrees of freedom that are not above 0.

    Notes
    -----
    Where the estimates do not differ between data sets, the degrees of freedom are those of the
    complete data, as Barnard & Rubin reduce them. mice takes lambda to be 1e-4 at least.

    Source: Rubin (1987), Multiple Imputation for Nonresponse in Surveys, ch. 3; Barnard & Rubin
    (1999), Biometrika 86:948-955, for the degrees of freedom; van Buuren (2018), Flexible
    Imputation of Missing Data, ch. 2.3. Agrees with ``mice::pool(fit, dfcom)``, and for a single
    quantity with ``mice::pool.scalar(Q, U, n, k)``, n - k being `n_complete_df`.
    """
    check_level(level)
    found, spread = check_imputations(estimates, variances, where="pool")
    complete = check_complete_df(n_complete_df, where="pool")
    m = len(found)
    within_matrix = spread.mean(axis=0)
    within = np.diagonal(within_matrix) if spread.ndim == 3 else within_matrix
    between = found.var(axis=0, ddof=1)
    extra = (1 + 1 / m) * between
    variance = within + extra
    with np.errstate(divide="ignore", invalid="ignore"):
        # Where nothing differs there may be no error either, as of a coefficient held at 0.
        same = (extra == 0) & np.isfinite(variance)
        share = np.where(same, 0.0, extra / variance)
        riv = np.where(same, 0.0, extra / within)
    df = degrees_of_freedom(share, m, complete)
    estimate, std_err = found.mean(axis=0), np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = estimate / std_err
        # (riv + 2 / (df + 3)) / (riv + 1), without infinity over infinity where within is 0.
        fmi = share + (1 - share) * 2 / (df + 3)
    half = t_quantile(level, df) * std_err
    covariance = None
    if spread.ndim == 3:
        covariance = within_matrix + (1 + 1 / m) * np.atleast_2d(np.cov(found, rowvar=False))
    return Pooled(
        estimate=estimate,
        std_err=std_err,
        variance=variance,
        within=np.array(within),
        between=between,
        covariance=covariance,
        df=df,
        riv=riv,
        share_between=share,
        fmi=fmi,
        lower=estimate - half,
        upper=estimate + half,
        statistic=statistic,
        p=np.asarray(2 * stats.t.sf(np.abs(statistic), df), dtype=float),
        m=m,
        level=level,
    )


def degrees_of_freedom(share: Floats, m: int, complete: float) -> Floats:
    """Return (p,) the degrees of freedom of pooled quantities.

    Parameters
    ----------
    share : (p,) share of the variance that lies between the data sets.
    m : number of data sets.
    complete : degrees of freedom without gaps; infinity gives Rubin's (1987).

    Source: Barnard & Rubin (1999), Biometrika 86:948-955.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        large = (m - 1) / np.square(share)
        if np.isinf(complete):
            return np.asarray(large, dtype=float)
        observed = (complete + 1) / (complete + 3) * complete * (1 - share)
        # The harmonic sum: 1 / (1 / large + 1 / observed), where `large` may be infinite.
        return np.asarray(observed / (1 + observed / large), dtype=float)


def t_quantile(level: float, df: Floats) -> Floats:
    """Return (p,) t with P(-t < T < t) = level; the normal's where `df` is infinite."""
    return np.asarray(stats.t.ppf((1 + level) / 2, df), dtype=float)


def check_imputations(
    estimates: npt.ArrayLike, variances: npt.ArrayLike, *, where: str
) -> tuple[Floats, Floats]:
    """Return (m, p) estimates and (m, p) variances or (m, p, p) covariances, or raise."""
    found = _numbers(estimates, f"{where}, estimates")
    spread = _numbers(variances, f"{where}, variances")
    if found.ndim == 1:
        found = found[:, None]
        spread = spread[:, None] if spread.ndim == 1 else spread
    if found.ndim != 2 or spread.shape not in (found.shape, (*found.shape, found.shape[-1])):
        raise InputError(
            f"the shapes {found.shape} and {spread.shape} do not fit together",
            where=where,
            fix="estimates (m, p), with variances (m, p) or covariances (m, p, p)",
        )
    if len(found) < 2:
        raise InputError(
            f"{len(found)} data set(s) cannot be pooled",
            where=f"{where}, estimates",
            fix="give at least two; 20 or more are usual",
        )
    diagonal = np.diagonal(spread, axis1=1, axis2=2) if spread.ndim == 3 else spread
    if (diagonal < 0).any():
        raise InputError("a variance is below 0", where=f"{where}, variances")
    return found, spread


def check_complete_df(given: float | None, *, where: str) -> float:
    """Return the degrees of freedom without gaps, infinity where none are given, or raise."""
    if given is None:
        return float("inf")
    if not given > 0:
        raise InputError(
            "there are no degrees of freedom",
            where=f"{where}, n_complete_df",
            fix="rows (or departures) less coefficients, above 0",
        )
    return float(given)


def _numbers(values: npt.ArrayLike, where: str) -> Floats:
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise InputError("must hold numbers of one shape for each data set", where=where) from None
    if np.isinf(array).any():
        raise InputError("holds infinite values", where=where)
    return array
