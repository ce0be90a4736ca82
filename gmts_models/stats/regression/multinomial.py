"""Multinomial logistic regression: which of several things happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from gmts_models.errors import InputError, NotEstimableError
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.options import column_names
from gmts_models.stats.regression.information import (
    no_maximum,
    refuse_collinear,
    solve_positive,
    weighted_gram,
)
from gmts_models.stats.rows import read_matrix

_MAX_STEPS = 60
_DONE = 1e-18  # Newton decrement, as in glm.py


@dataclass(frozen=True, slots=True, kw_only=True)
class MultinomialFit:
    """Log odds of the outcomes 1..k against 0, at the maximum likelihood.

    Attributes
    ----------
    coefficients : (k, p) float.
    covariance : (k p, k p) float, the inverse information; coefficients in the order of
        ``coefficients.ravel()``.
    score : (n, k p) float, each row's share of the score, case weight included: sums to 0.
    log_likelihood : float.
    steps : Newton steps that it took.
    """

    coefficients: Floats
    covariance: Floats
    score: Floats
    log_likelihood: float
    steps: int


def fit_multinomial(
    X: Floats,
    y: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    names: Sequence[str] | None = None,
) -> MultinomialFit:
    """Fit a multinomial logistic regression by Newton's method.

    Parameters
    ----------
    X : (n, p) float, the whole design: a column of ones is the intercept.
    y : (n,) int, 0 the outcome to compare with, 1..k the others; each must happen.
    weights : (n,) float >= 0, times that a row counts; default 1.
    names : (p,) of the columns, for errors.

    Raises
    ------
    InputError : lengths differ, a value is missing, a code is negative.
    NotEstimableError : an outcome up to k never happens.
    FitError : columns are collinear, or the likelihood has no maximum (separation).

    Source: McFadden (1974), Conditional logit analysis. Agrees with
    ``nnet::multinom(y ~ 0 + X, reltol = 1e-14)``.
    """
    X, outcome, weight = _check(X, y, weights)
    k, p = int(outcome.max()), X.shape[1]
    labels = column_names(p, names)
    refuse_collinear(X, weight, labels)
    happened = np.equal.outer(outcome, np.arange(1, k + 1)).astype(float)
    coef = np.zeros((k, p))
    value, chance = _likelihood(X, outcome, weight, coef)
    for steps in range(1, _MAX_STEPS + 1):
        score = ((happened - chance).T @ (weight[:, None] * X)).ravel()
        step = solve_positive(_hessian(X, weight, chance), score)
        decrement = float(score @ step)
        moved = False
        for _ in range(30):
            trial = coef + step.reshape(k, p)
            new_value, new_chance = _likelihood(X, outcome, weight, trial)
            if new_value >= value - 1e-12 * (1 + abs(value)):
                coef, value, chance, moved = trial, new_value, new_chance, True
                break
            step = step / 2
        if decrement < _DONE or (not moved and decrement < 1e-8):
            break
        change = np.abs(X[weight > 0] @ step.reshape(k, p).T).max()
        if not moved or steps == _MAX_STEPS or (steps >= 12 and decrement < 1e-4 and change > 0.5):
            size = np.abs(step.reshape(k, p)) * np.abs(X).max(axis=0)
            raise no_maximum(size.max(axis=0), labels)
    residual = weight[:, None] * (happened - chance)
    return MultinomialFit(
        coefficients=coef,
        covariance=solve_positive(_hessian(X, weight, chance), np.eye(k * p)),
        score=(residual[:, :, None] * X[:, None, :]).reshape(len(X), k * p),
        log_likelihood=value,
        steps=steps,
    )


def multinomial_probabilities(coefficients: Floats, X: Floats) -> Floats:
    """Return (n, 1 + k) probabilities of the outcomes 0..k for coefficients (k, p)."""
    linear = np.column_stack([np.zeros(len(X)), X @ coefficients.T])
    return np.asarray(special.softmax(linear, axis=1))


def _check(
    X: Floats, y: npt.ArrayLike, weights: npt.ArrayLike | None
) -> tuple[Floats, Ints, Floats]:
    outcome = np.asarray(y)
    design = read_matrix(X, len(outcome), "fit_multinomial")
    if 0 in design.shape or not np.isfinite(design).all():
        raise InputError("X must hold finite numbers in rows and columns", where="fit_multinomial")
    weight = np.ones(len(design)) if weights is None else np.asarray(weights, dtype=float)
    for name, part in (("y", outcome), ("weights", weight)):
        if part.shape != (len(design),):
            raise InputError(
                f"X has {len(design)} rows, {name} has shape {part.shape}",
                where="fit_multinomial",
            )
    if not np.issubdtype(outcome.dtype, np.integer) or (outcome < 0).any():
        raise InputError("y must hold whole numbers from 0", where="fit_multinomial, y")
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise InputError("weights must be finite and >= 0", where="fit_multinomial, weights")
    happens = np.bincount(outcome, weights=weight)
    if len(happens) < 2 or not happens.all():
        never = int(np.argmin(happens)) if len(happens) > 1 else 1
        raise NotEstimableError(f"outcome {never} never happens", where="fit_multinomial, y")
    return design, outcome.astype(np.int64), weight


def _likelihood(X: Floats, outcome: Ints, weight: Floats, coef: Floats) -> tuple[float, Floats]:
    """Return the log likelihood and (n, k) the probabilities of the outcomes 1..k."""
    linear = np.column_stack([np.zeros(len(X)), X @ coef.T])
    log_chance = special.log_softmax(linear, axis=1)
    value = float(weight @ log_chance[np.arange(len(X)), outcome])
    return value, np.exp(log_chance[:, 1:])


def _hessian(X: Floats, weight: Floats, chance: Floats) -> Floats:
    k, p = chance.shape[1], X.shape[1]
    blocks = np.zeros((k, p, k, p))
    for a in range(k):
        for b in range(a, k):
            v = weight * chance[:, a] * ((a == b) - chance[:, b])
            blocks[a, :, b] = weighted_gram(X, v)
            blocks[b, :, a] = blocks[a, :, b].T
    return blocks.reshape(k * p, k * p)
