"""The coefficients of fits to m completed data sets, as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.outcome import Floats
from gmts_models.stats.missing.pooling import Pooled, pool


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
    """Tell whether a fitted model has `coef_`, `covariance_` and the names of its terms."""
    return all(hasattr(fit, name) for name in ("coef_", "covariance_", "terms_"))


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
