"""Rows that keep those who left from another cause at risk, as far as they would have been seen.

In the subdistribution someone who leaves from a competing cause at T stays at risk for ever. Had
they not left, they would have been censored some day: at t > T such a person weighs
G(t-) / G(T-), with G the product-limit of not being censored yet. With delayed entry, not having
come under observation by t is a second way not to be seen, and the weight is multiplied by
H(t-) / H(T-), with H the product-limit (backwards in time) of having entered by t.

So a person becomes several rows, in each of which the weight is constant, and a Cox fit of these
rows is a Fine-Gray fit. There is a row only where anyone leaves from the cause of interest.

Source: Fine & Gray (1999), JASA 94:496-509; Geskus (2011), Biometrics 67:39-49, for delayed entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gmts_models.errors import FitError
from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.rows import Rows
from gmts_models.stats.times import sum_by_time

CensoringTies = Literal["events first", "together"]
"""Whether those who leave at t are at risk of being censored at t: not, or (as crr has it) yes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Who is seen when: rows with what begins and ends them.

    Attributes
    ----------
    rows : as checked.
    begins, ends : (n,) bool: the person comes under observation after time 0 with this row; the
        person is censored at the end of it.
    groups : (n,) int codes 0..g-1 of the censoring strata, each with its own G and H.
    ties : of censorings with departures.
    """

    rows: Rows
    begins: Bools
    ends: Bools
    groups: Ints
    ties: CensoringTies


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationCurve:
    """G H of one censoring stratum, up to a factor, as steps at k times.

    Attributes
    ----------
    time : (k,) months at which anyone is censored or enters late, increasing.
    log : (k + 1,) log of the product of the factors above 0, before the first time and after each.
    lost, unseen : (k + 1,) how many factors of G and of H were 0 by then.
    censored, at_risk : (k,) the factor of G is 1 - censored / at_risk.
    entered, inside : (k,) that of H, to the power of -1, is 1 - entered / inside.
    """

    time: Floats
    log: Floats
    lost: Floats
    unseen: Floats
    censored: Floats
    at_risk: Floats
    entered: Floats
    inside: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedRows:
    """Rows of the subdistribution, by person and time.

    Attributes
    ----------
    row : (m,) int position of the row given that each comes from.
    entry, exit : (m,) months.
    left : (m,) bool: left from the cause of interest at `exit`.
    weight : (m,) that of not being censored; case weights are not in it.
    extra : (m,) bool: one of those that follow the person's own rows.
    """

    row: Ints
    entry: Floats
    exit: Floats
    left: Bools
    weight: Floats
    extra: Bools


def observation_curve(seen: Observed, group: int) -> ObservationCurve:
    """Estimate when people of one censoring stratum are seen; case weights count as people."""
    rows = seen.rows
    inside = (seen.groups == group) & (rows.weights > 0)
    late, lost = inside & seen.begins, inside & seen.ends
    time = np.unique(np.concatenate([rows.exit[lost], rows.entry[late]]))
    weights = np.stack([rows.weights, np.ones(len(rows))], axis=1)  # sums, and numbers of rows
    after = sum_beyond(time, rows.exit, weights, inside)
    after -= sum_beyond(time, rows.entry, weights, inside & (rows.entry > 0))
    entered = sum_by_time(rows.entry, time, weights, late)
    censored = sum_by_time(rows.exit, time, weights, lost)
    staying = after - entered
    resisting = staying
    if seen.ties == "together":
        leaving = inside & rows.left & np.isin(rows.exit, time)
        resisting = staying + sum_by_time(rows.exit, time, weights, leaving)
    empties = (censored[:, 1] > 0) & (resisting[:, 1] == 0)
    opens = (entered[:, 1] > 0) & (staying[:, 1] == 0)
    at_risk = resisting[:, 0] + censored[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.where(empties | (censored[:, 1] == 0), 0.0, np.log(resisting[:, 0] / at_risk))
        back = np.where(opens | (entered[:, 1] == 0), 0.0, np.log(staying[:, 0] / after[:, 0]))
    return ObservationCurve(
        time=time,
        log=padded_sum(step - back),
        lost=padded_sum(empties.astype(float)),
        unseen=padded_sum(opens.astype(float)),
        censored=censored[:, 0],
        at_risk=at_risk,
        entered=entered[:, 0],
        inside=after[:, 0],
    )


def weighted_rows(seen: Observed, cause: int, curves: list[ObservationCurve]) -> WeightedRows:
    """Write every row as rows of the subdistribution of `cause`.

    Raises
    ------
    FitError : with delayed entry, nobody was under observation at some time between departures
        from competing causes and later ones from `cause`, so that the former cannot be weighed.

    Notes
    -----
    As ``survival::finegray`` has it, a person's own row runs on, at weight 1, to the next change
    of the weights, and rows end where weights change, whether or not anyone leaves then.
    """
    rows = seen.rows
    counted = rows.weights > 0
    of_cause = (rows.event == cause) & counted
    competing = counted & rows.left & (rows.event != cause)
    exit_, end = rows.exit.copy(), float(rows.exit.max())
    parts = []
    for stratum in np.unique(rows.strata[of_cause]):
        events = np.unique(rows.exit[of_cause & (rows.strata == stratum)])
        mine = competing & (rows.strata == stratum)
        for group in np.unique(seen.groups[mine]):
            who, curve = np.flatnonzero(mine & (seen.groups == group)), curves[group]
            parts.append(_later_rows(curve, who, rows.exit[who], events, end))
            begin = np.searchsorted(curve.time, rows.exit[who], side="left")
            exit_[who] = np.append(curve.time, end)[begin]
    n = len(rows)
    row, start, stop, weight = (
        np.concatenate(each) for each in zip(_no_rows(), *parts, strict=True)
    )
    all_rows = np.concatenate([np.arange(n), row])
    order = np.argsort(all_rows, kind="stable")
    return WeightedRows(
        row=all_rows[order],
        entry=np.concatenate([rows.entry, start])[order],
        exit=np.concatenate([exit_, stop])[order],
        left=np.concatenate([rows.event == cause, np.zeros(len(row), dtype=bool)])[order],
        weight=np.concatenate([np.ones(n), weight])[order],
        extra=(np.arange(n + len(row)) >= n)[order],
    )


def _later_rows(
    curve: ObservationCurve, who: Ints, left_at: Floats, events: Floats, end: float
) -> tuple[Ints, Floats, Floats, Floats]:
    """Return row, entry, exit and weight of what follows the own rows of competitors `who`."""
    begin = np.searchsorted(curve.time, left_at, side="left")
    kept = np.unique(np.searchsorted(curve.time, events, side="left"))
    number = len(kept) - np.searchsorted(kept, begin, side="right")
    which = np.repeat(np.arange(len(who)), number)
    place = kept[np.arange(len(which)) - np.repeat(np.cumsum(number) - len(kept), number)]
    alive = curve.lost[place] == curve.lost[begin[which]]
    which, place = which[alive], place[alive]
    if (curve.unseen[place] != curve.unseen[begin[which]]).any():
        raise FitError(
            "after some people left from another cause nobody was under observation for a while "
            "(delayed entry), so how often such people are seen cannot be told",
            where="fine_gray, entry",
            fix="start the clock after the gap: leave out who left before it, and enter the "
            "others there",
        )
    # Nobody is at risk a second time at time 0, which an entry of 0 includes.
    start = np.maximum(curve.time[place - 1], np.nextafter(0.0, 1.0))
    weight = np.exp(curve.log[place] - curve.log[begin[which]])
    return who[which], start, np.append(curve.time, end)[place], weight


def _no_rows() -> tuple[Ints, Floats, Floats, Floats]:
    return np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0), np.zeros(0)


def sum_beyond(
    at: Floats,
    times: Floats,
    values: Floats,
    which: Bools | None = None,
    *,
    inclusive: bool = False,
) -> Floats:
    """Sum `values` of the rows `which` whose time is > (or >=) each `at`, from the latest down."""
    kept = np.arange(len(times)) if which is None else np.flatnonzero(which)
    order = kept[np.argsort(times[kept], kind="stable")]
    tail = np.cumsum(values[order][::-1], axis=0)[::-1]
    tail = np.concatenate([tail, np.zeros((1, values.shape[1]))])
    first = np.searchsorted(times[order], at, side="left" if inclusive else "right")
    return np.asarray(tail[first], dtype=float)


def padded_sum(values: Floats) -> Floats:
    """Cumulate, with a 0 in front."""
    return np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
