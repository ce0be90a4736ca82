"""Generalised gamma and splines: against R, lifelines and the Weibull, in both tails."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gmts_models.errors import FitError, InputError
from gmts_models.stats.parametric.fit import fit_parametric
from gmts_models.stats.parametric.flexible import FlexibleFit, fit_flexible
from gmts_models.stats.parametric.flexible_families import (
    FlexibleFamily,
    GeneralisedGamma,
    LogHazardSpline,
)
from gmts_models.stats.parametric.flexible_prediction import predict_flexible
from gmts_models.stats.parametric.observations import interval_censored, right_censored
from gmts_models.stats.parametric.predict import predict_survival

LUNG = Path(__file__).parents[2] / "reference" / "data" / "lung_cc.csv"
MONTHS = [0.01, 0.1, 0.5, 1, 2, 5]


def _lung() -> tuple[np.ndarray, pd.DataFrame]:
    lung = pd.read_csv(LUNG).astype({"female": float})
    return lung[["age", "female", "ph.ecog"]].to_numpy(float), lung


def _drawn(n: int = 200, seed: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 1))
    time, lost = rng.weibull(1.2, n) * np.exp(0.4 * X[:, 0]), rng.uniform(0.2, 2, n)
    return X, np.minimum(time, lost), time <= lost


def test_generalised_gamma_agrees_with_r() -> None:
    """R 4.2.2 with numDeriv 2016.8-1.1: the likelihood written out with pgamma(..., log = TRUE)
    and lgamma, optim(method = "BFGS") and Newton steps by numDeriv to a gradient of 1e-7."""
    X, lung = _lung()
    fit = fit_flexible(X, right_censored(lung["time"], lung["status"]), "generalised_gamma")
    got = [*fit.shape[:1], *fit.coefficients, *fit.shape[1:]]
    want = [6.80467436151, -0.00933751173506, 0.41724354155, -0.33703511663, -0.31492246549]
    np.testing.assert_allclose(got, [*want, 0.96229857199], rtol=2e-8)
    errors = np.sqrt(np.diag(fit.covariance))[[3, 0, 1, 2, 4, 5]]
    want = [0.44476482484, 0.00710869133, 0.13172188617, 0.08943699191, 0.08787148055]
    np.testing.assert_allclose(errors, [*want, 0.19496988804], rtol=3e-6)
    assert fit.log_likelihood == pytest.approx(-1041.7840862277, abs=1e-9)


def test_generalised_gamma_agrees_with_r_under_late_entry_and_weights() -> None:
    """As above, with the log of survival to entry taken off and rows weighted 1, 2, 3, 1, ..."""
    X, lung = _lung()
    n = len(lung)
    entry = np.where(np.arange(1, n + 1) % 2 == 0, lung["time"] / 3, 0)
    rows = right_censored(lung["time"], lung["status"], entry, np.resize([1, 2, 3], n))
    fit = fit_flexible(X, rows, "generalised_gamma")
    got = [*fit.shape[:1], *fit.coefficients, *fit.shape[1:]]
    want = [7.07165156246, -0.0160767843125, 0.38330813021, -0.29960598761, -0.16900332981]
    np.testing.assert_allclose(got, [*want, 1.07197577877], rtol=2e-8)
    errors = np.sqrt(np.diag(fit.covariance))[[3, 0, 1, 2, 4, 5]]
    want = [0.3735112022, 0.00604672503, 0.1105545575, 0.07434900297, 0.07059226300]
    np.testing.assert_allclose(errors, [*want, 0.18189351653], rtol=3e-6)
    assert fit.log_likelihood == pytest.approx(-2042.0002352323, abs=1e-9)


def test_survival_agrees_with_r_in_both_tails() -> None:
    """R 4.2.2: pgamma(exp(q z) / q^2, 1 / q^2, lower.tail = q < 0, log.p = TRUE), z = log t."""
    values = [
        (-3.0, -0.5, -0.06791328889042586),
        (-3.0, 8.0, -2.8563099538560288),
        (-0.2, -2.0, -0.013748779472724123),
        (-0.02, 4.0, -10.111030753770756),
        (-0.0001, -6.0, -9.8274653559036988e-10),
        (0.0001, -6.0, -9.9044266924006074e-10),
        (0.0001, 8.0, -35.022372398425738),
        (0.003, 2.0, -3.7903115330755353),
        (0.1, 8.0, -45.994244869095191),
        (1.0, 4.0, -54.598150033144236),
    ]
    for q, z, want in values:
        law, shape = GeneralisedGamma(), np.array([0.0, 0.0, q])
        got = law.cumulative(np.array([z]), shape).value[0]
        assert got == pytest.approx(-want, rel=1e-10), (q, z)


@pytest.mark.parametrize(
    ("law", "shape"),
    [
        (GeneralisedGamma(), [2.0, -0.3, 0.6]),
        (GeneralisedGamma(), [2.0, 0.1, 0.0]),
        (GeneralisedGamma(), [2.0, 0.1, -1.1]),
        (LogHazardSpline(knots=np.array([1.0, 2.0, 2.4, 3.0])), [-2.0, 1.1, 0.2, -0.1]),
    ],
)
def test_derivatives_are_those_of_the_values(law: FlexibleFamily, shape: list[float]) -> None:
    u, s, h = np.linspace(0.2, 3.4, 7), np.array(shape), 1e-5
    for function in (law.cumulative, law.log_rate):
        jet = function(u, s)
        for i in range(1 + len(s)):
            move = np.eye(1 + len(s))[i] * h
            up, down = (function(u + k * move[0], s + k * move[1:]) for k in (1, -1))
            gradient = (up.value - down.value) / (2 * h)
            np.testing.assert_allclose(jet.gradient[i], gradient, rtol=1e-6, atol=1e-8)
            curvature = (up.gradient - down.gradient) / (2 * h)
            np.testing.assert_allclose(jet.curvature[i], curvature, rtol=1e-4, atol=1e-5)
    rate = np.log(law.cumulative(u, s).gradient[0])
    np.testing.assert_allclose(law.log_rate(u, s).value, rate, rtol=1e-6, atol=1e-8)


def test_predictions_agree_with_those_of_lifelines() -> None:
    """lifelines 0.30.3 at its own parameters; our maximum is at least as high as its."""
    from lifelines import CRCSplineFitter, GeneralizedGammaRegressionFitter

    X, time, left = _drawn()
    frame = pd.DataFrame({"x": X[:, 0], "time": time, "left": left})
    gamma = GeneralizedGammaRegressionFitter()
    spline = CRCSplineFitter(n_baseline_knots=4)
    spline.fit_intercept = False
    bends = {f"gamma{i}_": "1" for i in range(4)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        by = {"lambda_": "1", "mu_": "1 + x", "sigma_": "1"}
        gamma.fit(frame, "time", "left", regressors=by)
        spline.fit(frame, "time", "left", regressors={"beta_": "0 + x"} | bends)
    cases = [
        ("generalised_gamma", gamma, "mu_", np.empty(0), ["mu_", "sigma_", "lambda_"]),
        ("spline", spline, "beta_", np.asarray(spline.knots), list(bends)),
    ]
    for family, fitter, location, knots, names in cases:
        theirs = FlexibleFit(
            family=family,
            knots=knots,
            coefficients=np.array([fitter.params_[location, "x"]]),
            shape=np.array([fitter.params_[name, "Intercept"] for name in names]),
            covariance=np.eye(1 + len(names)),
            log_likelihood=fitter.log_likelihood_,
            steps=0,
        )
        hazard = fitter.predict_cumulative_hazard(frame[["x"]], times=MONTHS).to_numpy().T
        got = -np.log(predict_flexible(theirs, X, MONTHS).estimate)
        np.testing.assert_allclose(got, hazard, rtol=1e-10)
    ours = fit_flexible(X, right_censored(time, left), "generalised_gamma")
    assert ours.log_likelihood > gamma.log_likelihood_ - 1e-9


def test_two_knots_are_weibull() -> None:
    X, time, left = _drawn()
    rows = right_censored(time, left, np.where(np.arange(200) % 3 == 0, time / 2, 0))
    weibull, spline = fit_parametric(X, rows), fit_flexible(X, rows, "spline", knots=2)
    np.testing.assert_allclose(spline.coefficients, weibull.coefficients[1:], rtol=1e-8)
    assert spline.log_likelihood == pytest.approx(weibull.log_likelihood, abs=1e-9)
    want, got = predict_survival(weibull, X, MONTHS), predict_flexible(spline, X, MONTHS)
    for part in ("estimate", "std_err", "lower", "upper"):
        np.testing.assert_allclose(getattr(got, part), getattr(want, part), rtol=1e-6)


@pytest.mark.parametrize("family", ["generalised_gamma", "spline"])
def test_a_weight_of_two_is_the_row_twice(family: str) -> None:
    X, time, left = _drawn()
    weight = np.resize([1, 2, 3], len(time))
    fit = fit_flexible(X, right_censored(time, left, weights=weight), family)
    again = fit_flexible(
        np.repeat(X, weight, axis=0),
        right_censored(np.repeat(time, weight), np.repeat(left, weight)),
        family,
    )
    np.testing.assert_allclose(fit.knots, again.knots, rtol=1e-12)
    np.testing.assert_allclose(fit.coefficients, again.coefficients, rtol=1e-8)
    np.testing.assert_allclose(fit.shape, again.shape, rtol=1e-7)
    np.testing.assert_allclose(fit.covariance, again.covariance, rtol=1e-6)


@pytest.mark.parametrize("q", [-1.5, 0.0, 0.5, 2.0])
def test_the_shape_is_found_under_late_entry(q: float) -> None:
    """4,000 drawn, half of whom are seen only if they stay until they enter."""
    rng = np.random.default_rng(11)
    n = 4000
    X = rng.normal(size=(n, 1))
    draw = np.log(q * q * rng.gamma(1 / q**2, size=n)) / q if q else rng.normal(size=n)
    time = np.exp(3 + 0.3 * X[:, 0] + 0.7 * draw)
    exit_ = np.minimum(time, rng.uniform(10, 60, n))
    entry = np.where(rng.random(n) < 0.5, rng.uniform(0, 12, n), 0)
    there = exit_ > entry
    rows = right_censored(exit_[there], (time == exit_)[there], entry[there])
    fit = fit_flexible(X[there], rows, "generalised_gamma")
    error = np.sqrt(np.diag(fit.covariance))
    distance = np.array([*fit.coefficients, *fit.shape]) - [0.3, 3, np.log(0.7), q]
    assert (np.abs(distance) < 3.5 * error).all()


def test_what_has_no_maximum_is_refused() -> None:
    X, time, left = _drawn(40)
    with pytest.raises(InputError, match="2 knots"):
        fit_flexible(X, right_censored(time, left), "spline", knots=1)
    with pytest.raises(InputError, match="no such family"):
        fit_flexible(X, right_censored(time, left), "gamma")  # type: ignore[arg-type]
    for rows in (
        interval_censored(time, time + 1),
        right_censored(time, left, strata=np.arange(40) % 2),
    ):
        with pytest.raises(InputError, match="right_censored"):
            fit_flexible(X, rows, "spline")
    leave = np.arange(40) % 2 == 0
    one_time = right_censored(np.where(leave, 2.0, 3.0), leave)
    with pytest.raises(FitError, match="too few times for 4 knots"):
        fit_flexible(X, one_time, "spline", knots=4)
    # All but a few leave at one time: the shape runs away from every family within.
    tied = np.where(np.arange(40) < 6, 1.0 + np.arange(40) / 6, 2.0)
    with pytest.raises(FitError):
        fit_flexible(X, right_censored(tied, np.ones(40, bool)), "generalised_gamma")
    near = fit_flexible(X, right_censored(tied, np.ones(40, bool)), "generalised_gamma", alpha=50)
    assert np.isfinite(near.shape).all()


def test_a_falling_cumulative_hazard_is_seen() -> None:
    law = LogHazardSpline(knots=np.array([1.0, 2.0, 3.0]))
    assert not law.falls(np.array([-2.0, 1.0, 0.0]))
    assert law.falls(np.array([-2.0, -0.5, 0.0]))
    assert law.falls(np.array([-2.0, 0.2, 2.0]))
