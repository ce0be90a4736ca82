"""The exact partial likelihood for tied times, for small data.

If time is truly discrete, the chance that just these d of the risk set leave is their product of
risks over the sum of such products for every d of the risk set. The sums are elementary symmetric
polynomials, built one person at a time with their two derivatives, as chances that so many leave.

Source: Cox (1972), JRSS B 34:187-220; Gail, Lubin & Rubinstein (1981), Biometrika 68:703-707.
Agrees with ``survival::coxph(ties = "exact")``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.cox.event_grid import cumulate_down
from gmts_models.stats.cox.fit import CoxData, cox_data
from gmts_models.stats.cox.risk_sums import linear_predictor
from gmts_models.stats.cox.trouble import (
    NEARLY,
    refuse_aliased,
    refuse_monotone,
    refuse_overflow,
)

MOST_PRODUCTS = 20_000_000
"""Risk set sizes times departures, summed over times, beyond which Efron's method is asked for."""
_MOST_STEPS, _MOST_HALVINGS, _LAST_STEP = 40, 30, 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactCoxFit:
    """A maximum of the exact partial likelihood.

    Attributes
    ----------
    coefficients : (p,).
    covariance : (p, p) inverse of the observed information.
    log_likelihood, log_likelihood_null : at the maximum and at 0.
    score_test : gradient' information^-1 gradient at 0.
    """

    coefficients: Floats
    covariance: Floats
    log_likelihood: float
    log_likelihood_null: float
    score_test: float


def fit_cox_exact(
    X: npt.ArrayLike,
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    *,
    offset: npt.ArrayLike | None = None,
    names: Sequence[str] | None = None,
) -> ExactCoxFit:
    """Fit proportional odds of leaving in discrete time; parameters as for `fit_cox`.

    Case weights have no meaning here: a set of people has no weight.

    Raises
    ------
    InputError : as `fit_cox`, or the ties are too many (`MOST_PRODUCTS`).
    FitError : as `fit_cox`.
    """
    data = cox_data(X, exit_, left, entry, strata=strata, offset=offset, names=names)
    sets = _risk_sets(data)
    p = data.rows.X.shape[1]
    beta = np.zeros(p)
    value, gradient, information = _evaluate(data, sets, beta)
    refuse_overflow(value, information)
    refuse_aliased(information, data.rows.X, data.grid, data.names)
    null, before = value, information
    score_test = float(gradient @ np.linalg.solve(information, gradient))
    for steps in range(_MOST_STEPS):
        step = np.linalg.solve(information, gradient)
        length = np.sqrt(max(0.0, float(gradient @ step)))
        if steps and length < NEARLY:
            refuse_monotone(before, information, data.names)
        beta, before = beta + step, information
        if length < _LAST_STEP:
            return ExactCoxFit(
                coefficients=beta,
                covariance=np.asarray(np.linalg.inv(information), dtype=float),
                log_likelihood=value,
                log_likelihood_null=null,
                score_test=score_test,
            )
        trial = _evaluate(data, sets, beta)
        for _ in range(_MOST_HALVINGS):
            if trial[0] >= value - 1e-11 * abs(value):
                break
            step = step / 2
            beta = beta - step
            trial = _evaluate(data, sets, beta)
        refuse_overflow(trial[0], trial[2])
        value, gradient, information = trial
    raise FitError("the exact Cox fit does not converge", where="fit_cox_exact")


def _risk_sets(data: CoxData) -> list[tuple[Ints, Ints]]:
    """Return for each place of the grid the rows at risk, those that leave last, and how many."""
    rows, grid = data.rows, data.grid
    k = len(grid)
    joining = np.diff(rows.pointer) - np.bincount(rows.late_until, minlength=k)
    size = cumulate_down(joining.astype(float), grid.starts)
    if float(size @ grid.deaths) > MOST_PRODUCTS:
        raise InputError(
            "there are too many tied departures for the exact likelihood",
            where="fit_cox_exact",
            fix='use fit_cox(..., ties="efron"), which is close to it',
        )
    until = np.full(len(rows.last), -1)
    until[rows.late] = rows.late_until
    starts = np.repeat(grid.starts, np.diff(np.append(grid.starts, k)))
    begin = np.maximum(until + 1, starts[rows.last])
    found = []
    for place in range(k):
        at_risk = np.flatnonzero((begin <= place) & (rows.last >= place))
        died = np.flatnonzero(rows.left & (rows.last == place))
        found.append((at_risk, died))
    return found


def _evaluate(
    data: CoxData, sets: list[tuple[Ints, Ints]], beta: Floats
) -> tuple[float, Floats, Floats]:
    """Return the exact log partial likelihood, its gradient (p,) and information (p, p)."""
    rows, p = data.rows, len(beta)
    eta = linear_predictor(rows, beta)
    value, gradient, information = 0.0, np.zeros(p), np.zeros((p, p))
    for at_risk, died in sets:
        d = len(died)
        log_odds = eta[at_risk] + _balance(eta[at_risk], d)
        total, first, second = _symmetric(log_odds, rows.X[at_risk], d)
        mean = first / total
        value += float((eta[died] + log_odds[0] - eta[at_risk][0]).sum())
        value -= float(np.log(total) + np.logaddexp(0.0, log_odds).sum())
        gradient += rows.X[died].sum(axis=0) - mean
        information += second / total - np.outer(mean, mean)
    return float(value), gradient, information


def _balance(eta: Floats, d: int) -> float:
    """Return what to add to eta for d rows to leave on average, of the odds exp(eta) each."""
    share = min(d, len(eta) - 0.5) / len(eta)
    level = float(special.logit(share))

    def excess(added: float) -> float:
        return float(special.expit(eta + added).mean()) - share

    return float(optimize.brentq(excess, level - eta.max() - 1, level - eta.min() + 1, xtol=1e-3))


def _symmetric(log_odds: Floats, X: Floats, d: int) -> tuple[float, Floats, Floats]:
    """Return the chance that just d of the rows leave, each by itself, and its derivatives.

    Times the product of 1 + odds it is the sum over sets of d rows of their product of odds;
    as chances, no term is above 1, and at `_balance` the d-th is about the greatest.
    """
    p = X.shape[1]
    leave, stay = special.expit(log_odds), special.expit(-log_odds)
    total, first, second = np.zeros(d + 1), np.zeros((d + 1, p)), np.zeros((d + 1, p, p))
    total[0] = 1.0
    for r, s, x in zip(leave, stay, X, strict=True):
        mixed = first[:-1, :, None] * x
        added = mixed + mixed.transpose(0, 2, 1) + total[:-1, None, None] * np.outer(x, x)
        added = r * (second[:-1] + added)
        second *= s
        second[1:] += added
        moved, here = r * (first[:-1] + total[:-1, None] * x), r * total[:-1]
        first *= s
        first[1:] += moved
        total *= s
        total[1:] += here
    return float(total[d]), first[d], second[d]
