"""The chances of the causes of those who left from an unknown one, and how well they are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from gmts_models.outcome import Floats, Ints
from gmts_models.stats.blas import on_one_thread

_BANDS = 4
"""Bands of months, with as many departures each, among which the chances may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseChances:
    """Chances of k causes of u departures, from d departures whose cause is known.

    Attributes
    ----------
    chance : (u, k), over causes 1.
    slope : (u, k, q) their derivatives by the q parameters.
    influence : (d, q) what each departure of known cause, with its weight, moves the parameters by.
    """

    chance: Floats
    slope: Floats
    influence: Floats


@on_one_thread
def cause_chances(
    X: Floats,
    months: Floats,
    event: Ints,
    weight: Floats,
    X_new: Floats,
    months_new: Floats,
    k: int,
) -> CauseChances:
    """Regress known causes on columns and bands of months.

    Parameters
    ----------
    X, months, event, weight : (d, p) columns of unit variance, (d,) months, (d,) int causes from 1,
        (d,) case weights, of departures of known cause.
    X_new, months_new : (u, p) and (u,) of those of unknown cause.
    k : number of causes. One that none of the known departures has gets no chance.

    Notes
    -----
    Multinomial logistic regression with a ridge penalty of 1 on columns and bands.
    """
    u, seen = len(months_new), np.unique(event)
    chance = np.zeros((u, k))
    if len(seen) == 1:
        chance[:, seen[0] - 1] = 1
        return CauseChances(
            chance=chance, slope=np.zeros((u, k, 0)), influence=np.zeros((len(X), 0))
        )
    edges = np.quantile(
        months, np.arange(1, _BANDS) / _BANDS, method="inverted_cdf", weights=weight
    )
    edges = np.unique(edges)
    design, new = _design(X, months, edges), _design(X_new, months_new, edges)
    fit = LogisticRegression(C=1.0, tol=1e-8, max_iter=200, solver="newton-cholesky")
    fit.fit(design[:, 1:], event, sample_weight=weight)
    known, unknown = fit.predict_proba(design[:, 1:]), fit.predict_proba(new[:, 1:])
    chance[:, seen - 1] = unknown
    d = design.shape[1]
    slope = np.zeros((u, k, len(seen) * d))
    slope[:, seen - 1] = _slope(unknown, new)
    missed = weight[:, None] * (np.equal.outer(event, seen) - known)
    score = (missed[:, :, None] * design[:, None]).reshape(len(X), -1)
    return CauseChances(
        chance=chance, slope=slope, influence=score @ _inverse(known, design, weight)
    )


def _design(X: Floats, months: Floats, edges: Floats) -> Floats:
    """Return a column of ones, the columns, and indicators of the bands of months."""
    bands = np.equal.outer(np.searchsorted(edges, months), np.arange(len(edges) + 1))
    return np.hstack([np.ones((len(X), 1)), X, bands.astype(float)])


def _slope(chance: Floats, design: Floats) -> Floats:
    """Return (u, s, s d) derivatives of (u, s) chances by the coefficients of each cause."""
    u, s = chance.shape
    by_linear = chance[:, :, None] * (np.eye(s) - chance[:, None])
    return (by_linear[..., None] * design[:, None, None]).reshape(u, s, -1)


def _inverse(chance: Floats, design: Floats, weight: Floats) -> Floats:
    """Return the (generalised) inverse of the penalised information.

    All intercepts together may move freely: that changes no chance.
    """
    s, d = chance.shape[1], design.shape[1]
    information = np.zeros((s, d, s, d))
    for a in range(s):
        for b in range(s):
            v = weight * chance[:, a] * ((a == b) - chance[:, b])
            information[a, :, b] = design.T @ (v[:, None] * design)
    # Of two causes only the difference of coefficients is penalised, as one coefficient.
    penalty = np.r_[0.0, np.full(d - 1, 2.0 if s == 2 else 1.0)]
    whole = information.reshape(s * d, s * d) + np.diag(np.tile(penalty, s))
    return np.asarray(np.linalg.pinv(whole, rcond=1e-10, hermitian=True))
