"""Three variances of incidences by cause: infinitesimal jackknife, Aalen's, Greenwood's.

None needs more than sums by time: influences are quadratic in quantities that are fixed once a
row has left (`row_influence`), so that their squares add up without a table of rows by times.
"""

from __future__ import annotations

from typing import Literal, assert_never

import numpy as np

from gmts_models.outcome import Floats, Ints
from gmts_models.stats.incidence.incidence_steps import IncidenceSteps, row_influence

ModelVariance = Literal["aalen", "greenwood"]


def model_variance(steps: IncidenceSteps, kind: ModelVariance) -> tuple[Floats, Floats]:
    """Return the variances of survival (k,) and of incidence (k, c) from those of the hazards.

    Notes
    -----
    "greenwood" takes the departures of a time as multinomial given the number at risk; "aalen" as
    independent between causes, each with the hypergeometric variance d (n - d) / (n^2 (n - 1)).

    Source: Aalen (1978), Annals of Statistics 6:534-545; Andersen, Borgan, Gill & Keiding (1993),
    section IV.4.
    """
    n = steps.at_risk
    hazard, total = steps.hazard, steps.hazard.sum(axis=1)
    match kind:
        case "greenwood":
            own = hazard * (1 - hazard) / n[:, None]
            with_total = hazard * (1 - total)[:, None] / n[:, None]
            whole = total * (1 - total) / n
        case "aalen":
            rest = np.where(n > 1, n - 1, 1.0)[:, None]
            tied = np.minimum(np.maximum(steps.events - 1, 0) / rest, 1.0)
            own = with_total = hazard / n[:, None] * (1 - tied)
            whole = own.sum(axis=1)
        case _:
            assert_never(kind)
    stays = steps.survival > 0
    ratio = np.where(stays, steps.before / np.where(stays, steps.survival, 1.0), 0.0)[:, None]
    # dF_c(t) = before * dh_c + ratio * (F_c(j) - F_c(t)) * dh, h the hazard of all causes.
    before, moved = steps.before[:, None], ratio * steps.incidence
    fixed = before**2 * own + 2 * before * moved * with_total + moved**2 * whole[:, None]
    mixed = before * ratio * with_total + moved * ratio * whole[:, None]
    pure = np.cumsum(ratio[:, 0] ** 2 * whole)
    f = steps.incidence
    incidence = np.cumsum(fixed, axis=0) - 2 * f * np.cumsum(mixed, axis=0) + f**2 * pure[:, None]
    return steps.survival**2 * pure, np.maximum(incidence, 0.0)


def jackknife_variance(steps: IncidenceSteps) -> tuple[Floats, Floats]:
    """Return the sums of squared influences on survival (k,) and on incidence (k, c).

    Influences are summed within a cluster before they are squared. The time needed grows as
    n log n, whatever the number of distinct times.

    Where every row is one person at risk from the start, influences at different times are
    uncorrelated (whoever is still at risk was at risk before), and the sum is Greenwood's.

    Source: Jaeckel (1972), Bell Laboratories memorandum 72-1215-11; Efron (1982), chapter 6.
    """
    if steps.clusters is None and not steps.late and (steps.weights == 1).all():
        return model_variance(steps, "greenwood")
    rows = distinct_rows(steps)
    entry_at, exit_at, event, w = rows
    row = row_influence(steps, entry_at, exit_at, event)
    order, first, at = _changes(entry_at, exit_at, steps.clusters)
    k = len(steps.time)

    def state(start: Floats, end: Floats) -> Floats:
        """Values after each change: the row's at entry, then its own at exit."""
        return _state(w * start, w * end, order, first)

    def by_time(left: Floats, right: Floats, *, upward: bool) -> Floats:
        change = _difference(left * right, first)
        sums: Floats = np.bincount(at, change, k + 1).astype(float)
        # What ends in 0 is summed from the end: forward sums lose digits there.
        return (np.cumsum(sums, dtype=float) if upward else _after(sums))[1:]

    ones, zeros = np.ones(len(w)), np.zeros(len(w))
    risk, slope = state(ones, zeros), state(-row.slope_start, row.slope)
    slope2 = by_time(slope, slope, upward=True)
    risk_slope = by_time(risk, slope, upward=False)
    risk2 = by_time(risk, risk, upward=False)
    carried = row.carried[1:]
    survival = steps.survival**2 * (slope2 + 2 * carried * risk_slope + carried**2 * risk2)
    incidence = np.empty_like(steps.incidence)
    for cause in range(incidence.shape[1]):
        fixed = state(row.start[:, cause], row.gone[:, cause])
        f, q = steps.incidence[:, cause], row.drift[1:, cause]
        incidence[:, cause] = (
            by_time(fixed, fixed, upward=True)
            + 2 * f * by_time(fixed, slope, upward=True)
            + f**2 * slope2
            + 2 * q * (by_time(risk, fixed, upward=False) + f * risk_slope)
            + q**2 * risk2
        )
    return np.maximum(survival, 0.0), np.maximum(incidence, 0.0)


def distinct_rows(steps: IncidenceSteps) -> tuple[Ints, Ints, Ints, Floats]:
    """Return entry, exit, event and weight of the rows, or of one row for all that are alike.

    Rows of one exit and event that entered at the start have one influence: as the square is
    wanted, they are a row of weight sqrt(sum of squared weights).
    """
    if steps.clusters is not None or steps.late:
        return steps.entry_at, steps.exit_at, steps.event, steps.weights
    width = steps.incidence.shape[1] + 1
    square = np.bincount(steps.exit_at * width + steps.event, steps.weights**2)
    cell = np.flatnonzero(square)
    return np.zeros(len(cell), dtype=np.int64), cell // width, cell % width, np.sqrt(square[cell])


def _changes(
    entry_at: Ints, exit_at: Ints, clusters: Ints | None
) -> tuple[Ints | None, Ints, Ints]:
    """Order the entries and exits of all rows by cluster and time.

    Returns
    -------
    order : (2n,) of the changes, entry and exit of row 0, of row 1, ...; None = as they are.
    first : (g,) position of each cluster's first change.
    at : (2n,) padded time of each, in that order.
    """
    at = np.stack([entry_at, exit_at], axis=1).ravel()
    if clusters is None:
        return None, np.arange(0, len(at), 2), at
    codes = np.repeat(clusters, 2)
    order = np.lexsort((at, codes))
    codes = codes[order]
    return order, np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]]), at[order]


def _state(start: Floats, end: Floats, order: Ints | None, first: Ints) -> Floats:
    if order is None:
        return np.stack([start, end], axis=1).ravel()
    change = np.stack([start, end - start], axis=1).ravel()[order]
    # Each cluster starts from 0: the last one's total is taken off, and no digits are lost to it.
    change[first[1:]] -= np.add.reduceat(change, first)[:-1]
    return np.cumsum(change)


def _difference(values: Floats, first: Ints) -> Floats:
    result = np.diff(values, prepend=0.0)
    result[first] = values[first]
    return result


def _after(sums: Floats) -> Floats:
    """Return minus the sum of what comes after each; the whole sums to 0."""
    return np.concatenate([-np.cumsum(sums[:0:-1])[::-1], [0.0]])
