"""The fit: by hand, against R beyond the conformance cases, by its derivatives, and refusals.

R 4.2.2, survival 3.5-3, control = survreg.control(rel.tolerance = 1e-13).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gmts_models.errors import FitError, InputError
from gmts_models.stats.parametric.distributions import FAMILIES
from gmts_models.stats.parametric.fit import fit_parametric, likelihood_ratio
from gmts_models.stats.parametric.likelihood import information, row_terms, score_rows
from gmts_models.stats.parametric.observations import interval_censored, right_censored
from gmts_models.stats.parametric.predict import predict_quantile

ROUNDING = 1e-10
LUNG = Path(__file__).parents[2] / "reference" / "data" / "lung_cc.csv"
nan = np.nan


def test_exponential_by_hand() -> None:
    """Rate = departures / person-time; its log has variance 1 / departures."""
    exit_, left = np.array([2.0, 3, 5, 7, 11]), np.array([1, 0, 1, 1, 0])
    entry = np.array([0, 1.0, 0, 4, 6])
    fit = fit_parametric(None, right_censored(exit_, left, entry), "exponential")
    rate = 3 / (exit_ - entry).sum()
    assert fit.coefficients[0] == pytest.approx(-np.log(rate), rel=ROUNDING)
    assert fit.covariance[0, 0] == pytest.approx(1 / 3, rel=ROUNDING)
    assert fit.log_likelihood == pytest.approx(3 * np.log(rate) - 3, rel=ROUNDING)
    assert fit.log_likelihood_null == fit.log_likelihood
    assert fit.parameters == 1
    assert fit.aic == pytest.approx(2 - 2 * fit.log_likelihood)
    assert np.isnan(likelihood_ratio(fit).p)


def test_current_status_by_hand() -> None:
    """Half have left when looked at once, at 6: the exponential's median is 6."""
    rows = interval_censored([nan, nan, 6, 6], [6, 6, nan, nan])
    fit = fit_parametric(None, rows, "exponential")
    assert np.exp(fit.coefficients[0]) == pytest.approx(6 / np.log(2), rel=ROUNDING)
    assert fit.log_likelihood == pytest.approx(4 * np.log(0.5), rel=ROUNDING)


def test_gaussian_without_censoring_is_least_squares() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, 2))
    y = np.abs(20 + X @ [2, -1] + rng.normal(size=40))
    fit = fit_parametric(X, right_censored(y, np.ones(40, int)), "gaussian")
    full = np.column_stack([np.ones(40), X])
    beta, rss = np.linalg.lstsq(full, y)[:2]
    np.testing.assert_allclose(fit.coefficients, beta, rtol=ROUNDING)
    assert fit.scale[0] ** 2 == pytest.approx(rss[0] / 40, rel=ROUNDING)
    np.testing.assert_allclose(
        fit.covariance[:3, :3], rss[0] / 40 * np.linalg.inv(full.T @ full), rtol=1e-9
    )
    assert fit.covariance[3, 3] == pytest.approx(1 / 80, rel=1e-9)  # of the log scale: 1 / 2n
    log = fit_parametric(X, right_censored(np.exp(y / 10), np.ones(40, int)), "lognormal")
    np.testing.assert_allclose(log.coefficients, beta / 10, rtol=1e-9)


