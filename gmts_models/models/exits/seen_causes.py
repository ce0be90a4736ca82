"""Causes that somebody left for in training: the others have no fit, and an incidence of 0."""

from __future__ import annotations

import numpy as np

from gmts_models.outcome import Floats, Ints


def causes_seen(event: Ints) -> tuple[tuple[int, ...], Ints]:
    """Return the causes (from 0) that anyone left for, and (n,) events numbered by them alone."""
    seen = np.unique(event[event > 0])
    return tuple(int(cause) - 1 for cause in seen), np.where(
        event > 0, 1 + np.searchsorted(seen, event), 0
    )


def of_all_causes(
    values: Floats, seen: tuple[int, ...], causes: int, *, absent: float = 0.0
) -> Floats:
    """Return (n, m, k) values of all causes from those (n, m, c) of the causes seen.

    A cause that nobody left for has `absent`, or NaN where the others are not estimable.
    """
    result = np.where(np.isnan(values[..., :1]), np.nan, absent)
    result = np.repeat(result, causes, axis=2)
    result[..., list(seen)] = values
    return result
