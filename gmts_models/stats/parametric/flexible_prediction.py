"""What a flexible fit says of new rows: retention, with limits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gmts_models.stats.intervals import normal_quantile
from gmts_models.stats.parametric.flexible import FlexibleFit
from gmts_models.stats.parametric.predict import Prediction


def predict_flexible(
    fit: FlexibleFit, X: npt.ArrayLike, months: npt.ArrayLike, *, level: float = 0.95
) -> Prediction:
    """Return P(T > months), (n, m), with limits by the delta method on log H.

    Parameters
    ----------
    fit : of `fit_flexible`.
    X : (n, p).
    months : (m,) at least 0.
    level : of the limits.
    """
    matrix, times = np.asarray(X, dtype=float), np.atleast_1d(np.asarray(months, dtype=float))
    shape = (len(matrix), len(times))
    with np.errstate(all="ignore"):
        u = (np.log(times)[None] - (matrix @ fit.coefficients)[:, None]).ravel()
        after = np.flatnonzero(np.isfinite(u))
        jet = fit.law.cumulative(u[after], fit.shape)
        by_row = matrix[after // len(times)] if len(times) else matrix[:0]
        p, V = len(fit.coefficients), fit.covariance
        slope, rest = jet.gradient[0], jet.gradient[1:]
        variance = slope**2 * np.einsum("ij,jk,ik->i", by_row, V[:p, :p], by_row)
        variance += -2 * slope * np.einsum("ij,jk,ki->i", by_row, V[:p, p:], rest)
        variance += np.einsum("ji,jk,ki->i", rest, V[p:, p:], rest)
        hazard, error = np.zeros(len(u)), np.zeros(len(u))
        hazard[after] = np.where(np.isnan(jet.value), np.inf, np.maximum(jet.value, 0))
        error[after] = np.sqrt(np.maximum(variance, 0))
        known = np.isfinite(hazard) & (hazard > 0) & np.isfinite(error)
        half = normal_quantile(level) * np.where(known, error / hazard, 0.0)
        stays = np.exp(-hazard)
        limits = np.exp(-hazard * np.exp(half)), np.exp(-hazard * np.exp(-half))
    return Prediction(
        estimate=stays.reshape(shape),
        std_err=np.where(known, stays * error, 0.0).reshape(shape),
        lower=limits[0].reshape(shape),
        upper=limits[1].reshape(shape),
    )
