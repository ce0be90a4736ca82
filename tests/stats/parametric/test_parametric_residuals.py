"""Residuals: the identities that tell right from wrong, R's included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from gmts_models.errors import InputError
from gmts_models.stats.parametric.distributions import FAMILIES
from gmts_models.stats.parametric.fit import fit_parametric
from gmts_models.stats.parametric.likelihood import row_terms
from gmts_models.stats.parametric.observations import (
    Observations,
    interval_censored,
    right_censored,
)
from gmts_models.stats.parametric.residuals import residuals


def _rows(n: int = 120, *, late: bool = False, weights: Any = None) -> tuple[Any, Observations]:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(n, 1))
    time = 10 * rng.weibull(1.5, n) * np.exp(0.4 * X[:, 0]) + 0.2
    lower, upper = np.floor(time), np.floor(time) + 1
    lower[lower == 0] = np.nan
    stays, seen = rng.random(n) < 0.3, rng.random(n) < 0.2
    lower[stays], upper[stays] = time[stays], np.nan
    lower[seen] = upper[seen] = time[seen]
    entry = np.where(rng.random(n) < 0.4, 0.5 * np.floor(time), 0) if late else None
    return X, interval_censored(lower, upper, entry, weights)


@pytest.mark.parametrize("name", FAMILIES)
def test_scores_of_every_kind_of_row_sum_to_zero(name: str) -> None:
    """With the intervals' part in the log scale of the wrong sign, as in R 3.5-3, they do not."""
    weights = np.random.default_rng(3).uniform(0.5, 2, 120)
    X, rows = _rows(late=True, weights=weights)
    fit = fit_parametric(X, rows, name)
    got = residuals(fit, X, rows)
    assert got.score.shape == got.dfbeta.shape == (120, fit.parameters)
    size = np.abs(got.score).sum(axis=0)
    np.testing.assert_allclose(weights @ got.score / size, 0, atol=1e-12)
    if not fit.scale_is_fixed:
        between = np.isfinite(rows.upper) & (rows.lower > 0) & ~rows.seen
        wrong = np.where(between, -1, 1) * weights * got.score[:, -1]
        assert abs(wrong.sum() / size[-1]) > 1e-6


def test_dfbeta_is_about_what_leaving_the_row_out_changes() -> None:
    X, rows = _rows()
    fit = fit_parametric(X, rows)
    got = residuals(fit, X, rows).dfbeta
    exact = []
    for i in range(len(X)):
        kept = np.arange(len(X)) != i
        part = interval_censored(rows.lower[kept], rows.upper[kept])
        less = fit_parametric(X[kept], part)
        change = fit.coefficients - less.coefficients
        exact.append([*change, np.log(fit.scale[0] / less.scale[0])])
    for j in range(3):
        assert np.corrcoef(got[:, j], np.array(exact)[:, j])[0, 1] > 0.98
        slope = np.polyfit(got[:, j], np.array(exact)[:, j], 1)[0]
        assert slope == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("name", FAMILIES)
def test_deviance_is_the_gain_of_the_best_predictor_of_the_row(name: str) -> None:
    """The best found by a search; R 3.5-3's formula for intervals of Weibull times is not it."""
    X, rows = _rows(40)
    fit = fit_parametric(X, rows, name)
    law = FAMILIES[name]
    got = residuals(fit, X, rows)
    eta = fit.coefficients[0] + X @ fit.coefficients[1:]
    y = np.log if law.log_time else np.asarray
    none, s = np.full(1, -np.inf), fit.scale

    def value(at: float, i: int) -> float:
        lower = y(np.maximum(rows.lower[i], 0)) if rows.lower[i] > 0 else -np.inf
        terms = row_terms(
            law.standard,
            np.atleast_1d(lower),
            np.atleast_1d(y(rows.upper[i])),
            none,
            np.array([at]),
            s,
        )
        return float(terms.value[0])

    for i in range(len(X)):
        low, high = eta[i] - 30 * s[0], eta[i] + 30 * s[0]
        best = max(
            -optimize.minimize_scalar(
                lambda at, i=i: -value(at, i), bounds=(a, b), method="bounded"
            ).fun
            for a, b in zip(
                np.linspace(low, high, 9)[:-1], np.linspace(low, high, 9)[1:], strict=True
            )
        )
        gain = best - value(eta[i], i)
        assert got.deviance[i] ** 2 / 2 == pytest.approx(gain, abs=2e-6)


def test_response_is_the_time_less_the_fitted_time() -> None:
    X = np.array([[0.0], [1], [0], [1], [1]])
    rows = right_censored([2, 3, 4, 5, 8], [1, 1, 0, 1, 0])
    fit = fit_parametric(X, rows, "lognormal")
    fitted = np.exp(fit.coefficients[0] + X[:, 0] * fit.coefficients[1])
    got = residuals(fit, X, rows)
    np.testing.assert_allclose(got.response, [2, 3, 4, 5, 8] - fitted)
    assert (got.deviance[[2, 4]] > 0).all()  # still there: longer than fitted


def test_cumulative_hazards_are_a_censored_exponential_sample() -> None:
    """For right-censored rows their sum is the number of departures, with late entry too.

    So it is for Weibull times at the maximum: the score of the intercept.
    """
    rng = np.random.default_rng(8)
    X = rng.normal(size=(200, 1))
    entry = np.where(rng.random(200) < 0.5, rng.uniform(0, 5, 200), 0)
    time = entry + rng.exponential(9, 200)
    left = time < entry + 12
    rows = right_censored(np.minimum(time, entry + 12), left, entry)
    fit = fit_parametric(X, rows)
    got = residuals(fit, X, rows)
    assert got.cumulative_hazard.sum() == pytest.approx(left.sum(), rel=1e-10)
    np.testing.assert_array_equal(np.isnan(got.deviance), entry > 0)
    unit = got.cumulative_hazard[left]
    assert stats.kstest(unit[unit < 1], stats.truncexpon(1).cdf).pvalue > 0.001
    some, limits = _rows()
    hazard = residuals(fit_parametric(some, limits), some, limits).cumulative_hazard
    np.testing.assert_array_equal(np.isnan(hazard), np.isinf(limits.lower))


def test_another_matrix_is_refused() -> None:
    X, rows = _rows()
    fit = fit_parametric(X, rows)
    with pytest.raises(InputError, match="that of the fit"):
        residuals(fit, X[:5], rows)