def test_weights_clusters_strata_and_quantiles_of_r() -> None:
    """The model-based figures of

    ``survreg(Surv(time, status) ~ age + ph.ecog + strata(female), data = lung_cc, weights = w,
    dist = "loglogistic", cluster = inst)`` and its ``predict(type = "quantile", p = c(.1, .5))``.
    """
    d = pd.read_csv(LUNG)
    rows = right_censored(
        d["time"], d["status"], weights=d["w"], strata=d["female"], clusters=d["inst"]
    )
    fit = fit_parametric(d[["age", "ph.ecog"]].to_numpy(float), rows, "loglogistic")
    want = [6.8548219427558044, -0.0119714954998855, -0.3338258708633322]
    np.testing.assert_allclose(fit.coefficients, want, rtol=ROUNDING)
    np.testing.assert_allclose(fit.scale, [0.553044468263667, 0.428611332013090], rtol=ROUNDING)
    se = [0.051450396842268889, 0.000842511827721231, 0.010859035604336846]
    se += [0.011076945302428353, 0.014377943575275252]
    np.testing.assert_allclose(np.sqrt(np.diag(fit.naive_covariance)), se, rtol=1e-9)
    assert fit.log_likelihood_null == pytest.approx(-67291.0766515774, rel=1e-13)
    assert fit.log_likelihood == pytest.approx(-66562.5609737154, rel=1e-13)
    quantile = predict_quantile(fit, [[50, 0], [70, 2]], [0.1, 0.5], strata=[1, 0])
    want_q = [[203.2611925762487, 521.259067039400], [62.4272961487492, 210.432621929234]]
    np.testing.assert_allclose(quantile.estimate, want_q, rtol=ROUNDING)


def test_robust_errors_of_weighted_rows_are_those_of_replicated_people() -> None:
    """R's on the replicated rows with ``cluster = id``. R's own with ``weights = k, robust = TRUE``
    (0.2570, 0.00408, 0.0348) leave the weights out of the scores (survival 3.5-3).
    """
    d = pd.read_csv(LUNG)
    k = np.resize([1, 2, 3], len(d))
    rows = right_censored(d["time"], d["status"], weights=k)
    fit = fit_parametric(d[["age"]].to_numpy(float), rows, robust=True)
    want = [0.52692898800007326, 0.00839506125150405, 0.07947465163490280]
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), want, rtol=1e-9)
    naive = [0.33874284751331801, 0.00528125809532397, 0.04620204185521997]
    np.testing.assert_allclose(np.sqrt(np.diag(fit.naive_covariance)), naive, rtol=1e-9)


LOW = [nan, 1, 2, 3, 3, 5, 6, 8, 9, 12, 1, 4, nan, nan, 7]
HIGH = [1, 2, 3, 3, 5, 9, nan, 9, nan, nan, 2, 6, 2, 4, 7]
X_SMALL = np.array([[0.0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 0]]).T
WEIGHTS = [1, 2, 1, 1, 3, 1, 2, 1, 1, 1, 1, 2, 1, 1, 1]
STRATA = [1, 1, 1, 2, 2, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1]


@pytest.mark.parametrize(
    ("name", "coefficients", "scale", "se", "log_likelihoods"),
    [
        (
            "weibull",
            [1.746656971921735, 0.150549189653189],
            [1.352916269607637, 0.515665326295871],
            [0.280967306129364, 0.391528065137428, 0.404558185040165, 0.301430719655261],
            [-34.7466067012754, -34.6789746372786],
        ),
        (
            "lognormal",
            [1.5677820588721527, 0.0123948268917928],
            [1.562739633414134, 0.495595087735864],
            [0.248663760888482, 0.331290455669803, 0.365445692942883, 0.271808797245772],
            [-33.218209473571, -33.217511113931],
        ),
    ],
)
def test_every_kind_of_censoring_with_weights_and_strata(
    name: str, coefficients: Any, scale: Any, se: Any, log_likelihoods: Any
) -> None:
    """``survreg(Surv(lo, hi, type = "interval2") ~ x + strata(g), weights = w, dist = name)``."""
    rows = interval_censored(LOW, HIGH, weights=WEIGHTS, strata=STRATA)
    fit = fit_parametric(X_SMALL, rows, name)
    np.testing.assert_allclose(fit.coefficients, coefficients, rtol=1e-9)
    np.testing.assert_allclose(fit.scale, scale, rtol=ROUNDING)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), se, rtol=1e-9)
    got = [fit.log_likelihood_null, fit.log_likelihood]
    np.testing.assert_allclose(got, log_likelihoods, rtol=1e-13)
    test = likelihood_ratio(fit)
    assert test.df == 1
    assert test.p == pytest.approx(stats.chi2.sf(2 * (got[1] - got[0]), 1))


