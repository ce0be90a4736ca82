"""Sums within clusters: what a robust variance is made of."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from gmts_models.outcome import Floats, Ints


def sum_by_cluster(values: Floats, clusters: Ints | None) -> Floats:
    """Sum `values` (n,) or (n, p) by the codes 0..c-1 (n,) of their rows' clusters.

    Returns
    -------
    (c,) or (c, p); without clusters each row is a person, and the values are returned as they are.
    """
    if clusters is None:
        return values
    n = len(clusters)
    shape = (int(clusters.max(initial=-1)) + 1, n)
    sums = sparse.csc_array((np.ones(n), clusters, np.arange(n + 1)), shape=shape) @ values
    return np.asarray(sums, dtype=float)
