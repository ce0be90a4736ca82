"""Dates out of cells: never guessed.

Without a `date_format`, what can be read in one way only is read: real dates, ISO
(2021-09-01), the month by its name (01 Sep 2021, September 1, 2021), and numbers with / . or -
where day and month cannot be confused (25/12/2021, 05/05/2021). Everything else is a problem,
and the problem says which.
"""

from __future__ import annotations

import datetime as dt
import re

from gmts_models.data.checking.rejections import Problem
from gmts_models.data.reading.cells import Value, as_text
from gmts_models.errors import InputError

FIRST_YEAR, LAST_YEAR = 1700, 2199

_WRITE_ISO = "write dates as 2021-09-01"
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january",
            "feb february",
            "mar march",
            "apr april",
            "may",
            "jun june",
            "jul july",
            "aug august",
            "sep sept september",
            "oct october",
            "nov november",
            "dec december",
        ),
        start=1,
    )
    for name in names.split()
}
_WITH_TIME = re.compile(
    r"(?P<day>.+?)(?:[T ]+(?P<time>\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)"
    r"(?: ?(?:Z|[+-]\d{2}:?\d{2}))?)?",
    re.ASCII,
)
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})", re.ASCII)
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})", re.ASCII)
_DAY_NAMED = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th)?[ \-/.]*([A-Za-z]{3,9})\.?[ \-/.,]*(\d{4})", re.ASCII
)
_MONTH_NAMED = re.compile(
    r"([A-Za-z]{3,9})\.?[ \-]*(\d{1,2})(?:st|nd|rd|th)?(?:, ?|[ \-])(\d{4})", re.ASCII
)
_SHORT_YEAR = re.compile(
    r"\d{1,2}([-/. ])(?:\d{1,2}|[A-Za-z]{3,9})\1'?\d{2}|[A-Za-z]{3,9}[- ]'?\d{2}", re.ASCII
)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?", re.ASCII)


def read_date(value: Value, name: str, date_format: str | None = None) -> dt.date | Problem:
    """Read one cell as a day.

    Parameters
    ----------
    value : of the cell. A date with a time is cut to its day, in its own time zone; but 23:00 in
        UTC is the next day's midnight in a British summer, and a problem.
    name : of the column, for the problem.
    date_format : as in ``datetime.strptime``; text must then follow it.

    Returns
    -------
    The day, or the problem, which does not repeat the value.
    """
    if isinstance(value, dt.datetime):
        return _time_of_day(name) if _is_moved(value) else _in_range(value.date(), name)
    if isinstance(value, dt.date):
        return _in_range(value, name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return Problem(reason=f"{name} is not a date", fix=_WRITE_ISO)
    if date_format is not None:
        return _by_format(as_text(value), name, date_format)
    return _by_shape(as_text(value), name)


def check_format(date_format: str) -> None:
    """Refuse a `date_format` that cannot tell a day of a four-digit year.

    Raises
    ------
    InputError : a directive is unknown, or day, month or the four-digit year is not there.
    """
    probe = dt.datetime(1931, 10, 25)  # a year that %y gets wrong
    try:
        told = dt.datetime.strptime(probe.strftime(date_format), date_format)
    except ValueError:
        told = None
    if told is None or told.date() != probe.date():
        raise InputError(
            f"date_format {date_format!r} does not tell day, month and a four-digit year",
            where="date_format",
            fix='for instance "%d/%m/%Y" for 25/12/2021',
        )


def _by_format(text: str, name: str, date_format: str) -> dt.date | Problem:
    try:
        day = dt.datetime.strptime(text, date_format).date()
    except ValueError:
        return Problem(
            reason=f"{name} does not follow date_format",
            fix=f"write it as {date_format} says, or correct date_format",
        )
    return _in_range(day, name)


def _by_shape(text: str, name: str) -> dt.date | Problem:
    if _NUMBER.fullmatch(text):
        return _number(text, name)
    parts = _WITH_TIME.fullmatch(text)
    if parts is None:
        return Problem(reason=f"{name} is not a date", fix=_WRITE_ISO)
    day = _day(parts["day"], name)
    if not isinstance(day, Problem) and (parts["time"] or "").strip("0:."):
        return _time_of_day(name)
    return day


def _is_moved(moment: dt.datetime) -> bool:
    """Whether it is the midnight of a British summer day, told in UTC: of the day before."""
    return moment.utcoffset() == dt.timedelta(0) and moment.time() == dt.time(23)


def _time_of_day(name: str) -> Problem:
    return Problem(
        reason=f"{name} has a time of day",
        fix="give whole days; a time next to midnight is often a time zone gone astray",
    )


def _day(text: str, name: str) -> dt.date | Problem:
    if found := _YEAR_FIRST.fullmatch(text):
        return _calendar(int(found[1]), int(found[3]), int(found[4]), name)
    if found := _YEAR_LAST.fullmatch(text):
        return _year_last(int(found[1]), int(found[3]), int(found[4]), found[2], name)
    if (found := _DAY_NAMED.fullmatch(text)) and (month := _MONTHS.get(found[2].lower())):
        return _calendar(int(found[3]), month, int(found[1]), name)
    if (found := _MONTH_NAMED.fullmatch(text)) and (month := _MONTHS.get(found[1].lower())):
        return _calendar(int(found[3]), month, int(found[2]), name)
    if _SHORT_YEAR.fullmatch(text):
        return Problem(
            reason=f"{name} has a two-digit year", fix="give the year four digits: 2021-09-01"
        )
    return Problem(reason=f"{name} is not a date", fix=_WRITE_ISO)


def _year_last(first: int, second: int, year: int, mark: str, name: str) -> dt.date | Problem:
    if first != second and 1 <= first <= 12 and 1 <= second <= 12:
        return Problem(
            reason=f"{name} can be read as day and month or as month and day",
            fix=f'say date_format="%d{mark}%m{mark}%Y" (or "%m{mark}%d{mark}%Y")',
        )
    if second > 12 >= first:
        return _calendar(year, first, second, name)
    return _calendar(year, second, first, name)


def _number(text: str, name: str) -> Problem:
    if len(text) == 8:
        fix = 'if it is year, month and day, say date_format="%Y%m%d"'
    else:
        fix = "give the column a date format in the spreadsheet, or write dates as 2021-09-01"
    return Problem(reason=f"{name} is a number, not a date", fix=fix)


def _calendar(year: int, month: int, day: int, name: str) -> dt.date | Problem:
    try:
        return _in_range(dt.date(year, month, day), name)
    except ValueError:
        return Problem(
            reason=f"{name} is not a day of the calendar",
            fix="correct the day; the month has fewer days, or there is no such month",
        )


def _in_range(day: dt.date, name: str) -> dt.date | Problem:
    if FIRST_YEAR <= day.year <= LAST_YEAR:
        return day
    return Problem(
        reason=f"{name} is outside the years {FIRST_YEAR} to {LAST_YEAR}",
        fix="correct the year; where the date stands for 'open', leave the cell empty",
    )
