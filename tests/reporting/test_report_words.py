"""Numbers as a reader sees them."""

from __future__ import annotations

import math
from datetime import date

import pytest

from gmts_models.reporting import words

NAN = math.nan


@pytest.mark.parametrize(
    ("value", "decimals", "shown"),
    [
        (0.891, 0, "89\u202f%"),
        (0.891, 1, "89.1\u202f%"),
        (1.0, 0, "100\u202f%"),
        (0.0, 0, "0\u202f%"),
        (0.9996, 0, "over 99\u202f%"),
        (0.99999, 1, "over 99.9\u202f%"),
        (0.0004, 0, "under 1\u202f%"),
        (NAN, 0, "–"),
    ],
)
def test_percent(value: float, decimals: int, shown: str) -> None:
    assert words.percent(value, decimals) == shown


def test_limits() -> None:
    assert words.percent_limits(0.841, 0.929) == "84 to 93"
    assert words.percent_limits(0.841, NAN) == "no interval"
    assert words.limits(0.1312, 0.1529) == "0.131 to 0.153"
    assert words.signed_limits(-0.0103, 0.0021) == "−0.010 to +0.002"


def test_scores() -> None:
    assert words.number(-0.0217) == "−0.022"
    assert words.signed(0.0121) == "+0.012"
    assert words.signed(-0.0001) == "0.000"
    assert words.points(-0.0471) == "−4.7\u202f%"
    assert words.number(NAN) == words.signed(NAN) == words.points(NAN) == "–"


def test_counts_and_months() -> None:
    assert words.count(1234.0) == "1,234"
    assert words.count(NAN) == words.count(None) == "*"
    assert words.months(1) == "1 month"
    assert words.months(7.5) == "7.5 months"
    assert words.in_words(["a"]) == "a"
    assert words.in_words(["a", "b", "c"]) == "a, b and c"


def test_narrow_intervals_get_a_decimal() -> None:
    assert words.decimals_for([0.02, 0.01, NAN]) == 1
    assert words.decimals_for([0.02, 0.2, 0.3]) == 0
    assert words.decimals_for([NAN]) == 0


def test_day() -> None:
    assert words.day(date(2026, 11, 24)) == "24 November 2026"


@pytest.mark.parametrize(
    ("at", "landmarks", "said"),
    [
        ("start", (), "on the start date"),
        ("12", (), "12 months after the start"),
        ("1", (), "1 month after the start"),
        ("2021-09-01", (), "on 1 September 2021"),
        ("scheme_end", (), "on the day the scheme ends"),
        ("start", (0, 6, 12), "0, 6 and 12 months after the start"),
        ("start", (6,), "6 months after the start"),
    ],
)
def test_prediction_dates(at: str, landmarks: tuple[int, ...], said: str) -> None:
    assert words.prediction_date(at, landmarks) == said
