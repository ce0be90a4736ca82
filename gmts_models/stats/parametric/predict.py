"""What a parametric fit says of new rows: linear predictor, quantiles, retention; with errors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError
from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.intervals import normal_quantile
from gmts_models.stats.parametric.distributions import Distribution, family_named
from gmts_models.stats.parametric.fit import ParametricFit


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Estimates with their delta-method errors and limits, of one shape."""

    estimate: Floats
    std_err: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _New:
    """New rows: X with intercept (n, q), eta (n, 1), scale (n, 1), strata (n,)."""

    X: Floats
    eta: Floats
    scale: Floats
    strata: Ints


def predict_time(
    fit: ParametricFit,
    X: npt.ArrayLike | None,
    *,
    offset: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> Prediction:
    """Return the time at the linear predictor, (n,); for families of log time its exponential.

    Agrees with ``predict(fit, newdata, type = "response", se.fit = TRUE)``. It is the median for
    symmetric families, and the 63rd percentile for those of the extreme value distribution.
    """
    some = replace(fit, scale=fit.scale[:1])  # it does not depend on the scale
    new = _new_rows(some, X, offset, None)
    se = _error(fit, new, np.ones_like(new.eta), np.zeros_like(new.eta))
    return _times(fit, new.eta, se, level, column=0)


def predict_quantile(
    fit: ParametricFit,
    X: npt.ArrayLike | None,
    share: npt.ArrayLike,
    *,
    since: npt.ArrayLike = 0.0,
    offset: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> Prediction:
    """Return the time by which a share has left, of those who are still there at `since`.

    Parameters
    ----------
    fit : of `fit_parametric`.
    X : (n, p) without the intercept; None for one row of a fit without columns.
    share : (m,) who have left, between 0 and 1; 0.5 for the median.
    since : months that each row has stayed so far, (n,) or a number; 0 = nothing known. The
        times are counted from the same origin as `since`.
    offset : (n,) as in the fit.
    strata : (n,) codes of the scale's strata, 0..s-1; needed where the fit has several.
    level : of the limits, which for families of log time are those of the log time.

    Returns
    -------
    Prediction of (n, m).

    Raises
    ------
    InputError : a share is not between 0 and 1, or X, offset or strata do not fit the fit.

    Notes
    -----
    Agrees with ``predict(fit, newdata, type = "quantile", p = share, se.fit = TRUE)`` where `since`
    is 0, also for robust fits.
    """
    p = np.atleast_1d(np.asarray(share, dtype=float))
    if not ((p > 0) & (p < 1)).all():
        raise InputError(
            "a share lies between 0 and 1", where="predict_quantile, share", fix="0.5 = median"
        )
    new, law = _new_rows(fit, X, offset, strata), family_named(fit.family)
    z0, known = _standing(fit, new, since)
    with np.errstate(all="ignore"):
        log_s = np.where(known, law.standard.log_survival(z0), 0.0) + np.log1p(-p)
        z = np.where(np.isinf(log_s), z0, law.standard.from_log_survival(log_s))
        # At a given share H(z) - H(z0) stays the same: what moves z0 moves z by the hazards' ratio.
        ratio = np.where(known, _hazard(law.standard, z0) / _hazard(law.standard, z), 0.0)
        ratio = np.where(np.isnan(ratio), 1.0, ratio)  # both hazards infinite
        by_tau = new.scale * (z - np.where(known, z0 * ratio, 0.0))
    return _times(fit, new.eta + new.scale * z, _error(fit, new, 1 - ratio, by_tau), level)


def predict_survival(
    fit: ParametricFit,
    X: npt.ArrayLike | None,
    times: npt.ArrayLike,
    *,
    since: npt.ArrayLike = 0.0,
    offset: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> Prediction:
    """Return P(T > time, given T > since), (n, m); 1 at times up to `since`.

    Parameters
    ----------
    times : (m,) months from the same origin as `since`.
    fit, X, since, offset, strata, level : as for `predict_quantile`.

    Returns
    -------
    Prediction; the limits are those of the log of the cumulative hazard between the two times,
    and so lie within 0 and 1.

    Notes
    -----
    Nothing bounds the times: past the longest follow-up the family alone speaks.
    """
    months = np.atleast_1d(np.asarray(times, dtype=float))
    if months.ndim != 1 or not np.isfinite(months).all():
        raise InputError("times must be finite numbers", where="predict_survival(times=...)")
    new, law = _new_rows(fit, X, offset, strata), family_named(fit.family)
    z0, known = _standing(fit, new, since)
    with np.errstate(all="ignore"):
        y = np.log(np.maximum(months, 0)) if law.log_time else months
        z = (y - new.eta) / new.scale
        after = (~known | (z > z0)) & np.isfinite(z)
        z, z0 = np.where(after, z, 0.0), np.where(known, z0, 0.0)
        start = np.where(known, -law.standard.log_survival(z0), 0.0)
        cumulative = np.where(after, -law.standard.log_survival(z) - start, 0.0)
        cumulative = np.where(np.isnan(cumulative), np.inf, cumulative)  # S(since) is 0 already
        left = np.exp(-cumulative) == 0
        end_rate = _hazard(law.standard, z)
        start_rate = np.where(known, _hazard(law.standard, z0), 0.0)
        by_eta = -(end_rate - start_rate) / new.scale
        by_tau = -(z * end_rate - z0 * start_rate)
        error = np.where(after & ~left, _error(fit, new, by_eta, by_tau), 0.0)
        relative = np.where(cumulative > 0, error / cumulative, 0.0)
        half = normal_quantile(level) * relative
        return Prediction(
            estimate=np.exp(-cumulative),
            std_err=np.exp(-cumulative) * error,
            lower=np.exp(-cumulative * np.exp(half)),
            upper=np.exp(-cumulative * np.exp(-half)),
        )


def _new_rows(
    fit: ParametricFit,
    X: npt.ArrayLike | None,
    offset: npt.ArrayLike | None,
    strata: npt.ArrayLike | None,
) -> _New:
    matrix = np.empty((1, 0)) if X is None else np.asarray(X, dtype=float)
    if matrix.ndim != 2 or matrix.shape[1] != len(fit.coefficients) - 1:
        raise InputError(
            f"X has shape {matrix.shape}; the fit has {len(fit.coefficients) - 1} columns",
            where="X",
        )
    n = len(matrix)
    shift = np.zeros(n) if offset is None else np.asarray(offset, dtype=float)
    if shift.shape != (n,):
        raise InputError(f"offset has shape {shift.shape} for {n} rows", where="offset")
    codes = np.zeros(n, dtype=np.int64) if strata is None else np.asarray(strata)
    many = len(fit.scale) > 1
    if many and strata is None:
        raise InputError("the fit has a scale for each stratum", where="strata", fix="say which")
    if codes.shape != (n,) or not np.isin(codes, np.arange(len(fit.scale))).all():
        raise InputError(
            f"strata must be codes 0 to {len(fit.scale) - 1}, one a row", where="strata"
        )
    full = np.hstack([np.ones((n, 1)), matrix])
    eta = full @ fit.coefficients + shift
    return _New(X=full, eta=eta[:, None], scale=fit.scale[codes][:, None], strata=codes)


def _standing(fit: ParametricFit, new: _New, since: npt.ArrayLike) -> tuple[Floats, Bools]:
    """Return z of the months stayed, (n, 1), and where anything is known of them."""
    months = np.asarray(since, dtype=float)
    if months.ndim > 1 or (months.ndim == 1 and len(months) != len(new.eta)):
        raise InputError("since must be a number, or one a row", where="since")
    if not (np.isfinite(months) & (months >= 0)).all():
        raise InputError("since must be finite and at least 0", where="since")
    column = np.broadcast_to(months, len(new.eta))[:, None]
    known = column > 0
    with np.errstate(divide="ignore"):
        y = np.log(column) if family_named(fit.family).log_time else column
    return np.where(known, (y - new.eta) / new.scale, 0.0), known


def _hazard(standard: Distribution, z: Floats) -> Floats:
    return np.asarray(np.exp(standard.log_density(z) - standard.log_survival(z)), dtype=float)


def _error(fit: ParametricFit, new: _New, by_eta: Floats, by_tau: Floats) -> Floats:
    """Return (n, m) errors of what has derivatives by_eta and by_tau, (n, m) or (n, 1)."""
    q = len(fit.coefficients)
    V = fit.covariance
    middle = np.einsum("ij,jk,ik->i", new.X, V[:q, :q], new.X)[:, None]
    variance = by_eta**2 * middle
    if not fit.scale_is_fixed:
        at = q + new.strata
        cross = np.einsum("ij,ji->i", new.X, V[:q, at])[:, None]
        variance = variance + 2 * by_eta * by_tau * cross + by_tau**2 * V[at, at][:, None]
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)), dtype=float)


def _times(
    fit: ParametricFit, y: Floats, se: Floats, level: float, column: int | None = None
) -> Prediction:
    half = normal_quantile(level) * se
    parts = y, se, y - half, y + half
    if family_named(fit.family).log_time:
        parts = np.exp(y), np.exp(y) * se, np.exp(parts[2]), np.exp(parts[3])
    estimate, error, lower, upper = (
        np.asarray(part if column is None else part[:, column], dtype=float) for part in parts
    )
    return Prediction(estimate=estimate, std_err=error, lower=lower, upper=upper)
