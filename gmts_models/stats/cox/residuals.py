"""Residuals of a Cox fit: what each row, or each departure, says that the model does not.

All are in the order in which the rows were given (Schoenfeld's: of the departures, by stratum and
time), and, but for dfbeta, not multiplied by the case weights, as R's ``residuals(coxph)``. Rows of
weight 0, which R refuses, are not in the fit: their martingale and deviance residuals are NaN,
their score residuals 0.

Source: Therneau & Grambsch (2000), Modeling Survival Data, chapter 4; under Efron's method, a row
that leaves meets each of its tied risk sets with what is left of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmts_models.outcome import Floats, Ints
from gmts_models.stats.cox.event_grid import cumulate_up
from gmts_models.stats.cox.fit import CoxFit
from gmts_models.stats.cox.risk_sums import hazard_passed, risk_blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSetMeans:
    """What a fit's residuals and hazards need of its risk sets, by place of the grid.

    Attributes
    ----------
    at_departure : (k, p) mean of the centred columns over the risk set, that a departure is held
        against (over the tied risk sets, the mean of their means).
    hazard : (k, p) mean times hazard increment.
    tied_hazard : (k, p) the part of it that a row which leaves there does not go through.
    passed : (k, p) `hazard` cumulated within the stratum.
    """

    at_departure: Floats
    hazard: Floats
    tied_hazard: Floats
    passed: Floats


def risk_set_means(fit: CoxFit) -> RiskSetMeans:
    """Return the means of X over the risk sets of a fit."""
    data, here = fit.data, fit.likelihood
    _, S1, T1 = next(risk_blocks(data.rows, data.grid, here.risk, size=len(data.grid)))
    squares, weight = here.at.squares, data.grid.weight[:, None]
    hazard = squares[:, [0]] * S1 - squares[:, [1]] * T1
    return RiskSetMeans(
        at_departure=(here.at.hazard[:, None] * S1 - here.at.tied_hazard[:, None] * T1) / weight,
        hazard=hazard,
        tied_hazard=squares[:, [1]] * S1 - squares[:, [2]] * T1,
        passed=cumulate_up(hazard, data.grid.starts),
    )


def martingale_residuals(fit: CoxFit) -> Floats:
    """Return (n,) left less expected: departures less the hazard that the row went through."""
    return fit.data.given.left - _expected(fit)


def _expected(fit: CoxFit) -> Floats:
    """Return (n,) the hazard that each row went through, NaN for rows of weight 0."""
    rows = fit.data.rows
    passed = np.maximum(hazard_passed(rows, fit.data.grid, fit.likelihood.at), 0.0)
    result = np.where(fit.data.given.weights > 0, 0.0, np.nan)
    result[rows.order] = fit.likelihood.risk / rows.weights * passed
    return result


def deviance_residuals(fit: CoxFit) -> Floats:
    """Return (n,) martingale residuals made about symmetric: their squares add to a deviance."""
    left, expected = fit.data.given.left, _expected(fit)
    martingale = left - expected
    with np.errstate(divide="ignore"):
        inside = martingale + np.where(left, np.log(np.where(left, expected, 1.0)), 0.0)
    return np.asarray(np.sign(martingale) * np.sqrt(np.maximum(-2 * inside, 0.0)))


def score_residuals(fit: CoxFit) -> Floats:
    """Return (n, p) what each row contributes to the gradient; columns add up to it, weighted."""
    rows, grid, at = fit.data.rows, fit.data.grid, fit.likelihood.at
    means = risk_set_means(fit)
    passed = means.passed[rows.last]
    passed[rows.late] -= means.passed[rows.late_until]
    died, died_at = rows.died, rows.died_at
    passed[died] -= means.tied_hazard[died_at]
    relative = (fit.likelihood.risk / rows.weights)[:, None]
    inner = relative * (passed - rows.X * hazard_passed(rows, grid, at)[:, None])
    inner[died] += rows.X[died] - means.at_departure[died_at]
    result = np.zeros((len(fit.data.given), rows.X.shape[1]))
    result[rows.order] = inner
    return result


def dfbeta(fit: CoxFit) -> Floats:
    """Return (n, p) about how far each coefficient falls if the row is left out, weight and all."""
    return np.asarray(score_residuals(fit) * fit.data.given.weights[:, None] @ fit.covariance)


def dfbetas(fit: CoxFit) -> Floats:
    """Return (n, p) `dfbeta` in standard errors."""
    return np.asarray(dfbeta(fit) / np.sqrt(np.diag(fit.covariance)))


def likelihood_displacement(fit: CoxFit) -> Floats:
    """Return (n,) about twice how much log likelihood is lost if the row is left out of the fit.

    Source: Pettitt & Bin Daud (1989), Applied Statistics 38:51-67.
    """
    moved = dfbeta(fit)
    return np.asarray(np.einsum("ij,ij->i", moved @ fit.information, moved))


@dataclass(frozen=True, slots=True, kw_only=True)
class SchoenfeldResiduals:
    """Covariates of those who leave, less what was to be expected of the risk set.

    Attributes
    ----------
    row : (d,) int the rows that leave, by stratum and time.
    time : (d,) months.
    residual : (d, p).
    scaled : (d, p) an estimate of the coefficient at that time, up to noise.
    """

    row: Ints
    time: Floats
    residual: Floats
    scaled: Floats


def schoenfeld_residuals(fit: CoxFit) -> SchoenfeldResiduals:
    """Return Schoenfeld's residuals and their scaled form (Grambsch & Therneau 1994)."""
    rows, given = fit.data.rows, fit.data.given
    by_time = np.lexsort((rows.order[rows.died], rows.died_at))
    died, died_at = rows.died[by_time], rows.died_at
    residual = rows.X[died] - risk_set_means(fit).at_departure[died_at]
    return SchoenfeldResiduals(
        row=rows.order[died],
        time=given.exit[rows.order[died]],
        residual=residual,
        scaled=residual @ fit.covariance * len(died) + fit.coefficients,
    )
