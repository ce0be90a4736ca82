"""A smooth effect of a covariate: a B-spline whose second differences are penalised.

Source: Eilers & Marx (1996), Statistical Science 11:89-121; Gray (1992), JASA 87:942-951, for the
degrees of freedom. Agrees with ``survival::coxph(... + pspline(x, df))``, but for the test of
nonlinearity: ours is Wald's of the departure from a line, R leaves a constant's share in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg, optimize, stats
from scipy.interpolate import BSpline

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Floats
from gmts_models.stats.cox.fit import CoxData, CoxFit, cox_data, maximise
from gmts_models.stats.cox.risk_sums import Ties
from gmts_models.stats.intervals import normal_quantile
from gmts_models.stats.rows import read_matrix, read_numbers

_DEGREE = 3
_MOST_FITS, _SAME_DEGREES = 50, 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class SplineFit:
    """A Cox fit with one smooth term.

    Attributes
    ----------
    fit : its first columns are those of X, the others the spline's, without the first basis
        function (a constant is no effect).
    knots : (q,) of the spline, evenly spaced.
    penalty : factor of the sum of squared second differences.
    df : degrees of freedom that the smooth term takes.
    nonlinear : Wald's chi squared of the smooth term's departure from a line.
    nonlinear_df, nonlinear_p : its degrees of freedom, `df` - 1, and p.
    """

    fit: CoxFit
    knots: Floats
    penalty: float
    df: float
    nonlinear: float
    nonlinear_df: float
    nonlinear_p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SplineEffect:
    """Log hazard ratio along the covariate, against a reference value; all (m,)."""

    value: Floats
    effect: Floats
    std_err: Floats
    lower: Floats
    upper: Floats


def fit_cox_spline(
    X: npt.ArrayLike,
    smooth: npt.ArrayLike,
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    *,
    df: float = 4.0,
    intervals: int | None = None,
    ties: Ties = "efron",
    names: Sequence[str] | None = None,
) -> SplineFit:
    """Fit proportional hazards with a smooth effect of one more covariate.

    Parameters
    ----------
    X : (n, p) other columns; (n, 0) for none.
    smooth : (n,) the covariate.
    df : degrees of freedom of the smooth term, > 1 (a line); the penalty is chosen to give them.
    intervals : between knots; default 2.5 times `df`, rounded.
    exit_, left, entry, weights, strata, ties, names : as for `fit_cox`.

    Raises
    ------
    InputError : the covariate does not vary, or has no such degrees of freedom.
    FitError : as `fit_cox`, or no penalty gives the degrees of freedom.
    """
    x = read_numbers(smooth, "the covariate", "smooth")
    matrix = read_matrix(X, len(x))
    if not np.isfinite(x).all() or not len(x) or np.ptp(x) == 0:
        raise InputError("the covariate must be finite numbers that vary", where="smooth")
    if not 1 < df < np.inf:
        raise InputError("df must be more than 1, those of a line", where="df")
    number = max(2, round(2.5 * df)) if intervals is None else int(intervals)
    most = min(number + _DEGREE - 1, len(np.unique(x)) - 1)
    if number < 1 or df >= most:
        raise InputError(
            f"with this covariate and {number} intervals df must lie between 1 and {most}",
            where="df",
            fix="fewer df, more intervals, or a column for each value of the covariate",
        )
    knots = x.min() + np.ptp(x) / number * np.arange(-_DEGREE, number + _DEGREE + 1)
    basis = _basis(knots, x)
    data = cox_data(
        np.hstack([matrix, basis]),
        exit_,
        left,
        entry,
        weights,
        strata,
        ties=ties,
        names=_names(matrix.shape[1], names, basis.shape[1]),
    )
    unit = _difference_penalty(matrix.shape[1], basis.shape[1])
    spline = slice(matrix.shape[1], None)
    penalty, fit = _penalty_for(data, unit, spline, df)
    chi2, used = _nonlinearity(fit, spline), _degrees(fit.information, penalty * unit, spline)
    return SplineFit(
        fit=fit,
        knots=knots,
        penalty=penalty,
        df=used,
        nonlinear=chi2,
        nonlinear_df=used - 1,
        nonlinear_p=float(stats.chi2.sf(chi2, used - 1)),
    )


def spline_effect(
    fit: SplineFit, values: npt.ArrayLike, reference: float, level: float = 0.95
) -> SplineEffect:
    """Return the log hazard ratio of `values` (m,) of the covariate against `reference`.

    NaN outside the range of the covariate in the fit: a spline says nothing there. The variance
    takes the penalty for a prior (Gray 1992), as R's does.

    Raises
    ------
    InputError : the reference lies outside that range.
    """
    at = read_numbers(np.atleast_1d(np.asarray(values)), "values", "spline_effect")
    if not fit.knots[_DEGREE] <= reference <= fit.knots[-_DEGREE - 1]:
        raise InputError("the reference lies outside the covariate's range", where="reference")
    inside = (at >= fit.knots[_DEGREE]) & (at <= fit.knots[-_DEGREE - 1])
    away = _basis(fit.knots, np.append(np.where(inside, at, reference), reference))
    away = away[:-1] - away[-1]
    q = away.shape[1]
    effect = away @ fit.fit.coefficients[-q:]
    error = np.sqrt(np.einsum("ij,jk,ik->i", away, fit.fit.covariance[-q:, -q:], away))
    half = normal_quantile(level) * error
    lost = np.where(inside, 0.0, np.nan)
    return SplineEffect(
        value=at,
        effect=effect + lost,
        std_err=error + lost,
        lower=effect - half + lost,
        upper=effect + half + lost,
    )


def _basis(knots: Floats, x: Floats) -> Floats:
    """Return (n, q - 5) cubic B-splines, the first left out."""
    low, high = knots[_DEGREE], knots[-_DEGREE - 1]
    matrix = BSpline.design_matrix(np.clip(x, low, high), knots, _DEGREE)
    return np.asarray(matrix.toarray()[:, 1:], dtype=float)


def _names(p: int, names: Sequence[str] | None, q: int) -> list[str]:
    given = [f"column {j}" for j in range(p)] if names is None else list(names)
    return [*given, *(f"spline {j + 1}" for j in range(q))]


def _difference_penalty(p: int, q: int) -> Floats:
    """Return (p + q, p + q): squares of second differences of q + 1 coefficients, the first 0."""
    differences = np.diff(np.eye(q + 1), n=2, axis=0)[:, 1:]
    return linalg.block_diag(np.zeros((p, p)), differences.T @ differences)


def _degrees(information: Floats, penalty: Floats, spline: slice) -> float:
    try:
        own = np.linalg.solve(information + penalty, information)
    except np.linalg.LinAlgError:  # case weights apart by more than the digits of a number
        raise FitError(
            "the information on the smooth term is singular", where="smooth", fix="fewer df"
        ) from None
    return float(np.trace(own[spline, spline]))


def _penalty_for(data: CoxData, unit: Floats, spline: slice, df: float) -> tuple[float, CoxFit]:
    """Find the penalty at which the smooth term takes `df` degrees of freedom, and its fit.

    The information changes little with the penalty, so: the penalty that gives `df` with the
    information of the last fit, a fit with that, and so on.
    """
    fit = maximise(data, unit)
    scale = np.log(np.trace(fit.information[spline, spline]))
    for _ in range(_MOST_FITS):
        information = fit.information

        def excess(log_penalty: float, of: Floats = information) -> float:
            return _degrees(of, np.exp(log_penalty) * unit, spline) - df

        if not excess(scale - 18) > 0 > excess(scale + 14):
            break
        found = optimize.brentq(excess, scale - 18, scale + 14, xtol=1e-13, rtol=1e-14)
        fit = maximise(data, np.exp(found) * unit, fit.coefficients)
        if abs(_degrees(fit.information, np.exp(found) * unit, spline) - df) < _SAME_DEGREES:
            return float(np.exp(found)), fit
    raise FitError(
        "no penalty gives these degrees of freedom",
        where="df",
        fix="fewer df, or an even scale of the covariate, such as its logarithm",
    )


def _nonlinearity(fit: CoxFit, spline: slice) -> float:
    """Return Wald's chi squared of what the spline has beyond a line in the coefficients."""
    b, V = fit.coefficients[spline], fit.covariance[spline, spline]
    line = np.arange(1.0, len(b) + 1)
    weighed = linalg.solve(V, np.column_stack([b, line]), assume_a="pos")
    return float(b @ weighed[:, 0] - (line @ weighed[:, 0]) ** 2 / (line @ weighed[:, 1]))
