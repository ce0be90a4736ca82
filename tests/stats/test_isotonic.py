"""Pooling adjacent violators: scikit-learn's, and why it cannot harm."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import isotonic_regression

from gmts_models.outcome import Floats
from gmts_models.stats.isotonic import isotonic_rows

risks = st.integers(1, 7).flatmap(
    lambda m: st.lists(
        st.lists(st.sampled_from(np.linspace(0, 1, 11)), min_size=m, max_size=m),
        min_size=1,
        max_size=8,
    )
)


def test_worked_by_hand() -> None:
    rows = np.array([[0.1, 0.4, 0.2, 0.6], [0.3, 0.2, 0.1, 0.0], [0.1, 0.1, 0.2, 0.2]])
    want = [[0.1, 0.3, 0.3, 0.6], [0.15, 0.15, 0.15, 0.15], [0.1, 0.1, 0.2, 0.2]]
    np.testing.assert_allclose(isotonic_rows(rows), want)
    assert isotonic_rows(np.empty((0, 3))).shape == (0, 3)


@given(risks)
def test_each_row_is_scikit_learns(rows: list[list[float]]) -> None:
    given_ = np.array(rows)
    found = isotonic_rows(given_)
    want = [isotonic_regression(row) for row in given_]
    np.testing.assert_allclose(found, want, atol=1e-12)
    assert (np.diff(found, axis=1) >= 0).all()


def _squares(risk: Floats, time: Floats) -> Floats:
    """Return each row's Brier scores of having left by 1, 2, ..., summed over horizons."""
    left = time[:, None] <= np.arange(1, risk.shape[1] + 1)
    return np.asarray(np.square(risk - left).sum(axis=1))


@given(risks, st.integers(0, 2**32 - 1))
def test_no_row_gets_further_from_what_happens(rows: list[list[float]], seed: int) -> None:
    """Having left, by horizon, is itself non-decreasing: the Brier score cannot get worse."""
    risk = np.array(rows)
    time = np.random.default_rng(seed).integers(1, risk.shape[1] + 2, len(risk)).astype(float)
    assert (_squares(isotonic_rows(risk), time) <= _squares(risk, time) + 1e-12).all()


def test_the_largest_so_far_does_get_further() -> None:
    risk, time = np.array([[0.5, 0.1, 0.1]]), np.array([9.0])
    assert _squares(np.maximum.accumulate(risk, axis=1), time) > _squares(risk, time)


@given(risks)
def test_what_is_above_stays_above(rows: list[list[float]]) -> None:
    risk = np.array(rows)
    higher = np.minimum(risk + np.abs(np.sin(np.arange(risk.shape[1]))), 1.0)
    assert (isotonic_rows(risk) <= isotonic_rows(higher) + 1e-12).all()
