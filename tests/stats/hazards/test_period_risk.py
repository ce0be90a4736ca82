"""Risks by any month, from hazards of whole periods."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.stats.hazards.period_risk import incidence_by, spent_periods


def test_two_causes_by_hand() -> None:
    # Hazards .2 and .3, then .1 and 0: .5 stay the first period, .45 both.
    hazards = np.array([[[0.2, 0.3], [0.1, 0.0]]])
    at = spent_periods(np.array([0, 1, 2, 0.5, 1.5, 2.1]), 2)
    found = incidence_by(hazards, at)[0]
    half = 1 - np.sqrt(0.5)
    second = 0.5 * (1 - np.sqrt(0.9))
    want = [[0, 0], [0.2, 0.3], [0.25, 0.3], [0.4 * half, 0.6 * half], [0.2 + second, 0.3]]
    np.testing.assert_allclose(found[:5], want, rtol=1e-12)
    assert np.isnan(found[5]).all()


def test_all_leave() -> None:
    found = incidence_by(np.array([[[0.5], [1.0]]]), spent_periods(np.array([1, 1.01, 2]), 2))
    np.testing.assert_array_equal(found[0, :, 0], [0.5, 1, 1])


def test_noise_is_no_time() -> None:
    spent = spent_periods(np.array([0.3 / 0.1, 3 * 0.1 / 0.1]), 3)
    np.testing.assert_array_equal(spent, np.ones((2, 3)))


@given(seed=st.integers(0, 10_000))
def test_risk_does_not_fall_and_is_the_product_of_the_periods(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hazards = rng.dirichlet([1, 1, 6], size=(4, 9))[:, :, :2]
    hazards[rng.uniform(size=(4, 9)) < 0.3] = 0
    at = np.sort(np.r_[rng.uniform(0, 9, 20), np.arange(10)])
    found = incidence_by(hazards, spent_periods(at, 9))
    assert (np.diff(found, axis=1) > -1e-12).all()
    whole = found[:, np.isin(at, np.arange(10))].sum(axis=2)
    stay = np.cumprod(np.insert(1 - hazards.sum(axis=2), 0, 1, axis=1), axis=1)
    np.testing.assert_allclose(whole, 1 - stay, atol=1e-12)
