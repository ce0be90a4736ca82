"""Incidences of several causes from Fine-Gray fits of each, kept to one whole.

Each fit is a model of its own, and nothing keeps the incidences of one person from adding up to
more than 1. From the month in which they would, nobody is left: the incidences grow to a sum of 1
in that month, by cause in proportion to what they would grow by, and stay there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gmts_models.outcome import Floats
from gmts_models.stats.competing.new_people import beyond, new_people, parts_of
from gmts_models.stats.cox.baseline import CoxCurves
from gmts_models.stats.times import count_until


def predict_fine_gray_together(
    curves: Sequence[CoxCurves],
    X: npt.ArrayLike,
    times: npt.ArrayLike,
    *,
    strata: npt.ArrayLike | None = None,
) -> Floats:
    """Predict the cumulative incidence of new people by cause.

    Parameters
    ----------
    curves : (c,) of `fine_gray_curves`, one a cause, of fits to the same rows and columns.
    X : (n, p) columns, as in the fits.
    times : (m,) months since the start.
    strata : (n,) int codes: the rank of the label among the sorted labels of the fits.

    Returns
    -------
    (n, m, c) P(left from the cause by then): non-decreasing, over causes at most 1; NaN past the
    stratum's last month of observation. Where the sum does not pass 1, those of
    `predict_fine_gray`.

    Raises
    ------
    InputError : shapes differ, or a stratum was not in the fits.

    Source: Austin, Steyerberg & Putter (2021), Statistics in Medicine 40:4200-4212, on sums that
    pass 1.
    """
    new = new_people(curves, X, strata, None, "exponential")
    when = np.atleast_1d(np.asarray(times, dtype=float))
    incidence = np.full((len(new.X), len(when), len(curves)), np.nan)
    for part in parts_of(curves, new, by_month=3 * len(curves)):
        free = -np.expm1(-np.cumsum(part.hazard, axis=2))
        kept = np.concatenate([np.zeros((*free.shape[:2], 1)), _kept(free)], axis=2)
        incidence[part.people] = kept[:, :, count_until(part.time, when)].transpose(0, 2, 1)
    incidence[beyond(curves[0], new, when)] = np.nan
    return incidence


def _kept(free: Floats) -> Floats:
    """Return (b, c, k) incidences whose sum over causes stops at 1."""
    total = free.sum(axis=1)
    if not free.size or not (total[:, -1] > 1).any():
        return free
    growth = np.diff(free, axis=2, prepend=0.0)
    by_month = np.diff(total, axis=1, prepend=0.0)
    room = np.clip(1 - (total - by_month), 0, by_month)
    share = np.divide(room, by_month, out=np.zeros_like(room), where=by_month > 0)
    stopped = np.cumsum(growth * share[:, None], axis=2)
    return np.where((total[:, -1] > 1)[:, None, None], stopped, free)
