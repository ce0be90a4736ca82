"""The Aalen-Johansen estimate of leaving by cause as its steps, and what one row moves in it.

Arrays called `padded` have a first element that stands before the first time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmts_models.errors import InputError
from gmts_models.outcome import UNKNOWN_CAUSE, Bools, Floats, Ints
from gmts_models.stats.rows import Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidenceSteps:
    """Counts and products at k distinct times of exit, for c causes.

    Attributes
    ----------
    time : (k,) increasing.
    at_risk, censored : (k,) sums of weights.
    events : (k, c) sums of weights by cause.
    hazard : (k, c) events / at_risk; sums to exactly 1 where everyone leaves.
    before, survival : (k,) P(T >= time), P(T > time).
    incidence : (k, c) P(T <= time, cause).
    entry_at, exit_at : (n,) padded position of the last time <= entry, and of exit.
    event : (n,) int, 0 = censored, 1..c.
    weights : (n,) > 0; rows of weight 0 are gone.
    clusters : (n,) int codes, or None.
    """

    time: Floats
    at_risk: Floats
    censored: Floats
    events: Floats
    hazard: Floats
    before: Floats
    survival: Floats
    incidence: Floats
    entry_at: Ints
    exit_at: Ints
    event: Ints
    weights: Floats
    clusters: Ints | None

    @property
    def late(self) -> bool:
        """Whether anyone enters after the first time."""
        return bool(self.entry_at.any())


def incidence_steps(rows: Rows, causes: int | None, *, where: str) -> IncidenceSteps:
    """Estimate leaving by cause, with all causes of a time taken at once.

    Parameters
    ----------
    rows : of `check_rows`.
    causes : how many there are; default the highest code.

    Raises
    ------
    InputError : a cause is unknown or above `causes`, or every weight is 0.
    """
    count = _count_causes(rows.event, causes, where)
    rows = _of_some_weight(rows, where)
    time: Floats = np.unique(rows.exit).astype(float)
    exit_at = np.searchsorted(time, rows.exit) + 1
    entry_at = _positions(time, rows.entry)
    table = _tally(exit_at, rows, len(time), count)
    events = table[:, 1:]
    leaving = events.sum(axis=1)
    at_risk = _at_risk(entry_at, table.sum(axis=1), rows.weights)
    emptied = (at_risk <= leaving) | _emptied(entry_at, exit_at, rows, len(time))
    at_risk = np.where(emptied, leaving, at_risk)
    hazard = events / at_risk[:, None]
    survival: Floats = np.cumprod(np.where(emptied, 0.0, 1 - leaving / at_risk), dtype=float)
    before = np.concatenate([[1.0], survival[:-1]])
    return IncidenceSteps(
        time=time,
        at_risk=at_risk,
        censored=table[:, 0],
        events=events,
        hazard=hazard,
        before=before,
        survival=survival,
        incidence=np.cumsum(before[:, None] * hazard, axis=0),
        entry_at=entry_at,
        exit_at=exit_at,
        event=rows.event,
        weights=rows.weights,
        clusters=rows.clusters,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RowInfluence:
    """What adding weight to a row does to the incidences F (n,c) at t, in closed form.

    A row at risk at t moves them by Q(t) + start - F(t) * slope_start; a row that has left or
    been censored by t, by gone + F(t) * slope. Survival S moves by S(t) times B(t) - slope_start,
    and by S(t) * slope. All are 0 before entry.

    Attributes
    ----------
    carried : (k + 1,) padded, B.
    drift : (k + 1, c) padded, Q = F B - G.
    start, gone : (n, c).
    slope_start, slope : (n,).
    """

    carried: Floats
    drift: Floats
    start: Floats
    gone: Floats
    slope_start: Floats
    slope: Floats


def row_influence(
    steps: IncidenceSteps, entry_at: Ints, exit_at: Ints, event: Ints
) -> RowInfluence:
    """Differentiate the estimate by the weight of each row.

    Parameters
    ----------
    entry_at, exit_at, event : (n,) of the rows, as in `IncidenceSteps`.

    Notes
    -----
    With hazards h of the causes at time j, dF_c(t) / dh_cj = S(j-) and, for leaving from whatever
    cause, less S(j-) (F_c(t) - F_c(j)) / S(j). A row at risk adds -h to the numerator of each
    hazard, a departure adds 1. Summed over j <= t, the terms depend on t only through F_c(t) and
    on the row only through its entry, exit and event.
    """
    step = steps.before / steps.at_risk
    stays = steps.survival > 0  # nobody is expected after survival 0
    later = np.where(stays, step / np.where(stays, steps.survival, 1.0), 0.0)
    total = steps.hazard.sum(axis=1)
    carried = _padded(np.cumsum(later * total))
    summed = _padded(
        np.cumsum(step[:, None] * steps.hazard + steps.incidence * (later * total)[:, None], axis=0)
    )
    left = event > 0
    at = exit_at - 1
    slope_start = carried[entry_at]
    slope = carried[exit_at] - slope_start - np.where(left, later[at], 0.0)
    start = summed[entry_at]
    gone = start - summed[exit_at]
    gone += steps.incidence[at] * np.where(left, later[at], 0.0)[:, None]
    rows = np.flatnonzero(left)
    gone[rows, event[rows] - 1] += step[at[rows]]
    return RowInfluence(
        carried=carried,
        drift=_padded(steps.incidence) * carried[:, None] - summed,
        start=start,
        gone=gone,
        slope_start=slope_start,
        slope=slope,
    )


def _count_causes(event: Ints, causes: int | None, where: str) -> int:
    if (event == UNKNOWN_CAUSE).any():
        raise InputError(
            f"{int((event == UNKNOWN_CAUSE).sum())} people left from an unknown cause (-1), and an "
            "incidence by cause cannot place them",
            where=f"{where}, event",
            fix="impute the causes several times, or give all of them each cause in turn for "
            "bounds, or count leaving from any cause with event != 0",
        )
    highest = int(event.max(initial=0))
    if causes is None:
        return max(highest, 1)
    if causes < max(highest, 1):
        raise InputError(
            f"event codes run to {highest}, causes is {causes}",
            where=f"{where}, causes",
            fix="give the number of causes that there are in all groups",
        )
    return causes


def _of_some_weight(rows: Rows, where: str) -> Rows:
    kept = rows.weights > 0
    if kept.all():
        return rows
    if not kept.any():
        raise InputError("every weight is 0", where=f"{where}, weights")
    return Rows(
        entry=rows.entry[kept],
        exit=rows.exit[kept],
        event=rows.event[kept],
        weights=rows.weights[kept],
        strata=rows.strata[kept],
        clusters=None if rows.clusters is None else rows.clusters[kept],
    )


def _positions(time: Floats, entry: Floats) -> Ints:
    """Count the times <= entry; none for an entry of 0, which is at risk at time 0 too."""
    result = np.zeros(len(entry), dtype=np.int64)
    late = np.flatnonzero(entry > 0)
    result[late] = np.searchsorted(time, entry[late], side="right")
    return result


def _tally(exit_at: Ints, rows: Rows, k: int, causes: int) -> Floats:
    """Sum the weights by time and event, (k, 1 + causes)."""
    code = (exit_at - 1) * (causes + 1) + rows.event
    return _sum_by(code, rows.weights, k * (causes + 1)).reshape(k, causes + 1)


def _at_risk(entry_at: Ints, exits: Floats, weights: Floats) -> Floats:
    """Sum the weights of who enters before each time and exits at it or later."""
    if not entry_at.any():
        return _tail(exits)
    return _tail(exits) - _tail(_sum_by(entry_at, weights, len(exits) + 1)[1:])


def _emptied(entry_at: Ints, exit_at: Ints, rows: Rows, k: int) -> Bools:
    """Whether all at risk leave: by number, for sums of weights may miss it by a rounding."""
    if (rows.weights == np.round(rows.weights)).all():
        return np.zeros(k, dtype=bool)  # whole weights add up without rounding
    one = np.ones(len(rows))
    leaving = _sum_by(exit_at, rows.left.astype(float), k + 1)[1:]
    return np.equal(leaving, _at_risk(entry_at, _sum_by(exit_at, one, k + 1)[1:], one))


def _sum_by(code: Ints, values: Floats, size: int) -> Floats:
    return np.asarray(np.bincount(code, values, size), dtype=float)


def _tail(values: Floats) -> Floats:
    """Sum from each time to the last; forward sums lose digits where it matters most."""
    return np.cumsum(values[::-1], dtype=float)[::-1].copy()


def _padded(values: Floats) -> Floats:
    return np.concatenate([np.zeros((1, *values.shape[1:])), values])
