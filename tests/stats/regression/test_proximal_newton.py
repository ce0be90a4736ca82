"""The quadratic step behind penalised paths, against enumeration."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.stats.regression.proximal_newton import minimise_quadratic


@given(st.integers(0, 10_000))
def test_quadratic_minimum_is_the_best_of_all_sign_patterns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(6, 4)) + rng.normal(size=(6, 1))  # correlated columns
    Q, linear = A.T @ A, rng.normal(size=4) * 3
    l1 = rng.choice([0.0, 0.3, 2.0], size=4)
    best = np.inf
    for signs in product([-1, 0, 1], repeat=4):
        inside = np.array(signs) != 0
        b = np.zeros(4)
        right = linear[inside] - l1[inside] * np.array(signs)[inside]
        b[inside] = np.linalg.solve(Q[np.ix_(inside, inside)], right)
        best = min(best, b @ Q @ b / 2 - linear @ b + l1 @ np.abs(b))
    b = minimise_quadratic(Q, linear, l1, rng.normal(size=4) * rng.integers(0, 2, 4))
    assert b @ Q @ b / 2 - linear @ b + l1 @ np.abs(b) == pytest.approx(best, abs=1e-10)


def test_quadratic_without_curvature_along_a_sum() -> None:
    """Two equal columns: any split is a minimum, and their sum is what one alone would have."""
    Q, linear = np.ones((2, 2)), np.array([2.0, 2.0])
    b = minimise_quadratic(Q, linear, np.full(2, 0.5), np.zeros(2))
    assert b.sum() == pytest.approx(1.5)
    assert (b >= 0).all()
