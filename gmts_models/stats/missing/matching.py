"""Predictive mean matching: who, of those seen, stands for someone who is not."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from gmts_models.outcome import Floats, Ints

TIE_BREAK = 1e-7
"""Noise, in units of the spread of the predictions, that lets chance choose among equals."""


def match_donors(
    donors: Floats, recipients: Floats, nearest: int, rng: np.random.Generator
) -> Ints:
    """Choose for each recipient one of the nearest donors by their predictions.

    Parameters
    ----------
    donors : (d, q) predictions of those whose value is known, d >= 1; for q > 1 the shares of q
        labels, which sum to a constant.
    recipients : (r, q) predictions of the others.
    nearest : how many donors one is drawn from; fewer where there are fewer.
    rng : of the draw, and of ties.

    Returns
    -------
    (r,) positions among the donors.

    Source: Little (1988), Journal of Business & Economic Statistics 6:287-296; the number of
    donors after Morris, White & Royston (2014), BMC Medical Research Methodology 14:75.
    """
    k = min(nearest, len(donors))
    noise = TIE_BREAK * max(float(donors.std()), 1e-30)
    here = donors + noise * rng.standard_normal(donors.shape)
    there = recipients + noise * rng.standard_normal(recipients.shape)
    if here.shape[1] <= 2:  # of two labels each says what the other says
        among = _nearest_on_line(here[:, 0], there[:, 0], k)
    else:
        among = cKDTree(here).query(there, k=k)[1].reshape(len(there), k)
    return np.asarray(among[np.arange(len(there)), rng.integers(k, size=len(there))])


def _nearest_on_line(donors: Floats, recipients: Floats, k: int) -> Ints:
    """Return (r, k) positions of the k nearest donors: they lie within k places either way."""
    order = np.argsort(donors)
    at = np.searchsorted(donors[order], recipients)
    width = min(2 * k, len(order))
    window = np.clip(at - k, 0, len(order) - width)[:, None] + np.arange(width)
    distance = np.abs(donors[order][window] - recipients[:, None])
    closest = np.argpartition(distance, k - 1, axis=1)[:, :k]
    return np.asarray(order[np.take_along_axis(window, closest, axis=1)])
