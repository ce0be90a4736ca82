"""Gamma frailty: the marginal likelihood written out, R's values, identities, coverage."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize
from scipy.special import gammaln

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Bools, Floats
from gmts_models.stats.cox.fit import fit_cox
from gmts_models.stats.cox.frailty import FrailtyFit
from gmts_models.stats.cox.gamma_frailty import (
    fit_gamma_frailty,
    gamma_penalty,
    log_rising,
    slope_rising,
)

REPETITIONS = int(os.environ.get("GMTS_SIMULATION_REPETITIONS", "100"))
PITFALLS = Path(__file__).parents[2] / "reference" / "pitfalls"


def draw(
    rng: np.random.Generator, groups: int, sd: float, size: tuple[int, int] = (10, 101)
) -> dict[str, Any]:
    """Draw months at which members of groups leave; the frailty is gamma of variance sd^2.

    Column 0 is a person's, with effect 0.5; column 1 the group's, with effect 0.4.
    """
    group = np.repeat(np.arange(groups), rng.integers(*size, groups))
    n = len(group)
    own, shared = rng.normal(size=n), rng.permutation(np.linspace(-1, 1, groups))[group]
    frailty = rng.gamma(1 / sd**2, sd**2, groups) if sd > 0 else np.ones(groups)
    rate = 0.03 * np.exp(0.5 * own + 0.4 * shared) * frailty[group]
    time, census = np.ceil(rng.exponential(1 / rate)), rng.integers(12, 37, n)
    return {
        "X": np.column_stack([own, shared]),
        "exit_": np.minimum(time, census),
        "left": time <= census,
        "groups": group,
    }


def late(rng: np.random.Generator, rows: dict[str, Any]) -> dict[str, Any]:
    """Give rows delayed entries, whole-number weights and two strata."""
    n = len(rows["exit_"])
    entry = np.minimum(rng.integers(0, 6, n), rows["exit_"] - 1)
    return rows | {
        "entry": entry,
        "weights": rng.integers(1, 4, n).astype(float),
        "strata": rng.integers(0, 2, n),
    }


# The marginal likelihood, written out: a hazard at each time of leaving, frailties integrated.


def full_log_likelihood(
    rows: dict[str, Any], beta: Floats, hazards: Floats, theta: float
) -> tuple[Floats, Floats, Floats]:
    """Return by group: log of the product of hazards of leavers, leavers, hazard gone through.

    For one stratum, by double loops over people and times.
    """
    times = np.unique(rows["exit_"][rows["left"]])
    entry = rows.get("entry", np.zeros(len(rows["left"])))
    weights = rows.get("weights", np.ones(len(rows["left"])))
    codes = np.unique(rows["groups"], return_inverse=True)[1]
    logs, deaths, passed = (np.zeros(codes.max() + 1) for _ in range(3))
    for i, group in enumerate(codes):
        ratio = np.exp(rows["X"][i] @ beta)
        for t, hazard in zip(times, hazards, strict=True):
            if entry[i] < t <= rows["exit_"][i]:
                passed[group] += weights[i] * ratio * hazard
            if rows["left"][i] and t == rows["exit_"][i]:
                logs[group] += weights[i] * np.log(ratio * hazard)
                deaths[group] += weights[i]
    return logs, deaths, passed


def test_is_the_maximum_of_the_likelihood_integrated_numerically() -> None:
    """Nothing shared with the code: the frailty by quadrature, all parameters by Nelder-Mead."""
    rows: dict[str, Any] = {
        "X": np.array([[0.2], [1.0], [-0.4], [0.9], [-1.2], [0.3], [1.4], [-0.6], [0.1]]),
        "exit_": np.array([1.0, 1, 2, 2, 2, 1, 3, 3, 3]),
        "left": np.array([1, 1, 1, 0, 0, 0, 0, 0, 1], dtype=bool),
        "groups": np.array(["a", "a", "a", "b", "b", "b", "c", "c", "c"]),
        "entry": np.array([0.0, 0, 0, 1, 0, 0, 0, 1, 0]),
        "weights": np.array([2.0, 2, 1, 1, 1, 1, 2, 1, 1]),
    }

    def negative(at: Floats) -> float:
        theta = np.exp(at[-1])
        logs, deaths, passed = full_log_likelihood(rows, at[:1], np.exp(at[1:-1]), theta)
        nu, total = 1 / theta, 0.0
        for each, d, a in zip(logs, deaths, passed, strict=True):
            constant = nu * np.log(nu) - gammaln(nu)

            def density(b: float, d: float = d, a: float = a, constant: float = constant) -> float:
                return float(np.exp(constant + (d + nu) * b - (a + nu) * np.exp(b)))

            total += each + np.log(
                integrate.quad(density, -60, 5, points=[-8, -2, 2], epsabs=0, epsrel=1e-11)[0]
            )
        return -total

    fit = fit_gamma_frailty(**rows, ties="breslow")
    assert fit.theta > 0.1
    start = np.r_[fit.coefficients + 0.1, np.log([0.3, 0.2, 0.3]), np.log(fit.theta) + 0.2]
    best = optimize.minimize(
        negative,
        start,
        method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-12, "maxiter": 4000, "maxfev": 4000},
    )
    assert np.exp(best.x[-1]) == pytest.approx(fit.theta, rel=1e-5)
    assert best.x[0] == pytest.approx(fit.coefficients[0], abs=1e-5)
    # The log partial likelihood leaves out w log(w) - w of those who leave at each time.
    leaving = np.array([4.0, 1, 1])
    constant = (leaving * np.log(leaving) - leaving).sum()
    assert -best.fun - constant == pytest.approx(fit.log_likelihood, abs=1e-9)


def _marginal(rows: dict[str, Any], at: Floats) -> float:
    """Return the marginal log likelihood in (beta, log hazards, log theta); no late entry."""
    p = rows["X"].shape[1]
    beta, log_hazards, nu = at[:p], at[p:-1], np.exp(-at[-1])
    times = np.unique(rows["exit_"][rows["left"]])
    passed_by = np.append(0, np.cumsum(np.exp(log_hazards)))
    ratio = np.exp(rows["X"] @ beta)
    gone = ratio * passed_by[np.searchsorted(times, rows["exit_"], side="right")]
    codes = np.unique(rows["groups"], return_inverse=True)[1]
    a, d = np.bincount(codes, gone), np.bincount(codes, rows["left"])
    left = rows["left"]
    logs = np.log(ratio[left]) + log_hazards[np.searchsorted(times, rows["exit_"][left])]
    terms = gammaln(nu + d) - gammaln(nu) + nu * np.log(nu) - (nu + d) * np.log(nu + a)
    return float(logs.sum() + terms.sum())


def _at_hazards(rows: dict[str, Any], beta: Floats, theta: float) -> Floats:
    """Return (beta, log hazards, log theta) with the hazards at their maximum, by EM."""
    times = np.unique(rows["exit_"][rows["left"]])
    codes = np.unique(rows["groups"], return_inverse=True)[1]
    ratio, left, nu = np.exp(rows["X"] @ beta), rows["left"], 1 / theta
    deaths = np.bincount(np.searchsorted(times, rows["exit_"][left]))
    frailty = np.ones(codes.max() + 1)
    at_risk = rows["exit_"][:, None] >= times
    for _ in range(4000):
        hazards = deaths / ((ratio * frailty[codes]) @ at_risk)
        a = np.bincount(codes, ratio * (at_risk @ hazards))
        new = (np.bincount(codes, left) + nu) / (a + nu)
        if np.abs(new - frailty).max() < 1e-13:
            break
        frailty = new
    return np.concatenate([beta, np.log(hazards), [np.log(theta)]])


def pitfall(ties: str = "breslow") -> dict[str, Any]:
    d = pd.read_csv(PITFALLS / "tr.csv")
    return {
        "X": d[["age", "sex"]].to_numpy(float),
        "exit_": d["time"].to_numpy(float),
        "left": (d["status"] > 0).to_numpy(),
        "groups": d["spec"].to_numpy(),
        "ties": ties,
    }


def test_reaches_the_maximum_where_r_stops_short() -> None:
    """R's default on tied data: ``coxph(Surv(time, status > 0) ~ age + sex + frailty(spec), tr,
    ties = "breslow")`` reports theta .727764048573, coefficients .0269574351402,
    -.3070968909679 and a likelihood of -4471.94329804, after 10 outer steps and without a warning.
    """
    rows = pitfall()
    fit = fit_gamma_frailty(**rows)
    assert fit.theta == pytest.approx(0.35236, abs=1e-5)
    assert fit.log_likelihood > -4471.94329804 + 1.5
    ours = _at_hazards(rows, fit.coefficients, fit.theta)
    theirs = _at_hazards(rows, np.array([0.0269574351402, -0.3070968909679]), 0.727764048573)
    assert _marginal(rows, ours) > _marginal(rows, theirs) + 1
    scale = np.append([10.0, 1.0], np.ones(len(ours) - 2))  # ages count in tens
    for j in range(len(ours)):
        move = 1e-4 * np.eye(len(ours))[j] / scale
        slope = (_marginal(rows, ours + move) - _marginal(rows, ours - move)) / 2e-4
        assert abs(slope) < 2e-4, "the gradient is 0 in every coefficient, hazard and theta"
    # and theirs is not at rest in theta
    up, down = (_marginal(rows, theirs + s * 1e-4 * np.eye(len(ours))[-1]) for s in (1, -1))
    assert (up - down) / 2e-4 < -1


@pytest.mark.parametrize(
    ("ties", "coefficients", "std_err", "log_likelihood"),
    [
        ("efron", [0.0275753224289, -0.3122569507533], [0.00756039051067, 0.07731883509894],
         -4453.40820047),
        ("breslow", [0.0268811080626, -0.3066174144651], [0.00755648321946, 0.07730302691614],
         -4470.46964001),
    ],
)  # fmt: skip
def test_agrees_with_r_given_theta(
    ties: str, coefficients: list[float], std_err: list[float], log_likelihood: float
) -> None:
    """``coxph(Surv(time, status > 0) ~ age + sex + frailty(spec, theta = .4, sparse = FALSE))``."""
    fit = fit_gamma_frailty(**pitfall(ties), theta=0.4)
    np.testing.assert_allclose(fit.coefficients, coefficients, rtol=1e-6)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), std_err, rtol=1e-6)
    assert fit.log_likelihood == pytest.approx(log_likelihood, abs=1e-7)
    assert np.isnan(fit.theta_lower)
    assert np.isnan(fit.test.p)
    assert np.isnan(fit.covariance_integrated).all()


@pytest.mark.parametrize(
    ("ties", "want", "std_err", "log_likelihood"),
    [
        ("efron", [0.0269762849925, -0.5617071303326, -0.1167426043617],
         [0.00755012593137, 0.23625090902892, 0.22509077937968], -3935.98793096),
        ("breslow", [0.0262876759629, -0.5452109752598, -0.1071810391165],
         [0.00754668001124, 0.23615705411762, 0.22500758776417], -3954.22025431),
    ],
)  # fmt: skip
def test_agrees_with_r_on_late_entry_and_strata(
    ties: str, want: list[float], std_err: list[float], log_likelihood: float
) -> None:
    """``Surv(entry, time, status > 0) ~ age + frailty(spec, theta = .4, sparse = FALSE) +
    strata(sex)``."""
    d = pd.read_csv(PITFALLS / "tr.csv")
    rows = pitfall(ties) | {"X": d[["age"]].to_numpy(float)}
    fit = fit_gamma_frailty(**rows, entry=d["entry"], strata=d["sex"], theta=0.4)
    got = np.append(fit.coefficients, fit.groups.estimate[:2])
    np.testing.assert_allclose(got, want, rtol=1e-6)
    errors = np.append(np.sqrt(np.diag(fit.covariance)), fit.groups.std_err[:2])
    np.testing.assert_allclose(errors, std_err, rtol=1e-6)
    assert fit.log_likelihood == pytest.approx(log_likelihood, abs=1e-7)


# Identities


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_variance_zero_is_plain_cox_and_is_reached_smoothly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = late(rng, draw(rng, 5, 0.5, (8, 20)))
    given_rows = {name: rows[name] for name in rows if name != "groups"}
    plain = fit_cox(**given_rows)
    zero = fit_gamma_frailty(**rows, theta=0.0)
    np.testing.assert_allclose(zero.coefficients, plain.coefficients, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(zero.covariance, plain.covariance, rtol=1e-6, atol=1e-9)
    assert zero.log_likelihood == pytest.approx(plain.log_likelihood)
    assert not zero.groups.estimate.any()
    near = fit_gamma_frailty(**rows, theta=1e-7)
    np.testing.assert_allclose(near.coefficients, plain.coefficients, rtol=1e-4, atol=1e-5)
    assert near.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-3)


def same(one: FrailtyFit, other: FrailtyFit, rtol: float = 1e-5) -> None:
    assert one.theta == pytest.approx(other.theta, rel=rtol, abs=1e-7)
    np.testing.assert_allclose(one.coefficients, other.coefficients, rtol=rtol, atol=1e-6)
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=rtol, atol=1e-8)
    np.testing.assert_allclose(one.groups.estimate, other.groups.estimate, rtol=rtol, atol=1e-6)
    for name in ("std_err", "lower", "upper"):
        ours, theirs = getattr(one.groups, name), getattr(other.groups, name)
        np.testing.assert_allclose(ours, theirs, rtol=10 * rtol, atol=1e-4)
    assert one.test.p == pytest.approx(other.test.p, rel=1e-4)
    assert one.theta_upper == pytest.approx(other.theta_upper, rel=1e-4)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000))
def test_weights_are_replicated_members(seed: int) -> None:
    """A weight of 2 is a second member of the same group; R leaves it out of theta's likelihood."""
    rng = np.random.default_rng(seed)
    rows = late(rng, draw(rng, 5, 0.6, (8, 20)))
    times = rows["weights"].astype(int)
    copies: dict[str, Any] = {
        name: np.repeat(rows[name], times, axis=0) for name in rows if name != "weights"
    }
    same(fit_gamma_frailty(**rows, ties="breslow"), fit_gamma_frailty(**copies, ties="breslow"))


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000))
def test_order_labels_scale_shift_and_splitting_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = late(rng, draw(rng, 5, 0.6, (8, 20)))
    rows["entry"] = rows["entry"] + 1.0
    rows["exit_"] = rows["exit_"] + 1.0
    fit = fit_gamma_frailty(**rows)
    order = rng.permutation(len(rows["exit_"]))
    same(fit_gamma_frailty(**{name: rows[name][order] for name in rows}), fit)
    moved = rows | {"entry": 30.4375 * (rows["entry"] + 7), "exit_": 30.4375 * (rows["exit_"] + 7)}
    same(fit_gamma_frailty(**moved), fit)
    names = np.array(["e", "d", "c", "b", "a"])
    relabelled = fit_gamma_frailty(**rows | {"groups": names[rows["groups"]]})
    np.testing.assert_allclose(relabelled.groups.estimate[::-1], fit.groups.estimate, atol=1e-6)
    assert list(relabelled.groups.labels) == ["a", "b", "c", "d", "e"]
    middle = (rows["entry"] + rows["exit_"]) / 2
    split: dict[str, Any] = {name: np.concatenate([rows[name], rows[name]]) for name in rows} | {
        "entry": np.append(rows["entry"], middle),
        "exit_": np.append(middle, rows["exit_"]),
        "left": np.append(np.zeros(len(order), dtype=bool), rows["left"]),
        "clusters": np.tile(np.arange(len(order)), 2),
    }
    parted = fit_gamma_frailty(**split)
    same(parted, fit)
    np.testing.assert_array_equal(parted.groups.members, fit.groups.members)


