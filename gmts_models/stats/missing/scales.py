"""Pooling what is not normal as it stands: risks, concordance, ratios."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never, get_args

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from gmts_models.errors import InputError
from gmts_models.outcome import Floats
from gmts_models.stats.missing.pooling import check_imputations, pool
from gmts_models.stats.options import check_option

Scale = Literal["plain", "log", "logit", "cloglog"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledOnScale:
    """Quantities pooled on a scale and taken back.

    Attributes
    ----------
    estimate : (p,) back on the scale given.
    std_err : (p,) by the delta method.
    lower, upper : (p,) limits at `level`, within the range of the quantity.
    df, fmi : (p,) as in `pooling.Pooled`, of the scale.
    scale : on which was pooled.
    level : of the limits.
    m : number of imputations.
    """

    estimate: Floats
    std_err: Floats
    lower: Floats
    upper: Floats
    df: Floats
    fmi: Floats
    scale: Scale
    level: float
    m: int


def pool_on_scale(
    estimates: npt.ArrayLike,
    std_errors: npt.ArrayLike,
    scale: Scale,
    *,
    n_complete_df: float | None = None,
    level: float = 0.95,
) -> PooledOnScale:
    """Pool quantities on the scale on which they are about normal.

    Parameters
    ----------
    estimates : (m, p) float, or (m,) for a single quantity.
    std_errors : the same shape; standard errors of the quantities as they stand.
    scale : "log" for ratios, "logit" for concordance, AUC and shares, "cloglog" for risks of
        leaving by a horizon, ``log(-log(1 - risk))``; "plain" changes nothing.
    n_complete_df, level : as in `pooling.pool`.

    Returns
    -------
    PooledOnScale. At the edge of its range a quantity has no place on the scale; where it is there
    in one data set the estimate is the plain mean, and error and limits are NaN.

    Raises
    ------
    InputError : as `pooling.pool`, or a quantity outside the range of the scale.

    Source: Marshall, Altman, Holder & Royston (2009), BMC Medical Research Methodology 9:57.
    """
    check_option(scale, get_args(Scale), "scale", "pool_on_scale")
    errors = np.asarray(std_errors, dtype=float)
    if (errors < 0).any():
        raise InputError("a standard error is below 0", where="pool_on_scale, std_errors")
    found, variances = check_imputations(estimates, np.square(errors), where="pool_on_scale")
    if variances.shape != found.shape:
        raise InputError("std_errors must have the shape of estimates", where="pool_on_scale")
    least, most = {"plain": (-np.inf, np.inf), "log": (0.0, np.inf)}.get(scale, (0.0, 1.0))
    if (found < least).any() or (found > most).any():
        raise InputError(
            f"a quantity lies outside {least:g} to {most:g}", where="pool_on_scale, estimates"
        )
    edge = ((found == least) | (found == most)).any(axis=0)
    inside = np.where(edge, np.nan, found)
    moved, slope = _forth(inside, scale)
    pooled = pool(moved, np.square(slope) * variances, n_complete_df=n_complete_df, level=level)
    estimate = _back(pooled.estimate, scale)
    _, slope_there = _forth(estimate, scale)
    return PooledOnScale(
        estimate=np.where(edge, found.mean(axis=0), estimate),
        std_err=pooled.std_err / slope_there,
        lower=_back(pooled.lower, scale),
        upper=_back(pooled.upper, scale),
        df=pooled.df,
        fmi=pooled.fmi,
        scale=scale,
        level=level,
        m=pooled.m,
    )


def _forth(value: Floats, scale: Scale) -> tuple[Floats, Floats]:
    """Return the values on the scale, and the slope there."""
    match scale:
        case "plain":
            return value, np.ones_like(value)
        case "log":
            return np.log(value), 1 / value
        case "logit":
            return np.log(value) - np.log1p(-value), 1 / (value * (1 - value))
        case "cloglog":
            hazard = -np.log1p(-value)
            return np.log(hazard), 1 / ((1 - value) * hazard)
    assert_never(scale)


def _back(value: Floats, scale: Scale) -> Floats:
    match scale:
        case "plain":
            return value
        case "log":
            return np.exp(value)
        case "logit":
            return np.asarray(expit(value), dtype=float)
        case "cloglog":
            return -np.expm1(-np.exp(value))
    assert_never(scale)
