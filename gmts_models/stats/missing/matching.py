"""Predictive mean matching: who, of those seen, stands for someone who is not."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from gmts_models.outcome import Floats, Ints

SAME = 1e-9
"""Distance, in units of the spread of the predictions, up to which two donors are equals."""


def match_donors(
    donors: Floats, recipients: Floats, nearest: int, rng: np.random.Generator
) -> Ints:
    """Choose for each recipient one of the nearest donors by their predictions.

    Parameters
    ----------
    donors : (d, q) predictions of those whose value is known, d >= 1; for q > 1 the shares of q
        labels, which sum to a constant.
    recipients : (r, q) predictions of the others.
    nearest : how many donors one is drawn from; fewer where there are fewer. Of equals, any may be
        among them.
    rng : of the draw.

    Returns
    -------
    (r,) positions among the donors.

    Source: Little (1988), Journal of Business & Economic Statistics 6:287-296. A single donor is
    too few: Morris, White & Royston (2014), BMC Medical Research Methodology 14:75.
    """
    if donors.shape[1] == 2:  # of two labels each says what the other says
        donors, recipients = donors[:, :1], recipients[:, :1]
    unit = SAME * float(donors.std()) or 1.0
    here = np.round((donors - donors.mean(axis=0)) / unit)
    there = (recipients - donors.mean(axis=0)) / unit
    line = donors.shape[1] == 1
    levels, of, size = np.unique(
        here[:, 0] if line else here,
        axis=None if line else 0,
        return_inverse=True,
        return_counts=True,
    )
    k = min(nearest, len(levels))
    if line:
        among = _nearest_on_line(levels, there[:, 0], k)
    else:
        among = cKDTree(levels).query(there, k=k)[1].reshape(len(there), k)
    place = rng.integers(min(nearest, len(donors)), size=len(there))
    upto = np.cumsum(size[among], axis=1)
    level = among[np.arange(len(there)), (upto <= place[:, None]).sum(axis=1)]
    members = np.argsort(of.ravel(), kind="stable")
    first = np.cumsum(size) - size
    return np.asarray(members[first[level] + rng.integers(size[level])])


def _nearest_on_line(levels: Floats, recipients: Floats, k: int) -> Ints:
    """Return (r, k) the k nearest of sorted levels, the nearest first."""
    at = np.searchsorted(levels, recipients)
    width = min(2 * k, len(levels))  # they lie within k places either way
    window = np.clip(at - k, 0, len(levels) - width)[:, None] + np.arange(width)
    order = np.argsort(np.abs(levels[window] - recipients[:, None]), axis=1)[:, :k]
    return np.asarray(np.take_along_axis(window, order, axis=1))