@pytest.mark.parametrize("name", FAMILIES)
def test_gradient_and_information_are_derivatives(name: str) -> None:
    rng = np.random.default_rng(5)
    law, n = FAMILIES[name], 60
    lower = rng.normal(size=n)
    upper = lower + rng.exponential(size=n)
    kind = rng.integers(0, 4, n)
    upper[kind == 0], lower[kind == 1] = np.inf, -np.inf
    upper[kind == 2] = lower[kind == 2]
    entry = np.where((kind != 1) & (rng.random(n) < 0.5), lower - 1, -np.inf)
    X = np.column_stack([np.ones(n), rng.normal(size=n)])
    strata, weights = rng.integers(0, 2, n), rng.uniform(0, 2, n)

    def at(theta: Any) -> Any:
        scale = np.exp(theta[2:])[strata]
        terms = row_terms(law.standard, lower, upper, entry, X @ theta[:2], scale)
        return (
            weights @ terms.value,
            weights @ score_rows(terms, X, strata, 2),
            information(terms, X, strata, weights, 2),
        )

    theta, h = np.array([0.2, -0.3, 0.1, -0.4]), 1e-5
    _, gradient, curve = at(theta)
    for j in range(4):
        up, down = at(theta + h * np.eye(4)[j]), at(theta - h * np.eye(4)[j])
        assert gradient[j] == pytest.approx((up[0] - down[0]) / (2 * h), rel=1e-7, abs=1e-7)
        np.testing.assert_allclose(curve[j], -(up[1] - down[1]) / (2 * h), rtol=1e-6, atol=1e-6)


def test_derivatives_of_narrow_intervals_are_those_of_the_density() -> None:
    for name in ("weibull", "lognormal", "loglogistic"):
        standard = FAMILIES[name].standard
        y, one = np.linspace(-3, 2, 9), np.ones(9)
        none, width = np.full(9, -np.inf), 1e-6
        got = row_terms(standard, y - width / 2, y + width / 2, none, 0 * y, 1.3 * one)
        want = row_terms(standard, y, y, none, 0 * y, 1.3 * one)
        for part in ("eta", "tau", "eta_eta", "eta_tau", "tau_tau"):
            np.testing.assert_allclose(getattr(got, part), getattr(want, part), atol=2e-8)


def test_an_interval_as_good_as_without_end_is_right_censored() -> None:
    """The far end of it contributes nothing, however steep the hazard there."""
    for name, law in FAMILIES.items():
        y, one = np.linspace(-3, 2, 9), np.ones(9)
        none = np.full(9, -np.inf)
        for far in (12.0, 60.0, 900.0):
            with np.errstate(over="ignore"):
                gone = law.standard.log_survival(np.array([far]))[0] < -60
            if gone:
                got = row_terms(law.standard, y, far * one, none, 0 * y, one)
                want = row_terms(law.standard, y, np.inf * one, none, 0 * y, one)
                for part in ("value", "eta", "tau", "eta_eta", "eta_tau", "tau_tau"):
                    np.testing.assert_allclose(
                        getattr(got, part), getattr(want, part), rtol=1e-9, atol=1e-12, err_msg=name
                    )


def test_the_maximum_is_reached_to_the_last_digit() -> None:
    d = pd.read_csv(LUNG)
    X = d[["age", "female", "ph.ecog"]].to_numpy(float)
    for name in FAMILIES:
        fit = fit_parametric(X, right_censored(d["time"], d["status"]), name)
        assert fit.distance < 1e-12
        assert fit.steps < 20


