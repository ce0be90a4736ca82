"""What every statistical function refuses of its rows, and how labels become codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from gmts_models.errors import InputError
from gmts_models.stats.rows import check_rows, code_labels, read_matrix


@pytest.mark.parametrize(
    ("labels", "codes"),
    [
        (["b", "a", "b"], [1, 0, 1]),
        ([10, 9, 10], [1, 0, 1]),
        (np.array([10, 9, 10], dtype=object), [1, 0, 1]),  # as numbers, not as texts
        (np.array(["a", 1, "a"], dtype=object), [1, 0, 1]),
        (pd.Categorical(["b", "a", "b"]), [1, 0, 1]),
        (pd.Series(["b", "a", "b"], dtype="string"), [1, 0, 1]),
    ],
)
def test_codes_are_ranks_of_the_labels(labels: Any, codes: list[int]) -> None:
    np.testing.assert_array_equal(code_labels(labels, "strata", "here"), codes)


@pytest.mark.parametrize(
    "labels",
    [
        ["a", None],
        ["a", np.nan],  # NumPy alone makes the text "nan" of it
        [1.0, np.nan],
        pd.Series(["a", None], dtype="string"),
        np.array(["a", pd.NA], dtype=object),
        pd.Series([pd.Timestamp("2020-01-01"), pd.NaT]),
    ],
)
def test_a_missing_label_is_no_label(labels: Any) -> None:
    with pytest.raises(InputError, match=r"strata is missing in 1 row") as found:
        check_rows([1, 2], [1, 0], strata=labels, where="here")
    assert found.value.where is not None
    assert found.value.where.startswith("here, rows")


@pytest.mark.parametrize(
    "values",
    [pd.date_range("2020-01-01", periods=2), pd.to_timedelta([1, 2], unit="D"), [1j, 2], ["a", 1]],
)
def test_times_are_numbers(values: Any) -> None:
    with pytest.raises(InputError, match="exit_ must be numbers"):
        check_rows(values, [1, 0], where="here")


def test_codes_of_events_are_whole_and_of_a_size() -> None:
    for event in ([0.5, 1.0], [1e30, 0.0]):
        with pytest.raises(InputError, match="whole numbers"):
            check_rows([1, 2], event, where="here")


def test_a_matrix_has_its_rows() -> None:
    np.testing.assert_array_equal(read_matrix([[1], [2]], 2), [[1.0], [2.0]])
    for bad in ([1, 2], [[1, 2]], [[[1], [2]]]):
        with pytest.raises(InputError, match="has shape"):
            read_matrix(bad, 2)
    with pytest.raises(InputError, match="must be numbers"):
        read_matrix([["a"], ["b"]], 2)
