"""Logistic regression of having left by a horizon: of known states, weighted, or pseudo-values.

The equations are those of logistic regression, sum of w x (z - p) = 0, which ask of z only that
its mean given x is the risk: z may be 0 or 1, or a pseudo-observation outside 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Floats
from gmts_models.stats.blas import on_one_thread
from gmts_models.stats.clusters import sum_by_cluster
from gmts_models.stats.options import column_names
from gmts_models.stats.regression.glm import glm_terms
from gmts_models.stats.regression.information import (
    no_maximum,
    refuse_collinear,
    solve_positive,
    weighted_gram,
)
from gmts_models.stats.rows import code_labels, read_matrix, read_numbers

_MAX_STEPS, _MAX_HALVINGS = 60, 30
_DONE = 1e-18
"""Newton decrement from which the next step is within 1e-9 standard errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonLogistic:
    """A logistic regression of having left by a horizon; it holds no rows.

    Attributes
    ----------
    coefficients : (p,) of the log odds.
    covariance : (p, p) sandwich over people; weights for censoring and pseudo-observations are
        taken as they are, as if nothing had been estimated for them.
    """

    coefficients: Floats
    covariance: Floats


@on_one_thread
def fit_horizon_logistic(
    X: npt.ArrayLike,
    target: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    factors: npt.ArrayLike | None = None,
    penalty: npt.ArrayLike | None = None,
    names: Sequence[str] | None = None,
) -> HorizonLogistic:
    """Solve the equations of logistic regression for any target.

    Parameters
    ----------
    X : (n, p) the whole design: a column of ones is the intercept.
    target : (n,) 1 = left by the horizon, 0 = did not, or a pseudo-observation.
    weights : (n,) case weights, >= 0; default 1. 2 is the row twice, in the covariance too.
    clusters : (n,) labels of people, whose rows may depend on each other; default a person a row.
    factors : (n,) censoring weights, >= 0; default 1.
    penalty : (p,) ridge, >= 0: half of beta' diag(penalty) beta is taken from the quasi-likelihood.
        Default 0.
    names : (p,) of the columns, for errors.

    Raises
    ------
    InputError : lengths differ, or a value is not a finite number.
    FitError : columns are combinations of others, or the equations have no solution: some
        combination of columns tells exactly who left.

    Notes
    -----
    The quasi-likelihood, sum of w (z eta - log(1 + exp(eta))), is concave whatever z is.

    Source: Andersen, Klein & Rosthøj (2003), Biometrika 90:15-27; Liang & Zeger (1986), Biometrika
    73:13-22. Agrees with ``geepack::geese(z ~ X, id, mean.link = "logit", variance = "binomial",
    corstr = "independence", scale.fix = TRUE)``.
    """
    z = read_numbers(target, "target", "fit_horizon_logistic")
    n = len(z)
    matrix = read_matrix(X, n, "fit_horizon_logistic")
    case, factor = (
        _weight(each, n, name) for each, name in ((weights, "weights"), (factors, "factors"))
    )
    p = matrix.shape[1]
    labels = column_names(p, names)
    ridge = np.zeros(p) if penalty is None else np.asarray(penalty, dtype=float)
    if ridge.shape != (p,) or not (np.isfinite(ridge) & (ridge >= 0)).all():
        raise InputError(f"penalty must be {p} numbers, none negative", where="penalty")
    if not np.isfinite(z).all() or not np.isfinite(matrix).all():
        raise InputError("X or target holds values that are missing", where="fit_horizon_logistic")
    weight = case * factor
    free = ridge == 0
    if free.any():
        refuse_collinear(matrix[:, free], weight, [labels[j] for j in np.flatnonzero(free)])
    coef = _solve(matrix, z, weight, ridge, labels)
    terms = glm_terms("logit", matrix @ coef, z)
    information = weighted_gram(matrix, weight * terms.information) + np.diag(ridge)
    # By the root of the case weight: a person of weight 2 counts as two people.
    pull = matrix * (np.sqrt(case) * factor * terms.score)[:, None]
    codes = None if clusters is None else code_labels(clusters, "clusters", "fit_horizon_logistic")
    half = solve_positive(information, sum_by_cluster(pull, codes).T)
    return HorizonLogistic(coefficients=coef, covariance=half @ half.T)


def log_odds(fit: HorizonLogistic, X: Floats) -> tuple[Floats, Floats]:
    """Return the (n,) log odds of having left, of new rows (n, p), and their standard errors."""
    variance = np.einsum("ij,jk,ik->i", X, fit.covariance, X, optimize=True)
    return X @ fit.coefficients, np.sqrt(np.maximum(variance, 0.0))


def _weight(given: npt.ArrayLike | None, n: int, name: str) -> Floats:
    if given is None:
        return np.ones(n)
    weight = read_numbers(given, name, "fit_horizon_logistic")
    if weight.shape != (n,) or not (np.isfinite(weight) & (weight >= 0)).all() or not weight.any():
        raise InputError(
            f"{name} must be {n} numbers, none negative, and not all 0",
            where="fit_horizon_logistic",
        )
    return weight


def _solve(X: Floats, z: Floats, weight: Floats, ridge: Floats, names: list[str]) -> Floats:
    """Return the (p,) coefficients, by Newton's method with halved steps."""
    coef = np.zeros(X.shape[1])

    def value_at(beta: Floats) -> float:
        return float(
            weight @ glm_terms("logit", X @ beta, z).log_likelihood - beta @ (ridge * beta) / 2
        )

    value = value_at(coef)
    for steps in range(_MAX_STEPS):
        terms = glm_terms("logit", X @ coef, z)
        score = X.T @ (weight * terms.score) - ridge * coef
        try:
            step = solve_positive(
                weighted_gram(X, weight * terms.information) + np.diag(ridge), score
            )
        except FitError:
            raise no_maximum(coef * np.abs(X).max(axis=0), names) from None
        decrement = float(score @ step)
        moved = False
        for _ in range(_MAX_HALVINGS):
            trial = value_at(coef + step)
            if trial >= value - 1e-12 * (1 + abs(value)):  # NaN fails
                coef, value, moved = coef + step, trial, True
                break
            step = step / 2
        if decrement < _DONE or (not moved and decrement < 1e-8):
            return coef
        far = np.abs(X[weight > 0] @ step).max() > 0.5
        if not moved or (steps >= 12 and decrement < 1e-4 and far):
            break
    raise no_maximum(step * np.abs(X).max(axis=0), names)
