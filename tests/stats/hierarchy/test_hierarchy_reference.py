"""Partial pooling at given standard deviations, against R's coxph, survfit and lme4."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gmts_models.stats.cox.gaussian_frailty import fit_gaussian_frailty
from gmts_models.stats.hierarchy.cox import fit_hierarchical_cox
from gmts_models.stats.hierarchy.hazard import fit_hierarchical_hazard, hazard_terms
from gmts_models.stats.hierarchy.period_baseline import SteppedBaseline
from gmts_models.stats.hierarchy.predict import hierarchical_risk
from gmts_models.stats.hierarchy.result import HierarchicalFit
from gmts_models.stats.hierarchy.terms import RandomTerm, random_term

DATA = Path(__file__).parents[2] / "reference" / "data"
BAND = SteppedBaseline((6, 12, 24))
Values = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def d() -> pd.DataFrame:
    return pd.read_csv(DATA / "pooled.csv")


def terms_of(d: pd.DataFrame, which: str) -> list[RandomTerm]:
    every = {
        "g": random_term("group", d["group"].to_numpy()),
        "c": random_term("cohort", d["cohort"].to_numpy()),
        "s": random_term("x by group", d["group"].to_numpy(), d["x"]),
    }
    return [every[each] for each in which]


def rows(d: pd.DataFrame) -> dict[str, Any]:
    return {"exit_": d["exit"], "left": d["left"], "entry": d["entry"]}


CASES = [
    ("cox_intercept", "g", [0.4], {}),
    ("cox_crossed", "gc", [0.4, 0.25], {}),
    ("cox_crossed_replicated", "gc", [0.4, 0.25], {"weights": True, "ties": "breslow"}),
    ("cox_slope_breslow", "gs", [0.4, 0.3], {"ties": "breslow"}),
]


@pytest.mark.parametrize(("name", "which", "sd", "more"), CASES)
def test_cox_at_given_sds_is_coxph_with_ridges_on_columns_of_groups(
    r_values: Values, d: pd.DataFrame, name: str, which: str, sd: list[float], more: dict[str, Any]
) -> None:
    out = r_values("n_partial_pooling")[name]
    given = more | ({"weights": d["weight"]} if "weights" in more else {})
    fit = fit_hierarchical_cox(d[["x"]], terms_of(d, which), **rows(d), sd=sd, **given)
    np.testing.assert_allclose(fit.mixture.mean[0], out["coef"], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(fit.mixture.covariance[0], out["var"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(fit.coefficients.covariance[0, 0], out["var"][0][0], rtol=1e-7)


def test_baseline_and_its_covariance_with_the_effects_are_survfits(
    r_values: Values, d: pd.DataFrame
) -> None:
    out = r_values("n_partial_pooling")["cox_intercept_survfit"]
    fit = fit_hierarchical_cox(d[["x"]], terms_of(d, "g"), **rows(d), sd=[0.4])
    new = random_term("group", ["B"], labels=fit.terms[0].labels)
    found = hierarchical_risk(fit, [[0.5]], [new], [6, 12, 24])
    hazard, error = np.array(out["cumhaz"]), np.array(out["std_chaz"])
    half = 1.959963984540054 * error / hazard
    limits = [-np.log1p(-each[0]) for each in (found.lower, found.upper)]
    np.testing.assert_allclose(limits, [hazard * np.exp(-half), hazard * np.exp(half)], rtol=1e-9)
    middle = hierarchical_risk(fit, [[0.5]], [new], [6, 12, 24], level=1e-9)
    np.testing.assert_allclose(1 - middle.lower[0], out["surv"], rtol=1e-8)


def test_kidney_with_a_gaussian_frailty(r_values: Values) -> None:
    kidney = pd.read_csv(DATA / "kidney.csv")
    out = r_values("d_cox_frailty_ridge_kidney")["frailty_gaussian_fixed_theta_05"]
    term = random_term("id", [f"{each:02}" for each in kidney["id"]])
    given = (kidney["time"], kidney["status"])
    fit = fit_hierarchical_cox(kidney[["age", "male"]], [term], *given, sd=[np.sqrt(0.5)])
    np.testing.assert_allclose(fit.mixture.mean[0], out["coef"], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(fit.mixture.covariance[0], out["var"], rtol=1e-5, atol=1e-8)


def test_likelihood_of_the_sd_peaks_where_restricted_likelihood_does() -> None:
    """`fit_gaussian_frailty` is held against R's own; at each theta the two likelihoods are one."""
    kidney = pd.read_csv(DATA / "kidney.csv")
    X, given = kidney[["age", "male"]], (kidney["time"], kidney["status"])
    term = random_term("id", kidney["id"].to_numpy())
    values = []
    for theta in (0.0, 0.2, 0.5, 1.0):
        other = fit_gaussian_frailty(X, *given, kidney["id"], theta=theta)
        fit = fit_hierarchical_cox(X, [term], *given, sd=[np.sqrt(theta)])
        values.append(fit.log_marginal)
        assert fit.log_marginal == pytest.approx(other.log_likelihood, abs=1e-7)
    assert max(values) == values[2]  # theta by REML: .51 in R