def test_blocks_of_places_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    rows = late(rng, draw(rng, 6, 0.5, (10, 30)))
    whole = fit_gamma_frailty(**rows, theta=0.3)
    monkeypatch.setattr("gmts_models.stats.cox.group_effects._AT_ONCE", 30)
    parts = fit_gamma_frailty(**rows, theta=0.3)
    np.testing.assert_allclose(parts.covariance, whole.covariance, rtol=1e-11)
    np.testing.assert_allclose(parts.groups.std_err, whole.groups.std_err, rtol=1e-11)


# The variance


def test_limits_and_test_are_those_of_the_profile() -> None:
    rows = draw(np.random.default_rng(3), 8, 0.6)
    fit = fit_gamma_frailty(**rows, level=0.9)
    for theta in (fit.theta_lower, fit.theta_upper):
        there = fit_gamma_frailty(**rows, theta=theta).log_likelihood
        assert 2 * (fit.log_likelihood - there) == pytest.approx(2.705543454095, abs=1e-5)
    for factor in (0.9, 1.1):
        there = fit_gamma_frailty(**rows, theta=factor * fit.theta).log_likelihood
        assert there < fit.log_likelihood
    gain = 2 * (fit.log_likelihood - fit.plain.log_likelihood)
    assert fit.test.statistic == pytest.approx(gain)
    # Half of the upper tail of a squared standard normal.
    assert fit.test.p == pytest.approx(0.5 * np.exp(-gain / 2) / np.sqrt(gain), rel=1)


