"""What is known of each row's time, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gmts_models.errors import InputError
from gmts_models.stats.parametric.observations import interval_censored, right_censored

inf, nan = np.inf, np.nan


def test_right_censored_rows_are_intervals_without_end() -> None:
    rows = right_censored([3, 4, 5.0], [1, 0, -1], [0, 2, 0], strata=["b", "a", "b"])
    np.testing.assert_array_equal(rows.lower, [3, 4, 5])
    np.testing.assert_array_equal(rows.upper, [3, inf, 5])  # cause unknown: left all the same
    np.testing.assert_array_equal(rows.entry, [-inf, 2, -inf])
    np.testing.assert_array_equal(rows.strata, [1, 0, 1])
    np.testing.assert_array_equal(rows.seen, [True, False, True])
    assert len(rows) == 3


def test_limits_may_be_missing_or_infinite() -> None:
    rows = interval_censored([nan, -inf, 2, 2, 5], [4, 4, nan, inf, 5])
    np.testing.assert_array_equal(rows.lower, [-inf, -inf, 2, 2, 5])
    np.testing.assert_array_equal(rows.upper, [4, 4, inf, inf, 5])


def test_late_entry_is_the_lower_limit_of_those_who_have_none() -> None:
    rows = interval_censored([nan, 0, 3], [4, 4, 6], entry=[2, 2, 2])
    np.testing.assert_array_equal(rows.lower, [2, 2, 3])


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (([1, nan], [2, nan]), "both limits are missing"),
        (([3, 1], [2, 2]), "lower is above upper"),
        (([inf], [inf]), "lower is above upper"),
        (([1, 2], [2]), "shape"),
        (([[1]], [[2]]), "one dimension"),
        ((["a"], [1]), "must be numbers"),
        (([], []), "no rows"),
        (([1], [2], [1.5]), "before entry"),
        (([nan], [2], [2]), "before entry"),
        (([1], [2], [-1]), "entry is negative"),
        (([1], [2], None, [-1]), "weights is negative"),
        (([1], [2], None, [nan]), "weights is missing"),
        (([1], [2], None, None, None, [nan]), "clusters is missing"),
    ],
)
def test_bad_intervals_are_refused(arguments: Any, what: str) -> None:
    with pytest.raises(InputError, match=what):
        interval_censored(*arguments)


def test_bad_rows_are_refused_by_number() -> None:
    with pytest.raises(InputError, match="right_censored, rows 1"):
        right_censored([1, nan], [1, 1])
