"""Cox regression under an elastic-net penalty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gmts_models.outcome import Floats, Ints
from gmts_models.stats.cox.event_grid import EventGrid
from gmts_models.stats.cox.fit import CoxData, cox_data
from gmts_models.stats.cox.risk_sums import (
    CoxRows,
    Ties,
    hazard_passed,
    increments,
    linear_predictor,
    risk_sums,
    subtracted_information,
    tied_shares,
    weighted_cross,
)
from gmts_models.stats.regression.elastic_net import (
    ElasticNet,
    ElasticNetPath,
    standard_scale,
    trace_path,
)
from gmts_models.stats.regression.proximal_newton import LossPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class CoxLoss:
    """Minus the log partial likelihood over the sum of weights (`proximal_newton.Loss`).

    Attributes
    ----------
    rows, grid, ties : as those of `CoxData`, the columns standardised.
    weight : sum of the weights of all rows given.
    """

    rows: CoxRows
    grid: EventGrid
    ties: Ties
    weight: float

    def at(self, beta: Floats) -> LossPoint:
        """Evaluate with the gradient."""
        rows = self.rows
        with np.errstate(over="ignore", invalid="ignore"):
            risk, sums = risk_sums(rows, self.grid, linear_predictor(rows, beta))
            here = increments(self.grid, sums, self.ties)
            v = risk * hazard_passed(rows, self.grid, here)
            gradient = (v - rows.weights * rows.left) @ rows.X / self.weight
        state = (risk, here, v)
        return LossPoint(value=-here.log_likelihood / self.weight, gradient=gradient, state=state)

    def information(self, point: LossPoint, columns: Ints) -> Floats:
        """Return the second derivative by some of the columns."""
        risk, here, v = point.state
        rows = self.rows
        if len(columns) < rows.X.shape[1]:
            rows = replace(rows, X=np.take(rows.X, columns, axis=1))
        second = weighted_cross(rows.X, v) - subtracted_information(rows, self.grid, risk, here)
        return np.asarray((second + second.T) / (2 * self.weight))


def cox_elastic_net(
    X: npt.ArrayLike,
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    *,
    penalty: ElasticNet | None = None,
    offset: npt.ArrayLike | None = None,
    ties: Ties = "breslow",
    names: Sequence[str] | None = None,
) -> ElasticNetPath:
    """Fit proportional hazards along a path of elastic-net penalties.

    Minimises -log L / sum(w) + lambda sum_j f_j (alpha |b_j| + (1 - alpha) / 2 b_j^2), with L the
    partial likelihood.

    Parameters
    ----------
    X : (n, p) columns, in any scale; no intercept.
    exit_, left, entry, weights, strata, offset, names : as for `fit_cox`.
    penalty : default the lasso along 100 lambdas.
    ties : "breslow" (as glmnet), or "efron".

    Returns
    -------
    ElasticNetPath : every lambda is fitted; a path does not end early.

    Raises
    ------
    InputError : lengths differ, a value is not a finite number, or the penalty is none.
    FitError : nobody leaves; unpenalised columns are constant or sums of others, or separate those
        who leave from those who stay.

    Source: Simon, Friedman, Hastie & Tibshirani (2011), J. Statistical Software 39(5).
    Agrees with ``glmnet(X, Surv(entry, exit, left), family = "cox", weights)`` of ``fdev = 0``,
    strata by ``stratifySurv``, where nobody is censored at a time at which others leave: there
    glmnet 4.1-6 goes by the order of rows, and this function by its convention.
    """
    data = cox_data(X, exit_, left, entry, weights, strata, offset=offset, ties=ties, names=names)
    return path_of_data(
        np.asarray(X, dtype=float), data, ElasticNet() if penalty is None else penalty
    )


def path_of_data(X: Floats, data: CoxData, penalty: ElasticNet) -> ElasticNetPath:
    """Fit the path for prepared data of the columns X (n, p)."""
    weights = data.given.weights
    _, scale = standard_scale(X, weights)
    loss = CoxLoss(
        rows=replace(data.rows, X=data.rows.X / scale),
        grid=data.grid,
        ties=data.ties,
        weight=float(weights.sum()),
    )
    traced = trace_path(loss, penalty, scale, len(X), data.names)
    null = loss.at(np.zeros(len(scale))).value
    explained = null - traced.values
    possible = saturated(data.grid, data.ties) / loss.weight + null
    return ElasticNetPath(
        lambdas=traced.lambdas,
        coefficients=traced.coefficients / scale,
        intercepts=np.zeros(len(traced.lambdas)),
        df=(traced.coefficients != 0).sum(axis=1),
        dev_ratio=explained / possible if possible > 0 else np.zeros(len(explained)),
        null_deviance=2 * possible * loss.weight,
        violation=traced.violation,
    )


def saturated(grid: EventGrid, ties: Ties) -> float:
    """Return the log likelihood of a model that always knows who leaves next."""
    value = -float(grid.weight @ np.log(grid.weight))
    if ties == "breslow":
        return value
    which, gone = tied_shares(grid)
    return value - float((grid.weight / grid.deaths)[which] @ np.log1p(-gone))
