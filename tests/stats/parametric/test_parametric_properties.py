"""What must not change a parametric fit, and what must change it in a known way."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.stats.parametric.distributions import FAMILIES
from gmts_models.stats.parametric.fit import ParametricFit, fit_parametric
from gmts_models.stats.parametric.observations import interval_censored, right_censored

NAMES = st.sampled_from(sorted(FAMILIES))
SEEDS = st.integers(0, 10_000)
SAME = 1e-8
"""Absolute, of coefficients of columns of about unit variance. Each fit is within 1e-12 standard
errors of its maximum; a difference is the rounding of a sum in another order, magnified by the
condition of the information."""


def _draw(seed: int, n: int = 70, *, late: bool = True) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    entry = np.where(rng.random(n) < 0.4, rng.uniform(0.5, 4, n), 0.0) if late else np.zeros(n)
    exit_ = entry + rng.weibull(1.4, n) * 9 * np.exp(0.3 * X[:, 0]) + 0.1
    left = rng.random(n) < 0.7
    return X, exit_, left, entry


def _interval(seed: int, n: int = 90) -> tuple[Any, ...]:
    X, exit_, left, entry = _draw(seed, n)
    lower = np.where(left, np.maximum(np.floor(exit_), entry), exit_)
    upper = np.where(left, np.floor(exit_) + 1, np.nan)
    exact = left & (np.arange(n) % 3 == 0)
    lower[exact] = upper[exact] = exit_[exact]
    return X, lower, upper, entry


def _same(a: ParametricFit, b: ParametricFit, atol: float = SAME) -> None:
    size = max(1.0, float(np.abs(a.scale).max()))  # families of time itself have months as units
    np.testing.assert_allclose(b.coefficients, a.coefficients, atol=atol * size)
    np.testing.assert_allclose(b.scale, a.scale, rtol=atol)
    np.testing.assert_allclose(b.covariance, a.covariance, rtol=1e-6, atol=atol * size**2)


@settings(max_examples=40, deadline=None)
@given(SEEDS, NAMES)
def test_integer_weights_are_replicated_rows(seed: int, name: str) -> None:
    X, lower, upper, entry = _interval(seed)
    k = np.random.default_rng(seed).integers(0, 4, len(X))
    weighted = fit_parametric(X, interval_censored(lower, upper, entry, k), name)
    rows = np.repeat(np.arange(len(X)), k)
    again = fit_parametric(X[rows], interval_censored(lower[rows], upper[rows], entry[rows]), name)
    _same(weighted, again)
    np.testing.assert_allclose(weighted.log_likelihood, again.log_likelihood, rtol=1e-12)
    np.testing.assert_allclose(weighted.log_likelihood_null, again.log_likelihood_null, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(SEEDS, NAMES)
def test_row_order_and_labels_change_nothing(seed: int, name: str) -> None:
    X, lower, upper, entry = _interval(seed)
    strata = np.arange(len(X)) % 2
    cluster = np.arange(len(X)) // 3
    fit = fit_parametric(X, interval_censored(lower, upper, entry, None, strata, cluster), name)
    order = np.random.default_rng(seed).permutation(len(X))
    label = np.array(["z", "y"])[strata]  # in the other order
    rows = interval_censored(
        lower[order], upper[order], entry[order], None, label[order], 1000 - cluster[order]
    )
    again = fit_parametric(X[order], rows, name)
    np.testing.assert_allclose(again.log_likelihood, fit.log_likelihood, rtol=1e-12)
    np.testing.assert_allclose(
        again.scale, fit.scale if fit.scale_is_fixed else fit.scale[::-1], rtol=SAME
    )
    np.testing.assert_allclose(again.covariance[:3, :3], fit.covariance[:3, :3], rtol=1e-6)


@settings(max_examples=40, deadline=None)
@given(SEEDS, NAMES)
def test_splitting_a_follow_up_into_rows_changes_nothing(seed: int, name: str) -> None:
    X, exit_, left, entry = _draw(seed, late=True)
    who = np.arange(len(X))
    whole = fit_parametric(X, right_censored(exit_, left, entry, None, None, who), name)
    middle = (entry + exit_) / 2
    rows = right_censored(
        np.r_[middle, exit_],
        np.r_[np.zeros(len(X), int), left],
        np.r_[entry, middle],
        None,
        None,
        np.r_[who, who],
    )
    split = fit_parametric(np.vstack([X, X]), rows, name)
    _same(whole, split, 1e-7)
    np.testing.assert_allclose(split.naive_covariance, whole.naive_covariance, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(split.log_likelihood, whole.log_likelihood, rtol=1e-10)


@settings(max_examples=40, deadline=None)
@given(SEEDS, NAMES)
def test_time_scale_moves_the_intercept_only(seed: int, name: str) -> None:
    X, lower, upper, entry = _interval(seed)
    fit = fit_parametric(X, interval_censored(lower, upper, entry), name)
    c = 30.4375
    days = fit_parametric(X, interval_censored(lower * c, upper * c, entry * c), name)
    if FAMILIES[name].log_time:
        moved = fit.coefficients + np.array([np.log(c), 0, 0])
        np.testing.assert_allclose(days.coefficients, moved, atol=SAME)
        np.testing.assert_allclose(days.scale, fit.scale, rtol=SAME)
        np.testing.assert_allclose(days.covariance, fit.covariance, rtol=1e-6, atol=1e-10)
    else:
        np.testing.assert_allclose(days.coefficients, fit.coefficients * c, rtol=SAME, atol=1e-5)
        np.testing.assert_allclose(days.scale, fit.scale * c, rtol=SAME)


@settings(max_examples=40, deadline=None)
@given(SEEDS, NAMES)
def test_columns_may_be_shifted_and_scaled(seed: int, name: str) -> None:
    X, lower, upper, entry = _interval(seed)
    rows = interval_censored(lower, upper, entry)
    fit = fit_parametric(X, rows, name)
    moved = fit_parametric((X + np.array([100, -3])) * [1e4, 1e-3], rows, name)
    size = max(1.0, float(fit.scale.max()))
    slopes = moved.coefficients[1:] * [1e4, 1e-3]
    np.testing.assert_allclose(slopes, fit.coefficients[1:], atol=SAME * size)
    intercept = moved.coefficients[0] + slopes @ [100, -3]
    np.testing.assert_allclose(intercept, fit.coefficients[0], atol=1e-6 * size)
    np.testing.assert_allclose(moved.log_likelihood, fit.log_likelihood, rtol=1e-12)
    se = np.sqrt(np.diag(moved.covariance))[1:3] * [1e4, 1e-3]
    np.testing.assert_allclose(se, np.sqrt(np.diag(fit.covariance))[1:3], rtol=1e-6)


@settings(max_examples=30, deadline=None)
@given(SEEDS, NAMES)
def test_an_interval_of_no_width_is_an_event(seed: int, name: str) -> None:
    X, exit_, left, entry = _draw(seed)
    events = fit_parametric(X, right_censored(exit_, left, entry), name)
    upper = np.where(left, exit_, np.nan)
    rows = interval_censored(exit_, upper, entry)
    _same(events, fit_parametric(X, rows, name), 1e-14)
    # And a narrow one is nearly one.
    half = np.where(left, 1e-6, 0)
    near = interval_censored(exit_ - half, upper + half, entry)
    _same(events, fit_parametric(X, near, name), 2e-5)


@settings(max_examples=30, deadline=None)
@given(SEEDS, NAMES)
def test_an_offset_is_a_coefficient_of_one(seed: int, name: str) -> None:
    X, exit_, left, entry = _draw(seed)
    rows = right_censored(exit_, left, entry)
    fit = fit_parametric(X, rows, name)
    rest = fit_parametric(X[:, :1], rows, name, offset=X[:, 1] * fit.coefficients[2])
    np.testing.assert_allclose(rest.coefficients, fit.coefficients[:2], atol=1e-6)
    np.testing.assert_allclose(rest.log_likelihood, fit.log_likelihood, rtol=1e-12)


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_fixing_the_scale_where_it_was_found_changes_no_coefficient(seed: int) -> None:
    X, lower, upper, entry = _interval(seed)
    rows = interval_censored(lower, upper, entry)
    for name, fixed in (("exponential", 1.0), ("rayleigh", 0.5)):
        one, other = fit_parametric(X, rows, name), fit_parametric(X, rows, scale=fixed)
        _same(one, other, 1e-12)
    free = fit_parametric(X, rows)
    held = fit_parametric(X, rows, scale=free.scale[0])
    np.testing.assert_allclose(held.coefficients, free.coefficients, atol=SAME)
    assert len(held.covariance) == 3
    # Log time is normal where log time is normal.
    with np.errstate(divide="ignore"):
        logs = interval_censored(np.log(lower), np.log(upper))
    log = fit_parametric(X, logs, "gaussian")
    time = fit_parametric(X, interval_censored(lower, upper), "lognormal")
    _same(log, time, SAME)
