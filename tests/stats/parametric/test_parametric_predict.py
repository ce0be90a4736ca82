"""Predictions: by hand, against the numerical delta method, and given the tenure so far."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from gmts_models.errors import InputError
from gmts_models.stats.parametric.distributions import FAMILIES
from gmts_models.stats.parametric.fit import ParametricFit, fit_parametric
from gmts_models.stats.parametric.observations import right_censored
from gmts_models.stats.parametric.predict import predict_quantile, predict_survival, predict_time

NEW = np.array([[0.0, 0], [1, -0.5], [-2, 0.3]])
CODES = np.array([0, 1, 1])


def _fit(name: str, *, strata: bool = True) -> ParametricFit:
    rng = np.random.default_rng(11)
    X = rng.normal(size=(150, 2))
    time, lost = 12 * rng.weibull(1.3, 150) * np.exp(0.2 * X[:, 0]), rng.uniform(6, 30, 150)
    entry = np.where(rng.random(150) < 0.3, np.minimum(time, lost) / 3, 0.0)
    rows = right_censored(
        np.minimum(time, lost), time <= lost, entry, strata=np.arange(150) % 2 if strata else None
    )
    return fit_parametric(X, rows, name)


def _codes(fit: ParametricFit) -> Any:
    return CODES if len(fit.scale) > 1 else None


def _numerically(fit: ParametricFit, function: Any) -> np.ndarray:
    """Delta method with derivatives by central differences."""
    q, h = len(fit.coefficients), 1e-5
    size = float(fit.scale.max())
    found = []
    for j in range(len(fit.covariance)):
        step = h * size if j < q else h

        def at(sign: int, j: int = j, step: float = step) -> np.ndarray:
            theta = np.concatenate([fit.coefficients, np.log(fit.scale)])
            theta[j] += sign * step
            return np.asarray(
                function(replace(fit, coefficients=theta[:q], scale=np.exp(theta[q:]))).estimate
            )

        found.append((at(1) - at(-1)) / (2 * step))
    slope = np.array(found)
    return np.sqrt(np.einsum("jnm,jk,knm->nm", slope, fit.covariance, slope))


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("stayed", [0.0, np.array([3.0, 0, 20])], ids=["new", "stayed"])
def test_errors_are_those_of_the_delta_method(name: str, stayed: Any) -> None:
    fit = _fit(name)
    codes = _codes(fit)

    def quantile(fit: ParametricFit) -> Any:
        return predict_quantile(fit, NEW, [0.1, 0.5, 0.9], since=stayed, strata=codes)

    def survival(fit: ParametricFit) -> Any:
        return predict_survival(fit, NEW, [2, 12, 30.0], since=stayed, strata=codes)

    for function in (quantile, survival):
        np.testing.assert_allclose(
            function(fit).std_err, _numerically(fit, function), rtol=1e-5, atol=1e-9
        )


@pytest.mark.parametrize("name", FAMILIES)
def test_quantiles_invert_retention(name: str) -> None:
    fit = _fit(name)
    for stayed in (0.0, 7.0):
        share = np.array([0.05, 0.4, 0.95])
        time = predict_quantile(fit, NEW, share, since=stayed, strata=_codes(fit)).estimate
        for j, p in enumerate(share):
            for i in range(3):
                if stayed or FAMILIES[name].log_time or time[i, j] > 0:
                    code = None if _codes(fit) is None else CODES[i : i + 1]
                    at = predict_survival(
                        fit, NEW[i : i + 1], [time[i, j]], since=stayed, strata=code
                    )
                    assert at.estimate[0, 0] == pytest.approx(1 - p, rel=1e-9)
    assert (time > stayed).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_retention_is_scipys_and_conditional_on_tenure(name: str) -> None:
    fit = _fit(name)
    law = FAMILIES[name]
    theirs = {-0.577: stats.gumbel_l}.get(round(law.standard.mean, 3))
    theirs = theirs or (stats.norm if law.standard.variance == 1 else stats.logistic)
    months = np.array([1.0, 6, 24])
    scale = fit.scale[CODES if len(fit.scale) > 1 else np.zeros(3, int)][:, None]
    y = np.log(months) if law.log_time else months
    eta = (fit.coefficients[0] + NEW @ fit.coefficients[1:])[:, None]
    got = predict_survival(fit, NEW, months, strata=_codes(fit))
    np.testing.assert_allclose(got.estimate, theirs.sf((y - eta) / scale), rtol=1e-10)
    assert ((got.lower < got.estimate) & (got.estimate < got.upper)).all()
    assert ((got.lower >= 0) & (got.upper <= 1)).all()
    given = predict_survival(fit, NEW, months, since=6, strata=_codes(fit))
    np.testing.assert_array_equal(given.estimate[:, :2], 1)
    np.testing.assert_array_equal(given.std_err[:, :2], 0)
    np.testing.assert_array_equal([given.lower[:, :2], given.upper[:, :2]], 1)
    ratio = got.estimate[:, 2] / got.estimate[:, 1]
    np.testing.assert_allclose(given.estimate[:, 2], ratio, rtol=1e-10)


def test_exponential_by_hand() -> None:
    fit = fit_parametric(None, right_censored([4, 6, 10], [1, 1, 0]), "exponential")  # rate 1/10
    at = predict_survival(fit, None, [0, 10])
    np.testing.assert_allclose(at.estimate, [[1, np.exp(-1)]])
    np.testing.assert_allclose(at.std_err, [[0, np.exp(-1) * np.sqrt(1 / 2)]])
    half = stats.norm.ppf(0.975) * np.sqrt(1 / 2)
    np.testing.assert_allclose(at.lower[0, 1], np.exp(-np.exp(half)))
    # It forgets: ten more months are ten more months.
    given = predict_quantile(fit, None, [0.5], since=25)
    np.testing.assert_allclose(given.estimate, [[25 + 10 * np.log(2)]])
    np.testing.assert_allclose(given.std_err, [[10 * np.log(2) * np.sqrt(1 / 2)]])
    time = predict_time(fit, None, level=0.9)
    np.testing.assert_allclose(time.estimate, [10])
    np.testing.assert_allclose(time.upper, [10 * np.exp(stats.norm.ppf(0.95) * np.sqrt(1 / 2))])


def test_far_horizons_and_long_tenures_stay_numbers() -> None:
    for name in FAMILIES:
        fit = _fit(name, strata=False)
        at = predict_survival(fit, NEW, [1e-300, 1e4], since=5e3)
        for part in (at.estimate, at.lower, at.upper):
            assert ((part >= 0) & (part <= 1)).all()
        assert np.isfinite(at.std_err).all()
        np.testing.assert_array_equal(at.estimate[:, 0], 1)
        if name in ("weibull", "exponential", "extreme", "gaussian"):
            np.testing.assert_allclose(at.estimate[:, 1], 0, atol=1e-10)
        quantile = predict_quantile(fit, NEW, [0.5], since=500.0)
        assert (quantile.estimate >= 500).all()
        assert np.isfinite(quantile.std_err).all()


def test_bad_input_is_refused() -> None:
    fit = _fit("weibull")
    with pytest.raises(InputError, match="scale for each"):
        predict_survival(fit, NEW, [1])
    with pytest.raises(InputError, match="codes 0 to 1"):
        predict_survival(fit, NEW, [1], strata=[0, 1, 2])
    with pytest.raises(InputError, match="2 columns"):
        predict_survival(fit, NEW[:, :1], [1], strata=CODES)
    with pytest.raises(InputError, match="times"):
        predict_survival(fit, NEW, [np.inf], strata=CODES)
    with pytest.raises(InputError, match="since"):
        predict_survival(fit, NEW, [1], strata=CODES, since=-1)
    with pytest.raises(InputError, match="one a row"):
        predict_survival(fit, NEW, [1], strata=CODES, since=[1, 2])
    with pytest.raises(InputError, match="offset"):
        predict_survival(fit, NEW, [1], strata=CODES, offset=[1, 2])
    with pytest.raises(InputError, match="between 0 and 1"):
        predict_quantile(fit, NEW, [1], strata=CODES)
    with pytest.raises(InputError, match="level"):
        predict_survival(fit, NEW, [1], strata=CODES, level=95)
