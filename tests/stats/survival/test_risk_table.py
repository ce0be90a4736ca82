"""Numbers at risk by hand and by their balance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.errors import InputError
from gmts_models.stats.rows import check_rows
from gmts_models.stats.survival.kaplan_meier import kaplan_meier
from gmts_models.stats.survival.risk_sets import risk_sets
from gmts_models.stats.survival.risk_table import risk_table


def test_by_hand() -> None:
    # Two from the start, one of whom leaves on the first day; one enters at 6, one at 12.
    exit_, left, entry = [0, 12, 18, 15], [True, False, True, True], [0, 0, 6, 12]
    table = risk_table(exit_, left, entry, times=[0, 6, 12, 24])
    np.testing.assert_array_equal(table.at_risk, [2, 1, 2, 0])
    np.testing.assert_array_equal(table.entered, [2, 1, 1, 0])
    np.testing.assert_array_equal(table.events, [1, 0, 0, 2])
    np.testing.assert_array_equal(table.censored, [0, 0, 1, 0])


people = st.lists(
    st.tuples(st.integers(0, 12), st.integers(1, 12), st.booleans(), st.integers(1, 3)),
    min_size=1,
    max_size=40,
)


def _columns(rows: list[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    entry, length, left, weight = (np.array(column) for column in zip(*rows, strict=True))
    return (entry + length).astype(float), left, entry.astype(float), weight.astype(float)


@given(people, st.lists(st.floats(0, 30), min_size=1, max_size=6, unique=True))
def test_who_came_and_has_not_gone_is_there_after(rows: list[Any], times: list[float]) -> None:
    exit_, left, entry, weight = _columns(rows)
    at = np.sort(times)
    table = risk_table(exit_, left, entry, weight, times=at)
    balance = np.cumsum(table.entered - table.events - table.censored)
    still_there = [(weight * ((entry <= t) & (exit_ > t))).sum() for t in at]
    np.testing.assert_array_equal(balance, still_there)
    at_risk = [(weight * (((entry < t) | (entry == 0)) & (exit_ >= t))).sum() for t in at]
    np.testing.assert_array_equal(table.at_risk, at_risk)


@given(people)
def test_at_the_times_of_the_curve_it_is_the_curves(rows: list[Any]) -> None:
    columns = _columns(rows)
    curve = kaplan_meier(*columns)
    table = risk_table(*columns, times=curve.time)
    np.testing.assert_array_equal(table.at_risk, curve.at_risk)
    np.testing.assert_array_equal(table.events, curve.events)
    np.testing.assert_array_equal(table.censored, curve.censored)


@given(people)
def test_risk_sets_are_those_of_each_row(rows: list[Any]) -> None:
    checked = check_rows(*_columns(rows), where="test")
    sets = risk_sets(checked)
    for i in range(len(checked)):
        present = (checked.entry[i] < sets.time) | (checked.entry[i] == 0)
        present &= sets.time <= checked.exit[i]
        np.testing.assert_array_equal(
            np.flatnonzero(present), np.arange(sets.first[i], sets.last[i] + 1)
        )
    np.testing.assert_array_equal(sets.emptied, (sets.events == sets.at_risk) & (sets.events > 0))


def test_errors() -> None:
    with pytest.raises(InputError, match="must increase"):
        risk_table([1], [True], times=[12, 6])
    with pytest.raises(InputError, match="must increase"):
        risk_table([1], [True], times=[-1])
    with pytest.raises(InputError, match="no rows"):
        risk_table([], [], times=[1])
