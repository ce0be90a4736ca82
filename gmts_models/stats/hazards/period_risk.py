"""From hazards of whole periods to risks by any month."""

from __future__ import annotations

import numpy as np

from gmts_models.outcome import Floats
from gmts_models.stats.times import TIE_TOLERANCE


def spent_periods(horizons: Floats, periods: int) -> Floats:
    """Return (m, q) the share of each of the periods 1..q that has passed by each horizon.

    Parameters
    ----------
    horizons : (m,) in widths of a period, >= 0; NaN past the last period.
    periods : q.
    """
    share = np.clip(horizons[:, None] - np.arange(periods), 0, 1)
    share = np.where(
        np.abs(share - np.round(share)) <= TIE_TOLERANCE * periods, share.round(), share
    )
    past = horizons > periods * (1 + TIE_TOLERANCE)
    return np.asarray(np.where(past[:, None], np.nan, share))


def incidence_by(hazards: Floats, spent: Floats) -> Floats:
    """Return (n, m, k) P(left for each cause by each horizon).

    Parameters
    ----------
    hazards : (n, q, k) P(left for the cause in the period | there at its beginning), of periods
        1..q; over k they sum to at most 1.
    spent : (m, q) of `spent_periods`.

    Notes
    -----
    At the end of a period the sum over causes is 1 - prod(1 - hazard). Within one, the cumulative
    hazard -log(1 - risk) is taken to grow linearly, and the causes to share it as they do over the
    whole period: risk does not fall, and incidences sum to it. A hazard of 1 is reached at once.
    """
    n, q, k = hazards.shape
    total = np.minimum(hazards.sum(axis=2), 1)
    stay = np.concatenate([np.ones((n, 1)), np.cumprod(1 - total, axis=1)], axis=1)
    gone = np.zeros((n, q + 1, k))
    np.cumsum(stay[:, :-1, None] * hazards, axis=1, out=gone[:, 1:])
    with np.errstate(invalid="ignore"):
        whole = np.floor(spent.sum(axis=1))
    at = np.nan_to_num(whole, nan=0).astype(np.int64)
    part = np.nan_to_num(spent.sum(axis=1) - at, nan=0)
    following = np.minimum(at, q - 1)
    left = 1 - (1 - total[:, following]) ** part  # of those there at the beginning
    with np.errstate(invalid="ignore", divide="ignore"):
        of_cause = hazards[:, following] / total[:, following, None]
    of_cause = np.where(total[:, following, None] > 0, of_cause, 0.0)
    incidence = gone[:, at] + (stay[:, at] * left)[:, :, None] * of_cause
    incidence[:, np.isnan(whole)] = np.nan
    return np.asarray(incidence)
