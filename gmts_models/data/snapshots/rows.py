"""The rules for single rows of snapshots, and which rows tell what: in post, or left.

A row whose person, date or leaving cannot be told is rejected. Any other cell that cannot be read
counts as empty, and its row counts: without it the person would seem to have been away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.data.checking.records import Records, missing_cells
from gmts_models.data.checking.rejections import Problem, Violation, rejected_rows, violation
from gmts_models.data.months import Days
from gmts_models.outcome import Bools, Ints

_WITHOUT_WHICH_NOTHING = ("trainee_id", "snapshot_date", "leave_nhs_date", "event")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Rows:
    """What n rows say, of whom and when.

    Attributes
    ----------
    records : their parsed columns.
    ids : (p,) the people, sorted.
    dates : (d,) the dates of the snapshots, increasing.
    person : (n,) position in `ids`; -1 for a row that does not count.
    when : (n,) position in `dates`; -1 likewise.
    leave : (n,) day of leaving; NaT = none.
    ended : (n,) bool: the row is of a leaver, not of somebody in post.
    """

    records: Records
    ids: npt.NDArray[np.object_]
    dates: Days
    person: Ints
    when: Ints
    leave: Days
    ended: Bools

    @property
    def counts(self) -> Bools:
        """(n,) bool: rows that count."""
        return np.asarray(self.person >= 0)

    @property
    def in_post(self) -> Bools:
        """(n,) bool: rows of people in post."""
        return np.asarray(self.counts & ~self.ended)

    @property
    def month(self) -> Ints:
        """(d,) calendar month of each date, from 1970 on."""
        return self.dates.astype("datetime64[M]").astype(np.int64)

    def without(self, rows: Ints | Bools) -> Rows:
        """Return the same, some rows not counting any more."""
        person, when = self.person.copy(), self.when.copy()
        person[rows], when[rows] = -1, -1
        return replace(self, person=person, when=when)


def check_rows(records: Records, today: np.datetime64) -> tuple[list[Violation], list[Violation]]:
    """Apply the rules that hold within a row.

    Returns
    -------
    Violations of rejected rows, and of cells that count as empty.
    """
    rejected: list[Violation] = []
    noted: list[Violation] = []
    for name, parsed in records.columns.items():
        to = rejected if name in _WITHOUT_WHICH_NOTHING else noted
        to.extend(each for each in parsed.violations if len(each.rows))
    date, start = records.days("snapshot_date"), records.days("start_date")
    rejected += [
        missing_cells(records, "trainee_id"),
        missing_cells(records, "snapshot_date"),
        violation(
            date > today,
            "snapshot_date",
            "snapshot_date is after today",
            "correct it; a period that is not over is dated on its last day: leave it out, or say "
            "period_end=False",
        ),
        violation(
            start > date,
            "start_date",
            "start_date is after snapshot_date",
            "correct one of the two dates; who has not started is not in post",
        ),
        violation(
            records.days("leave_nhs_date") < start,
            "leave_nhs_date",
            "leave_nhs_date is before start_date",
            "correct one of the two dates; leave a date of earlier leaving empty",
        ),
    ]
    return [each for each in rejected if len(each.rows)], noted


def lay_out(records: Records, rejected: list[Violation]) -> Rows:
    """Give numbers to the people and the dates of the rows that count."""
    n = len(records)
    counts = ~rejected_rows(rejected, n)
    person, when = np.full(n, -1, dtype=np.int64), np.full(n, -1, dtype=np.int64)
    codes, ids = pd.factorize(records.text("trainee_id")[counts], sort=True)
    person[counts] = codes
    date = records.days("snapshot_date")
    dates, position = np.unique(date[counts], return_inverse=True)
    when[counts] = position
    leave = records.days("leave_nhs_date").copy()
    if "event" in records:
        told = (records.floats("event") == 1) & np.isnat(leave)
        leave[told] = date[told]
    return Rows(
        records=records,
        ids=np.asarray(ids, dtype=object),
        dates=dates,
        person=person,
        when=when,
        leave=leave,
        ended=np.asarray(leave <= date),
    )


# ------------------------------------------------------------- leaving


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Departures:
    """Days of leaving that rows of leavers tell: f different ones, by person and day.

    Attributes
    ----------
    person, leave : (f,) who, and when.
    told : (f,) position of the first date whose snapshot tells it.
    row : (f,) position of a row that tells it, with the destination where any has it.
    key : (f,) increasing number of person and day; `at` makes one.
    """

    person: Ints
    leave: Days
    told: Ints
    row: Ints
    key: Ints

    def last_until(self, person: Ints, day: Days) -> Ints:
        """Return (m,) the position of a person's last departure until a day; -1 = none."""
        found = np.searchsorted(self.key, at(person, day), side="right") - 1
        mine = (found >= 0) & (np.append(self.person, -1)[found] == person)
        return np.where(mine, found, -1)

    def position(self, person: Ints, day: Days) -> Ints:
        """Return (m,) the position of departures that are among these."""
        return np.searchsorted(self.key, at(person, day)).astype(np.int64)


def at(person: Ints, day: Days) -> Ints:
    """Return (m,) a number that grows with person and day, of the years 1700 to 2199."""
    return np.asarray(
        person * 10_000_000 + day.astype("datetime64[D]").astype(np.int64) + 1_000_000
    )


def departures(rows: Rows) -> Departures:
    """Gather what rows of leavers tell."""
    told = np.flatnonzero(rows.counts & rows.ended)
    key = at(rows.person[told], rows.leave[told])
    nowhere = rows.records.empty("destination")[told]
    destination = rows.records.text("destination")[told].astype(str)
    order = np.lexsort((destination, rows.when[told], nowhere, key))
    told, key = told[order], key[order]
    keys, first, each = np.unique(key, return_index=True, return_inverse=True)
    earliest = np.full(len(keys), np.iinfo(np.int64).max)
    np.minimum.at(earliest, each, rows.when[told])
    row = told[first]
    return Departures(
        person=rows.person[row], leave=rows.leave[row], told=earliest, row=row, key=keys
    )


def late_rows(rows: Rows, known: Departures, grace_months: int) -> tuple[Bools, Bools]:
    """Find the snapshots that still have a person in post after a day of leaving told later.

    Returns
    -------
    late : (n,) bool, rows in post within the grace period after that day: the leaving was entered
        late, and they do not count.
    wrong : (n,) bool, rows of leavers whose day of leaving is contradicted by a longer stay.
    """
    n = len(rows.person)
    late, wrong = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    post = np.flatnonzero(rows.in_post)
    fact = known.last_until(rows.person[post], rows.dates[rows.when[post]])
    post, fact = post[fact >= 0], fact[fact >= 0]
    after = known.told[fact] > rows.when[post]
    post, fact = post[after], fact[after]
    left = known.leave[fact].astype("datetime64[M]").astype(np.int64)
    within = (rows.month[rows.when[post]] - left <= grace_months) & (grace_months > 0)
    contradicted = np.zeros(len(known.key), dtype=bool)
    contradicted[fact[~within]] = True
    late[post[within & ~contradicted[fact]]] = True
    ended = np.flatnonzero(rows.counts & rows.ended)
    wrong[ended] = contradicted[known.position(rows.person[ended], rows.leave[ended])]
    return late, wrong


LATE = Problem(
    reason="the person had left by this snapshot, as a later one says",
    fix="nothing to do: the leaving was entered late, and the row does not count",
)
WRONG = Problem(
    reason="leave_nhs_date is contradicted by later snapshots with the person in post",
    fix="correct it; the person counts as in post until the snapshots say otherwise",
)
