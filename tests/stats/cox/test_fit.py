"""The partial likelihood: by hand, by its derivatives, and by its invariances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.stats.cox import fit_cox, partial_likelihood


def test_efron_by_hand() -> None:
    """Therneau & Grambsch (2000), appendix E.1: six people, two of them tied at 1."""
    time = np.array([1, 1, 6, 6, 8, 9.0])
    left = np.array([True, False, True, True, False, True])
    x = np.array([[1.0], [1], [1], [0], [0], [0]])
    beta = np.array([0.3])
    r = np.exp(0.3)
    value, _, _ = partial_likelihood(x, time, left, np.zeros(6), beta)
    want = 2 * 0.3 - np.log(3 * r + 3) - np.log((r + 3) * ((r + 3) - (r + 1) / 2)) - np.log(1)
    assert value == pytest.approx(want)
    fit = fit_cox(x, time, left, np.zeros(6), np.zeros(6, int))
    assert fit.converged
    # The root of the score, solved there in closed form.
    assert fit.coefficients[0] == pytest.approx(1.676857, abs=1e-6)


def _draw(seed: int, n: int = 60) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    entry = rng.integers(0, 4, n).astype(float)
    exit_ = entry + rng.integers(1, 9, n)
    left = rng.uniform(size=n) < 0.6
    left[0] = True
    return X, exit_, left, entry, rng.integers(0, 2, n)


@pytest.mark.parametrize("seed", range(5))
def test_gradient_and_information_are_derivatives(seed: int) -> None:
    X, exit_, left, entry, _ = _draw(seed)
    beta, step = np.array([0.2, -0.4, 0.1]), 1e-5
    _, gradient, information = partial_likelihood(X, exit_, left, entry, beta)
    for j in range(3):
        move = step * np.eye(3)[j]
        up = partial_likelihood(X, exit_, left, entry, beta + move)
        down = partial_likelihood(X, exit_, left, entry, beta - move)
        assert gradient[j] == pytest.approx((up[0] - down[0]) / (2 * step), rel=1e-6, abs=1e-6)
        np.testing.assert_allclose(
            information[j], -(up[1] - down[1]) / (2 * step), rtol=1e-5, atol=1e-5
        )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_row_order_time_scale_and_splitting_change_nothing(seed: int) -> None:
    X, exit_, left, entry, strata = _draw(seed, 120)
    alpha = 0.5
    fit = fit_cox(X, exit_, left, entry, strata, alpha=alpha)
    order = np.random.default_rng(seed).permutation(len(left))
    same = fit_cox(X[order], exit_[order], left[order], entry[order], strata[order], alpha=alpha)
    np.testing.assert_allclose(same.coefficients, fit.coefficients, atol=1e-9)
    days = fit_cox(X, exit_ * 30.4375, left, entry * 30.4375, strata, alpha=alpha)
    np.testing.assert_allclose(days.coefficients, fit.coefficients, atol=1e-9)
    middle = (entry + exit_) / 2
    split = fit_cox(
        np.vstack([X, X]),
        np.r_[middle, exit_],
        np.r_[np.zeros(len(left), bool), left],
        np.r_[entry, middle],
        np.r_[strata, strata],
        alpha=alpha,
    )
    np.testing.assert_allclose(split.coefficients, fit.coefficients, atol=1e-9)
    np.testing.assert_allclose(split.covariance, fit.covariance, rtol=1e-7)
    assert split.log_likelihood == pytest.approx(fit.log_likelihood)


def test_one_stratum_each_is_no_information() -> None:
    X, exit_, left, _, _ = _draw(1)
    with pytest.raises(np.linalg.LinAlgError):
        fit_cox(X, exit_, left, np.zeros(len(left)), np.arange(len(left)))
