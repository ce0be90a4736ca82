"""Dates of snapshots: days, periods, and what the name of a file holds."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from gmts_models.data.checking.rejections import Problem
from gmts_models.data.snapshots.periods import date_in_name, read_period
from gmts_models.errors import InputError


@pytest.mark.parametrize(
    ("value", "last", "first"),
    [
        (2006, "2006-12-31", "2006-01-01"),
        (2006.0, "2006-12-31", "2006-01-01"),
        ("2006", "2006-12-31", "2006-01-01"),
        ("2006Q1", "2006-03-31", "2006-01-01"),
        ("2006 q4", "2006-12-31", "2006-10-01"),
        ("2020-02", "2020-02-29", "2020-02-01"),
        ("202102", "2021-02-28", "2021-02-01"),
        (202102, "2021-02-28", "2021-02-01"),
        ("2021-03-15", "2021-03-15", "2021-03-15"),
        ("31/03/2021", "2021-03-31", "2021-03-31"),
        (pd.Timestamp("2021-03-31 10:00"), "2021-03-31", "2021-03-31"),
    ],
)
def test_a_period_is_dated_on_its_last_day_or_its_first(value, last, first):
    assert read_period(value, "snapshot_date") == dt.date.fromisoformat(last)
    assert read_period(value, "snapshot_date", period_end=False) == dt.date.fromisoformat(first)


@pytest.mark.parametrize(
    "value", ["2006Q5", "2006-13", "206", 44440, "03/04/2021", "9999", True, "March", "20210331"]
)
def test_what_is_no_date_is_a_problem_that_does_not_repeat_it(value):
    found = read_period(value, "snapshot_date")
    assert isinstance(found, Problem)
    assert str(value) not in found.reason


def test_periods_stand_beside_a_date_format():
    found = read_period("04/03/2021", "snapshot_date", date_format="%d/%m/%Y")
    assert found == dt.date(2021, 3, 4)
    assert read_period("2006", "d", date_format="%d/%m/%Y") == dt.date(2006, 12, 31)


@pytest.mark.parametrize(
    ("stem", "day"),
    [
        ("2021-03-31", "2021-03-31"),
        ("staff in post 2021_03_31", "2021-03-31"),
        ("SIP20210331", "2021-03-31"),
        ("31-03-2021", "2021-03-31"),
        ("sip 31.03.2021 final", "2021-03-31"),
        ("05-05-2021", "2021-05-05"),
        ("202103", "2021-03-31"),
        ("staff_2021-02", "2021-02-28"),
        ("ESR 2021Q2", "2021-06-30"),
        ("panel2006", "2006-12-31"),
        ("2021-03-31 made from 2021-03-31", "2021-03-31"),
        ("trust 7, 2021-03", "2021-03-31"),
    ],
)
def test_a_date_is_found_in_the_name_of_a_file(stem, day):
    assert date_in_name(stem, f"{stem}.csv") == dt.date.fromisoformat(day)


@pytest.mark.parametrize(
    ("stem", "words"),
    [
        ("03-04-2021", "day and month"),
        ("2021-03-31 sent 2021-04-02", "several dates"),
        ("202103 and 202104", "several dates"),
        ("2019-20", "no date"),
        ("staff", "no date"),
        ("2021-31-03", "no date"),
    ],
)
def test_a_name_without_one_date_is_refused(stem, words):
    with pytest.raises(InputError, match=words) as caught:
        date_in_name(stem, f"{stem}.csv")
    assert caught.value.where == f"{stem}.csv"
