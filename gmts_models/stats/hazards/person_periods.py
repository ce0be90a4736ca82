"""People's follow-up as whole periods: one row for each period that a person begins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError, NotEstimableError
from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.rows import check_rows
from gmts_models.stats.times import TIE_TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodSpans:
    """In which periods each row is at risk; all (n,).

    Attributes
    ----------
    first : int, the row is at risk in the periods after this one; none where `last` is `first`.
    last : int, the last period that it is at risk in.
    event : int, what came of the last period: the code of a departure, else 0.
    """

    first: Ints
    last: Ints
    event: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPeriods:
    """Who was at risk in which period, and what came of it; all (m,), a row's periods in order.

    Attributes
    ----------
    row : int, the row given that each comes from.
    period : int, k >= 1 from (k - 1) to k widths.
    event : int, the row's code in the period of leaving, else 0.
    """

    row: Ints
    period: Ints
    event: Ints


def period_spans(
    exit_: npt.ArrayLike,
    event: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    people: npt.ArrayLike | None = None,
    *,
    width: float = 1.0,
    until: int | None = None,
) -> PeriodSpans:
    """Cut follow-up into periods of equal width.

    Parameters
    ----------
    exit_, entry : (n,) months.
    event : (n,) codes or bool, 0 = censored.
    people : (n,) labels of people, where one has several rows. Where a row ends at the moment at
        which the next of the person begins, the period in between is the earlier row's, with what
        comes of it: columns of the later row were not known when the period began. Default: rows
        are people.
    width : months in a period.
    until : the last period to keep; departures in later ones become censored at its end.

    Returns
    -------
    A row is at risk in each period at whose beginning it was under observation and there, if the
    person left in it or was seen to its end. The period in which someone comes under observation
    does not count, nor that from which someone is lost while there.

    Raises
    ------
    InputError : bad rows; someone left at month 0, before any period; width is not positive.
    NotEstimableError : nobody was followed for a whole period.

    Notes
    -----
    Where follow-up ends within periods, hazards come out a little too high: those who leave before
    they would have been lost count, those who are lost do not. A census at the end of a period, or
    a small width, avoids it.
    """
    where = "person_periods"
    rows = check_rows(exit_, event, entry, None, None, people, where=where, merge_ties=False)
    if not (np.isfinite(width) and width > 0):
        raise InputError("width must be a positive number of months", where=f"{where}, width")
    if (bad := rows.left & (rows.exit == 0)).any():
        raise InputError(
            f"{int(bad.sum())} row(s) leave at month 0, before the first period",
            where=f"{where}, first at row {int(np.argmax(bad))}",
            fix="count a departure on the first day as one in the first period",
        )
    begin, end = _whole(rows.entry / width), _whole(rows.exit / width)
    first = np.ceil(begin).astype(np.int64)
    last = np.where(rows.left, np.ceil(end), np.floor(end)).astype(np.int64)
    stop, code = last, rows.event
    if rows.clusters is not None:
        final, goes_on = _join(begin, end, rows.event, rows.clusters)
        stop, code = last[final], rows.event[final]
        last = np.where(goes_on, np.minimum(np.ceil(end).astype(np.int64), stop), last)
    if until is not None:
        code = np.where(stop > until, 0, code)
        last = np.minimum(last, until)
    if not (last > first).any():
        raise NotEstimableError("nobody was followed for a whole period", where=where)
    event_ = np.where((last == stop) & (last > first), code, 0)
    return PeriodSpans(first=first, last=np.maximum(last, first), event=event_)


def expand_spans(spans: PeriodSpans) -> PersonPeriods:
    """Return a row for each row and period at risk."""
    count = spans.last - spans.first
    row = np.repeat(np.arange(len(count)), count)
    ends = np.cumsum(count)
    period = np.arange(1, len(row) + 1)
    period += np.repeat(spans.first - ends + count, count)
    event = np.zeros(len(row), dtype=np.int64)
    some = count > 0
    event[ends[some] - 1] = spans.event[some]
    return PersonPeriods(row=row, period=period, event=event)


def person_periods(
    exit_: npt.ArrayLike,
    event: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    people: npt.ArrayLike | None = None,
    *,
    width: float = 1.0,
    until: int | None = None,
) -> PersonPeriods:
    """Return a row for each row and period at risk; the parameters are those of `period_spans`."""
    return expand_spans(period_spans(exit_, event, entry, people, width=width, until=until))


def _join(begin: Floats, end: Floats, event: Ints, people: Ints) -> tuple[Ints, Bools]:
    """Return for each row (n,) the last of those that follow it without a gap, and if any does."""
    order = np.lexsort((end, begin, people))
    gap = np.abs(begin[order][1:] - end[order][:-1])
    near = gap <= TIE_TOLERANCE * np.maximum(1.0, end[order][:-1])
    joined = near & (people[order][1:] == people[order][:-1]) & (event[order][:-1] == 0)
    stretch = np.cumsum(np.r_[True, ~joined]) - 1
    final, goes_on = np.empty_like(order), np.zeros(len(order), dtype=bool)
    final[order] = order[np.r_[~joined, True]][stretch]
    goes_on[order[:-1]] = joined
    return final, goes_on


def _whole(periods: Floats) -> Floats:
    """Make numbers whole that differ from it by floating-point noise only."""
    whole = np.round(periods)
    near = np.abs(periods - whole) <= TIE_TOLERANCE * np.maximum(1.0, whole)
    return np.asarray(np.where(near, whole, periods))
