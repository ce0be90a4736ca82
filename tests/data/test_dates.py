"""Dates are read only where they can be read in one way."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.data.checking.rejections import Problem
from gmts_models.data.reading.cells import UNREADABLE
from gmts_models.data.reading.dates import check_format, read_date
from gmts_models.errors import InputError

ANY_DAY = st.dates(dt.date(1700, 1, 1), dt.date(2199, 12, 31))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2021-09-01", (2021, 9, 1)),
        ("2021-9-1", (2021, 9, 1)),
        ("2021/09/01", (2021, 9, 1)),
        ("2021-09-01 00:00:00", (2021, 9, 1)),
        ("2021-09-01T00:00:00.000Z", (2021, 9, 1)),
        ("2021-09-01T00:00:00+01:00", (2021, 9, 1)),
        ("01 Sep 2021", (2021, 9, 1)),
        ("1st September 2021", (2021, 9, 1)),
        ("01-Sept-2021", (2021, 9, 1)),
        ("September 1, 2021", (2021, 9, 1)),
        ("25/12/2021", (2021, 12, 25)),
        ("12/25/2021", (2021, 12, 25)),
        ("25.12.2021", (2021, 12, 25)),
        ("25-12-2021 0:00", (2021, 12, 25)),
        ("05/05/2021", (2021, 5, 5)),
        ("29/02/2020", (2020, 2, 29)),
    ],
)
def test_text_with_one_reading_is_read(text, day):
    assert read_date(text, "start_date") == dt.date(*day)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("03/04/2021", "can be read as day and month or as month and day"),
        ("3.4.2021", "can be read as day and month or as month and day"),
        ("25/12/21", "has a two-digit year"),
        ("25 Dec 21", "has a two-digit year"),
        ("Sep-21", "has a two-digit year"),
        ("44440", "is a number, not a date"),
        (44440, "is a number, not a date"),
        (44440.0, "is a number, not a date"),
        ("20210901", "is a number, not a date"),
        ("31/02/2020", "is not a day of the calendar"),
        ("2021-02-29", "is not a day of the calendar"),
        ("31/31/2020", "is not a day of the calendar"),
        ("00/05/2020", "is not a day of the calendar"),
        ("31 Apr 2020", "is not a day of the calendar"),
        ("2021-09-01 23:00", "has a time of day"),
        ("2021-09-01T00:00:01", "has a time of day"),
        ("9999-12-31", "is outside the years 1700 to 2199"),
        (dt.datetime(9999, 12, 31), "is outside the years 1700 to 2199"),
        ("01 Foo 2021", "is not a date"),
        ("2021-09", "is not a date"),
        ("soon", "is not a date"),
        ("2021-09/01", "is not a date"),
        (True, "is not a date"),
        (UNREADABLE, "is not a date"),
    ],
)
def test_everything_else_is_a_problem_that_says_which(value, words):
    problem = read_date(value, "leave_nhs_date")
    assert isinstance(problem, Problem)
    assert problem.reason == f"leave_nhs_date {words}"
    assert problem.fix


def test_the_fix_for_an_ambiguous_date_names_its_own_separator():
    assert 'date_format="%d/%m/%Y"' in read_date("03/04/2021", "start_date").fix
    assert 'date_format="%d.%m.%Y"' in read_date("03.04.2021", "start_date").fix


def test_real_dates_are_cut_to_the_day():
    assert read_date(dt.datetime(2021, 9, 1, 13, 30), "x") == dt.date(2021, 9, 1)
    assert read_date(pd.Timestamp("2021-09-01 23:59", tz="Europe/London"), "x") == dt.date(
        2021, 9, 1
    )
    assert read_date(dt.date(2021, 9, 1), "x") == dt.date(2021, 9, 1)


def test_a_british_summer_day_told_in_utc_is_no_date_of_the_day_before():
    """A column of days that was taken for moments, and brought to UTC: 1 September at 23:00Z."""
    days = pd.Series(pd.to_datetime(["2021-09-02", "2021-12-01"])).dt.tz_localize("Europe/London")
    summer, winter = days.dt.tz_convert("UTC")
    assert read_date(summer, "x").reason == "x has a time of day"
    assert read_date(summer.to_pydatetime(), "x").reason == "x has a time of day"
    assert read_date(winter, "x") == dt.date(2021, 12, 1)
    assert read_date(dt.datetime(2021, 9, 1, 23), "x") == dt.date(2021, 9, 1)


def test_a_format_admits_itself_and_real_dates_only():
    assert read_date("03/04/2021", "x", "%d/%m/%Y") == dt.date(2021, 4, 3)
    assert read_date("03/04/2021", "x", "%m/%d/%Y") == dt.date(2021, 3, 4)
    assert read_date(dt.date(2021, 4, 3), "x", "%d/%m/%Y") == dt.date(2021, 4, 3)
    assert read_date(20210403, "x", "%Y%m%d") == dt.date(2021, 4, 3)
    for text in ("2021-04-03", "31/02/2021", "25/12/21"):
        assert read_date(text, "x", "%d/%m/%Y").reason == "x does not follow date_format"


@pytest.mark.parametrize("date_format", ["%d/%m/%y", "%m/%Y", "%d/%m", "%Q", "", "%d %m %Y %"])
def test_a_format_without_a_full_date_is_refused(date_format):
    with pytest.raises(InputError, match="date_format"):
        check_format(date_format)


@given(ANY_DAY, st.sampled_from(["%d/%m/%Y", "%Y%m%d", "%d %b %Y", "%m-%d-%Y"]))
def test_a_date_written_by_a_format_is_read_by_it(day, date_format):
    check_format(date_format)
    assert read_date(day.strftime(date_format), "x", date_format) == day


@given(ANY_DAY)
def test_day_first_text_is_never_read_as_another_day(day):
    read = read_date(f"{day.day}/{day.month}/{day.year}", "x")
    if day.day > 12 or day.day == day.month:
        assert read == day
    else:
        assert isinstance(read, Problem)


@given(st.text(max_size=15))
def test_no_text_raises(text):
    assert isinstance(read_date(text, "x"), dt.date | Problem)
