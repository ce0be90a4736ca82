"""The Cox partial likelihood with Efron's ties, and its (penalised) maximum.

The information is one weighted cross-product: X' diag(v) X, with v summed over the times at which
a row is at risk, minus M' M over the deaths only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.times import count_at_risk, sum_by_time

MOST_STEPS, MOST_HALVINGS = 50, 25
_CLOSE = 1e-10  # last Newton step, per standard deviation of a column


@dataclass(frozen=True, slots=True, kw_only=True)
class CoxFit:
    """A maximum of the penalised log partial likelihood.

    Attributes
    ----------
    coefficients : (p,).
    covariance : (p, p) inverse of the (penalised) observed information.
    log_likelihood : without the penalty.
    converged : whether the last step was as good as none.
    """

    coefficients: Floats
    covariance: Floats
    log_likelihood: float
    converged: bool


def fit_cox(
    X: Floats,
    exit_: Floats,
    left: Bools,
    entry: Floats,
    strata: Ints,
    *,
    alpha: float = 0.0,
) -> CoxFit:
    """Maximise the partial likelihood minus ``alpha / 2`` times the sum of squared coefficients.

    Parameters
    ----------
    X : (n, p) columns of about unit variance, centred.
    exit_, left, entry : (n,) as in `kaplan_meier`; near ties already merged.
    strata : (n,) codes; each has a baseline hazard of its own.
    alpha : ridge penalty, >= 0.

    Raises
    ------
    numpy.linalg.LinAlgError : the information is singular: columns are collinear.

    Source: Efron (1977), JASA 72:557-565; Therneau & Grambsch (2000), Modeling Survival Data,
    section 3.3. Agrees with ``survival::coxph`` and, penalised, with its ``ridge`` term.
    """
    parts = [np.flatnonzero(strata == each) for each in np.unique(strata[left])]

    def evaluate(beta: Floats) -> tuple[float, Floats, Floats]:
        pieces = [
            partial_likelihood(X[rows], exit_[rows], left[rows], entry[rows], beta)
            for rows in parts
        ]
        value = sum(piece[0] for piece in pieces) - alpha / 2 * beta @ beta
        gradient = np.sum([piece[1] for piece in pieces], axis=0) - alpha * beta
        information = np.sum([piece[2] for piece in pieces], axis=0) + alpha * np.eye(len(beta))
        return float(value), gradient, information

    beta = np.zeros(X.shape[1])
    value, gradient, information = evaluate(beta)
    converged = False
    for _ in range(MOST_STEPS):
        step = np.linalg.solve(information, gradient)
        for _ in range(MOST_HALVINGS):
            trial = evaluate(beta + step)
            if trial[0] >= value - 1e-12 * abs(value):
                break
            step = step / 2
        beta, (value, gradient, information) = beta + step, trial
        if np.abs(step).max(initial=0) < _CLOSE:
            converged = True
            break
    return CoxFit(
        coefficients=beta,
        covariance=np.asarray(np.linalg.inv(information), dtype=float),
        log_likelihood=value + alpha / 2 * float(beta @ beta),
        converged=converged,
    )


def partial_likelihood(
    X: Floats, exit_: Floats, left: Bools, entry: Floats, beta: Floats
) -> tuple[float, Floats, Floats]:
    """Return log partial likelihood, gradient (p,) and information (p, p) of one stratum."""
    eta = X @ beta
    hazard = np.exp(eta - eta.max())  # a common factor cancels
    time = np.unique(exit_[left])
    deaths = sum_by_time(exit_, time, np.ones(len(exit_)), left).astype(np.int64)
    weighted = hazard[:, None] * X
    risk0 = count_at_risk(time, entry, exit_, hazard)
    risk1 = count_at_risk(time, entry, exit_, weighted)
    tied0 = sum_by_time(exit_, time, hazard, left)
    tied1 = sum_by_time(exit_, time, weighted, left)
    # One line a death: the l-th of d tied ones sees l / d of the tied hazard gone.
    which = np.repeat(np.arange(len(time)), deaths)
    order = np.arange(len(which)) - np.repeat(np.cumsum(deaths) - deaths, deaths)
    gone = order / deaths[which]
    denominator = risk0[which] - gone * tied0[which]
    mean = (risk1[which] - gone[:, None] * tied1[which]) / denominator[:, None]
    value = eta[left].sum() - np.log(denominator).sum() - len(which) * eta.max()
    gradient = X[left].sum(axis=0) - mean.sum(axis=0)
    # v: the sum of 1 / denominator over the deaths at which a row is at risk.
    total = np.concatenate([[0.0], np.cumsum(np.bincount(which, 1 / denominator))])
    seen = total[np.searchsorted(time, exit_, side="right")]
    missed = np.where(entry > 0, total[np.searchsorted(time, entry, side="right")], 0.0)
    v = seen - missed
    v[left] -= np.bincount(which, gone / denominator)[np.searchsorted(time, exit_[left])]
    information = weighted.T @ (v[:, None] * X) - mean.T @ mean
    return float(value), gradient, information
