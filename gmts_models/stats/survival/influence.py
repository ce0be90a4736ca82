"""How much each row moves a curve, and the robust variance that follows (infinitesimal jackknife).

A curve that is a sum of steps over time moves, for a little more weight on a row, by `present` at
each time at which the row is at risk and stays, and by `leaving` at the time at which it leaves.
"""

from __future__ import annotations

import numpy as np

from gmts_models.outcome import Floats
from gmts_models.stats.rows import Rows
from gmts_models.stats.survival.risk_sets import RiskSets, sum_at


def row_influence(rows: Rows, sets: RiskSets, present: Floats, leaving: Floats) -> Floats:
    """Influence of each row on the whole sum of steps, times its weight.

    Parameters
    ----------
    rows : n rows.
    sets : `risk_sets` of the rows, k times.
    present, leaving : (k,) change of each step per weight of a row at risk that stays, or leaves.

    Returns
    -------
    (n,) float. Over all rows it sums to 0, if the curve depends on the weights' ratios only.
    """
    total = np.concatenate([[0.0], np.cumsum(present)])
    moved = total[sets.last + 1] - total[sets.first]
    moved += np.where(rows.left, (leaving - present)[sets.last], 0.0)
    return np.asarray(rows.weights * moved)


def influence_variance(rows: Rows, sets: RiskSets, present: Floats, leaving: Floats) -> Floats:
    """Variance of the running sum of steps at each time: the sum of squared influences.

    Influences are summed within a cluster before they are squared; without clusters each row is
    a person. Parameters are those of `row_influence`.

    Returns
    -------
    (k,) float, the variance at each time.

    Notes
    -----
    A cluster's influence at a time is P + W G, G being the running sum of `present`, W the
    weight that the cluster has at risk, and P fixed between its rows' entries and exits. So the
    sum of squares needs only running sums of P^2, PW and W^2, which change 2 n times: one sort
    by cluster, n log n, and never n x k.

    Source: Jaeckel (1972); as in ``survfit(..., robust = TRUE)``, not centred, no factor for
    few clusters.
    """
    total = np.concatenate([[0.0], np.cumsum(present)])
    at = np.concatenate([sets.first, sets.last])
    begun = -rows.weights * total[sets.first]
    ended = row_influence(rows, sets, present, leaving)
    if rows.clusters is None:
        none = np.zeros(len(rows))
        fixed_before, fixed_after = np.concatenate([none, begun]), np.concatenate([begun, ended])
        weight_before = np.concatenate([none, rows.weights])
        weight_after = np.concatenate([rows.weights, none])
    else:
        cluster = np.concatenate([rows.clusters, rows.clusters])
        order = np.lexsort((at, cluster))
        at, opens = at[order], np.append(True, np.diff(cluster[order]) > 0)
        fixed = np.concatenate([begun, ended - begun])[order]
        weight = np.concatenate([rows.weights, -rows.weights])[order]
        fixed_before, fixed_after = _within(fixed, opens)
        weight_before, weight_after = _within(weight, opens)
    k = len(sets.time)
    squares = sum_at(at, fixed_after**2 - fixed_before**2, k)
    crossed = sum_at(at, fixed_after * weight_after - fixed_before * weight_before, k)
    weights = sum_at(at, weight_after**2 - weight_before**2, k)
    variance = (
        np.cumsum(squares) + 2 * total[1:] * _to_come(crossed) + total[1:] ** 2 * _to_come(weights)
    )
    return np.asarray(np.maximum(variance, 0.0))


def _within(changes: Floats, opens: Floats) -> tuple[Floats, Floats]:
    """Sum `changes` up before and after each, anew where a cluster opens."""
    after = np.cumsum(changes)
    before = after - changes
    base = before[opens][np.cumsum(opens) - 1]
    return np.where(opens, 0.0, before - base), after - base


def _to_come(changes: Floats) -> Floats:
    """Sum up changes that end at 0, from the latest time down: that keeps the digits."""
    later = np.cumsum(changes[::-1])[::-1]
    return np.asarray(-np.append(later[1:], 0.0))
