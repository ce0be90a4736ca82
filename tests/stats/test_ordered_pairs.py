"""Sums over ordered pairs against the pairs themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.ordered_pairs import sum_over_ordered_pairs, sum_over_tied_pairs


def _agree(found: tuple[Floats, Floats], pairs: Bools, first: Floats, second: Floats) -> None:
    np.testing.assert_allclose(found[0], first @ pairs, atol=1e-12)
    np.testing.assert_allclose(found[1], pairs @ second, atol=1e-12)


@given(seed=st.integers(0, 10_000), n=st.integers(1, 80), groups=st.integers(1, 100))
def test_sums_are_those_of_all_pairs(seed: int, n: int, groups: int) -> None:
    rng = np.random.default_rng(seed)
    group: Ints = rng.integers(-5, groups, n)
    value: Ints = rng.integers(-9, rng.integers(-8, 100), n)
    first, second = rng.uniform(size=(2, n)) * (rng.uniform(size=(2, n)) < 0.7)
    earlier = group[:, None] < group
    ordered = sum_over_ordered_pairs(group, value, first, second)
    _agree(ordered, earlier & (value[:, None] < value), first, second)
    tied = sum_over_tied_pairs(group, value, first, second)
    _agree(tied, earlier & (value[:, None] == value), first, second)


@pytest.mark.parametrize("groups", [3, 200_000])
def test_many_groups_are_sorted_alike(groups: int) -> None:
    # Up to 65,536 groups are sorted by counting, more by comparison.
    rng = np.random.default_rng(0)
    group = rng.integers(0, groups, 500)
    value = rng.normal(size=500)
    one = np.ones(500)
    found = sum_over_ordered_pairs(group, value, one, one)
    _agree(found, (group[:, None] < group) & (value[:, None] < value), one, one)


def test_no_rows_have_no_pairs() -> None:
    none = np.zeros(0)
    before, after = sum_over_ordered_pairs(none.astype(int), none, none, none)
    assert len(before) == len(after) == 0