def test_integrates_over_the_variance_as_a_sum_over_many_does() -> None:
    rows = draw(np.random.default_rng(4), 7, 0.4)
    fit = fit_gamma_frailty(**rows)
    weights, means, covariances = [], [], []
    for sd in np.arange(0.02, 4, 0.04):
        each = fit_gamma_frailty(**rows, theta=sd**2)
        determinant = np.linalg.slogdet(each.covariance)[1] / 2
        weights.append(each.log_likelihood + determinant)
        means.append(each.coefficients)
        covariances.append(each.covariance)
    share = np.exp(np.array(weights) - max(weights))
    share /= share.sum()
    off = np.array(means) - share @ np.array(means)
    want = np.einsum("t,tij->ij", share, np.array(covariances)) + (off.T * share) @ off
    np.testing.assert_allclose(fit.covariance_integrated, want, rtol=2e-3)
    assert (np.diag(want)[1] > 1.2 * np.diag(fit.covariance)[1]).all()
    edges = np.linspace(0, 4, len(share) + 1)
    limits = np.interp([0.025, 0.975], np.append(0, np.cumsum(share)), edges) ** 2
    got = [fit.theta_lower_integrated, fit.theta_upper_integrated]
    np.testing.assert_allclose(got, limits, rtol=0.05)
    z = (fit.upper_integrated - fit.lower_integrated) / 2 / np.sqrt(np.diag(want))
    np.testing.assert_allclose(z, 1.96, rtol=0.06)


