"""People's follow-up as whole periods: one row for each period that a person begins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError, NotEstimableError
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.rows import check_rows
from gmts_models.stats.times import TIE_TOLERANCE


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


def person_periods(
    exit_: npt.ArrayLike,
    event: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    *,
    width: float = 1.0,
    until: int | None = None,
) -> PersonPeriods:
    """Cut follow-up into periods of equal width.

    Parameters
    ----------
    exit_, entry : (n,) months.
    event : (n,) codes or bool, 0 = censored.
    width : months in a period.
    until : the last period to keep; departures in later ones become censored at its end.

    Returns
    -------
    A row for each period at whose beginning a person was under observation and there, if the
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
    rows = check_rows(exit_, event, entry, where=where, merge_ties=False)
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
    code = rows.event
    if until is not None:
        code = np.where(last > until, 0, code)
        last = np.minimum(last, until)
    count = np.maximum(last - first, 0)
    row = np.repeat(np.arange(len(rows)), count)
    if len(row) == 0:
        raise NotEstimableError("nobody was followed for a whole period", where=where)
    step = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    period = first[row] + step + 1
    return PersonPeriods(row=row, period=period, event=np.where(period == last[row], code[row], 0))


def _whole(periods: Floats) -> Floats:
    """Make numbers whole that differ from it by floating-point noise only."""
    whole = np.round(periods)
    near = np.abs(periods - whole) <= TIE_TOLERANCE * np.maximum(1.0, whole)
    return np.asarray(np.where(near, whole, periods))
