"""Poisson, logistic and complementary log-log regression, against hand, R and known truth."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Floats
from gmts_models.stats.regression.glm import Link, fit_glm, glm_terms, mean_of, robust_covariance
from gmts_models.stats.regression.glm_residuals import (
    deviance_residuals,
    null_deviance,
    pearson_residuals,
)

LINKS: tuple[Link, ...] = ("log", "logit", "cloglog")
REPETITIONS = int(os.environ.get("GMTS_SIMULATION_REPETITIONS", "200"))


def _draw(seed: int, link: Link, n: int = 120) -> tuple[Floats, Floats, Floats]:
    """Return X (intercept, a number, a group), y and an offset."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=n), rng.integers(0, 2, n)])
    offset = np.log(rng.uniform(0.5, 2, n))
    mean = mean_of(link, X @ [-0.5, 0.3, -0.4] + offset)
    return X, np.asarray(rng.poisson(mean) if link == "log" else rng.uniform(size=n) < mean), offset


def test_two_groups_by_hand() -> None:
    # 3 of 10 against 6 of 12: the maxima are the shares themselves.
    y = np.array([1] * 3 + [0] * 7 + [1] * 6 + [0] * 6, dtype=float)
    group = np.repeat([0.0, 1.0], [10, 12])
    X = np.column_stack([np.ones(22), group])
    logit = fit_glm(X, y, link="logit")
    np.testing.assert_allclose(logit.coefficients, [np.log(3 / 7), np.log(7 / 3)], rtol=1e-12)
    # Woolf's variance of a log odds ratio: the sum of the reciprocals of the four counts.
    np.testing.assert_allclose(logit.covariance[1, 1], 1 / 3 + 1 / 7 + 1 / 6 + 1 / 6, rtol=1e-12)
    cloglog = fit_glm(X, y, link="cloglog")
    hazard = -np.log1p(-np.array([0.3, 0.5]))
    np.testing.assert_allclose(
        cloglog.coefficients, [np.log(hazard[0]), np.log(hazard[1] / hazard[0])], rtol=1e-12
    )
    log = fit_glm(X, y, link="log")
    np.testing.assert_allclose(log.coefficients, [np.log(0.3), np.log(0.5 / 0.3)], rtol=1e-12)
    np.testing.assert_allclose(log.covariance[1, 1], 1 / 3 + 1 / 6, rtol=1e-12)
    assert log.df_residual == 20


def test_logistic_regression_agrees_with_r(
    r_values: Callable[[str], dict[str, Any]], open_data: Callable[[str], Path]
) -> None:
    data = pd.read_csv(open_data("reference/data/ibm.csv"))
    out = r_values("k_classify_glm_ibm")
    columns = ["Age", "over", "inc", "DistanceFromHome", "YearsAtCompany"]
    y = data["left"].to_numpy()
    X = np.column_stack([np.ones(len(y)), data[columns]])
    want = out["glm_logit"]
    fit = fit_glm(X, y, link="logit")
    np.testing.assert_allclose(fit.coefficients, want["coef"], rtol=1e-8)
    np.testing.assert_allclose(fit.covariance, want["var"], rtol=1e-7)
    np.testing.assert_allclose(fit.deviance, want["deviance"], rtol=1e-12)
    np.testing.assert_allclose(fit.log_likelihood, want["loglik"], rtol=1e-12)
    np.testing.assert_allclose(null_deviance(y, link="logit"), want["null_deviance"], rtol=1e-12)
    for name, got in (
        ("fitted", fit.mean),
        ("resid_deviance", deviance_residuals(fit, y)),
        ("resid_pearson", pearson_residuals(fit, y)),
    ):
        np.testing.assert_allclose(got[:5], want[name]["first"], rtol=1e-7)
        np.testing.assert_allclose(np.square(got).sum(), want[name]["sumsq"], rtol=1e-9)
    weighted = fit_glm(X[:, :4], y, link="logit", weights=data["w"].to_numpy())
    want = out["glm_logit_weights"]
    np.testing.assert_allclose(weighted.coefficients, want["coef"], rtol=1e-8)
    np.testing.assert_allclose(weighted.covariance, want["cov_unscaled"], rtol=1e-7)
    np.testing.assert_allclose(weighted.deviance, want["deviance"], rtol=1e-10)


