"""Who is at risk, leaves and is censored at each time: what the product-limit family stands on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.rows import Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSets:
    """Sums over the n rows at each of the k distinct times of exit.

    Attributes
    ----------
    time : (k,) increasing.
    at_risk, events, censored : (k,) sums of weights; a row is at risk over entry < time <= exit.
    departures : (k,) int, the rows of positive weight that leave at each time.
    emptied : (k,) bool, everyone at risk leaves: told by counting rows, since sums of weights
        that should be equal may differ in their last digits.
    first, last : (n,) int, a row is at risk at the times first..last; last is that of its exit.
    """

    time: Floats
    at_risk: Floats
    events: Floats
    censored: Floats
    departures: Ints
    emptied: Bools
    first: Ints
    last: Ints


def risk_sets(rows: Rows) -> RiskSets:
    """Sum the rows by time of exit: one sort, the rest is linear in n."""
    time = np.unique(rows.exit)
    k = len(time)
    last = np.searchsorted(time, rows.exit)
    late = np.flatnonzero(rows.entry > 0)
    first = np.zeros(len(rows), dtype=np.int64)
    first[late] = np.searchsorted(time, rows.entry[late], side="right")
    w, left = rows.weights, rows.left
    ending = sum_at(last, w, k)
    events = sum_at(last[left], w[left], k)
    counted = w > 0
    departures = np.bincount(last[left & counted], minlength=k)
    present = _present(
        np.bincount(last[counted], minlength=k),
        np.bincount(first[late][counted[late]], minlength=k),
    )
    emptied = (departures > 0) & (departures == present)
    at_risk = _present(ending, sum_at(first[late], w[late], k))
    return RiskSets(
        time=time,
        at_risk=np.where(emptied, events, at_risk),
        events=events,
        censored=sum_at(last[~left], w[~left], k),
        departures=departures,
        emptied=emptied,
        first=first,
        last=last,
    )


def _present(ending: Floats | Ints, beginning: Floats | Ints) -> Floats:
    """Sum those who end at each time or later, less those who begin after it.

    Summed from the latest time down: forward sums lose digits where it matters most.
    """
    stay = np.cumsum(ending[::-1])[::-1]
    come = np.cumsum(beginning[:0:-1])[::-1]
    return np.asarray(stay - np.append(come, 0), dtype=float)


def sum_at(at: Ints, values: Floats, k: int) -> Floats:
    """Sum (n,) values by their place among k."""
    return np.asarray(np.bincount(at, values, k), dtype=float)
