"""Firth's logistic regression: the half counts it is known by, R's values, invariances."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special, stats

from gmts_models.errors import FitError, InputError
from gmts_models.stats.regression.firth import half_log_determinant
from gmts_models.stats.regression.firth_logistic import firth_logistic_point, fit_firth_logistic

ENDOMETRIAL = Path(__file__).parents[2] / "reference" / "data" / "endometrial.csv"


def test_two_groups_are_counts_with_a_half_added() -> None:
    """A saturated model: every cell of the table gains 1/2, also where it is empty."""
    x = np.repeat([0.0, 1.0], [7, 5])
    y = np.array([1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    fit = fit_firth_logistic(np.column_stack([np.ones(12), x]), y)
    intercept = np.log(2.5 / 5.5)
    np.testing.assert_allclose(fit.coefficients, [intercept, np.log(5.5 / 0.5) - intercept])
    p = np.array([2.5 / 8, 5.5 / 6])
    assert fit.log_likelihood == pytest.approx(
        2 * np.log(p[0]) + 5 * np.log(1 - p[0]) + 5 * np.log(p[1])
    )
    information = np.array([7, 5]) * p * (1 - p)
    assert fit.covariance[1, 1] == pytest.approx((1 / information).sum())
    # Jeffreys' prior of the whole model stays in where the groups are held equal.
    common = 7.5 / 13
    weight = common * (1 - common)
    held = 7 * np.log(common) + 5 * np.log(1 - common) + np.log(35 * weight**2) / 2
    best = optimize.minimize_scalar(
        lambda a: (
            -(7 * a - 12 * np.logaddexp(0, a) + np.log(35) / 2)
            - np.log(special.expit(a) * special.expit(-a))
        ),
        tol=1e-12,
    )
    assert -best.fun >= held
    twice = 2 * (fit.penalised_log_likelihood + best.fun)
    assert fit.statistic[1] == pytest.approx(twice)
    assert fit.overall_statistic == pytest.approx(twice)
    assert fit.overall_df == 1
    assert fit.overall_p == pytest.approx(fit.p[1])


def test_intercept_alone_and_its_limits() -> None:
    """The profile is the likelihood of 2.5 and 8.5 of 11: its limits by root finding."""
    fit = fit_firth_logistic(np.ones((10, 1)), [1, 1] + 8 * [0], level=0.9)
    assert fit.coefficients[0] == pytest.approx(np.log(2.5 / 8.5))

    def fall(b: float) -> float:
        def at(b: float) -> float:
            return 2.5 * np.log(special.expit(b)) + 8.5 * np.log(special.expit(-b))

        return 2 * (at(np.log(2.5 / 8.5)) - at(b)) - stats.chi2.ppf(0.9, 1)

    assert fit.lower[0] == pytest.approx(optimize.brentq(fall, -9, -1.3), abs=1e-8)
    assert fit.upper[0] == pytest.approx(optimize.brentq(fall, -1.2, 5), abs=1e-8)
    assert fit.overall_df == 0


def test_weights_and_offset_as_r() -> None:
    """R 4.2.2, brglm2 0.9: w <- 1 + (0:78) %% 3; o <- (0:78) %% 5 / 5.

    glm(HG ~ NV + PI + EH, binomial, d, weights = w, offset = o, method = "brglmFit",
    type = "AS_mean", epsilon = 1e-13)
    """
    d = pd.read_csv(ENDOMETRIAL)
    row = np.arange(len(d))
    X = np.column_stack([np.ones(len(d)), d[["NV", "PI", "EH"]]])
    fit = fit_firth_logistic(X, d["HG"], weights=1 + row % 3, offset=row % 5 / 5)
    coef = [3.2033239756123, 4.1022336200296, -0.0649716125042, -2.2188454349997]
    np.testing.assert_allclose(fit.coefficients, coef, rtol=1e-9)
    error = [1.0267017547756, 1.489831249789, 0.030130337787623, 0.49580910892499]
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), error, rtol=1e-9)
    assert fit.score_length < 1e-9


def _draw(seed: int, n: int = 40) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=n), rng.uniform(size=n) < 0.15])
    X[0, 2], X[1, 2] = 1, 0
    return X, (rng.uniform(size=n) < special.expit(X @ [-1.5, 0.7, 1.0])).astype(int)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_gradient_is_the_derivative(seed: int) -> None:
    X, y = _draw(seed)
    rng = np.random.default_rng(seed)
    rest, beta = (rng.normal(size=len(y)), rng.uniform(0.2, 2, len(y))), rng.normal(size=3)
    here = firth_logistic_point(X, y, *rest, beta)
    penalty = np.linalg.slogdet(here.information)[1] / 2
    assert here.value == pytest.approx(here.log_likelihood + penalty)
    step = 1e-5 * np.eye(3)
    for j in range(3):
        up, down = (firth_logistic_point(X, y, *rest, beta + s * step[j]).value for s in (1, -1))
        assert here.gradient[j] == pytest.approx((up - down) / 2e-5, rel=1e-6, abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_what_must_change_nothing(seed: int) -> None:
    X, y = _draw(seed)
    times = np.random.default_rng(seed).integers(0, 3, len(y))
    times[:2] = 1
    fit = fit_firth_logistic(X, y, weights=times)

    def same(other: Any, by: Any = 1.0) -> None:
        for name in ("coefficients", "lower", "upper"):
            np.testing.assert_allclose(
                getattr(other, name) * by, getattr(fit, name), rtol=1e-6, atol=1e-7
            )
        np.testing.assert_allclose(other.statistic, fit.statistic, rtol=1e-6, atol=1e-8)
        assert other.overall_statistic == pytest.approx(fit.overall_statistic, abs=1e-8)

    same(fit_firth_logistic(np.repeat(X, times, axis=0), np.repeat(y, times)))
    order = np.random.default_rng(seed).permutation(len(y))
    same(fit_firth_logistic(X[order], y[order], weights=times[order]))
    units = np.array([1, 1000, 0.01])
    same(fit_firth_logistic(X * units, y, weights=times), units)
    flipped = fit_firth_logistic(X, 1 - y, weights=times)
    np.testing.assert_allclose(flipped.coefficients, -fit.coefficients, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(flipped.upper, -fit.lower, rtol=1e-6, atol=1e-7)
    assert (fit.lower < fit.coefficients).all()
    assert (fit.coefficients < fit.upper).all()


def test_all_alike_is_finite() -> None:
    X = np.column_stack([np.ones(30), np.arange(30) / 30])
    fit = fit_firth_logistic(X, np.ones(30))
    assert fit.coefficients[0] == pytest.approx(fit.coefficients[0])
    assert np.isfinite(np.concatenate([fit.coefficients, fit.lower, fit.upper])).all()


def test_profiles_only_where_asked_for() -> None:
    X, y = _draw(1)
    with_, without = (fit_firth_logistic(X, y, profile=p) for p in (True, False))
    np.testing.assert_array_equal(with_.coefficients, without.coefficients)
    assert without.overall_p == with_.overall_p
    assert np.isnan([without.lower, without.upper, without.statistic, without.p]).all()


def test_a_matrix_that_is_not_positive_definite_has_no_logarithm() -> None:
    for bad in (np.zeros((2, 2)), np.ones((2, 2)), np.diag([1, -1.0]), np.full((2, 2), np.nan)):
        assert half_log_determinant(bad)[0] == -np.inf
    value, inverse = half_log_determinant(np.diag([4.0, 1e-30]))
    assert value == pytest.approx(np.log(4e-30) / 2)
    np.testing.assert_allclose(np.diag(inverse), [0.25, 1e30])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"y": np.full(40, 2)}, "y must be 0 or 1"),
        ({"X": np.ones(40)}, "two dimensions"),
        ({"weights": np.ones(3)}, "weights has shape"),
        ({"offset": np.ones(3)}, "offset has shape"),
        ({"weights": np.zeros(40)}, "not all 0"),
        ({"offset": np.full(40, np.nan)}, "missing or infinite"),
        ({"level": 95}, "level"),
        ({"names": ["a"]}, "names has 1"),
    ],
)
def test_bad_input_is_refused(change: dict[str, Any], what: str) -> None:
    X, y = _draw(0)
    with pytest.raises(InputError, match=what):
        fit_firth_logistic(**({"X": X, "y": y} | change))


def test_collinear_columns_are_named() -> None:
    X, y = _draw(0)
    for extra in (np.zeros(40), X[:, 1] * 3 - 1):
        with pytest.raises(FitError, match="zero or combinations") as error:
            fit_firth_logistic(np.column_stack([X, extra]), y, names=list("abcd"))
        assert error.value.where in ("a", "b", "d")