def test_a_penalty_is_a_penalty() -> None:
    """At the penalised maximum the gradient of the likelihood is alpha times the coefficients."""
    d = pd.read_csv(LUNG)
    X = stats.zscore(d[["age", "female"]].to_numpy(float))
    rows = right_censored(d["time"], d["status"])
    fit = fit_parametric(X, rows, alpha=40)
    free = fit_parametric(X, rows)
    full = np.column_stack([np.ones(len(d)), X])
    y = np.log(d["time"].to_numpy(float))
    upper = np.where(d["status"] == 1, y, np.inf)
    terms = row_terms(
        FAMILIES["weibull"].standard,
        y,
        upper,
        np.full(len(d), -np.inf),
        full @ fit.coefficients,
        np.full(len(d), fit.scale[0]),
    )
    gradient = score_rows(terms, full, np.zeros(len(d), int), 1).sum(axis=0)
    np.testing.assert_allclose(gradient, [0, *(40 * fit.coefficients[1:]), 0], atol=1e-9)
    assert fit.log_likelihood < free.log_likelihood
    assert (np.abs(fit.coefficients[1:]) < np.abs(free.coefficients[1:])).all()


def _draw(n: int = 80) -> Any:
    rng = np.random.default_rng(9)
    X = rng.normal(size=(n, 2))
    time, lost = rng.exponential(20, n), rng.uniform(5, 40, n)
    return X, np.minimum(time, lost), time <= lost


def test_trouble_is_named() -> None:
    X, exit_, left = _draw()
    rows = right_censored(exit_, left)
    with pytest.raises(FitError, match="nobody leaves"):
        fit_parametric(X, right_censored(exit_, np.zeros(80, int)))
    with pytest.raises(FitError, match="nobody leaves"):  # none who counts
        fit_parametric(X, right_censored(exit_, left, weights=1.0 - left))
    with pytest.raises(FitError, match="left-censored"):
        fit_parametric(None, interval_censored([nan, nan], [3, 4]))
    with pytest.raises(FitError, match=r"sums of others(.|\n)*column 2"):
        fit_parametric(np.column_stack([X, X.sum(axis=1)]), rows)
    with pytest.raises(FitError, match=r"sums of others"):  # more columns than rows
        fit_parametric(
            np.random.default_rng(0).normal(size=(5, 7)), right_censored(exit_[:5], [1] * 5)
        )
    with pytest.raises(FitError, match=r"constant(.|\n)*column 1"):
        fit_parametric(np.column_stack([X[:, 0], np.full(80, 7.1)]), rows)
    tell = np.column_stack([X, ~left & (exit_ > 12)])
    for name in FAMILIES:
        with pytest.raises(FitError, match=r"separates(.|\n)*tell-tale"):
            fit_parametric(tell, rows, name, names=["a", "b", "tell-tale"])
    assert np.isfinite(fit_parametric(tell, rows, alpha=1).coefficients).all()
    with pytest.raises(FitError, match="scale has no finite estimate"):
        fit_parametric(None, right_censored([5, 5, 5], [1, 1, 1]))
    with pytest.raises(FitError, match="scale has no finite estimate"):
        fit_parametric([[1], [2], [3]], right_censored(np.exp([1.0, 2, 3]), [1, 1, 1]))


def test_bad_input_is_refused() -> None:
    X, exit_, left = _draw()
    rows = right_censored(exit_, left)
    with pytest.raises(InputError, match=r"infinite(.|\n)*columns 1"):
        fit_parametric(np.where(np.arange(2) == 1, np.inf, X), rows)
    with pytest.raises(InputError, match="shape"):
        fit_parametric(X[:5], rows)
    with pytest.raises(InputError, match="offset"):
        fit_parametric(X, rows, offset=np.full(80, nan))
    with pytest.raises(InputError, match=r"no logarithm(.|\n)*rows 0"):
        fit_parametric(None, right_censored([0, 1, 2], [1, 1, 0]), "lognormal")
    with pytest.raises(InputError, match="scale must be"):
        fit_parametric(X, rows, scale=-1)
    with pytest.raises(InputError, match="scale of exponential"):
        fit_parametric(X, rows, "exponential", scale=2)
    with pytest.raises(InputError, match="alpha"):
        fit_parametric(X, rows, alpha=nan)
    with pytest.raises(InputError, match="not a family"):
        fit_parametric(X, rows, "gompertz")
