"""The logistic regression of hazards that is fitted where no classifier is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from gmts_models.errors import InputError
from gmts_models.models.coefficients import refuse_collinear, refuse_separated, wald_table
from gmts_models.models.hazards.learning_rows import LearningRows
from gmts_models.outcome import Floats
from gmts_models.stats.hazards.period_risk import incidence_by
from gmts_models.stats.hazards.ridge_hazard import (
    PeriodColumns,
    RidgeHazard,
    cumulative_variance,
    fit_ridge_hazard,
    ridge_hazards,
)

_FIX = "set alpha above 0, or drop or merge them"


def fit_logistic(
    rows: LearningRows, columns: PeriodColumns, alpha: float, names: Sequence[str]
) -> RidgeHazard:
    """Fit the hazards of the causes that occur, penalised but for the intercepts.

    Parameters
    ----------
    names : (d,) of the columns: of time, the first of ones, then of X and its products with time.

    Raises
    ------
    InputError : X has gaps.
    FitError : `alpha` is 0, and columns are sums of others or tell who leaves.
    """
    if (gaps := ~np.isfinite(rows.X).all(axis=1)).any():
        raise InputError(
            f"logistic regression takes no missing values, and {int(gaps.sum())} rows have some",
            where="X",
            fix="use an encoder that imputes, such as the default, or a classifier that takes them",
        )
    b, p, d = columns.time.shape[1], rows.X.shape[1], len(names)
    if alpha == 0 and p:
        refuse_collinear(rows.X, tuple(names[b : b + p]), fix=_FIX)
    codes, event = np.unique(np.r_[0, rows.spans.event], return_inverse=True)
    found = fit_ridge_hazard(
        rows.X,
        replace(rows.spans, event=event[1:].astype(np.int64)),
        np.ones(len(rows.X)) if rows.weight is None else rows.weight,
        columns,
        causes=len(codes) - 1,
        penalty=np.r_[0.0, np.full(d - 1, float(alpha))],
        names=names,
    )
    if alpha == 0:
        for cause, each in enumerate(found.coefficients):
            own = slice(cause * d + 1, (cause + 1) * d)
            refuse_separated(each[1:], found.covariance[own, own], tuple(names[1:]), fix=_FIX)
    return found


def unscaled(fit: RidgeHazard, first: int, spread: Floats) -> tuple[Floats, Floats]:
    """Return (k, t) the coefficients from `first` on per unit, and their (k t, k t) covariance.

    Parameters
    ----------
    first : place of the first of them, those before being of time.
    spread : (t,) standard deviation of the columns.
    """
    k, d = fit.coefficients.shape
    place = (np.arange(k)[:, None] * d + np.arange(first, d)).ravel()
    scale = np.tile(spread, k)
    covariance = fit.covariance[np.ix_(place, place)] / np.outer(scale, scale)
    return fit.coefficients[:, first:] / spread, covariance


def risk_and_log_error(
    fit: RidgeHazard, X: Floats, columns: PeriodColumns, spent: Floats
) -> tuple[Floats, Floats]:
    """Return (n, m) risks, and the standard errors of the logs of their cumulative hazards."""
    hazards = ridge_hazards(X, fit.coefficients, columns)
    risk = np.minimum(incidence_by(hazards, spent).sum(axis=2), 1)
    variance = cumulative_variance(X, fit, columns, hazards, np.nan_to_num(spent))
    with np.errstate(divide="ignore", invalid="ignore"):
        return risk, np.sqrt(variance) / -np.log1p(-risk)


def limits_of_risk(risk: Floats, log_error: Floats, quantile: float) -> tuple[Floats, Floats]:
    """Return lower and upper limits; where nobody can have left, or all have, there is no width."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        hazard = -np.log1p(-risk)
        lower = -np.expm1(-hazard * np.exp(-quantile * log_error))
        upper = -np.expm1(-hazard * np.exp(quantile * log_error))
    sure = (risk == 0) | (risk == 1)
    return np.where(sure, risk, lower), np.where(sure, risk, upper)


def summary_table(
    terms: tuple[str, ...],
    coefficients: Floats,
    covariance: Floats,
    level: float,
    causes: Sequence[str] | None,
) -> pd.DataFrame:
    """Return a row a term, of each cause where there are several."""
    if causes is None:
        return wald_table(terms, coefficients, covariance, level)
    t = len(terms)
    tables = {}
    for i, (cause, each) in enumerate(zip(causes, coefficients, strict=True)):
        own = slice(i * t, (i + 1) * t)
        tables[cause] = wald_table(terms, each, covariance[own, own], level)
    return pd.concat(tables, names=["cause"]).reset_index("cause").reset_index(drop=True)