HAZARDS = [
    ("logit_intercept", "g", [0.4]),
    ("logit_intercept_08", "g", [0.8]),
    ("logit_crossed", "gc", [0.4, 0.25]),
    ("logit_slope", "gs", [0.4, 0.3]),
    ("cloglog_intercept", "g", [0.4]),
]


def hazard(
    d: pd.DataFrame, name: str, which: str, sd: list[float] | None, **more: Any
) -> HierarchicalFit:
    weights = d["weight"] if name == "logit_crossed" else None
    return fit_hierarchical_hazard(
        d[["x"]],
        terms_of(d, which),
        **rows(d),
        weights=weights,
        baseline=BAND,
        link="cloglog" if name.startswith("cloglog") else "logit",
        sd=sd,
        **more,
    )


@pytest.mark.parametrize(("name", "which", "sd"), HAZARDS)
def test_hazards_of_periods_at_given_sds_are_lme4s(
    r_values: Values, d: pd.DataFrame, name: str, which: str, sd: list[float]
) -> None:
    out = r_values("n_partial_pooling")[name]
    fit = hazard(d, name, which, sd)
    mode = np.concatenate([out["beta"], out["b"]])
    np.testing.assert_allclose(fit.mixture.mean[0], mode, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("name", "which", "sd"), [each for each in HAZARDS if each[0][0] == "l"])
def test_laplace_likelihood_is_lme4s(
    r_values: Values, d: pd.DataFrame, name: str, which: str, sd: list[float]
) -> None:
    """lme4 does not integrate the coefficients out; what that adds is taken from ours."""
    out = r_values("n_partial_pooling")[name]
    fit = hazard(d, name, which, sd)
    fixed = len(out["beta"])
    # log |H| of all = log |H of effects| - log |covariance of the coefficients|
    coefficients = np.linalg.slogdet(fit.mixture.covariance[0][:fixed, :fixed])[1] / 2
    assert -2 * (fit.log_marginal - coefficients) == pytest.approx(out["deviance"], abs=1e-5)


def test_laplace_loses_little_to_quadrature_over_the_effects(r_values: Values) -> None:
    """lme4's own likelihood of the standard deviation, by 1 node (Laplace) and by 25."""
    values = r_values("n_partial_pooling")
    one, many = (np.array(values[f"logit_nodes_{q}"]["deviance"]) for q in (1, 25))
    lost = (one - one[0]) - (many - many[0])
    assert np.abs(lost).max() < 0.06  # of a deviance that moves by 3.2


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_observed_information_is_minus_the_slope_of_the_score(link: Any) -> None:
    own, base = np.linspace(-12, 3, 31), np.array([0.0, 0.3])
    trials, gone = np.full((31, 2), 5.0), np.repeat(np.linspace(0, 5, 31), 2).reshape(31, 2)
    gone[::3] = 0
    h = 1e-5
    _, score, information = hazard_terms(link, own, base, trials, gone)
    assert (information >= 0).all()
    up, down = (hazard_terms(link, own + step, base, trials, gone) for step in (h, -h))
    np.testing.assert_allclose(information, (down[1] - up[1]) / (2 * h), rtol=1e-6, atol=1e-8)
    assert score.sum() == pytest.approx((up[0] - down[0]) / (2 * h), rel=1e-7)
    eta = np.add.outer(own, base)
    stay = -np.exp(eta) if link == "cloglog" else -np.log1p(np.exp(eta))
    value = (gone * np.log(-np.expm1(stay)) + (trials - gone) * stay).sum()
    assert hazard_terms(link, own, base, trials, gone)[0] == pytest.approx(value, rel=1e-9)
