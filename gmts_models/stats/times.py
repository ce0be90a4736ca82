"""Times, ties and risk sets; the conventions of ``outcome.py`` as arithmetic."""

from __future__ import annotations

import numpy as np

from gmts_models.outcome import Bools, Floats, Ints

TIE_TOLERANCE = 1.490116119384766e-8  # sqrt of the double's machine epsilon, as R's timefix


def merge_near_ties(times: Floats) -> Floats:
    """Make times equal that differ by no more than floating-point noise.

    Parameters
    ----------
    times : (n,) float.

    Returns
    -------
    (n,) float; each run of distinct times that lie within `TIE_TOLERANCE` of their neighbour,
    absolutely or relative to the mean of all, takes the value of its first.

    Source: the rule of ``survival::timefix`` (R), after ``all.equal``.
    """
    distinct = np.unique(times)
    if len(distinct) < 2:
        return times
    gaps = np.diff(distinct)
    scale = np.abs(distinct).mean()
    near = (gaps <= TIE_TOLERANCE) | (gaps <= TIE_TOLERANCE * scale)
    if not near.any():
        return times
    first = np.maximum.accumulate(np.where(np.r_[True, ~near], np.arange(len(distinct)), 0))
    moved = np.flatnonzero(np.r_[False, near])  # few: the others stay as they are
    place = np.minimum(np.searchsorted(distinct[moved], times), len(moved) - 1)
    same = distinct[moved][place] == times
    return np.where(same, distinct[first[moved]][place], times)


def count_until(times: Floats, at: Floats) -> Ints:
    """Return (m,) how many of the sorted `times` (k,) are at or before each `at` (m,).

    A time that lies behind by floating-point noise only, such as 0.1 * 3 behind 0.3, counts.
    """
    late = at + TIE_TOLERANCE * np.maximum(1.0, np.abs(at))
    return np.asarray(np.searchsorted(times, late, side="right"))


def count_at_risk(
    at: Floats, entry: Floats, exit_: Floats, weights: Floats | None = None
) -> Floats:
    """Count (or weigh) the people at risk just before each time.

    Parameters
    ----------
    at : (k,) float, in any order.
    entry, exit_ : (n,) float. An entry of 0 is no delayed entry.
    weights : (n,) or (n, b) float; default 1 each.

    Returns
    -------
    (k,) or (k, b) float: the sum over entry < t <= exit, where entry 0 counts at t = 0 too.
    """
    w = np.ones(len(exit_)) if weights is None else weights
    late = entry > 0
    return _sum_from(at, exit_, w, "left") - _sum_from(at, entry[late], w[late], "left")


def _sum_from(at: Floats, times: Floats, weights: Floats, side: str) -> Floats:
    """Sum the weights of all times >= each `at`."""
    order = np.argsort(times, kind="stable")
    # Cumulated from the latest time down: forward sums lose digits where it matters most.
    tail = np.cumsum(weights[order][::-1], axis=0)[::-1]
    tail = np.concatenate([tail, np.zeros((1, *weights.shape[1:]))])
    first: Ints = np.searchsorted(times[order], at, side=side)  # type: ignore[call-overload]
    return np.asarray(tail[first], dtype=float)


def sum_by_time(times: Floats, at: Floats, values: Floats, which: Bools) -> Floats:
    """Sum `values` of the rows `which` by their time.

    Parameters
    ----------
    times : (n,) float; every time of a row in `which` is among `at`.
    at : (k,) float, sorted, distinct.
    values : (n,) or (n, b) float.
    which : (n,) bool.

    Returns
    -------
    (k,) or (k, b) float.
    """
    result = np.zeros((len(at), *values.shape[1:]))
    np.add.at(result, np.searchsorted(at, times[which]), values[which])
    return result