def test_no_variance_is_an_answer() -> None:
    rows = draw(np.random.default_rng(1), 6, 0.0)
    rows["groups"] = np.arange(len(rows["left"])) % 6  # nothing to do with the hazard
    fit = fit_gamma_frailty(**rows)
    assert fit.theta == 0
    assert fit.theta_lower == 0
    assert fit.theta_upper > 0
    assert fit.test.statistic == 0
    assert fit.test.p == 1
    np.testing.assert_allclose(fit.coefficients, fit.plain.coefficients, rtol=1e-9)
    assert (fit.groups.std_err == 0).all()
    assert (fit.groups.std_err_integrated > 0).all()


def test_too_few_groups_to_integrate_over_are_not_estimable() -> None:
    rows = draw(np.random.default_rng(8), 3, 0.6)
    fit = fit_gamma_frailty(**rows)
    assert np.isnan(fit.lower_integrated).all()
    assert np.isnan(fit.groups.upper).all()


def test_a_group_without_leavers_is_drawn_towards_the_others() -> None:
    rows = draw(np.random.default_rng(2), 6, 0.5)
    rows["left"] = rows["left"] & (rows["groups"] != 2)
    fit = fit_gamma_frailty(**rows)
    assert fit.groups.deaths[2] == 0
    assert np.isfinite(fit.groups.estimate).all()
    assert fit.groups.estimate.argmin() == 2


