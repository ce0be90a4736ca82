"""The times at which anyone leaves, by stratum, and where each row stands among them.

A Cox likelihood looks at risk sets only at the distinct times of leaving of each stratum. This
grid holds them, stratum after stratum, times increasing within a stratum; a row is then the range
of grid places at which it is at risk, and every sum over risk sets is a sum by place, cumulated
from the latest time of the stratum down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmts_models.outcome import Floats, Ints
from gmts_models.stats.rows import Rows

_TOGETHER, _MANY = 8, 4096
"""Rows that are cumulated by one small product, and rows from which that is quicker."""
_CACHED = 4096
"""Times that a search meets in the cache, in whatever order it comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventGrid:
    """Distinct (stratum, time of leaving) pairs.

    Attributes
    ----------
    stratum : (k,) int codes, increasing.
    time : (k,) months, increasing within a stratum.
    deaths : (k,) int number of rows (of positive weight) that leave then.
    weight : (k,) float sum of their weights.
    starts : (s,) int places at which a stratum begins, increasing; the first is 0.
    tied : (t,) int places at which more than one row leaves.
    gone : the share l / d of the tied that is gone when the l-th of them leaves, for l = 0..d-1,
        tied place after tied place.
    """

    stratum: Ints
    time: Floats
    deaths: Ints
    weight: Floats
    starts: Ints
    tied: Ints
    gone: Floats

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where rows stand in a grid.

    Attributes
    ----------
    first, last : (n,) int; a row is at risk at the places first..last, nowhere if last < first.
        A row that leaves does so at ``last``.
    """

    first: Ints
    last: Ints


def event_grid(rows: Rows) -> EventGrid:
    """Return the grid of these rows; those of weight 0 do not count."""
    leavers = np.flatnonzero(rows.left & (rows.weights > 0))
    stratum = rows.strata[leavers] if rows.strata.any() else None
    return _grid(stratum, rows.exit[leavers], None, rows.weights[leavers])


def join_grids(grids: Sequence[EventGrid]) -> EventGrid:
    """Return the grid of rows that lie in several parts, from the grids of the parts."""
    return _grid(
        *(
            np.concatenate([getattr(grid, name) for grid in grids])
            for name in ("stratum", "time", "deaths", "weight")
        )
    )


def _grid(stratum: Ints | None, time: Floats, deaths: Ints | None, weight: Floats) -> EventGrid:
    times = np.unique(time)
    position = _count_up_to(times, time) - 1
    if stratum is not None:
        keys, position = np.unique(stratum * len(times) + position, return_inverse=True)
        of_stratum, of_time = keys // len(times), times[keys % len(times)]
    else:
        of_stratum, of_time = np.zeros(len(times), dtype=np.int64), times
    count = np.bincount(position, deaths, len(of_time)).astype(np.int64)
    tied, gone = shares_of_ties(count)
    return EventGrid(
        stratum=of_stratum,
        time=of_time,
        deaths=count,
        weight=np.bincount(position, weight, len(of_time)).astype(float),
        starts=np.flatnonzero(np.diff(of_stratum, prepend=-1)),
        tied=tied,
        gone=gone,
    )


def shares_of_ties(deaths: Ints) -> tuple[Ints, Floats]:
    """Return the fields `tied` and `gone` of a grid with so many deaths (k,) at its places."""
    tied = np.flatnonzero(deaths > 1)
    number = deaths[tied]
    order = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
    return tied, order / np.repeat(number, number)


def places(grid: EventGrid, rows: Rows) -> Places:
    """Find the places of rows, all of whose times of leaving are in the grid."""
    if len(grid.starts) <= 1 and not rows.strata.any():
        return Places(
            first=_count_entered(grid.time, rows.entry),
            last=_count_up_to(grid.time, rows.exit) - 1,
        )
    times = np.unique(grid.time)
    base = len(times) + 1
    key = grid.stratum * base + 1 + np.searchsorted(times, grid.time)
    entered = _count_entered(times, rows.entry)
    first = np.searchsorted(key, rows.strata * base + entered, side="right")
    last = np.searchsorted(key, rows.strata * base + _count_up_to(times, rows.exit), "right") - 1
    # The last place may be one of an earlier stratum: then it lies before the first.
    return Places(first=first, last=last)


def _count_up_to(times: Floats, at: Floats) -> Ints:
    """Return (n,) how many of the sorted `times` are <= each `at`."""
    if len(times) <= _CACHED or (at[1:] >= at[:-1]).all():
        return np.searchsorted(times, at, side="right")
    order = np.argsort(at)  # neighbours in time are then neighbours in memory
    count = np.empty(len(at), dtype=np.int64)
    count[order] = np.searchsorted(times, at[order], side="right")
    return count


def _count_entered(times: Floats, entry: Floats) -> Ints:
    """Return (n,) how many of the sorted `times` have passed when each row enters."""
    late = np.flatnonzero(entry > 0)  # without delayed entry a row is at risk at time 0 too
    if not len(late):
        return np.broadcast_to(np.int64(0), entry.shape)
    count = np.zeros(len(entry), dtype=np.int64)
    count[late] = _count_up_to(times, entry[late])
    return count


def cumulate_down(values: Floats, starts: Ints) -> Floats:
    """Sum `values` (k,) or (k, p) over each place and the later ones of its stratum.

    Summing from the latest time down keeps the digits of the small risk sets at the end.
    """
    return _cumulate(values[::-1], (len(values) - starts)[::-1])[::-1]


def cumulate_up(values: Floats, starts: Ints) -> Floats:
    """Sum `values` (k,) or (k, p) over each place and the earlier ones of its stratum."""
    return _cumulate(values, np.append(starts[1:], len(values)))


def _cumulate(values: Floats, ends: Ints) -> Floats:
    """Cumulate within the segments that end before `ends` (increasing)."""
    if len(ends) == 1:
        return _cumulate_one(values)
    lengths = np.diff(ends, prepend=0)
    if len(ends) <= max(1, int(lengths.max(initial=0))):  # few long segments
        total = np.empty_like(values)
        for begin, end in zip(ends - lengths, ends, strict=True):
            np.cumsum(values[begin:end], axis=0, out=total[begin:end])
        return total
    total = values.copy()  # many short ones: one place further in all that are long enough
    begins = (ends - lengths)[np.argsort(-lengths, kind="stable")]
    longest = np.sort(lengths)[::-1]
    for step in range(1, int(lengths.max(initial=0))):
        here = begins[: np.searchsorted(-longest, -step, side="left")] + step
        total[here] += total[here - 1]
    return total


def _cumulate_one(values: Floats) -> Floats:
    """Cumulate one segment: of many rows of several columns, within eights first."""
    whole = len(values) // _TOGETHER * _TOGETHER
    if values.ndim == 1 or whole < _MANY:
        return np.cumsum(values, axis=0)
    total = np.empty_like(values)
    parts = values[:whole].reshape(-1, _TOGETHER, values.shape[1])
    inner = total[:whole].reshape(parts.shape)
    np.matmul(np.tri(_TOGETHER), parts, out=inner)
    before = np.cumsum(inner[:, -1], axis=0)
    inner[1:] += before[:-1, None]
    np.cumsum(values[whole:], axis=0, out=total[whole:])
    total[whole:] += before[-1]
    return total
