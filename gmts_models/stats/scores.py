"""Scores of predicted risk against what happened, under censoring.

Each takes the weights of ``censoring.py`` and is vectorised over their columns, so that a whole
bootstrap costs one pass.
"""

from __future__ import annotations

import numpy as np

from gmts_models.outcome import Bools, Floats, Ints
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


def concordance(
    risk: Floats,
    exit_: Floats,
    left: Bools,
    entry: Floats | None = None,
    strata: Ints | None = None,
) -> tuple[float, float]:
    """Harrell's C and its standard error.

    The share of pairs, one leaving while the other is still there and under observation, in
    which the one who leaves has the higher risk; equal risks count half.

    Parameters
    ----------
    risk : (n,) any score that grows with risk.
    exit_, left, entry : (n,) as in `kaplan_meier`.
    strata : (n,) codes; only people of one stratum are compared.

    Returns
    -------
    (C, SE); NaN where there is no such pair, or a risk is missing. The SE is the infinitesimal
    jackknife's, as that of ``survival::concordance(timewt = "n", reverse = TRUE)``.

    Source: Harrell et al. (1982), JAMA 247:2543-2546.
    """
    n = len(risk)
    if np.isnan(risk).any():
        return np.nan, np.nan
    begin = np.full(n, -1.0) if entry is None else np.where(entry > 0, entry, -1.0)
    stratum = np.zeros(n, dtype=np.int64) if strata is None else strata
    won, pairs = np.zeros(n), np.zeros(n)  # each pair counts for both of its people
    for each in np.unique(stratum[left]):
        rows = np.flatnonzero(stratum == each)
        won[rows], pairs[rows] = _pairs(risk[rows], exit_[rows], left[rows], begin[rows])
    if not pairs.any():
        return np.nan, np.nan
    c = won.sum() / pairs.sum()
    influence = (won - c * pairs) / (pairs.sum() / 2)
    return float(c), float(np.sqrt(np.square(influence).sum()))


def _pairs(risk: Floats, exit_: Floats, left: Bools, begin: Floats) -> tuple[Floats, Floats]:
    """Return, by person, the pairs that are ordered rightly, and all pairs."""
    won, pairs = np.zeros(len(risk)), np.zeros(len(risk))
    for time in np.unique(exit_[left]):
        leavers = np.flatnonzero(left & (exit_ == time))
        stayers = np.flatnonzero((begin < time) & ((exit_ > time) | ((exit_ == time) & ~left)))
        difference = risk[leavers][:, None] - risk[stayers][None, :]
        score = (difference > 0) + 0.5 * (difference == 0)
        won[leavers] += score.sum(axis=1)
        won[stayers] += score.sum(axis=0)
        pairs[leavers] += len(stayers)
        pairs[stayers] += len(leavers)
    return won, pairs


def _over(numerator: Floats, denominator: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(denominator > 0, numerator / denominator, np.nan), dtype=float)
