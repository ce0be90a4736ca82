"""The actuarial life table by hand; R's is in tests/conformance/check_kaplan_meier.py."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.errors import InputError
from gmts_models.stats.survival.kaplan_meier import kaplan_meier
from gmts_models.stats.survival.life_table import life_table


def test_by_hand() -> None:
    # [0, 12): ten enter, two are censored, three leave. [12, 36): of five, one leaves at 12.
    exit_ = [3, 5, 1, 1, 2, 12, 20, 30, 30, 30]
    left = [0, 0, 1, 1, 1, 1, 0, 0, 0, 0]
    table = life_table(exit_, left, breaks=[0, 12, 36])
    np.testing.assert_array_equal(table.start, [0, 12])
    np.testing.assert_array_equal(table.end, [12, 36])
    np.testing.assert_array_equal(table.entering, [10, 5])
    np.testing.assert_array_equal(table.withdrawn, [2, 4])
    np.testing.assert_array_equal(table.events, [3, 1])
    np.testing.assert_array_equal(table.exposed, [9, 3])
    np.testing.assert_allclose(table.survival, [1, 2 / 3])
    np.testing.assert_allclose(table.density, [1 / 3 / 12, 2 / 3 / 3 / 24])
    # Leaving per month stayed: half of those who leave are thought to stay half the interval.
    np.testing.assert_allclose(table.hazard, [3 / (12 * (9 - 1.5)), 1 / (24 * (3 - 0.5))])
    np.testing.assert_allclose(table.survival_std_err, [0, 2 / 3 * np.sqrt(3 / (9 * 6))])


def test_weights_are_numbers_of_people() -> None:
    exit_, left = np.array([1, 2, 13, 14.0]), np.array([True, False, True, False])
    weights = np.array([3, 2, 1, 4])
    one = life_table(exit_, left, weights, breaks=[0, 12, 24])
    each = life_table(np.repeat(exit_, weights), np.repeat(left, weights), breaks=[0, 12, 24])
    for name in one.__slots__:
        np.testing.assert_allclose(getattr(one, name), getattr(each, name), rtol=1e-12)


@given(st.lists(st.integers(0, 23), min_size=1, max_size=40))
def test_without_censoring_it_is_kaplan_meier_at_the_breaks(months: list[int]) -> None:
    left = np.ones(len(months), bool)
    table = life_table(months, left, breaks=np.arange(25))
    curve = kaplan_meier(months, left)
    for month in np.unique(months)[:-1]:  # P(T >= month + 1) is P(T > month)
        at = np.searchsorted(curve.time, month)
        np.testing.assert_allclose(table.survival[month + 1], curve.survival[at], atol=1e-12)
        np.testing.assert_allclose(table.survival_std_err[month + 1], curve.std_err[at], atol=1e-12)


def test_an_interval_that_nobody_enters_has_no_rates() -> None:
    table = life_table([1, 2], [True, False], breaks=[0, 5, 10])
    assert np.isnan([table.hazard[1], table.density[1], table.hazard_std_err[1]]).all()
    assert table.survival[1] == pytest.approx(1 / 3)


@pytest.mark.parametrize("breaks", [[1, 12], [0], [0, 12, 12], [[0, 12]], [0, np.nan]])
def test_breaks_that_do_not_increase_from_0_are_refused(breaks: list[float]) -> None:
    with pytest.raises(InputError, match="increase from 0"):
        life_table([1], [True], breaks=breaks)


def test_a_time_past_the_last_break_is_refused() -> None:
    with pytest.raises(InputError, match="last break"):
        life_table([12], [True], breaks=[0, 12])
    with pytest.raises(InputError, match="no rows"):
        life_table([], [], breaks=[0, 12])
