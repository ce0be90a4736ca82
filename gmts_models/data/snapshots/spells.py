"""Times in post: from being seen to being missed, short absences bridged.

An absence is measured in calendar months, from the snapshot that had the person last to that which
has them again: last seen in March and back in June are 3 months, on whatever days the extracts were
taken. Up to `grace_months` it is no departure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, assert_never

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.data.months import Days
from gmts_models.data.snapshots.calendar import months_apart
from gmts_models.data.snapshots.rows import Departures, Rows
from gmts_models.outcome import Bools, Floats, Ints

_LONGEST_MONTH = 31

LeavingDate = Literal["auto", "first_missed", "midpoint", "last_seen", "spread"]

_NAT = np.datetime64("NaT", "D")
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Spells:
    """s times in post, by person and date.

    Attributes
    ----------
    person : (s,) whose.
    first, last : (s,) positions of the first and the last date on which the person is seen.
    begin, end : (s,) positions of the spell's rows in `Visits`: begin <= i < end.
    leave : (s,) day of leaving; NaT = had not left when last heard of.
    source : (s,) position of the row that tells that day, and the destination; -1 = none does.
    told : (s,) position in `Departures`, where a row of a leaver tells it; -1 = none.
    """

    person: Ints
    first: Ints
    last: Ints
    begin: Ints
    end: Ints
    leave: Days
    source: Ints
    told: Ints

    @property
    def left(self) -> Bools:
        """(s,) bool: ended by leaving."""
        return np.asarray(~np.isnat(self.leave))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Visits:
    """m snapshots of people in post, one a person and date, in that order.

    Attributes
    ----------
    row : (m,) positions of the rows.
    person, when : (m,) who, and the position of the date.
    spell : (m,) position of the spell.
    bridged : (m,) bool: ends an absence that was short enough to be none.
    """

    row: Ints
    person: Ints
    when: Ints
    spell: Ints
    bridged: Bools


def find_visits(rows: Rows, chosen: Ints, grace_months: int) -> Visits:
    """Part the snapshots of each person into spells."""
    person, when = rows.person[chosen], rows.when[chosen]
    starts = np.ones(len(chosen), dtype=bool)
    same = person[1:] == person[:-1]
    away = same & (when[1:] - when[:-1] > 1)
    months = months_apart(rows.dates, when[:-1], when[1:])
    short = away & (months <= grace_months) & (grace_months > 0)
    starts[1:] = ~same | (away & ~short)
    return Visits(
        row=chosen,
        person=person,
        when=when,
        spell=np.cumsum(starts) - 1,
        bridged=np.append(False, short)[: len(chosen)],
    )


def find_spells(
    rows: Rows, visits: Visits, known: Departures, census: int, leaving_date: LeavingDate
) -> Spells:
    """Date the end of each spell.

    The day that the extract gives counts: in a row of a leaver, or else in the last row in post,
    where it lies before the snapshot that misses the person. Otherwise `leaving_date` says where
    in the gap between the two snapshots the departure is put.

    Parameters
    ----------
    rows, visits : where people are seen.
    known : days of leaving in rows of leavers.
    census : position of the date up to which absences can be told from leaving.
    leaving_date : see `from_snapshots`.
    """
    begin = np.flatnonzero(np.diff(visits.spell, prepend=-1))
    end = np.append(begin[1:], len(visits.spell))
    person, last = visits.person[begin], visits.when[end - 1]
    first = visits.when[begin]
    returns = np.append(person[1:] == person[:-1], False)
    seen = rows.dates[last]
    missed = rows.dates[np.minimum(last + 1, len(rows.dates) - 1)]
    until = np.where(returns, rows.dates[np.append(first[1:], 0)] - _DAY, rows.dates[-1])
    told = known.last_until(person, until)
    told = np.where((told >= 0) & (np.append(known.leave, _NAT)[told] > seen), told, -1)
    planned = rows.leave[visits.row[end - 1]]
    as_planned = (told < 0) & (planned > seen) & (planned <= missed)
    absent = returns | (last + 1 <= census)
    leave = np.where(absent, _between(rows, person, last, missed, leaving_date), _NAT)
    leave = np.where(absent & as_planned, planned, leave)
    leave = np.where(told >= 0, np.append(known.leave, _NAT)[told], leave)
    source = np.where(as_planned & absent, visits.row[end - 1], np.append(known.row, -1)[told])
    return Spells(
        person=person,
        first=first,
        last=last,
        begin=begin,
        end=end,
        leave=leave,
        source=source,
        told=told,
    )


def _between(rows: Rows, person: Ints, last: Ints, missed: Days, leaving_date: LeavingDate) -> Any:
    """Return (s,) a day after the last snapshot that has the person, up to the one that misses."""
    seen = rows.dates[last]
    if leaving_date == "auto":
        leaving_date = usual_leaving_date(rows.dates)
    match leaving_date:
        case "auto" | "first_missed":
            return missed
        case "last_seen":
            return seen
        case "midpoint":
            return seen + (missed - seen + _DAY) // 2
        case "spread":
            days = (missed - seen).astype(np.int64)
            share = _even_share(rows.ids[person], seen)
            return seen + (1 + np.floor(share * days)).astype("timedelta64[D]")
    assert_never(leaving_date)


def usual_leaving_date(dates: Days) -> LeavingDate:
    """Return "first_missed" for extracts of a month or less apart, "spread" for others.

    Where starts fall between snapshots, the first reads retention about one gap late: little for a
    month, and much for a year.
    """
    days = np.diff(dates.astype(np.int64))
    return "first_missed" if len(days) and np.median(days) <= _LONGEST_MONTH else "spread"


def _even_share(ids: npt.NDArray[np.object_], seen: Days) -> Floats:
    """Return (s,) numbers spread evenly over [0, 1), always the same for a person and a date."""
    names = np.char.add(ids.astype(str), np.char.add(" ", seen.astype(str))).astype(object)
    return np.asarray(pd.util.hash_array(names, categorize=False) >> np.uint64(11)) / 2.0**53
