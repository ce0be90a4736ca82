"""Samples of the same people: each is the fit of the drawn rows."""

from __future__ import annotations

import numpy as np
import pytest
from brute import draw
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.stats.cox.bootstrap import bootstrap_cox, resample
from gmts_models.stats.cox.fit import fit_cox, likelihood_at


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["efron", "breslow"]))
def test_a_drawn_sample_is_its_rows(seed: int, ties: str) -> None:
    rows = draw(seed, 80)
    fit = fit_cox(**rows, ties=ties)  # type: ignore[arg-type]
    copies = np.bincount(np.random.default_rng(seed).integers(0, 80, 80), minlength=80)
    again = np.repeat(np.arange(80), copies)
    drawn = {name: each[again] for name, each in rows.items()}
    beta = np.array([0.1, -0.3, 0.2])
    got = likelihood_at(resample(fit.data, copies), beta)
    # The same but for the centre of the offset, which a likelihood does not see.
    want = likelihood_at(fit_cox(**drawn, ties=ties, penalty=np.ones(3)).data, beta)  # type: ignore[arg-type]
    assert got.value == pytest.approx(want.value, rel=1e-11)
    np.testing.assert_allclose(got.gradient, want.gradient, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(got.information, want.information, rtol=1e-9, atol=1e-9)


def test_spread_of_samples_is_the_robust_error_of_people() -> None:
    rng = np.random.default_rng(3)
    people = np.repeat(np.arange(150), 2)  # two rows a person, alike
    x = rng.normal(size=150)[people]
    time = rng.exponential(20 * np.exp(-0.5 * x[::2]))[people]
    fit = fit_cox(x[:, None], np.minimum(time, 48), time <= 48, clusters=people, ties="breslow")
    drawn = bootstrap_cox(fit, 800, np.random.default_rng(1))
    assert drawn.failed == 0
    assert drawn.coefficients.shape == (800, 1)
    # Rows alone would say 1 / sqrt(2) of it. Error of a standard deviation: 1 / sqrt(1600).
    spread = drawn.coefficients.std() / np.sqrt(2 * fit.covariance[0, 0])
    assert spread == pytest.approx(1, abs=0.15)
    same = bootstrap_cox(fit, 5, np.random.default_rng(1))
    np.testing.assert_array_equal(same.coefficients, drawn.coefficients[:5])


def test_samples_without_a_maximum_are_counted() -> None:
    rng = np.random.default_rng(5)
    rare = (np.arange(40) < 2).astype(float)[:, None]
    time = rng.permutation(40) + 1.0
    left = np.ones(40, dtype=bool)
    fit = fit_cox(rare, time, left)
    drawn = bootstrap_cox(fit, 60, np.random.default_rng(0))
    # Nobody with the rare label is in about (38/40)^40 = 13 % of samples.
    assert drawn.failed == np.isnan(drawn.coefficients[:, 0]).sum()
    assert 1 <= drawn.failed <= 25


@pytest.mark.filterwarnings("error")
def test_samples_without_a_maximum_are_counted_without_a_word() -> None:
    rng = np.random.default_rng(1)
    x, exit_ = rng.normal(size=(6, 1)), rng.integers(1, 9, 6)
    found = bootstrap_cox(fit_cox(x, exit_, np.ones(6)), 200, np.random.default_rng(0))
    assert 0 < found.failed < 100
    assert np.isnan(found.coefficients).any(axis=1).sum() == found.failed
