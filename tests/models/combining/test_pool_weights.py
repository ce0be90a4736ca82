from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.models.combining.pool_weights import pool_weights


def test_by_hand() -> None:
    # |(w, 1 - w)|^2 is least at 1/2; w^2 + 4 (1 - w)^2 at 2 w = 8 (1 - w), so at 0.8.
    np.testing.assert_allclose(pool_weights(np.eye(2)), [0.5, 0.5])
    np.testing.assert_allclose(pool_weights(np.diag([1.0, 2.0])), [0.8, 0.2])
    # Worse everywhere than the first, and off to the same side.
    assert pool_weights(np.array([[0.1, 0.3], [0.2, 0.5]])).tolist() == [1, 0]
    # Errors to both sides cancel: 2 w = 1 - w.
    np.testing.assert_allclose(pool_weights(np.array([[2.0, -1.0]])), [1 / 3, 2 / 3])


@given(
    seed=st.integers(0, 2**32 - 1),
    models=st.integers(1, 8),
    rows=st.integers(1, 40),
    scale=st.sampled_from([1e-6, 1.0, 1e3]),
)
def test_the_conditions_of_a_minimum_hold(seed: int, models: int, rows: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    errors = scale * (rng.normal(size=(rows, models)) + rng.normal(size=models))
    weights = pool_weights(errors)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    # Nothing is won by moving weight to another model.
    gradient = errors.T @ errors @ weights
    at_stake = np.abs(errors.T @ errors).max()
    assert (gradient - weights @ gradient >= -1e-8 * at_stake).all()


def test_the_fewest_models_where_several_weights_are_as_good() -> None:
    rng = np.random.default_rng(4)
    first, second = rng.normal(size=(2, 30))
    assert pool_weights(np.column_stack([first, first, first])).tolist() == [1, 0, 0]
    # The best mixture of two models is the third itself.
    mixed = np.column_stack([first, second]) @ pool_weights(np.column_stack([first, second]))
    assert pool_weights(np.column_stack([first, second, mixed])).tolist() == [0, 0, 1]
    assert pool_weights(np.zeros((5, 3))).tolist() == [1, 0, 0]
