"""The nearest non-decreasing rows: pool adjacent violators, many rows at once."""

from __future__ import annotations

import numpy as np

from gmts_models.outcome import Floats


def isotonic_rows(values: Floats) -> Floats:
    """Make each row non-decreasing, by the least squares that this takes.

    Parameters
    ----------
    values : (n, m) float.

    Returns
    -------
    (n, m) float, non-decreasing along m: neighbours that fall become their mean. A row keeps its
    mean, and comes no further from any non-decreasing row, such as what happened to a person. Of
    two rows of which one is above the other, it stays above.

    Notes
    -----
    The largest over all beginnings of the smallest over all ends of the means between: n m^2
    additions, without a loop over rows.

    Source: Barlow, Bartholomew, Bremner & Brunk (1972), Statistical Inference under Order
    Restrictions.
    """
    n, m = values.shape
    best = np.full((n, m), -np.inf)
    for begin in range(m):
        mean = np.cumsum(values[:, begin:], axis=1) / np.arange(1, m - begin + 1)
        smallest = np.minimum.accumulate(mean[:, ::-1], axis=1)[:, ::-1]
        best[:, begin:] = np.maximum(best[:, begin:], smallest)
    # Rounding of means that should be equal may leave a fall in the last digit.
    return np.asarray(np.maximum.accumulate(best, axis=1), dtype=float)
