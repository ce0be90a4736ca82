"""What is known of people on a prediction date: the only view of the records that features have.

The rule, stated here once: on a prediction date the facts dated before it are known, and no others.
A fact known at the start is dated before the first day on the scheme, so it is known on the start
date itself. The end of a placement is a fact of its own: until it has passed, the placement is
open. Everything that a feature sees goes through this view, so it cannot look ahead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.data.contract.columns import BY_NAME, Column
from gmts_models.data.contract.tables import TABLES
from gmts_models.data.months import Days, add_months, months_between, to_days
from gmts_models.data.people import People
from gmts_models.errors import InputError
from gmts_models.outcome import Bools, Floats, Ints

_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Known:
    """What is known of n rows; each row is a person on a prediction date.

    Attributes
    ----------
    person : (n,) positions in the table of trainees; a person may stand in several rows.
    on : (n,) prediction dates; NaT where durations came ready and there are no dates.
    sources : the columns that may be read, as "column" of the trainees or "table.column"; None =
        all.
    """

    person: Ints
    on: Days
    sources: frozenset[str] | None = None
    _people: People

    def __len__(self) -> int:
        return len(self.person)

    def __repr__(self) -> str:
        return f"Known(n={len(self)}, sources={sorted(self.sources or ())})"

    def limited(self, sources: Iterable[str], lag_days: int = 0) -> Known:
        """Return a view of some columns only, as they were known `lag_days` days earlier."""
        return replace(self, sources=frozenset(sources), on=self.on - lag_days * _DAY)

    # ---------------------------------------------------------- trainees

    @property
    def start(self) -> Days:
        """(n,) start dates; NaT where durations came ready."""
        return self._start()[self.person]

    @property
    def months(self) -> Floats:
        """(n,) months from the start to the prediction date; NaN without dates."""
        return months_between(self.start, self.on)

    def trainee(self, name: str) -> pd.Series[Any]:
        """Return a column of the trainees for the n rows, index 0..n-1, missing where not known.

        Raises
        ------
        InputError : the column is not there, not among the sources, or never known to a feature.
        """
        column = self._column("trainees", name)
        values = self._people.trainees[name].iloc[self.person].reset_index(drop=True)
        hidden = self._hidden(column, self._people.trainees.iloc[self.person])
        return values.mask(hidden) if hidden.any() else values

    # ----------------------------------------------------------- records

    def records(self, table: str) -> pd.DataFrame:
        """Return the records of the n rows that are known, oldest first within a row.

        Parameters
        ----------
        table : name of a table of people, such as "placements".

        Returns
        -------
        Frame with `row` (0..n-1, sorted) and the table's columns that are among the sources; the
        date of the record is always there. Facts of a record that come later than the prediction
        date are missing. A person without records has no line.
        """
        contract = TABLES[table]
        frame = self._table(table)
        wanted = [
            str(name)
            for name in frame
            if name != "trainee_id" and (name == contract.date or self._allowed(table, str(name)))
        ]
        row, record = self._join(frame)
        dated = to_days(frame[contract.date])[record] < self.on[row]
        row, record = row[dated], record[dated]
        order = np.lexsort((to_days(frame[contract.date])[record], row))
        row, record = row[order], record[order]
        found = frame[wanted].iloc[record].reset_index(drop=True)
        columns = self._columns(table)
        for name in wanted:
            known = columns[name].known
            if known in found and known != contract.date:
                later = ~(to_days(frame[known])[record] < self.on[row])
                found[name] = found[name].mask(later)
        found.insert(0, "row", row)
        return found

    def series(
        self, table: str, column: str, by: str | None = None, *, everywhere: bool = True
    ) -> pd.Series[Any]:
        """Return the latest known value of a table that belongs to no one, for the n rows.

        Parameters
        ----------
        table : such as "labour_market".
        column : whose latest known value is taken.
        by : column of the table and of the trainees; records in which it is missing serve those
            for whom nothing else is known.
        everywhere : False = they serve no one, and values of one's own group alone are given.
        """
        frame = self._table(table)
        self._column(table, column)
        frame = frame[frame[column].notna()].assign(_day=lambda part: to_days(part["date"]))
        frame = frame.sort_values(["_day", column], kind="stable")
        trainees = self._people.trainees
        groups = _labels(trainees[by])[self.person] if by in trainees else None
        label = _labels(frame[by]) if by in frame else np.full(len(frame), None)
        of_all = pd.isna(label)
        values = _latest(frame[of_all], column, self.on)
        values = values if everywhere else np.full(len(self), np.nan)
        if groups is not None:
            for group in pd.unique(label[~of_all]):
                rows = groups == group
                own = _latest(frame[label == group], column, self.on[rows])
                values[rows] = np.where(np.isnan(own), values[rows], own)
        return pd.Series(values)

    # ------------------------------------------------------------ others

    def others_there(self, by: Sequence[str]) -> Floats:
        """Return (n,) how many others of the same group have started and not left the NHS.

        Parameters
        ----------
        by : columns of the trainees known at the start; where one is missing the count is NaN.
        """
        started = self._count(by, "start_date", within_months=None, until_day=True)
        left = self._count(by, "leave_nhs_date", within_months=None)
        return np.asarray(started - left, dtype=float)

    def others_dated(
        self, by: Sequence[str], date: str, within_months: int | None = None
    ) -> Floats:
        """Return (n,) how many others of the same group have a date before the prediction date.

        Parameters
        ----------
        by : columns of the trainees known at the start; where one is missing the count is NaN.
        date : date column of the trainees, such as "leave_nhs_date".
        within_months : count only the months just before the prediction date; None = all.
        """
        return self._count(by, date, within_months=within_months, until_day=date == "start_date")

    def _count(
        self,
        by: Sequence[str],
        date: str,
        *,
        within_months: int | None,
        until_day: bool = False,
    ) -> Floats:
        for name in (*by, date):
            self._column("trainees", name)
        frame = self._people.trainees
        group = _group_codes(frame, by)
        dates = to_days(frame[date])
        # A start fact is dated before the first day, so that it counts on that day.
        on = self.on + _DAY if until_day else self.on
        begin = None if within_months is None else add_months(on, -within_months)
        mine, when = group[self.person], dates[self.person]
        counts = _counted(group, dates, mine, on) - (when < on)
        if begin is not None:
            counts = counts - (_counted(group, dates, mine, begin) - (when < begin))
        return np.where((mine < 0) | np.isnat(on), np.nan, counts)

    # ------------------------------------------------------------ inside

    def _start(self) -> Days:
        frame = self._people.trainees
        if "start_date" in frame:
            return to_days(frame["start_date"])
        return np.full(len(frame), np.datetime64("NaT"), dtype="datetime64[D]")

    def _columns(self, table: str) -> Mapping[str, Column]:
        if table == "trainees":
            return {**BY_NAME, **self._people.attributes}
        return {**TABLES[table].by_name, **self._people.table_attributes.get(table, {})}

    def _allowed(self, table: str, name: str) -> bool:
        full = name if table == "trainees" else f"{table}.{name}"
        return self.sources is None or full in self.sources

    def _column(self, table: str, name: str) -> Column:
        frame = self._people.trainees if table == "trainees" else self._table(table)
        if name not in frame or name not in self._columns(table):
            raise InputError(f"there is no column {name!r}", where=table)
        if not self._allowed(table, name):
            raise InputError(
                f"{name} is read, but it is not a declared source",
                where=table,
                fix="add it to the sources of the attribute",
            )
        return self._columns(table)[name]

    def _table(self, table: str) -> pd.DataFrame:
        if table not in self._people.tables:
            raise InputError(f"there is no table {table!r} of these people", where="tables")
        return self._people.tables[table]

    def _hidden(self, column: Column, rows: pd.DataFrame) -> Bools:
        """Return (n,) bool: where a fact of the trainees is not known yet."""
        nowhere = np.zeros(len(rows), dtype=bool)
        if "start_date" not in rows:  # ready durations: everything is as at the start
            return nowhere
        if column.known is None or column.known == "start":
            return np.asarray(self.on < to_days(rows["start_date"]))
        return ~(to_days(rows[column.known]) < self.on)

    def _join(self, frame: pd.DataFrame) -> tuple[Ints, Ints]:
        """Return every pair of a row and a record of its person."""
        ids = pd.Index(self._people.trainees["trainee_id"])
        owner = ids.get_indexer(pd.Index(frame["trainee_id"]))
        order = np.argsort(owner, kind="stable")
        first = np.searchsorted(owner[order], self.person, side="left")
        last = np.searchsorted(owner[order], self.person, side="right")
        number = last - first
        row = np.repeat(np.arange(len(self)), number)
        within = np.arange(len(row)) - np.repeat(np.cumsum(number) - number, number)
        return row, np.asarray(order[np.repeat(first, number) + within], dtype=np.int64)


def _group_codes(frame: pd.DataFrame, by: Sequence[str]) -> Ints:
    """Return (n,) codes of the groups; -1 where a label is missing."""
    codes = frame.groupby(list(by), dropna=True, sort=False).ngroup() if by else None
    if codes is None:
        return np.zeros(len(frame), dtype=np.int64)
    return np.asarray(codes, dtype=np.int64)


def _counted(group: Ints, dates: Days, mine: Ints, before: Days) -> Floats:
    """Return (n,) how many of all have the group `mine` and a date before `before`."""
    known = ~np.isnat(dates) & (group >= 0)
    order = np.lexsort((dates[known], group[known]))
    sorted_group = group[known][order]
    # One increasing key of group and day, so that a single search counts within the group.
    days = dates[known][order].astype(np.int64)
    low = int(days.min(initial=0))
    span = int(days.max(initial=0)) - low + 2
    key = sorted_group * span + (days - low)
    asked = np.clip(before.astype(np.int64) - low, 0, span - 1)
    asked = np.where(np.isnat(before), 0, asked)
    counted = np.searchsorted(key, mine * span + asked, side="left")
    counted = counted - np.searchsorted(sorted_group, mine, side="left")
    return np.asarray(counted, dtype=float)


def _labels(column: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """Return (n,) labels as plain objects; None where missing."""
    return np.asarray(column.astype(object).where(column.notna(), None), dtype=object)


def _latest(frame: pd.DataFrame, column: str, on: Days) -> Floats:
    """Return (n,) the last value dated before each day of `on`; NaN where there is none."""
    position = np.searchsorted(frame["_day"].to_numpy("datetime64[D]"), on, side="left") - 1
    values = frame[column].to_numpy(float)
    found = np.full(len(on), np.nan)
    told = (position >= 0) & ~np.isnat(on)
    found[told] = values[position[told]]
    return found


def known_on(people: People, person: Ints, on: Days) -> Known:
    """Return what is known of the people at some positions on some days.

    Parameters
    ----------
    people : checked records.
    person : (n,) positions in `people.trainees`.
    on : (n,) prediction dates.
    """
    return Known(person=person, on=to_days(on), _people=people)


def known_at_start(people: People) -> Known:
    """Return what is known of everyone on their start date."""
    frame = people.trainees
    if "start_date" in frame:
        on = to_days(frame["start_date"])
    else:
        on = np.full(len(frame), np.datetime64("NaT"), dtype="datetime64[D]")
    return known_on(people, np.arange(len(frame)), on)
