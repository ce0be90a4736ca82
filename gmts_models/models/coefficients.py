"""What fits with coefficients share: trouble named, and the table of a summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from gmts_models.errors import FitError
from gmts_models.outcome import Floats

SEPARATED = 10.0
"""Coefficient per standard deviation of a column, or its standard error, from which the column is
taken to separate leavers from stayers: nothing real is as strong, or as little known."""


def refuse_collinear(matrix: Floats, names: tuple[str, ...], *, fix: str) -> None:
    """Raise FitError where columns of a (n, p) standardised matrix are sums of earlier ones."""
    _, r = np.linalg.qr(matrix)
    size = np.abs(np.diag(r))
    extra = np.ones(max(0, len(names) - len(size)), dtype=bool)  # more columns than rows
    lost = np.r_[size < 1e-8 * np.sqrt(len(matrix)), extra]
    if lost.any():
        raise FitError(
            "columns are sums of others, so their effects cannot be told apart",
            where=", ".join(name for name, is_lost in zip(names, lost, strict=True) if is_lost),
            fix=fix,
        )


def refuse_separated(
    coefficients: Floats, covariance: Floats, names: tuple[str, ...], *, fix: str
) -> None:
    """Raise FitError where a coefficient of standardised columns has no finite estimate."""
    error = np.sqrt(np.clip(np.diag(covariance), 0, None))
    far = (np.abs(coefficients) > SEPARATED) | ~(error < SEPARATED) | (error == 0)
    if far.any():
        raise FitError(
            "a column separates those who leave from those who stay, so its effect has no finite "
            "estimate",
            where=", ".join(name for name, is_far in zip(names, far, strict=True) if is_far),
            fix=fix,
        )


def at_least(robust: Floats, model_based: Floats) -> Floats:
    """Return a robust covariance (p, p) with no variance below the model-based one.

    Under a ridge the scores of people with a label of whom nobody left are near 0, and with them
    the robust variance of its coefficient, though little is known of it.
    """
    short = np.diag(model_based) - np.diag(robust)
    return np.asarray(robust + np.diag(np.maximum(short, 0.0)), dtype=float)


def wald_table(
    terms: tuple[str, ...], coefficients: Floats, covariance: Floats, level: float
) -> pd.DataFrame:
    """Return coefficients with their ratio, SE, interval of the ratio and two-sided Wald p."""
    se = np.sqrt(np.diag(covariance))
    z = stats.norm.ppf((1 + level) / 2)
    return pd.DataFrame(
        {
            "term": terms,
            "coefficient": coefficients,
            "ratio": np.exp(coefficients),
            "se": se,
            "lower": np.exp(coefficients - z * se),
            "upper": np.exp(coefficients + z * se),
            "p": 2 * stats.norm.sf(np.abs(coefficients / se)),
        }
    )


Scale = Literal["hazard", "odds", "time"]
"""What a coefficient is the logarithm of a ratio of."""

LINEAR: Mapping[str, Scale] = {
    "CoxPH": "hazard",
    "CoxElasticNet": "hazard",
    "CoxFirth": "hazard",
    "DiscreteTimeHazard": "odds",
    "WeibullAFT": "time",
    "ExponentialAFT": "time",
    "LogNormalAFT": "time",
    "LogLogisticAFT": "time",
    "GeneralisedGammaAFT": "time",
    "SplineAFT": "time",
}
"""Models with one linear predictor of the attributes, which does not change with time."""