@pytest.mark.parametrize("link", LINKS)
@given(seed=st.integers(0, 10_000))
def test_a_weight_is_a_number_of_rows(link: Link, seed: int) -> None:
    X, y, offset = _draw(seed, link)
    times = np.random.default_rng(seed).integers(0, 4, len(y))
    weighted = fit_glm(X, y, link=link, offset=offset, weights=times)
    repeated = fit_glm(
        np.repeat(X, times, axis=0),
        np.repeat(y, times),
        link=link,
        offset=np.repeat(offset, times),
    )
    # Both stop within 1e-9 standard errors of the same maximum.
    np.testing.assert_allclose(weighted.coefficients, repeated.coefficients, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(weighted.covariance, repeated.covariance, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(weighted.deviance, repeated.deviance, rtol=1e-10)
    clusters = np.repeat(np.arange(len(y)), times)
    np.testing.assert_allclose(
        robust_covariance(weighted), robust_covariance(repeated, clusters), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("link", LINKS)
@given(seed=st.integers(0, 10_000))
def test_row_order_and_units_change_nothing(link: Link, seed: int) -> None:
    X, y, offset = _draw(seed, link)
    fit = fit_glm(X, y, link=link, offset=offset)
    np.testing.assert_allclose(fit.score.sum(axis=0), 0, atol=1e-7)
    order = np.random.default_rng(seed).permutation(len(y))
    units = np.array([1.0, 1e5, 1e-4])
    other = fit_glm(X[order] * units, y[order], link=link, offset=offset[order])
    np.testing.assert_allclose(other.coefficients * units, fit.coefficients, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(np.diag(other.covariance) * units**2, np.diag(fit.covariance))
    np.testing.assert_allclose(np.sum(deviance_residuals(fit, y) ** 2), fit.deviance, rtol=1e-12)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_scores_are_the_slopes_of_the_likelihood(link: Link, y: float) -> None:
    eta = np.linspace(-8, 3, 23)
    outcome, small = np.full_like(eta, y), 1e-6
    slope = (
        glm_terms(link, eta + small, outcome).log_likelihood
        - glm_terms(link, eta - small, outcome).log_likelihood
    ) / (2 * small)
    # A central difference of 1e-6 keeps about 9 digits.
    np.testing.assert_allclose(glm_terms(link, eta, outcome).score, slope, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("link", LINKS)
def test_far_predictors_are_finite(link: Link) -> None:
    terms = glm_terms(link, np.array([-800.0, -40.0, 40.0]), np.array([0.0, 0.0, 1.0]))
    for part in (terms.mean, terms.score, terms.information, terms.log_likelihood):
        assert np.isfinite(part).all()


def test_events_without_a_maximum_are_refused_by_name() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 2))
    nobody = rng.uniform(size=200) < 0.2
    y = (rng.uniform(size=200) < 0.3) & ~nobody
    X = np.column_stack([np.ones(200), x, nobody])
    names = ["one", "age", "pay", "finance"]
    for link in LINKS:
        with pytest.raises(FitError, match="no maximum") as error:
            fit_glm(X, y, link=link, names=names)
        assert error.value.where == "regression, finance"
    for link in ("logit", "cloglog"):
        with pytest.raises(FitError, match="no maximum") as error:
            fit_glm(X, y | nobody, link=link, names=names)
        assert error.value.where == "regression, finance"
        with pytest.raises(FitError, match="no maximum"):
            fit_glm(X[:, :1], np.ones(200), link=link)
    with pytest.raises(FitError, match="no maximum") as error:
        fit_glm(X, x[:, 0] > 0, link="logit", names=names)
    assert error.value.where is not None
    assert "age" in error.value.where
    twice = np.column_stack([X[:, :3], x @ [1.0, 2.0]])
    with pytest.raises(FitError, match="combinations of others"):
        fit_glm(twice, y, link="logit")


def test_bad_input_is_refused() -> None:
    X, y = np.ones((4, 1)), np.array([0.0, 1, 0, 1])
    with pytest.raises(InputError, match="there are 3 rows"):
        fit_glm(X, y[:3], link="logit")
    with pytest.raises(InputError, match="rows and columns"):
        fit_glm(X[:, :0], y, link="logit")
    with pytest.raises(InputError, match="outside 0 to 1"):
        fit_glm(X, y * 2, link="cloglog")
    with pytest.raises(InputError, match="below 0"):
        fit_glm(X, y - 1, link="log")
    with pytest.raises(InputError, match="missing or infinite"):
        fit_glm(X, y, link="log", offset=[0, 0, np.nan, 0])
    with pytest.raises(InputError, match="weights must be"):
        fit_glm(X, y, link="log", weights=[0, 0, 0, 0])
    with pytest.raises(InputError, match="clusters has shape"):
        robust_covariance(fit_glm(X, y, link="log"), clusters=[1, 2])


@pytest.mark.slow
@pytest.mark.parametrize("link", LINKS)
def test_intervals_cover_the_truth(link: Link) -> None:
    rng = np.random.default_rng(11)
    truth = np.array([-1.0, 0.5])
    estimates, covered, robust = [], [], []
    z = stats.norm.ppf(0.975)
    for _ in range(REPETITIONS):
        X = np.column_stack([np.ones(300), rng.normal(size=300)])
        mean = mean_of(link, X @ truth)
        y = rng.poisson(mean) if link == "log" else rng.uniform(size=300) < mean
        fit = fit_glm(X, y, link=link)
        estimates.append(fit.coefficients)
        miss = np.abs(fit.coefficients - truth)
        covered.append(miss < z * np.sqrt(np.diag(fit.covariance)))
        robust.append(miss < z * np.sqrt(np.diag(robust_covariance(fit))))
    bias = np.mean(estimates, axis=0) - truth
    error = np.std(estimates, axis=0) / np.sqrt(REPETITIONS)
    # The maximum likelihood's bias of order 1/n is about 0.01 at n = 300.
    assert (np.abs(bias) < 4 * error + 0.012).all(), f"{bias} +- {error}"
    # Monte Carlo error of a share of 0.95; Wald intervals and the sandwich run a little short.
    band = 4 * np.sqrt(0.95 * 0.05 / REPETITIONS)
    assert (np.abs(np.mean(covered, axis=0) - 0.95) < band + 0.005).all()
    assert (np.abs(np.mean(robust, axis=0) - 0.95) < band + 0.01).all()
