"""Gaussian frailty: columns of groups written out, the integral, R's values, coverage."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Floats
from gmts_models.stats.cox.fit import cox_data, fit_cox, likelihood_at, maximise
from gmts_models.stats.cox.frailty import FrailtyFit
from gmts_models.stats.cox.gaussian_frailty import fit_gaussian_frailty

REPETITIONS = int(os.environ.get("GMTS_SIMULATION_REPETITIONS", "100"))
REFERENCE = Path(__file__).parents[2] / "reference"


def draw(
    rng: np.random.Generator, groups: int, sd: float, size: tuple[int, int] = (10, 101)
) -> tuple[dict[str, Any], Floats]:
    """Draw months at which members of groups leave, and the groups' normal effects (g,).

    Column 0 is a person's, with effect 0.5; column 1 the group's, with effect 0.4.
    """
    group = np.repeat(np.arange(groups), rng.integers(*size, groups))
    n = len(group)
    own, shared = rng.normal(size=n), rng.permutation(np.linspace(-1, 1, groups))[group]
    effects = rng.normal(0, sd, groups)
    rate = 0.03 * np.exp(0.5 * own + 0.4 * shared + effects[group])
    time, census = np.ceil(rng.exponential(1 / rate)), rng.integers(12, 37, n)
    return {
        "X": np.column_stack([own, shared]),
        "exit_": np.minimum(time, census),
        "left": time <= census,
        "groups": group,
    }, effects


def late(seed: int) -> dict[str, Any]:
    """Draw rows with delayed entries, whole-number weights and two strata."""
    rng = np.random.default_rng(seed)
    rows, _ = draw(rng, 5, 0.6, (8, 20))
    n = len(rows["exit_"])
    entry = np.minimum(rng.integers(0, 6, n), rows["exit_"] - 1)
    weights, strata = rng.integers(1, 4, n).astype(float), rng.integers(0, 2, n)
    return rows | {"entry": entry, "weights": weights, "strata": strata}


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("seed", range(4))
def test_is_a_ridge_on_a_column_a_group(seed: int, ties: str) -> None:
    """The group block without columns equals the Cox fit with them, figure by figure."""
    rows, theta = late(seed), 0.35
    fit = fit_gaussian_frailty(**rows, theta=theta, ties=ties)  # type: ignore[arg-type]
    groups = rows.pop("groups")
    X = np.hstack([rows.pop("X"), (groups[:, None] == np.arange(5)).astype(float)])
    penalty = np.r_[0, 0, np.full(5, 1 / theta)]
    dense = fit_cox(X, **rows, penalty=penalty, ties=ties)  # type: ignore[arg-type]
    np.testing.assert_allclose(fit.coefficients, dense.coefficients[:2], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(fit.groups.estimate, dense.coefficients[2:], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(fit.covariance, dense.covariance[:2, :2], rtol=1e-6)
    np.testing.assert_allclose(fit.at.information, dense.information, rtol=1e-6, atol=1e-6)
    narrow = dense.covariance @ dense.information @ dense.covariance
    np.testing.assert_allclose(fit.covariance_narrow, narrow[:2, :2], rtol=1e-6)
    np.testing.assert_allclose(fit.groups.std_err, np.sqrt(np.diag(dense.covariance)[2:]), 1e-6)
    total = fit.degrees_of_freedom_groups
    effective = np.diag(dense.covariance @ dense.information)
    assert total == pytest.approx(effective[2:].sum(), rel=1e-6)
    assert fit.log_partial == pytest.approx(dense.log_likelihood)


def test_laplace_is_near_the_integral_over_the_effects() -> None:
    """Three groups, by a grid over their effects; the approximation is good to some hundredths."""
    rows, _ = draw(np.random.default_rng(6), 3, 0.8, (20, 30))
    theta = 0.5
    fit = fit_gaussian_frailty(**rows, theta=theta, method="ml")
    groups = rows["groups"]
    columns = (groups[:, None] == np.arange(3)).astype(float)
    offset = rows["X"] @ fit.coefficients
    data = cox_data(columns, rows["exit_"], rows["left"], offset=offset)
    nodes, weights = np.polynomial.hermite_e.hermegauss(24)
    weights = weights / weights.sum()
    total = 0.0
    for i, a in enumerate(nodes):
        for j, b in enumerate(nodes):
            for k, c in enumerate(nodes):
                share = weights[i] * weights[j] * weights[k]
                if share > 1e-9:
                    at = np.sqrt(theta) * np.array([a, b, c])
                    value = likelihood_at(data, at).value - fit.plain.log_likelihood
                    total += share * np.exp(value)
    want = np.log(total) + fit.plain.log_likelihood
    assert fit.log_likelihood == pytest.approx(want, abs=0.03)
    assert fit.log_partial - fit.penalty != pytest.approx(want, abs=0.3)


def kidney() -> dict[str, Any]:
    d = pd.read_csv(REFERENCE / "data" / "kidney.csv")
    return {"X": d[["age", "male"]], "exit_": d["time"], "left": d["status"], "groups": d["id"]}


def test_reml_agrees_with_r_on_the_whole_information() -> None:
    """``coxph(Surv(time, status) ~ age + male + frailty(id, dist = "gauss", eps = 1e-9, sparse =
    FALSE), control = coxph.control(eps = 1e-11, iter.max = 50, outer.max = 100))``."""
    fit = fit_gaussian_frailty(**kidney())
    assert fit.theta == pytest.approx(0.592640530255, rel=1e-6)
    std_err = np.sqrt(np.diag(fit.covariance))
    np.testing.assert_allclose(std_err, [0.01237952195, 0.44116840218], rtol=1e-6)


def test_reml_agrees_with_r_on_tied_months() -> None:
    """The same of ``Surv(time, status > 0) ~ age + sex`` by spec, in the data tr."""
    d = pd.read_csv(REFERENCE / "pitfalls" / "tr.csv")
    fit = fit_gaussian_frailty(d[["age", "sex"]], d["time"], d["status"] > 0, d["spec"])
    assert fit.theta == pytest.approx(0.439818716044, rel=1e-6)
    np.testing.assert_allclose(fit.coefficients, [0.0276191781571, -0.3113646759319], rtol=1e-6)
    std_err = np.sqrt(np.diag(fit.covariance))
    np.testing.assert_allclose(std_err, [0.00756200287747, 0.07731239947251], rtol=1e-6)


@pytest.mark.parametrize(
    ("ties", "want", "std_err", "log_partial"),
    [
        ("efron", [0.0270128620660, -0.3812507914402, 0.0583085098797],
         [0.00755112999532, 0.23192426781022, 0.22458259797322], -3911.61264722),
        ("breslow", [0.0263228989216, -0.3718793473140, 0.0610276808646],
         [0.0075476952242, 0.2319498460511, 0.2245840163249], -3930.0582159),
    ],
)  # fmt: skip
def test_agrees_with_r_on_late_entry_and_strata(
    ties: Any, want: list[float], std_err: list[float], log_partial: float
) -> None:
    """``Surv(entry, time, status > 0) ~ age + frailty(spec, dist = "gauss", theta = .4, sparse =
    FALSE) + strata(sex)``."""
    d = pd.read_csv(REFERENCE / "pitfalls" / "tr.csv")
    fit = fit_gaussian_frailty(
        d[["age"]],
        d["time"],
        d["status"] > 0,
        d["spec"],
        d["entry"],
        strata=d["sex"],
        ties=ties,
        theta=0.4,
    )
    got = np.append(fit.coefficients, fit.groups.estimate[:2])
    np.testing.assert_allclose(got, want, rtol=1e-6)
    errors = np.append(np.sqrt(np.diag(fit.covariance)), fit.groups.std_err[:2])
    np.testing.assert_allclose(errors, std_err, rtol=1e-6)
    assert fit.log_partial == pytest.approx(log_partial, abs=1e-6)


# The variance


def test_ml_is_at_the_maximum_and_reml_solves_its_equation() -> None:
    rows, _ = draw(np.random.default_rng(3), 8, 0.6)
    fit = fit_gaussian_frailty(**rows, method="ml")
    near = [
        fit_gaussian_frailty(**rows, method="ml", theta=fit.theta * f).log_likelihood
        for f in (np.exp(-0.01), np.exp(0.01))
    ]
    assert max(near) < fit.log_likelihood
    assert near[0] == pytest.approx(near[1], abs=5e-6), "flat to first order"
    reml = fit_gaussian_frailty(**rows)
    solved = np.mean(reml.groups.estimate**2 + reml.groups.std_err**2)
    assert solved == pytest.approx(reml.theta, rel=1e-6)
    assert reml.theta > fit.theta, "the coefficients take degrees of freedom from the effects"
    # Both integrate over the same law of theta.
    np.testing.assert_allclose(reml.covariance_integrated, fit.covariance_integrated, rtol=1e-3)


def test_restricted_likelihood_at_zero_is_that_of_the_plain_fit() -> None:
    rows, _ = draw(np.random.default_rng(3), 8, 0.6)
    fit = fit_gaussian_frailty(**rows)
    plain = maximise(cox_data(rows["X"], rows["exit_"], rows["left"]))
    want = plain.log_likelihood - np.linalg.slogdet(plain.information)[1] / 2
    assert fit.log_likelihood_zero == pytest.approx(want)
    near = fit_gaussian_frailty(**rows, theta=1e-8)
    assert near.log_likelihood == pytest.approx(want, abs=1e-4)


def same(one: FrailtyFit, other: FrailtyFit) -> None:
    assert one.theta == pytest.approx(other.theta, rel=1e-5, abs=1e-7)
    np.testing.assert_allclose(one.coefficients, other.coefficients, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(one.groups.estimate, other.groups.estimate, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(one.groups.lower, other.groups.lower, rtol=1e-4, atol=1e-4)
    assert one.test.p == pytest.approx(other.test.p, rel=1e-4)


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10_000))
def test_weights_order_and_scale(seed: int) -> None:
    rows = late(seed)
    fit = fit_gaussian_frailty(**rows, ties="breslow")
    times = rows["weights"].astype(int)
    copies: dict[str, Any] = {n: np.repeat(rows[n], times, axis=0) for n in rows if n != "weights"}
    same(fit_gaussian_frailty(**copies, ties="breslow"), fit)
    order = np.random.default_rng(seed).permutation(len(times))
    mixed: dict[str, Any] = {name: rows[name][order] for name in rows}
    days = {name: 30.4375 * mixed[name] for name in ("entry", "exit_")}
    same(fit_gaussian_frailty(**mixed | days, ties="breslow"), fit)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_variance_zero_is_plain_cox(seed: int) -> None:
    rows = late(seed)
    zero = fit_gaussian_frailty(**rows, theta=0.0)
    del rows["groups"]
    plain = fit_cox(**rows)
    np.testing.assert_allclose(zero.coefficients, plain.coefficients, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(zero.covariance, plain.covariance, rtol=1e-6, atol=1e-9)


def test_bad_input() -> None:
    rows, _ = draw(np.random.default_rng(1), 4, 0.5)
    with pytest.raises(InputError, match="method must be"):
        fit_gaussian_frailty(**rows, method="pql")  # type: ignore[arg-type]
    with pytest.raises(FitError, match="every group has one member"):
        fit_gaussian_frailty(**rows | {"groups": np.arange(len(rows["left"]))})


# Known truth


@pytest.mark.slow
def test_intervals_cover_and_the_variance_is_found() -> None:
    """Bands of 4 Monte Carlo errors; 12 groups of 10 to 100, standard deviation 0.3."""
    rng = np.random.default_rng(30)
    truth = np.array([0.5, 0.4])
    theta, covered, of_effects = [], [], []
    for _ in range(REPETITIONS):
        rows, effects = draw(rng, 12, 0.3)
        fit = fit_gaussian_frailty(**rows)
        theta.append(fit.theta)
        covered.append((fit.lower_integrated < truth) & (truth < fit.upper_integrated))
        inside: Floats = ((fit.groups.lower < effects) & (effects < fit.groups.upper)).astype(float)
        of_effects.append(inside.mean())
    error = 4 * np.sqrt(0.95 * 0.05 / REPETITIONS)
    for rate in (*np.mean(covered, axis=0), np.mean(of_effects)):
        assert 0.95 - error - 0.01 < rate < 0.95 + error + 0.03
    noise = 4 * np.std(theta) / np.sqrt(REPETITIONS)
    assert abs(np.mean(theta) - 0.09) < noise + 0.01
