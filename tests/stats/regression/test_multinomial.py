"""Multinomial regression against hand, scikit-learn and the binomial one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from gmts_models.errors import FitError, InputError, NotEstimableError
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.regression.glm import fit_glm, robust_covariance
from gmts_models.stats.regression.multinomial import fit_multinomial, multinomial_probabilities


def _draw(seed: int, n: int = 200) -> tuple[Floats, Ints]:
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=n)])
    chance = multinomial_probabilities(np.array([[-0.5, 0.6], [-0.8, -0.4]]), X)
    return X, (rng.uniform(size=n)[:, None] > np.cumsum(chance, axis=1)).sum(axis=1)


def test_shares_by_hand() -> None:
    y = np.repeat([0, 1, 2], [10, 6, 4])
    fit = fit_multinomial(np.ones((20, 1)), y)
    np.testing.assert_allclose(fit.coefficients[:, 0], np.log([0.6, 0.4]), rtol=1e-12)
    # Log odds against a common outcome: variances 1/6 + 1/10 and 1/4 + 1/10, covariance 1/10.
    want = [[1 / 6 + 0.1, 0.1], [0.1, 1 / 4 + 0.1]]
    np.testing.assert_allclose(fit.covariance, want, rtol=1e-12)
    assert fit.log_likelihood == pytest.approx(10 * np.log(0.5) + 6 * np.log(0.3) + 4 * np.log(0.2))


def test_two_outcomes_are_a_logistic_regression() -> None:
    X, y = _draw(1)
    other = fit_glm(X, y > 0, link="logit")
    fit = fit_multinomial(X, (y > 0).astype(int))
    np.testing.assert_allclose(fit.coefficients[0], other.coefficients, rtol=1e-9)
    np.testing.assert_allclose(fit.covariance, other.covariance, rtol=1e-9)
    np.testing.assert_allclose(robust_covariance(fit), robust_covariance(other), rtol=1e-8)


def test_it_agrees_with_scikit_learn() -> None:
    X, y = _draw(2)
    fit = fit_multinomial(X, y)
    want = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(X[:, 1:], y)
    # Its stopping rule leaves about six digits of the probabilities.
    np.testing.assert_allclose(
        multinomial_probabilities(fit.coefficients, X), want.predict_proba(X[:, 1:]), atol=1e-5
    )


@given(seed=st.integers(0, 10_000))
def test_weights_and_order(seed: int) -> None:
    X, y = _draw(seed)
    rng = np.random.default_rng(seed)
    times = rng.integers(1, 4, len(y))
    fit = fit_multinomial(X, y, weights=times)
    copied = rng.permutation(np.repeat(np.arange(len(y)), times))
    other = fit_multinomial(X[copied], y[copied])
    np.testing.assert_allclose(other.coefficients, fit.coefficients, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(other.covariance, fit.covariance, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(fit.score.sum(axis=0), 0, atol=1e-8)
    np.testing.assert_allclose(
        robust_covariance(other, copied), robust_covariance(fit), rtol=1e-6, atol=1e-10
    )


def test_bad_input_is_refused() -> None:
    X, y = _draw(3)
    with pytest.raises(InputError, match="there are 3 rows"):
        fit_multinomial(X, y[:3])
    with pytest.raises(InputError, match="whole numbers"):
        fit_multinomial(X, y - 1)
    with pytest.raises(InputError, match="weights must be"):
        fit_multinomial(X, y, weights=-np.ones(len(y)))
    with pytest.raises(InputError, match="finite numbers"):
        fit_multinomial(X * np.nan, y)
    with pytest.raises(NotEstimableError, match="outcome 1 never"):
        fit_multinomial(X, np.where(y == 1, 2, y))
    nobody = (np.arange(len(y)) < 40) & (y != 1)
    with pytest.raises(FitError, match="no maximum") as error:
        fit_multinomial(np.column_stack([X, nobody]), y, names=["one", "age", "finance"])
    assert error.value.where == "regression, finance"
