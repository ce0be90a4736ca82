"""How far estimating the censoring weights of a Fine-Gray fit moves its score.

Source: Fine & Gray (1999), JASA 94:496-509, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from gmts_models.errors import InputError
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.clusters import sum_by_cluster
from gmts_models.stats.competing.fine_gray_weights import (
    ObservationCurve,
    Observed,
    WeightedRows,
    padded_sum,
    sum_beyond,
)
from gmts_models.stats.cox.fit import CoxFit
from gmts_models.stats.cox.residuals import risk_set_means, score_residuals

CensoringWeights = Literal["estimated", "crr", "known"]
"""What a variance takes the weights for: estimated, by the derivative of the product-limit;
estimated, by the formula of ``cmprsk::crr``, which differs under ties; or known."""


def score_influence(
    cox: CoxFit,
    seen: Observed,
    curves: Sequence[ObservationCurve],
    weighted: WeightedRows,
    weights: CensoringWeights,
) -> Floats:
    """Return (n, p) what each row given contributes to the score, times its case weight.

    Parameters
    ----------
    cox : of the weighted rows.
    seen, curves, weighted : as in `FineGrayFit`.
    weights : how the estimation of the weights counts.
    """
    scores = score_residuals(cox) * cox.data.given.weights[:, None]
    influence = sum_by_cluster(scores, weighted.row)
    if weights == "known":
        return influence
    if weights == "crr" and seen.begins.any():
        raise InputError(
            "crr has no delayed entry, and its variance no formula for it",
            where="fine_gray_covariance, weights",
            fix='use weights = "estimated"',
        )
    case = seen.rows.weights[:, None]
    for group, curve in enumerate(curves):
        mine = np.flatnonzero(seen.groups[weighted.row] == group)
        if weights == "crr":
            moved = _moved_crr(cox, seen, curve, weighted, scores, mine)
            steps = moved / curve.at_risk[:, None], np.zeros_like(moved)
        else:
            moved = _moved(seen, curve, weighted, scores, mine)
            steps = _per_weight(moved, curve)
        members = np.flatnonzero(seen.groups == group)
        influence[members] += case[members] * _by_member(seen, curve, members, *steps)
    return influence


def _moved(
    seen: Observed, curve: ObservationCurve, weighted: WeightedRows, scores: Floats, mine: Ints
) -> Floats:
    """Return (k, p) how the score falls with the logarithm of each step of G H.

    A change at c moves the rows after c of those who had left by c.
    """
    mine = mine[weighted.extra[mine]]
    left_at = seen.rows.exit[weighted.row[mine]]
    moved = sum_beyond(curve.time, weighted.entry[mine], scores[mine], inclusive=True)
    return moved - sum_beyond(curve.time, left_at, scores[mine])


def _moved_crr(
    cox: CoxFit,
    seen: Observed,
    curve: ObservationCurve,
    weighted: WeightedRows,
    scores: Floats,
    mine: Ints,
) -> Floats:
    """Return (k, p) the same, where a change at c moves what happens at c of those gone before."""
    left_at = seen.rows.exit[weighted.row]
    after = mine[weighted.extra[mine]]
    moved = sum_beyond(curve.time, weighted.entry[after], scores[after], inclusive=True)
    moved -= sum_beyond(curve.time, left_at[after], scores[after], inclusive=True)
    rows, grid, at = cox.data.rows, cox.data.grid, cox.likelihood.at
    row = rows.order
    then = (weighted.exit[row] > left_at[row]) & (grid.time[rows.last] == weighted.exit[row])
    then &= np.isin(row, mine)
    then &= np.isin(weighted.exit[row], curve.time)
    place = rows.last[then]
    part = risk_set_means(cox).hazard[place] - rows.X[then] * at.hazard[place][:, None]
    part *= cox.likelihood.risk[then][:, None]
    np.add.at(moved, np.searchsorted(curve.time, grid.time[place]), part)
    return moved


def _per_weight(moved: Floats, curve: ObservationCurve) -> tuple[Floats, Floats]:
    """Return (k, p) what one more censored, and one more entering, moves at each step."""
    with np.errstate(divide="ignore", invalid="ignore"):
        lost = moved / (curve.at_risk - curve.censored)[:, None]
        came = moved / (curve.inside - curve.entered)[:, None]
    return _finite(lost), _finite(came)


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, 0.0)


def _by_member(
    seen: Observed, curve: ObservationCurve, members: Ints, lost: Floats, came: Floats
) -> Floats:
    """Return (r, p) what each of the rows `members` moves by being at risk, censored, entering."""
    rows, time = seen.rows, curve.time
    entry, exit_, counted = rows.entry[members], rows.exit[members], rows.weights[members] > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.stack([curve.censored, curve.entered], axis=1)
        share = _finite(share / np.stack([curve.at_risk, curve.inside], axis=1))
    through, within = padded_sum(lost * share[:, [0]]), padded_sum(came * share[:, [1]])
    # At risk of being censored at entry < c <= exit, without those who leave at c themselves.
    enters = np.where(entry > 0, np.searchsorted(time, entry, side="right"), 0)
    last = np.searchsorted(time, exit_, side="right")
    before = np.searchsorted(time, exit_, side="left")
    until = np.where(rows.left[members] & (seen.ties == "events first"), before, last)
    result = through[np.maximum(until, enters)] - through[enters]
    ends = seen.ends[members] & counted
    result[ends] -= lost[before[ends]]
    # Inside at entry <= a < exit.
    begins = np.where(entry > 0, np.searchsorted(time, entry, side="left"), 0)
    result -= within[np.maximum(before, begins)] - within[begins]
    late = seen.begins[members] & counted
    result[late] += came[begins[late]]
    return np.asarray(result)