def test_large_and_small_arguments_of_gamma_functions_meet() -> None:
    d = np.array([0.0, 0.5, 3.0, 40.0])
    for function in (log_rising, slope_rising):
        exact, series = function(d, 100 - 1e-9), function(d, 100 + 1e-9)
        np.testing.assert_allclose(series, exact, rtol=1e-9, atol=1e-13)
    want = [np.log1p(np.arange(int(n)) / 1e9).sum() for n in (3, 40)]
    np.testing.assert_allclose(log_rising(d[2:], 1e9), want, rtol=1e-7)


def test_penalty_has_the_derivatives_that_it_says() -> None:
    u = np.array([-0.7, 0.2, 1.1])
    value, first, second = gamma_penalty(u, 0.3)
    for j, move in enumerate(1e-5 * np.eye(3)):
        up, down = gamma_penalty(u + move, 0.3), gamma_penalty(u - move, 0.3)
        assert first[j] == pytest.approx((up[0] - down[0]) / 2e-5, rel=1e-8)
        assert second[j] == pytest.approx((up[1][j] - down[1][j]) / 2e-5, rel=1e-8)
    assert value > 0


# Bad input


def test_one_member_a_group_is_refused_unless_theta_is_given() -> None:
    rows = draw(np.random.default_rng(1), 30, 0.5, (1, 2))
    with pytest.raises(FitError, match="every group has one member"):
        fit_gamma_frailty(**rows)
    assert (fit_gamma_frailty(**rows, theta=0.2).groups.members == 1).all()
    people = np.repeat(np.arange(15), 2)
    with pytest.raises(FitError, match="one member"):
        fit_gamma_frailty(**rows | {"groups": people}, clusters=people)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"groups": np.zeros(3)}, "groups has shape"),
        ({"theta": -0.1}, "theta must be a variance"),
        ({"level": 1.0}, "level must be"),
    ],
)
def test_bad_input(change: dict[str, Any], says: str) -> None:
    rows = draw(np.random.default_rng(1), 4, 0.5)
    with pytest.raises(InputError, match=says):
        fit_gamma_frailty(**rows | change)


