"""Dated things in groups, sorted so that those of a group before a day are one run.

A single key that grows with group and day turns "how many", "which" and "the last" before a day
into a binary search, for all rows at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.data.months import Days, to_days
from gmts_models.outcome import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Dated:
    """Things of some groups by day; without group or day they are left out.

    Attributes
    ----------
    order : (m,) positions of the things, by group and day; equal ones stay in their order.
    group : (m,) their groups.
    day : (m,) their days since 1970.
    """

    order: Ints
    group: Ints
    day: Ints

    def begin(self, group: Ints) -> Ints:
        """Return (n,) where in `order` each group's things begin."""
        return np.searchsorted(self.group, group, side="left").astype(np.int64)

    def end(self, group: Ints, before: Days) -> Ints:
        """Return (n,) where in `order` a group's things before a day end; at the begin for NaT."""
        least, most = int(self.day.min(initial=0)), int(self.day.max(initial=0))
        span = most - least + 2
        asked = np.clip(before.astype(np.int64), least, most + 1) - least
        asked = np.where(np.isnat(before), 0, asked)
        key = self.group * span + (self.day - least)
        return np.searchsorted(key, group * span + asked, side="left").astype(np.int64)

    def count(self, group: Ints, before: Days) -> Ints:
        """Return (n,) how many things a group has before a day; 0 for NaT."""
        return self.end(group, before) - self.begin(group)

    def last(self, group: Ints, before: Days) -> Ints:
        """Return (n,) the position of a group's last thing before a day; -1 where there is none."""
        end = self.end(group, before)
        there = end > self.begin(group)
        found = np.full(len(end), -1, dtype=np.int64)
        found[there] = self.order[end[there] - 1]
        return found

    def all_before(self, group: Ints, before: Days) -> tuple[Ints, Ints]:
        """Return every pair of a row and a thing of its group before its day, oldest first."""
        begin = self.begin(group)
        number = self.end(group, before) - begin
        row = np.repeat(np.arange(len(group)), number)
        within = np.arange(len(row)) - np.repeat(np.cumsum(number) - number, number)
        return row, self.order[np.repeat(begin, number) + within]

    def tied(self) -> Ints:
        """Return the positions of the things that share group and day with another."""
        again = _repeats(self.group, self.day)
        return np.asarray(self.order[again | np.append(again[1:], False)[: len(again)]])

    def reordered(self, tied: Ints, then: Ints) -> Dated:
        """Return the same, the things of one group and day by `then`, which is of those tied."""
        rank = np.zeros(int(self.order.max(initial=-1)) + 1, dtype=np.int64)
        rank[tied] = then
        order = self.order[np.lexsort((rank[self.order], self.day, self.group))]
        return Dated(order=order, group=self.group, day=self.day)


def by_group_and_day(group: Ints, day: Days, then: Floats | None = None) -> Dated:
    """Sort things by group and day.

    Parameters
    ----------
    group : (m,) codes from 0; -1 = none.
    day : (m,) days; NaT = none.
    then : (m,) what orders those of one day.
    """
    there = np.flatnonzero((group >= 0) & ~np.isnat(day))
    keys = (day, group) if then is None else (then, day, group)
    order = there[np.lexsort([key[there] for key in keys])]
    return Dated(order=order, group=group[order], day=day[order].astype(np.int64))


def group_codes(labels: Sequence[pd.Series[Any]], n: int) -> Ints:
    """Return (n,) one code a combination of labels; -1 where one is missing; 0 without labels."""
    codes = np.zeros(n, dtype=np.int64)
    for each in labels:
        code, found = pd.factorize(each)
        missing = (codes < 0) | (code < 0)
        # Made dense again, so that many columns cannot overflow.
        codes = np.unique(codes * max(len(found), 1) + code, return_inverse=True)[1]
        codes = np.where(missing, -1, codes).astype(np.int64)
    return codes


def ranks(frame: pd.DataFrame) -> Ints:
    """Return (m,) ranks of rows by what they say, whatever their order; equal rows by their order.

    Missing values come first.
    """
    keys = [_codes(frame[name]) for name in sorted(str(name) for name in frame)]
    found = np.empty(len(frame), dtype=np.int64)
    found[np.lexsort(keys[::-1])] = np.arange(len(frame))
    return found


def settle_ties(found: pd.DataFrame, date: str) -> pd.DataFrame:
    """Order the records of one row and day by what they say, so that the table's order is none.

    Parameters
    ----------
    found : records by `row` and date; what is not known yet is missing already.
    """
    row, day = found["row"].to_numpy(np.int64), to_days(found[date]).astype(np.int64)
    dated = Dated(order=np.arange(len(found)), group=row, day=day)
    tied = dated.tied()
    if not len(tied):
        return found
    order = dated.reordered(tied, ranks(found.iloc[tied])).order
    return found.iloc[order].reset_index(drop=True)


def _repeats(group: Ints, day: Ints) -> Bools:
    """Return (m,) bool: which share group and day with the one before."""
    again = np.zeros(len(group), dtype=bool)
    again[1:] = (group[1:] == group[:-1]) & (day[1:] == day[:-1])
    return again


def _codes(values: pd.Series[Any]) -> Ints:
    """Return (m,) ranks of values among themselves, equal where they are; -1 where missing."""
    plain = pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_dtype(values)
    codes, _ = pd.factorize(values if plain else values.astype("string"), sort=True)
    return np.asarray(codes, dtype=np.int64)
