"""Dates to months."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.data.months import add_months, months_between, to_days

dates = st.dates(dt.date(1950, 1, 1), dt.date(2090, 12, 31))


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        ("2019-09-02", "2019-09-02", 0),
        ("2019-09-02", "2021-09-02", 24),
        ("2019-09-02", "2019-10-01", 29 / 30),
        ("2019-01-31", "2019-02-28", 1),
        ("2020-01-31", "2020-02-29", 1),
        ("2019-01-31", "2019-03-31", 2),
        ("2020-02-29", "2021-02-28", 12),
        ("2019-03-01", "2019-03-16", 15 / 31),
        ("2021-09-02", "2019-09-02", -24),
    ],
)
def test_by_hand(start: str, end: str, months: float) -> None:
    assert months_between([start], [end])[0] == pytest.approx(months)


def test_missing_dates_stay_missing() -> None:
    assert np.isnan(months_between(pd.to_datetime(pd.Series([None])), ["2020-01-01"])).all()


@given(dates, st.integers(0, 600))
def test_every_anniversary_is_an_integer(start: dt.date, months: int) -> None:
    end = add_months(to_days([start]), months)
    assert months_between([start], end)[0] == months


@given(dates, st.integers(0, 9000), st.integers(1, 400))
def test_later_is_longer(start: dt.date, first: int, more: int) -> None:
    days = to_days([start])
    near, far = days + np.timedelta64(first, "D"), days + np.timedelta64(first + more, "D")
    earlier, later = months_between(days, near)[0], months_between(days, far)[0]
    # Days that a short month lacks fall together with its last day.
    assert later > earlier or (more <= 3 and later == earlier)
