"""What is known of people on a prediction date: the only view of the records that features have.

The rule, stated here once: on a prediction date the facts dated before it are known, and no others.
A fact known at the start is dated before the first day on the scheme, so it is known on the start
date itself. The end of a placement is a fact of its own: until it has passed, the placement is
open. Everything that a feature sees goes through this view, so it cannot look ahead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.data.contract.columns import BY_NAME, Column
from gmts_models.data.contract.tables import TABLES
from gmts_models.data.months import Days, add_months, months_between, to_days
from gmts_models.data.people import People
from gmts_models.errors import InputError
from gmts_models.features.access import NAT, Access, undeclared
from gmts_models.features.dated import Dated, by_group_and_day, group_codes, ranks, settle_ties
from gmts_models.outcome import Bools, Floats, Ints

_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Known:
    """What is known of n rows; each row is a person on a prediction date.

    Attributes
    ----------
    person : (n,) positions in the table of trainees; a person may stand in several rows.
    on : (n,) prediction dates; NaT where durations came ready and there are no dates.
    sources : the columns that may be read, as "column" of the trainees or "table.column"; None =
        all.
    lag_days : a fact is known only so many days after it would be otherwise.
    """

    person: Ints
    on: Days
    sources: frozenset[str] | None = None
    lag_days: int = 0
    _people: People
    _sorted: dict[str, Dated] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        on, person = to_days(self.on).view(), np.asarray(self.person, dtype=np.int64).view()
        n = len(self._people.trainees)
        if person.ndim != 1 or on.shape != person.shape:
            raise InputError("there must be one prediction date a row", where="person, on")
        if person.size and not 0 <= person.min() <= person.max() < n:
            raise InputError(f"positions must lie in 0..{n - 1}", where="person")
        for name, array in (("on", on), ("person", person)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.person)

    def __repr__(self) -> str:
        sources = "all" if self.sources is None else sorted(self.sources)
        return f"Known(n={len(self)}, sources={sources})"

    def limited(self, sources: Iterable[str], lag_days: int = 0) -> Known:
        """Return a view of some of the columns, with each fact known `lag_days` days later.

        The prediction dates stay, so that time since a fact is told up to them.

        Raises
        ------
        InputError : `lag_days` is negative.
        """
        if lag_days < 0:
            raise InputError("a lag cannot be negative: it would look ahead", where="lag_days")
        names = frozenset(sources) if self.sources is None else self.sources & frozenset(sources)
        view = replace(self, sources=names, lag_days=self.lag_days + lag_days)
        object.__setattr__(view, "_sorted", self._sorted)  # the same people
        return view

    def has(self, source: str) -> bool:
        """Whether "column" or "table.column" is there and may be read."""
        table, _, name = source.rpartition(".")
        return self._access.has(table or "trainees", name)

    # ---------------------------------------------------------- trainees

    @property
    def start(self) -> Days:
        """(n,) start dates; NaT before the start, and where durations came ready."""
        if not self._access.allows("trainees", "start_date"):
            raise undeclared("trainees", "start_date")
        start = self._access.starts()[self.person]
        return np.where(start <= self._seen, start, NAT)

    @property
    def months(self) -> Floats:
        """(n,) months from the start to the prediction date; NaN without dates."""
        return months_between(self.start, self.on)

    def trainee(self, name: str) -> pd.Series[Any]:
        """Return a column of the trainees for the n rows, index 0..n-1, missing where not known.

        Raises
        ------
        InputError : the column is not there, not among the sources, or never known to a feature;
            or it is not said when it is known, and a prediction date is after the start.
        """
        column = self._access.column("trainees", name)
        values = self._people.trainees[name].iloc[self.person].reset_index(drop=True)
        hidden = ~self._is_known(column)
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
        date are missing. A person without records has no line. Records of one row and day are
        ordered by what they say, whatever their order in the table.
        """
        frame = self._access.frame(table)
        contract, columns = TABLES[table], self._access.columns(table)
        if not contract.personal:
            raise InputError("the table belongs to no one", where=table, fix="read it as a series")
        wanted = self._access.readable(table)
        if "row" in wanted:
            raise InputError("a column of one's own cannot be called 'row' here", where=table)
        late = {
            name: known
            for name in wanted
            if (known := columns[name].known) is not None and known not in (contract.date, "start")
        }
        by_day = self._by_day(table)
        tied = by_day.tied()
        if len(tied):
            then = ranks(frame[[name for name in wanted if name not in late]].iloc[tied])
            by_day = by_day.reordered(tied, then)
        row, record = by_day.all_before(self.person, self._seen)
        found = frame[wanted].iloc[record]
        found.index = pd.RangeIndex(len(found))  # reset_index would copy
        for name, known in late.items():
            hidden = ~(self._access.days(table, known)[record] < self._seen[row])
            found[name] = found[name].mask(hidden)
        found.insert(0, "row", row)
        return settle_ties(found, contract.date) if late else found

    def number_of_records(self, table: str) -> Ints:
        """Return (n,) how many lines `records` would have for each row."""
        self._access.readable(table)
        return self._by_day(table).count(self.person, self._seen)

    def first_record(self, table: str) -> Days:
        """Return (n,) the day of the table's first record, of anyone; NaT where there is none yet.

        It tells "none" from "not recorded": before it nobody's records were kept.
        """
        days = self._access.days(table, TABLES[table].date)
        first = np.fmin.reduce(days, initial=NAT)
        return np.where(first < self._seen, first, NAT)

    def series(
        self, table: str, column: str, by: str | None = None, *, over_months: int | None = None
    ) -> pd.Series[Any]:
        """Return the latest known value of a table that belongs to no one, for the n rows.

        Parameters
        ----------
        table : such as "labour_market".
        column : whose latest known value is taken.
        by : column of the table and of the trainees; records in which it is missing serve those
            for whom nothing else is known. Where the table lacks the column, all records do.
        over_months : the change over so many months in place of the value: less what was the latest
            then, of the same group; missing where nothing has come in between.
        """
        frame, date = self._access.frame(table), TABLES[table].date
        if TABLES[table].personal:
            raise InputError("the records belong to people", where=table, fix="read its records")
        contract, days = self._access.column(table, column), self._access.days(table, date)
        if contract.kind not in ("number", "flag"):
            raise InputError(f"{column} is not a number", where=table)
        known = contract.known
        floats = frame[column].astype("Float64").to_numpy(float, na_value=np.nan)
        value = np.asarray(floats, dtype=float)
        if known is not None and known not in (date, "start"):
            days = np.maximum(days, self._access.days(table, known))
        days = np.where(np.isnan(value), NAT, days)
        group, mine = self._labels(table, by)
        own = self._latest(by_group_and_day(group, days, value), mine, value, over_months)
        rest = by_group_and_day(np.where(group < 0, 0, -1), days, value)
        of_all = self._latest(rest, np.zeros(len(self), dtype=np.int64), value, over_months)
        return pd.Series(np.where(np.isnan(own), of_all, own))

    # ------------------------------------------------------------ others

    def others_there(self, by: Sequence[str]) -> Floats:
        """Return (n,) how many others of the same group have started and not left the NHS.

        Parameters
        ----------
        by : columns of the trainees known at the start; where one is missing the count is NaN.
        """
        started = self.others_dated(by, "start_date")
        return np.asarray(started - self.others_dated(by, "leave_nhs_date"), dtype=float)

    def others_dated(
        self, by: Sequence[str], date: str, within_months: int | None = None
    ) -> Floats:
        """Return (n,) how many others of the same group have a date before the prediction date.

        A start counts on its day, as it is known then.

        Parameters
        ----------
        by : columns of the trainees known at the start; where one is missing the count is NaN.
        date : date column of the trainees, such as "leave_nhs_date".
        within_months : count only the months just before the prediction date: for a departure
            the days from `on` - `within_months` months to the day before `on`; None = all.
        """
        for name in by:
            if self._access.column("trainees", name).known != "start":
                raise InputError(f"{name} is not known at the start, so it groups nobody")
        frame = self._people.trainees
        group, day = group_codes([frame[name] for name in by], len(frame)), self._known_day(date)
        mine, own = group[self.person], day[self.person]
        dated = by_group_and_day(group, day)
        counts = dated.count(mine, self._seen) - (own < self._seen)
        if within_months is not None:
            begin = add_months(self._seen, -within_months)
            counts -= dated.count(mine, begin) - (own < begin)
        unknown = (mine < 0) | np.isnat(self.on)
        if by:
            unknown |= ~self._is_known(BY_NAME["start_date"])
        return np.where(unknown, np.nan, counts)

    # ------------------------------------------------------------ inside

    @property
    def _access(self) -> Access:
        return Access(people=self._people, sources=self.sources)

    @property
    def _seen(self) -> Days:
        """(n,) the days before which facts are known."""
        return self.on - self.lag_days * _DAY

    def _is_known(self, column: Column) -> Bools:
        """Return (n,) bool: where a fact of the trainees is known."""
        if column.known is not None and column.known != "start":
            return self._access.days("trainees", column.known)[self.person] < self._seen
        if "start_date" not in self._people.trainees:  # ready durations: all is as at the start
            return np.ones(len(self), dtype=bool)
        start = self._access.starts()[self.person]
        if column.known is None and bool(np.any(start < self._seen)):
            raise InputError(
                f"it is not said when {column.name} is known",
                where="a prediction date after the start",
                fix='say "start" or a date column as `known` of the attribute in the data section',
            )
        return np.asarray(start <= self._seen)

    def _known_day(self, date: str) -> Days:
        """Return a day of all trainees, or the day on which it became a fact where that is later.

        Facts of the start are dated on the day before it.
        """
        column = self._access.column("trainees", date)
        if column.kind != "date" or column.known is None:
            raise InputError(f"{date} is not a date that is known from some day on", where="date")
        day = self._access.days("trainees", date)
        if column.known == date:
            return day
        if column.known != "start":
            return np.maximum(day, self._access.days("trainees", column.known))
        eve = self._access.starts() - _DAY
        return eve if date == "start_date" else np.maximum(day, eve)

    def _labels(self, table: str, by: str | None) -> tuple[Ints, Ints]:
        """Return codes of the groups of a table's records, and of the rows; -1 = missing."""
        records, mine = self._access.frame(table), pd.Series(np.full(len(self), None))
        if by is None or by not in records:
            return np.full(len(records), -1), np.full(len(self), -1)
        self._access.column(table, by)
        if by in self._people.trainees:
            mine = self.trainee(by)
        labels = pd.concat([records[by].astype(object), mine.astype(object)])
        codes = group_codes([labels], len(labels))
        return codes[: len(records)], codes[len(records) :]

    def _latest(self, dated: Dated, mine: Ints, value: Floats, over_months: int | None) -> Floats:
        """Return (n,) the last known value of each row's group, or its change."""
        latest = np.append(value, np.nan)  # position -1, none, tells nothing
        now = dated.last(mine, self._seen)
        if over_months is None:
            return np.asarray(latest[now])
        before = dated.last(mine, add_months(self._seen, -over_months))
        return np.where(now == before, np.nan, latest[now] - latest[before])

    def _by_day(self, table: str) -> Dated:
        """Return the records of a table by person and day."""
        if table not in self._sorted:
            ids = pd.Index(self._people.trainees["trainee_id"].astype(object))
            owner = ids.get_indexer(self._access.frame(table)["trainee_id"].astype(object))
            day = self._access.days(table, TABLES[table].date)
            self._sorted[table] = by_group_and_day(owner.astype(np.int64), day)
        return self._sorted[table]


def known_on(people: People, person: Ints, on: Days) -> Known:
    """Return what is known of the people at some positions on some days.

    Parameters
    ----------
    people : checked records.
    person : (n,) positions in `people.trainees`.
    on : (n,) prediction dates.
    """
    return Known(person=person, on=on, _people=people)


def known_at_start(people: People) -> Known:
    """Return what is known of everyone on their start date."""
    starts = Access(people=people).starts()
    return known_on(people, np.arange(len(starts)), starts)
