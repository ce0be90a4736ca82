"""Logistic regression with Firth's penalty: finite under separation, with less bias."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import linalg

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Floats
from gmts_models.stats.options import column_names
from gmts_models.stats.regression.firth import FirthFit, FirthPoint, fit_firth, half_log_determinant
from gmts_models.stats.regression.glm import glm_terms
from gmts_models.stats.rows import read_matrix, read_numbers

_COLLINEAR = 1e-10  # share of a column's sum of squares that the others leave


def fit_firth_logistic(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    offset: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    level: float = 0.95,
    profile: bool = True,
    names: Sequence[str] | None = None,
) -> FirthFit:
    """Fit a logistic regression by the likelihood plus half the log determinant of its information.

    Parameters
    ----------
    X : (n, p) the whole design: a column of ones is the intercept, which the overall test keeps.
    y : (n,) 0 and 1, or bool.
    offset : (n,) added to the linear predictor; default 0.
    weights : (n,) >= 0, times that a row counts, in the penalty too; default 1.
    level : of the profile limits.
    profile : whether to find limits and tests of single coefficients.
    names : (p,) of the columns, for errors.

    Raises
    ------
    InputError : lengths differ, a value is missing or out of range, or the level is none.
    FitError : columns are zero or combinations of others.

    Source: Heinze & Schemper (2002), Statistics in Medicine 21:2409-2419. Agrees with
    ``logistf::logistf(y ~ X)``, estimates also with
    ``glm(y ~ X, family = binomial, method = brglm2::brglmFit, type = "AS_mean")``.
    """
    outcome = read_numbers(y, "y", "fit_firth_logistic")
    n = len(outcome)
    design = read_matrix(X, n, "fit_firth_logistic")
    shift = np.zeros(n) if offset is None else np.asarray(offset, dtype=float)
    weight = np.ones(n) if weights is None else np.asarray(weights, dtype=float)
    _check(design, outcome, shift, weight)
    p = design.shape[1]
    labels = column_names(p, names)
    used = weight > 0
    design, outcome, shift, weight = design[used], outcome[used], shift[used], weight[used]
    _refuse_collinear(design, labels)
    return fit_firth(
        lambda beta: firth_logistic_point(design, outcome, shift, weight, beta),
        labels,
        np.ptp(design, axis=0) == 0,
        level=level,
        profile=profile,
    )


def firth_logistic_point(
    X: Floats, y: Floats, offset: Floats, weights: Floats, beta: Floats
) -> FirthPoint:
    """Evaluate the penalised log likelihood with its gradient."""
    terms = glm_terms("logit", X @ beta + offset, y)
    working = weights * terms.information
    information = X.T @ (working[:, None] * X)
    penalty, inverse = half_log_determinant(information)
    log_likelihood = float(weights @ terms.log_likelihood)
    value = log_likelihood + penalty
    hat = working * np.einsum("ij,ij->i", X @ inverse, X)
    return FirthPoint(
        log_likelihood=log_likelihood,
        value=value if np.isfinite(value) else -np.inf,
        gradient=(weights * terms.score + hat * (0.5 - terms.mean)) @ X,
        information=information,
    )


def _check(X: Floats, y: Floats, offset: Floats, weights: Floats) -> None:
    where = "fit_firth_logistic"
    if 0 in X.shape:
        raise InputError("X must have rows and columns", where=f"{where}, X")
    for name, part in (("offset", offset), ("weights", weights)):
        if part.shape != (len(X),):
            raise InputError(
                f"X has {len(X)} rows, {name} has shape {part.shape}", where=f"{where}, {name}"
            )
    bad = ~np.isfinite(y + offset + weights) | ~np.isfinite(X).all(axis=1)
    if bad.any():
        raise InputError(
            f"{int(bad.sum())} row(s) hold a value that is missing or infinite",
            where=f"{where}, first at row {int(np.argmax(bad))}",
        )
    if not np.isin(y, (0, 1)).all():
        raise InputError("y must be 0 or 1", where=f"{where}, y")
    if (weights < 0).any() or not weights.any():
        raise InputError("weights must be >= 0, and not all 0", where=f"{where}, weights")


def _refuse_collinear(X: Floats, names: Sequence[str]) -> None:
    size = np.sqrt((X**2).sum(axis=0))
    lost = size == 0
    if not lost.any():
        factor, order = linalg.qr(X / size, mode="r", pivoting=True)
        diagonal = np.zeros(X.shape[1])
        diagonal[: min(X.shape)] = np.abs(np.diag(factor))
        lost[order] = diagonal**2 <= _COLLINEAR
    if lost.any():
        raise FitError(
            "columns are zero or combinations of others",
            where=", ".join(name for name, is_one in zip(names, lost, strict=True) if is_one),
            fix="leave them out",
        )
