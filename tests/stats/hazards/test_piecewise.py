"""The piecewise-exponential model against hand, its identities and known truth."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Bools, Floats
from gmts_models.stats.hazards.piecewise import (
    piecewise_exponential,
    piecewise_survival,
    split_episodes,
)
from gmts_models.stats.hazards.rates import exit_rates

REPETITIONS = int(os.environ.get("GMTS_SIMULATION_REPETITIONS", "200"))


def _draw(seed: int, n: int = 150) -> tuple[Floats, Floats, Bools, Floats]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    exit_ = rng.exponential(12 * np.exp(-0.5 * x[:, 0])) + 0.01
    return x, exit_, rng.uniform(size=n) < 0.8, exit_ * rng.uniform(0, 0.6, n)


def test_cuts_by_hand() -> None:
    cut = split_episodes([12.0, 5, 0, 30], [True, False, True, True], [0.0, 2, 0, 12], cuts=[6, 12])
    np.testing.assert_array_equal(cut.row, [0, 0, 1, 2, 3])
    np.testing.assert_array_equal(cut.band, [0, 1, 0, 0, 2])
    np.testing.assert_array_equal(cut.entry, [0, 6, 2, 0, 12])
    np.testing.assert_array_equal(cut.exit, [6, 12, 5, 0, 30])
    np.testing.assert_array_equal(cut.left, [False, True, False, True, True])


def test_without_columns_hazards_are_rates() -> None:
    _, exit_, left, entry = _draw(1)
    found = piecewise_exponential(np.zeros((150, 0)), exit_, left, entry, cuts=[6])
    seen = entry < 6
    early = exit_rates(np.minimum(exit_, 6)[seen], (left & (exit_ <= 6))[seen], entry[seen])
    late = exit_ > 6
    later = exit_rates(exit_[late], left[late], np.maximum(entry[late], 6))
    np.testing.assert_allclose(
        np.exp(found.coefficients), [early.rate[0], later.rate[0]], rtol=1e-9
    )
    hazard = np.exp(found.coefficients)
    survival = piecewise_survival(found, np.zeros((1, 0)), [0, 4, 10, exit_.max() + 1])
    want = [1, np.exp(-4 * hazard[0]), np.exp(-6 * hazard[0] - 4 * hazard[1]), np.nan]
    np.testing.assert_allclose(survival[0], want, rtol=1e-12)


@given(seed=st.integers(0, 10_000))
def test_weights_splits_order_and_scale(seed: int) -> None:
    X, exit_, left, entry = _draw(seed)
    rng = np.random.default_rng(seed)
    times = rng.integers(1, 4, 150)
    cuts = np.array([3.0, 9])
    found = piecewise_exponential(X, exit_, left, entry, times, cuts=cuts)
    copied = rng.permutation(np.repeat(np.arange(150), times))
    repeated = piecewise_exponential(
        X[copied], exit_[copied] * 30, left[copied], entry[copied] * 30, cuts=cuts * 30
    )
    shift = np.log([30, 30, 30, 1, 1])
    np.testing.assert_allclose(
        repeated.coefficients + shift, found.coefficients, rtol=1e-6, atol=1e-8
    )
    np.testing.assert_allclose(repeated.covariance, found.covariance, rtol=1e-6, atol=1e-10)
    # Rows cut anywhere else, too: one more piece a person, and the same person for the sandwich.
    more = split_episodes(exit_, left, entry, cuts=np.sort(rng.uniform(0, 30, 3)))
    split = piecewise_exponential(
        X[more.row], more.exit, more.left, more.entry, times[more.row], more.row, cuts=cuts
    )
    np.testing.assert_allclose(split.coefficients, found.coefficients, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(split.naive_covariance, found.covariance, rtol=1e-7, atol=1e-10)
    assert split.log_likelihood == pytest.approx(found.log_likelihood, rel=1e-10)
    whole = piecewise_exponential(X, exit_, left, entry, times, np.arange(150), cuts=cuts)
    np.testing.assert_allclose(split.covariance, whole.covariance, rtol=1e-6, atol=1e-10)


def test_bad_input_is_refused() -> None:
    X, exit_, left, entry = _draw(0)
    with pytest.raises(InputError, match="increasing order"):
        piecewise_exponential(X, exit_, left, entry, cuts=[12, 6])
    with pytest.raises(InputError, match="X has shape"):
        piecewise_exponential(X[:5], exit_, left, entry, cuts=[6])
    with pytest.raises(FitError) as error:
        piecewise_exponential(X, exit_, left & (exit_ <= 6), entry, cuts=[6])
    assert error.value.where == "regression, months 6 to inf"


@pytest.mark.slow
def test_it_finds_a_known_hazard_under_late_entry() -> None:
    # Hazard 0.03 up to 12 months and 0.06 after, times exp(0.5 x); entry and census at random.
    rng = np.random.default_rng(8)
    truth = np.array([np.log(0.03), np.log(0.06), 0.5])
    estimates, covered = [], []
    for _ in range(REPETITIONS):
        x = rng.normal(size=(600, 1))
        total = rng.exponential(size=600) / np.exp(0.5 * x[:, 0])
        time = np.where(total < 0.36, total / 0.03, 12 + (total - 0.36) / 0.06)
        entry = np.where(rng.uniform(size=600) < 0.5, rng.uniform(0, 15, 600), 0)
        end = entry + rng.uniform(5, 30, 600)
        seen = time > entry
        found = piecewise_exponential(
            x[seen],
            np.minimum(time, end)[seen],
            (time <= end)[seen],
            entry[seen],
            cuts=[12],
        )
        estimates.append(found.coefficients)
        half = 1.959964 * np.sqrt(np.diag(found.covariance))
        covered.append(np.abs(found.coefficients - truth) < half)
    error = np.std(estimates, axis=0) / np.sqrt(REPETITIONS)
    bias = np.mean(estimates, axis=0) - truth
    assert (np.abs(bias) < 4 * error + 0.005).all(), f"{bias} +- {error}"  # order 1 / exits
    share = np.mean(covered, axis=0)
    assert (np.abs(share - 0.95) < 4 * np.sqrt(0.95 * 0.05 / REPETITIONS)).all(), f"covers {share}"
