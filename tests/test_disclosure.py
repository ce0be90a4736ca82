"""Suppression of small counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.disclosure import show_count, suppress_counts, suppress_rows
from gmts_models.errors import InputError


def test_small_counts_are_hidden_and_zero_is_not() -> None:
    shown = suppress_counts(pd.Series([0, 1, 4, 5, 120]))
    np.testing.assert_array_equal(shown, [0, np.nan, np.nan, 5, 120])
    assert [show_count(value) for value in shown] == ["0", "*", "*", "5", "120"]


def test_a_lone_hidden_cell_takes_the_next_smallest_with_it() -> None:
    shown = suppress_counts(pd.Series([3, 20, 7, 0]), total_published=True)
    np.testing.assert_array_equal(shown, [np.nan, 20, np.nan, 0])


def test_two_hidden_ones_are_not_enough_where_their_sum_tells() -> None:
    shown = suppress_counts(pd.Series([1, 1, 50, 60]), total_published=True)
    np.testing.assert_array_equal(shown, [np.nan, np.nan, np.nan, 60])


def test_cells_can_be_hidden_for_other_reasons() -> None:
    shown = suppress_counts(
        pd.Series([9, 20, 30]), total_published=True, also=np.array([True, False, False])
    )
    np.testing.assert_array_equal(shown, [np.nan, np.nan, 30])


@given(st.lists(st.integers(0, 30), min_size=2, max_size=8), st.integers(1, 10))
def test_no_hidden_count_can_be_had_by_subtraction(counts: list[int], threshold: int) -> None:
    series = pd.Series(counts)
    shown = suppress_counts(series, threshold, total_published=True)
    assert not ((shown > 0) & (shown < threshold)).any()
    hidden = shown.isna()
    if hidden.sum() == 1:  # only where there is no other person to hide behind
        assert (series[~hidden] == 0).all()


def test_statistics_of_few_people_are_blanked() -> None:
    frame = pd.DataFrame({"n": [3, 0, 8, np.nan], "auc": [0.9, 0.5, 0.7, 0.6]})
    shown = suppress_rows(frame, "n", ["auc"])
    np.testing.assert_array_equal(shown["auc"], [np.nan, np.nan, 0.7, np.nan])
    assert frame["auc"].notna().all()


@pytest.mark.parametrize("threshold", [0, -1, True, 2.5])
def test_a_threshold_that_is_none_is_refused(threshold: object) -> None:
    with pytest.raises(InputError, match="threshold"):
        suppress_counts(pd.Series([1]), threshold)  # type: ignore[arg-type]
