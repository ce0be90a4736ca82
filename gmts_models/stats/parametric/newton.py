"""Damped Newton steps to the maximum of a parametric likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from gmts_models.outcome import Floats, Ints
from gmts_models.stats.parametric.distributions import Family
from gmts_models.stats.parametric.likelihood import RowTerms, information, row_terms

MOST_STEPS, MOST_HALVINGS = 200, 40
_CLOSE = 1e-7
"""Standard errors from the maximum at which one more step is the last: convergence is quadratic."""
_LONGEST = 3.0
"""Units of the scale, or of its logarithm, that one step may move the fit by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """The data of a fit, on the family's scale and with the offset taken off.

    Attributes
    ----------
    law : the family.
    lower, upper, entry : (n,).
    weights : (n,).
    strata : (n,) codes of the scales.
    fixed : the scale, where it is not estimated.
    jacobian : what the log-likelihood of times has beyond that of their logarithms.
    """

    law: Family
    lower: Floats
    upper: Floats
    entry: Floats
    weights: Floats
    strata: Ints
    fixed: float | None
    jacobian: float

    @property
    def scales(self) -> int:
        """How many scales are estimated."""
        return int(self.strata.max()) + 1 if self.fixed is None else 0

    @property
    def middle(self) -> Floats:
        """(n,) a finite y for each row."""
        low = np.where(np.isfinite(self.lower), self.lower, self.upper)
        high = np.where(np.isfinite(self.upper), self.upper, self.lower)
        return np.asarray((low + high) / 2, dtype=float)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standardised:
    """Columns at weighted mean 0 and variance 1.

    Attributes
    ----------
    Z : (n, p); a constant column is 0.
    centre, spread : (p,); spread is 0 for a constant column.
    """

    Z: Floats
    centre: Floats
    spread: Floats

    @classmethod
    def of(cls, X: Floats, weights: Floats) -> Self:
        """Standardise."""
        total = max(float(weights.sum()), np.finfo(float).tiny)
        centre = weights @ X / total
        Z = X - centre
        spread = np.sqrt(weights @ np.square(Z) / total)
        spread[spread <= 1e-10 * np.abs(X).max(axis=0, initial=0)] = 0
        Z = np.divide(Z, spread, out=np.zeros_like(Z), where=spread > 0)
        return cls(Z=Z, centre=centre, spread=spread)

    def back(self, scales: int) -> Floats:
        """Return the matrix that takes coefficients of Z (intercept first) to those of X."""
        p = len(self.centre)
        matrix = np.eye(p + 1 + scales)
        matrix[0, 1 : p + 1] = -self.centre / self.spread
        matrix[range(1, p + 1), range(1, p + 1)] = 1 / self.spread
        return matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class Maximum:
    """Where the steps ended.

    Attributes
    ----------
    theta : (k,) coefficients, then log scales.
    terms : of the rows there.
    gradient : (k,). covariance : (k, k), inverse information.
    distance : in standard errors from the maximum.
    steps, converged : how it went.
    """

    theta: Floats
    terms: RowTerms
    gradient: Floats
    covariance: Floats
    distance: float
    steps: int
    converged: bool


def start(problem: Problem) -> Floats:
    """Return intercept and log scales from the moments of what was seen of y."""
    y, w, standard = problem.middle, problem.weights, problem.law.standard
    mean = float(w @ y / w.sum())
    variance = float(w @ np.square(y - mean) / w.sum())
    scale = problem.fixed
    if scale is None:
        floor = 1.0 if problem.law.log_time else max(float(np.abs(y).max()), 1.0)
        scale = max(np.sqrt(variance / standard.variance), 1e-3 * floor)
    intercept = mean - standard.mean * scale
    return np.concatenate([[intercept], np.full(problem.scales, np.log(scale))])


def maximise(problem: Problem, X: Floats, theta: Floats, penalty: Floats) -> Maximum:
    """Climb from theta.

    Parameters
    ----------
    problem : the data.
    X : (n, q) intercept first.
    theta : (q + scales,) where to begin.
    penalty : (q,) half of each times the squared coefficient is taken off the log-likelihood.
    """
    full = np.concatenate([penalty, np.zeros(problem.scales)])
    terms, value = _evaluate(problem, X, theta, full)
    converged = False
    for steps in range(1, MOST_STEPS + 1):  # noqa: B007 - used after the loop
        gradient, inverse = _curve(problem, X, theta, terms, full)
        step = inverse @ gradient
        converged = bool(gradient @ step < _CLOSE**2)
        step = _shorten(problem, X.shape[1], theta, step)
        for _ in range(MOST_HALVINGS):
            trial, height = _evaluate(problem, X, theta + step, full)
            if height >= value - 1e-11 * (1 + abs(value)):
                break
            step = step / 2
        else:
            converged = False
            break
        theta, terms, value = theta + step, trial, height
        if converged:
            break
    gradient, inverse = _curve(problem, X, theta, terms, full)
    return Maximum(
        theta=theta,
        terms=terms,
        gradient=gradient,
        covariance=inverse,
        distance=float(np.sqrt(gradient @ inverse @ gradient)),
        steps=steps,
        converged=converged,
    )


def _evaluate(
    problem: Problem, X: Floats, theta: Floats, penalty: Floats
) -> tuple[RowTerms, float]:
    q = X.shape[1]
    eta = X @ theta[:q]
    if problem.fixed is None:
        scale = np.exp(theta[q:])[problem.strata]
    else:
        scale = np.full(len(eta), problem.fixed)
    terms = row_terms(problem.law.standard, problem.lower, problem.upper, problem.entry, eta, scale)
    with np.errstate(invalid="ignore"):  # 0 times an overflow
        value = float(problem.weights @ terms.value) - 0.5 * float(penalty @ np.square(theta))
    return terms, value if np.isfinite(value) else -np.inf


def _curve(
    problem: Problem, X: Floats, theta: Floats, terms: RowTerms, penalty: Floats
) -> tuple[Floats, Floats]:
    """Return gradient (k,) and the inverse of the information, made positive definite, (k, k)."""
    w, strata, scales = problem.weights, problem.strata, problem.scales
    by_tau = np.bincount(strata, w * terms.tau, scales)[:scales]
    gradient = np.concatenate([X.T @ (w * terms.eta), by_tau]) - penalty * theta
    seen = information(terms, X, strata, w, scales)
    size, axes = np.linalg.eigh(seen + np.diag(penalty))
    # Where the surface curves upwards, step along the gradient as if it curved down as much.
    size = np.maximum(np.abs(size), 1e-14 * np.abs(size).max())
    return gradient, np.asarray((axes / size) @ axes.T, dtype=float)


def _shorten(problem: Problem, q: int, theta: Floats, step: Floats) -> Floats:
    scale = problem.fixed if problem.fixed is not None else float(np.exp(theta[q:].min()))
    longest = max(
        np.abs(step[:q]).max() / scale / _LONGEST, np.abs(step[q:]).max(initial=0) / _LONGEST, 1.0
    )
    return np.asarray(step / longest, dtype=float)
