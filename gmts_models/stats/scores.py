"""Scores of predicted risk against what happened, under censoring.

Each takes the weights of ``censoring.py`` and is vectorised over their columns, so that a whole
bootstrap costs one pass.
"""

from __future__ import annotations

import numpy as np

from gmts_models.outcome import Floats
from gmts_models.stats.censoring import CensoringWeights


def brier_score(risk: Floats, at: CensoringWeights) -> Floats:
    """Mean squared difference between risk and what happened.

    Parameters
    ----------
    risk : (n,) predicted P(left by the horizon).
    at : censoring weights at that horizon.

    Returns
    -------
    (b,) float, NaN in columns where no row is scored.

    Source: Graf et al. (1999), Statistics in Medicine 18:2529-2545.
    """
    return _over(np.square(at.left - risk) @ at.weight, at.counted.sum(axis=0))


def observed_risk(at: CensoringWeights) -> Floats:
    """Return (b,) the share of the scored rows that left, made up for censoring.

    Without late entry and strata this is 1 - Kaplan-Meier.
    """
    return _over(at.left.astype(float) @ at.weight, at.weight.sum(axis=0))


def null_brier_score(at: CensoringWeights) -> Floats:
    """Return (b,) the Brier score of giving everyone `observed_risk`: what a model has to beat."""
    share = observed_risk(at)
    mass = _over(at.weight.sum(axis=0), at.counted.sum(axis=0))
    return np.asarray(mass * share * (1 - share))


def auc(risk: Floats, at: CensoringWeights) -> Floats:
    """Cumulative/dynamic AUC: P(risk of a leaver > risk of a stayer), ties counting half.

    Parameters
    ----------
    risk : (n,) predicted P(left by the horizon).
    at : censoring weights at that horizon.

    Returns
    -------
    (b,) float, NaN in columns without a leaver or without a stayer.

    Source: Hung & Chiang (2010), Canadian Journal of Statistics 38:8-26; Blanche, Dartigues &
    Jacqmin-Gadda (2013), Statistics in Medicine 32:5381-5397.
    """
    rank = np.unique(risk, return_inverse=True)[1]
    levels = int(rank.max(initial=-1)) + 1
    cases, controls = (np.zeros((levels, at.weight.shape[1])) for _ in range(2))
    np.add.at(cases, rank[at.left], at.weight[at.left])
    np.add.at(controls, rank[~at.left], at.weight[~at.left])
    below = np.cumsum(controls, axis=0) - controls / 2
    return _over((cases * below).sum(axis=0), cases.sum(axis=0) * controls.sum(axis=0))


def _over(numerator: Floats, denominator: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(denominator > 0, numerator / denominator, np.nan), dtype=float)
