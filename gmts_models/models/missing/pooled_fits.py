"""The coefficients of fits to m completed data sets, and the limits of their risks, as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.models.protocol import RiskInterval
from gmts_models.outcome import Floats
from gmts_models.stats.missing.pooling import Pooled, pool, t_quantile


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledFits:
    """Coefficients of m fits.

    Attributes
    ----------
    terms : (p,) that all fits have.
    not_pooled : terms that only some have, such as those of an encoder that selects.
    coefficients, covariances : (m, p), (m, p, p).
    complete_df : departures less terms, at least 1: the degrees of freedom without gaps.
    """

    terms: tuple[str, ...]
    not_pooled: tuple[str, ...]
    coefficients: Floats
    covariances: Floats
    complete_df: float

    def at(self, level: float) -> Pooled:
        """Pool by Rubin's rules, with limits at a level."""
        return pool(
            self.coefficients, self.covariances, n_complete_df=self.complete_df, level=level
        )

    def table(self, level: float) -> pd.DataFrame:
        """Return a row a term: coefficient, ratio, se, lower, upper (of the ratio), p, df, fmi."""
        pooled = self.at(level)
        return pd.DataFrame(
            {
                "term": self.terms,
                "coefficient": pooled.estimate,
                "ratio": np.exp(pooled.estimate),
                "se": pooled.std_err,
                "lower": np.exp(pooled.lower),
                "upper": np.exp(pooled.upper),
                "p": pooled.p,
                "df": pooled.df,
                "fmi": pooled.fmi,
            }
        )


def has_coefficients(fit: Any) -> bool:
    """Tell whether a fitted model has `coef_`, one a term of `terms_`, and their `covariance_`.

    Models of causes have some for each cause.
    """
    if not all(hasattr(fit, name) for name in ("coef_", "covariance_", "terms_")):
        return False
    p = len(fit.terms_)
    return bool(np.shape(fit.coef_) == (p,) and np.shape(fit.covariance_) == (p, p))


def collect_fits(fits: Sequence[Any], departures: int) -> PooledFits:
    """Return the coefficients of m fits, in the order of the terms of the first."""
    every = tuple(dict.fromkeys(term for fit in fits for term in fit.terms_))
    shared = tuple(term for term in every if all(term in fit.terms_ for fit in fits))
    coefficients, covariances = [], []
    for fit in fits:
        at = np.array([fit.terms_.index(term) for term in shared], dtype=np.int64)
        coefficients.append(np.asarray(fit.coef_)[at])
        covariances.append(np.asarray(fit.covariance_)[np.ix_(at, at)])
    return PooledFits(
        terms=shared,
        not_pooled=tuple(term for term in every if term not in shared),
        coefficients=np.array(coefficients),
        covariances=np.array(covariances),
        complete_df=float(max(departures - len(every), 1)),
    )


def pool_limits(found: Sequence[RiskInterval], level: float) -> tuple[Floats, Floats]:
    """Return (n, h) lower and upper limits of risks, from those of m fits, by Rubin's rules.

    The scale is ``log(-log(1 - risk))``; the standard error of a fit is half the distance of its
    limits there, over the normal quantile. The limits lie around the mean risk. Where a risk or
    limit of one of the fits is 0, 1 or NaN, and has no place on the scale, they are the lowest and
    the highest of the fits; NaN where one of the risks is, or none of the fits has a limit.
    """
    risk, lower, upper = (
        np.array([getattr(each, name) for each in found]) for name in ("risk", "lower", "upper")
    )
    mean = risk.mean(axis=0)
    at, low, high = _log_hazard(risk), _log_hazard(lower), _log_hazard(upper)
    std_err = (high - low) / (2 * t_quantile(level, np.array(np.inf)))
    flat = (len(found), -1)
    pooled = pool(at.reshape(flat), np.square(std_err).reshape(flat), level=level)
    half = ((pooled.upper - pooled.lower) / 2).reshape(mean.shape)
    centre = _log_hazard(mean)
    on_scale = np.isfinite(centre + half)
    lowest = np.minimum(np.fmin.reduce(lower, axis=0), mean)
    highest = np.maximum(np.fmax.reduce(upper, axis=0), mean)
    return (
        np.where(on_scale, -np.expm1(-np.exp(centre - half)), lowest),
        np.where(on_scale, -np.expm1(-np.exp(centre + half)), highest),
    )


def _log_hazard(risk: Floats) -> Floats:
    inside = (risk > 0) & (risk < 1)
    return np.where(inside, np.log(-np.log1p(-np.where(inside, risk, 0.5))), np.nan)
