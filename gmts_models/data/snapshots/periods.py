"""The date of a snapshot: a day, or a period that stands for its last day.

2006 is a year, 2006Q1 a quarter of the calendar year, 2006-03 and 200603 a month. Everything else
is read as every other date is. In the name of a file a date is found between other words.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Iterator

from gmts_models.data.checking.rejections import Problem
from gmts_models.data.reading.cells import Value, as_text
from gmts_models.data.reading.dates import FIRST_YEAR, LAST_YEAR, read_date
from gmts_models.errors import InputError

_PERIODS = {
    12: re.compile(r"(?P<year>\d{4})", re.ASCII),
    3: re.compile(r"(?P<year>\d{4})[ _-]?[Qq](?P<part>[1-4])", re.ASCII),
    1: re.compile(r"(?P<year>\d{4})[-/._ ]?(?P<part>0[1-9]|1[0-2])", re.ASCII),
}
"""By their length in months."""

_SEPARATED = r"(?<!\d)(?:{})(?![-_. ]?\d)"
_DAY_IN_NAME = (
    re.compile(r"(?<!\d)(\d{4})([-_. ]?)(\d{2})\2(\d{2})(?!\d)", re.ASCII),
    re.compile(r"(?<!\d)(\d{1,2})([-_. ])(\d{1,2})\2(\d{4})(?!\d)", re.ASCII),
)
_PERIOD_IN_NAME = {
    length: re.compile(_SEPARATED.format(_PERIODS[length].pattern), re.ASCII)
    for length in (3, 1, 12)
}


def read_period(
    value: Value, name: str, *, date_format: str | None = None, period_end: bool = True
) -> dt.date | Problem:
    """Read one cell as the date of a snapshot.

    Parameters
    ----------
    value : of the cell.
    name : of the column, for the problem.
    date_format : of text that is a day, see `read_date`.
    period_end : whether a period is dated on its last day, or on its first.
    """
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        text = as_text(value)
        for length, pattern in _PERIODS.items():
            found = pattern.fullmatch(text)
            if found and (day := _period_day(found, length, period_end)):
                return day
    return read_date(value, name, date_format)


def date_in_name(stem: str, where: str, *, period_end: bool = True) -> dt.date:
    """Find the date of a snapshot in the name of its file.

    Parameters
    ----------
    stem : the name without its ending: staff_2021-03-31, 202103, sip 31-03-2021.
    where : the name as the user knows it.
    period_end : see `read_period`.

    Raises
    ------
    InputError : there is none, there are several, or it can be read in more than one way.
    """
    for candidates in (_days_in(stem, where), _periods_in(stem, period_end)):
        found = set(candidates)
        if len(found) == 1:
            return found.pop()
        if found:
            raise _no_date("the name of the file holds several dates", where)
    raise _no_date("the table has no snapshot_date, and the name of its file holds no date", where)


def _days_in(stem: str, where: str) -> Iterator[dt.date]:
    for pattern in _DAY_IN_NAME:
        for found in pattern.finditer(stem):
            day = read_date(f"{found[1]}-{found[3]}-{found[4]}", "the name of the file")
            if isinstance(day, dt.date):
                yield day
            elif "can be read" in day.reason:
                raise _no_date(day.reason, where)


def _periods_in(stem: str, period_end: bool) -> list[dt.date]:
    for length, pattern in _PERIOD_IN_NAME.items():
        days = [_period_day(found, length, period_end) for found in pattern.finditer(stem)]
        if known := [day for day in days if day is not None]:
            return known
    return []


def _period_day(found: re.Match[str], length: int, period_end: bool) -> dt.date | None:
    year = int(found["year"])
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return None
    last = int(found["part"]) * length if length < 12 else 12
    if not period_end:
        return dt.date(year, last - length + 1, 1)
    return dt.date(year, last, calendar.monthrange(year, last)[1])


def _no_date(what: str, where: str) -> InputError:
    return InputError(
        what,
        where=where,
        fix="say which column holds it: date='...'; or call the file after its date: "
        "staff_2021-03-31, staff_2021-03 for the end of a month",
    )