def test_groups_that_are_missing_or_one_are_refused() -> None:
    rows = draw(np.random.default_rng(1), 4, 0.5)
    labels = rows["groups"].astype(object)
    labels[3] = None
    with pytest.raises(InputError, match="missing in 1 row"):
        fit_gamma_frailty(**rows | {"groups": labels})
    with pytest.raises(FitError, match="one group only"):
        fit_gamma_frailty(**rows | {"groups": np.zeros(len(labels))})


def test_strata_within_groups_are_refused() -> None:
    rows = draw(np.random.default_rng(1), 4, 0.5)
    own = {"X": rows["X"][:, :1], "strata": 2 * rows["groups"] + rows["left"]}
    with pytest.raises(FitError, match="every stratum lies within one group"):
        fit_gamma_frailty(**rows | own)


def test_needs_no_columns() -> None:
    rows = draw(np.random.default_rng(3), 8, 0.8)
    fit = fit_gamma_frailty(**rows | {"X": np.empty((len(rows["left"]), 0))})
    assert fit.coefficients.shape == (0,)
    assert fit.theta > 0
    assert (fit.groups.lower < fit.groups.upper).all()


# Known truth


def _repeat(groups: int, sd: float) -> list[tuple[FrailtyFit, Bools, Bools]]:
    rng = np.random.default_rng(20)
    found = []
    truth = np.array([0.5, 0.4])
    for _ in range(REPETITIONS):
        fit = fit_gamma_frailty(**draw(rng, groups, sd))
        std_err = np.sqrt(np.diag(fit.covariance))
        given_theta = np.abs(fit.coefficients - truth) < 1.959964 * std_err
        integrated = (fit.lower_integrated < truth) & (truth < fit.upper_integrated)
        found.append((fit, given_theta, integrated))
    return found


