"""Cox models with a normal effect of each group on the log hazard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError
from gmts_models.outcome import Floats
from gmts_models.stats.blas import on_one_thread
from gmts_models.stats.cox.fit import cox_data
from gmts_models.stats.cox.frailty import FrailtyFit, frailty_fit
from gmts_models.stats.cox.frailty_variance import Family, inverse, log_determinant
from gmts_models.stats.cox.group_effects import PenalisedFit, grouped_data
from gmts_models.stats.cox.risk_sums import Ties

VarianceMethod = Literal["reml", "ml"]


@on_one_thread
def fit_gaussian_frailty(
    X: npt.ArrayLike,
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    groups: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    theta: float | None = None,
    method: VarianceMethod = "reml",
    level: float = 0.95,
    offset: npt.ArrayLike | None = None,
    ties: Ties = "efron",
    names: Sequence[str] | None = None,
    merge_ties: bool = True,
) -> FrailtyFit:
    """Fit proportional hazards, where each group has a normal effect on the log hazard.

    The effects have mean 0 and variance theta, and are integrated out by Laplace's approximation.

    Parameters
    ----------
    X, exit_, left, groups, entry, weights, strata, clusters, theta, level, offset, ties, names,
        merge_ties : as for `fit_gamma_frailty`.
    method : "reml": theta solves theta = (sum of b^2 + sum of their variances) / g, with the
        variances those given theta; limits of theta and the test of 0 are from the Laplace
        likelihood with the coefficients integrated out too. "ml": theta is at the maximum of the
        Laplace likelihood at the penalised coefficients; too low on average where groups are few.

    Returns
    -------
    FrailtyFit

    Raises
    ------
    InputError, FitError : as `fit_gamma_frailty`.

    Source: Ripatti & Palmgren (2000), Biometrics 56:1016-1022; Breslow & Clayton (1993), JASA
    88:9-25.
    Agrees with ``survival::coxph(Surv(entry, exit, left) ~ X + frailty(g, dist = "gauss", sparse =
    FALSE))``, which is "reml".
    """
    if method not in ("reml", "ml"):
        raise InputError("method must be 'reml' or 'ml'", where="gaussian frailty, method")
    data = cox_data(
        X,
        exit_,
        left,
        entry,
        weights,
        strata,
        clusters,
        offset=offset,
        ties=ties,
        names=names,
        merge_ties=merge_ties,
    )
    grouped = grouped_data(data, groups)
    p = data.rows.X.shape[1]
    if method == "ml":
        family = Family(penalty=normal_penalty, log_likelihood=lambda at: log_laplace(at, p))
        return frailty_fit(grouped, family, theta, level)
    family = Family(
        penalty=normal_penalty, log_likelihood=lambda at: log_laplace(at, 0), restricted=True
    )
    return frailty_fit(grouped, family, theta, level, estimating=lambda at: reml_equation(at, p))


def normal_penalty(u: Floats, theta: float) -> tuple[float, Floats, Floats]:
    """Return u^2 / 2 summed, with derivatives: b = u sqrt(theta) is normal."""
    return float(u @ u) / 2, u, np.ones_like(u)


def log_laplace(at: PenalisedFit, p: int) -> float:
    """Return Laplace's approximation of the likelihood, all but the first p integrated out."""
    return at.log_partial - at.penalty - log_determinant(at.scaled[p:, p:]) / 2


def reml_equation(at: PenalisedFit, p: int) -> float:
    """Return (sum of squared effects and of their variances) / (g theta) - 1, 0 at the estimate."""
    g = len(at.effects)
    variances = np.diag(inverse(at.scaled))[p:]
    return float(2 * at.penalty + variances.sum()) / g - 1
