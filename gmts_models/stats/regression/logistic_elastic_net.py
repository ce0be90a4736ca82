"""Logistic regression under an elastic-net penalty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.options import column_names
from gmts_models.stats.regression.elastic_net import (
    ElasticNet,
    ElasticNetPath,
    standard_scale,
    trace_path,
)
from gmts_models.stats.regression.glm import glm_terms
from gmts_models.stats.regression.proximal_newton import LossPoint
from gmts_models.stats.rows import read_matrix, read_numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class LogisticLoss:
    """Minus the log likelihood over the sum of weights (`proximal_newton.Loss`).

    Attributes
    ----------
    X : (n, p + 1) standardised columns, and one of ones.
    y : (n,) 0 or 1.
    share : (n,) weights, of sum 1.
    """

    X: Floats
    y: Floats
    share: Floats

    def at(self, beta: Floats) -> LossPoint:
        """Evaluate with the gradient."""
        terms = glm_terms("logit", self.X @ beta, self.y)
        return LossPoint(
            value=-float(self.share @ terms.log_likelihood),
            gradient=-(self.share * terms.score) @ self.X,
            state=self.share * terms.information,
        )

    def information(self, point: LossPoint, columns: Ints) -> Floats:
        """Return the second derivative by some of the columns."""
        X = self.X[:, columns]
        return np.asarray(X.T @ (point.state[:, None] * X))


def logistic_elastic_net(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    penalty: ElasticNet | None = None,
    names: Sequence[str] | None = None,
) -> ElasticNetPath:
    """Fit a logistic regression with an intercept along a path of elastic-net penalties.

    Parameters
    ----------
    X : (n, p) columns, in any scale, without an intercept, which is not penalised.
    y : (n,) 0 and 1, or bool; both occur.
    weights : (n,) >= 0; default 1.
    penalty : default the lasso along 100 lambdas.
    names : (p,) of the columns, for errors.

    Raises
    ------
    InputError : lengths differ, a value is missing or out of range, or the penalty is none.
    FitError : y is all 0 or all 1; or unpenalised columns are constant or sums of others, or
        tell y exactly.

    Source: Friedman, Hastie & Tibshirani (2010), J. Statistical Software 33(1). Agrees with
    ``glmnet(X, y, family = "binomial", weights)`` of ``fdev = 0``.
    """
    outcome = read_numbers(y, "y", "logistic_elastic_net")
    matrix = read_matrix(X, len(outcome), "logistic_elastic_net")
    weight = np.ones(len(outcome)) if weights is None else np.asarray(weights, dtype=float)
    _check(matrix, outcome, weight)
    p = matrix.shape[1]
    labels = column_names(p, names)
    mean, scale = standard_scale(matrix, weight)
    ones = np.ones((len(matrix), 1))
    loss = LogisticLoss(
        X=np.hstack([(matrix - mean) / scale, ones]), y=outcome, share=weight / weight.sum()
    )
    traced = trace_path(
        loss,
        ElasticNet() if penalty is None else penalty,
        np.append(scale, 1.0),
        len(matrix),
        [*labels, "intercept"],
        np.arange(p + 1) == p,
    )
    rate = float(loss.share @ outcome)
    null = -float(special.xlogy(rate, rate) + special.xlogy(1 - rate, 1 - rate))
    coefficients = traced.coefficients[:, :p] / scale
    return ElasticNetPath(
        lambdas=traced.lambdas,
        coefficients=coefficients,
        intercepts=traced.coefficients[:, p] - coefficients @ mean,
        df=(coefficients != 0).sum(axis=1),
        dev_ratio=1 - traced.values / null,
        null_deviance=2 * null * float(weight.sum()),
        violation=traced.violation,
    )


def _check(X: Floats, y: Floats, weights: Floats) -> None:
    where = "logistic_elastic_net"
    if 0 in X.shape or weights.shape != (len(X),):
        raise InputError(
            f"X has shape {X.shape}, y {y.shape}, weights {weights.shape}: rows must agree",
            where=where,
        )
    bad = ~np.isfinite(y + weights) | ~np.isfinite(X).all(axis=1)
    if bad.any():
        raise InputError(
            f"{int(bad.sum())} row(s) hold a value that is missing or infinite",
            where=f"{where}, first at row {int(np.argmax(bad))}",
        )
    if not np.isin(y, (0, 1)).all():
        raise InputError("y must be 0 or 1", where=f"{where}, y")
    if (weights < 0).any() or not weights.any():
        raise InputError("weights must be >= 0, and not all 0", where=f"{where}, weights")
    if len(np.unique(y[weights > 0])) < 2:
        raise FitError("y is all 0, or all 1", where=f"{where}, y")