@pytest.mark.slow
def test_intervals_cover_and_the_variance_is_found() -> None:
    """Bands of 4 Monte Carlo errors. Given theta, limits of a group's effect are too narrow."""
    found = _repeat(12, 0.5)
    error = 4 * np.sqrt(0.95 * 0.05 / REPETITIONS)
    given_theta = np.mean([each[1] for each in found], axis=0)
    integrated = np.mean([each[2] for each in found], axis=0)
    assert abs(given_theta[0] - 0.95) < error + 0.005
    assert abs(integrated[0] - 0.95) < error + 0.005
    assert 0.95 - error - 0.01 < integrated[1] < 0.95 + error + 0.03
    assert given_theta[1] < integrated[1]
    theta = np.array([each[0].theta for each in found])
    noise = 4 * theta.std() / np.sqrt(REPETITIONS)
    # Maximum likelihood with 12 groups and a column of theirs finds some 15 % too little.
    assert abs(theta.mean() - 0.85 * 0.25) < noise + 0.02


@pytest.mark.slow
def test_late_entry_into_large_groups_leaves_no_bias() -> None:
    """Half come under observation in months 1 to 12, if they are still there; nobody knows of the
    others. Bands of 4 Monte Carlo errors."""
    rng, found = np.random.default_rng(22), []
    for _ in range(REPETITIONS):
        rows = draw(rng, 12, 0.5, (30, 151))
        entry = rng.integers(0, 2, len(rows["left"])) * rng.integers(1, 13, len(rows["left"]))
        seen = rows["exit_"] > entry
        rows = {name: rows[name][seen] for name in rows} | {"entry": entry[seen]}
        fit = fit_gamma_frailty(**rows)
        found.append([fit.coefficients[0], fit.theta])
    error = 4 * np.std(found, axis=0) / np.sqrt(REPETITIONS)
    mean = np.mean(found, axis=0)
    assert abs(mean[0] - 0.5) < error[0] + 0.005  # Efron's ties: within a hundredth
    assert abs(mean[1] - 0.85 * 0.25) < error[1] + 0.02  # as without late entry


@pytest.mark.slow
def test_variance_test_is_conservative_with_few_groups() -> None:
    """Of 2,000, 12 groups with a column of theirs rejected 1.75 % at 5 %, Monte Carlo error 0.3 %.

    The boundary's mixture is the law of many groups; with few, the column takes up their variance.
    The band is about that simulated size: it tells a change of the test, not that its size is 5 %.
    """
    rng = np.random.default_rng(21)
    p = [fit_gamma_frailty(**draw(rng, 12, 0.0)).test.p for _ in range(REPETITIONS)]
    rejected = np.mean(np.array(p) < 0.05)
    assert abs(rejected - 0.0175) < 4 * np.sqrt(0.0175 * 0.9825 / REPETITIONS) + 0.003
