"""Firth's Cox regression: in closed form, by derivatives and invariances, and in simulations."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special, stats

from gmts_models.errors import FitError, InputError
from gmts_models.stats.cox.firth import firth_point, fit_cox_firth
from gmts_models.stats.cox.fit import cox_data, fit_cox

HEART = Path(__file__).parents[2] / "reference" / "data" / "heart.csv"
REPETITIONS = int(os.environ.get("GMTS_SIMULATION_REPETITIONS", "200"))


def test_two_people_in_closed_form() -> None:
    """The one with x = 1 leaves first: p = expit(b), and p (1 - p) is the information.

    The maximum of log p + log(p (1 - p)) / 2 has p = 3/4; without the penalty b has no end.
    """
    fit = fit_cox_firth([[1.0], [0.0]], [1, 2], [True, True])
    assert fit.coefficients[0] == pytest.approx(np.log(3))
    assert fit.covariance[0, 0] == pytest.approx(16 / 3)
    assert fit.log_likelihood == pytest.approx(np.log(0.75))
    assert fit.penalised_log_likelihood == pytest.approx(np.log(0.75) + np.log(3 / 16) / 2)
    assert fit.penalised_log_likelihood_null == pytest.approx(2 * np.log(0.5))

    def fall(b: float) -> float:
        at = 1.5 * np.log(special.expit(b)) + 0.5 * np.log(special.expit(-b))
        return 2 * (fit.penalised_log_likelihood - at) - stats.chi2.ppf(0.95, 1)

    assert fit.lower[0] == pytest.approx(optimize.brentq(fall, -9, 1), abs=1e-8)
    assert fit.upper[0] == pytest.approx(optimize.brentq(fall, 1.2, 20), abs=1e-8)
    statistic = 2 * (fit.penalised_log_likelihood - 2 * np.log(0.5))
    np.testing.assert_allclose(fit.statistic, statistic)
    assert fit.overall_statistic == pytest.approx(statistic)
    assert fit.p[0] == pytest.approx(stats.chi2.sf(statistic, 1))


@pytest.mark.parametrize(
    ("ties", "coefficients", "value", "error"),
    [
        (
            "efron",
            [0.029978097346855, -0.1607616515458, -0.12612332364374],
            -607.62050602043,
            [0.010030678762361, 0.050305234734593, 0.23021823177978],
        ),
        (
            "breslow",
            [0.029923394782348, -0.16075173493516, -0.12698227201013],
            -608.01131484648,
            [0.010034116357867, 0.050323537899226, 0.23026294027301],
        ),
    ],
)
def test_late_entry_weights_and_strata_as_r(
    ties: Any, coefficients: list[float], value: float, error: list[float]
) -> None:
    """R 4.2.2, survival 3.5-3, numDeriv: w <- 1 + (0:171) %% 3; the maximum over b of

    pl(b) = with(coxph(Surv(start, stop, event) ~ age + year + transplant + strata(surgery),
    heart, weights = w, init = b, iter.max = 0), loglik[1] - log(det(var)) / 2), where its numerical
    gradient is 1e-6.
    """
    d = pd.read_csv(HEART)
    fit = fit_cox_firth(
        d[["age", "year", "transplant"]],
        d["stop"],
        d["event"] == 1,
        d["start"],
        1 + np.arange(len(d)) % 3,
        d["surgery"],
        ties=ties,
        profile=False,
    )
    np.testing.assert_allclose(fit.coefficients, coefficients, rtol=1e-6)
    assert fit.penalised_log_likelihood == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), error, rtol=1e-8)
    assert fit.score_length < 1e-9


def _draw(seed: int, n: int = 60) -> dict[str, Any]:
    """Late entry, ties, strata, weights, and a label that nobody or few of whom leave."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.normal(size=n) * 3, rng.uniform(size=n) < 0.2, rng.normal(size=n)])
    X[0, 1], X[1, 1] = 1, 0
    entry = rng.integers(0, 4, n) * rng.integers(0, 2, n)
    left = rng.uniform(size=n) < 0.5 * (1 - 0.8 * X[:, 1])
    left[2:5] = True
    return {
        "X": X,
        "exit_": entry + rng.integers(1, 9, n).astype(float),
        "left": left,
        "entry": entry.astype(float),
        "weights": rng.integers(1, 4, n).astype(float),
        "strata": rng.integers(0, 2, n),
    }


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["efron", "breslow"]))
def test_gradient_is_the_derivative(seed: int, ties: Any) -> None:
    data = cox_data(**_draw(seed), ties=ties)
    beta = np.random.default_rng(seed).normal(size=3) / 2
    here = firth_point(data, beta)
    penalty = np.linalg.slogdet(here.information)[1] / 2
    assert here.value == pytest.approx(here.log_likelihood + penalty)
    step = 1e-5 * np.eye(3)
    for j in range(3):
        up, down = (firth_point(data, beta + s * step[j]).value for s in (1, -1))
        assert here.gradient[j] == pytest.approx((up - down) / 2e-5, rel=1e-6, abs=1e-6)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_what_must_change_nothing(seed: int) -> None:
    d = _draw(seed)
    fit = fit_cox_firth(**d, ties="breslow")

    def same(other: Any, by: Any = 1.0) -> None:
        for name in ("coefficients", "lower", "upper"):
            np.testing.assert_allclose(
                getattr(other, name) * by, getattr(fit, name), rtol=1e-6, atol=1e-7
            )
        np.testing.assert_allclose(other.statistic, fit.statistic, rtol=1e-6, atol=1e-7)
        assert other.overall_statistic == pytest.approx(fit.overall_statistic, abs=1e-7)

    def again(**change: Any) -> Any:
        return fit_cox_firth(**d | change, ties="breslow")

    times = d["weights"].astype(int)
    whole = {name: np.repeat(each, times, axis=0) for name, each in d.items()}
    same(fit_cox_firth(**whole | {"weights": None}, ties="breslow"))
    order = np.random.default_rng(seed).permutation(len(times))
    same(fit_cox_firth(**{name: each[order] for name, each in d.items()}, ties="breslow"))
    same(again(exit_=d["exit_"] * 30.4375, entry=d["entry"] * 30.4375))
    same(again(strata=np.array(["b", "a"])[d["strata"]]))
    units = np.array([1000, 1, 0.01])
    same(again(X=d["X"] * units + 7), units)
    middle = (d["entry"] + d["exit_"]) / 2
    split = {name: np.concatenate([each, each]) for name, each in d.items()}
    split["exit_"] = np.concatenate([middle, d["exit_"]])
    split["entry"] = np.concatenate([d["entry"], middle])
    split["left"] = np.concatenate([np.zeros(len(middle), dtype=bool), d["left"]])
    same(fit_cox_firth(**split, ties="breslow"))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["efron", "breslow"]))
def test_limits_are_where_the_profile_has_fallen(seed: int, ties: Any) -> None:
    """By another maximiser, with the coefficient held at its limit."""
    d = _draw(seed)
    fit, data = fit_cox_firth(**d, ties=ties, level=0.9), cox_data(**d, ties=ties)
    drop = stats.chi2.ppf(0.9, 1) / 2

    def negative(others: Any, limit: float) -> tuple[float, Any]:
        at = firth_point(data, np.insert(others, 1, limit))
        return -at.value, -np.delete(at.gradient, 1)

    for limit in (fit.lower[1], fit.upper[1]):
        start = np.delete(fit.coefficients, 1)
        found = optimize.minimize(negative, start, (limit,), jac=True, tol=1e-10)
        assert fit.penalised_log_likelihood + found.fun == pytest.approx(drop, abs=1e-6)
    assert fit.lower[1] < fit.coefficients[1] < fit.upper[1]


def test_monotone_likelihood_is_finite() -> None:
    d = _draw(1)
    d["left"] &= d["X"][:, 1] == 0
    with pytest.raises(FitError, match="separates"):
        fit_cox(**d)
    fit = fit_cox_firth(**d)
    assert np.isfinite(np.concatenate([fit.coefficients, fit.lower, fit.upper])).all()
    assert fit.coefficients[1] < -1
    assert fit.score_length < 1e-9


def test_much_data_is_as_without_a_penalty() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 2))
    time = np.ceil(rng.exponential(10 * np.exp(-X @ [0.5, -0.3])))
    args = X, np.minimum(time, 24), time <= 24
    error = np.sqrt(np.diag(fit_cox(*args).covariance))
    moved = fit_cox_firth(*args).coefficients - fit_cox(*args).coefficients
    assert (np.abs(moved) < 0.01 * error).all()


def test_bad_input_is_refused() -> None:
    d = _draw(0)
    with pytest.raises(InputError, match="level"):
        fit_cox_firth(**d, level=1.0)
    with pytest.raises(FitError, match="nobody leaves"):
        fit_cox_firth(**d | {"left": np.zeros(60, dtype=bool)})
    double = np.column_stack([d["X"], d["X"][:, 0]])
    with pytest.raises(FitError, match="constant, or sums") as error:
        fit_cox_firth(**d | {"X": double}, names=list("abcd"))
    assert error.value.where == "d"


TRUTH = np.array([-1.0, 0.4])


def _simulate(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """80 people over 24 whole months, 25 of whom leave; of the 1 in 8 with the rare label, 1.5."""
    X = np.column_stack([rng.uniform(size=80) < 0.125, rng.normal(size=80)])
    X[0, 0], X[1, 0] = 1, 0
    time = np.ceil(rng.exponential(62 * np.exp(-X @ TRUTH)))
    return X, np.minimum(time, 24), time <= 24


@pytest.mark.slow
def test_limits_cover_the_truth_with_few_events() -> None:
    """Coverage of 95 % limits, and bias, where nobody with the rare label leaves in 1 of 5 samples.

    Both may err by what is left at this size, and by 4 Monte Carlo errors. 2,500 repetitions gave
    coverages of .959 and .954 (.004), biases of .118 (.015) and .007 (.004).
    """
    rng = np.random.default_rng(2026)
    inside, estimates, none_leaves = [], [], 0
    for _ in range(REPETITIONS):
        X, exit_, left = _simulate(rng)
        fit = fit_cox_firth(X, exit_, left)
        inside.append((fit.lower <= TRUTH) & (fit.upper >= TRUTH))
        estimates.append(fit.coefficients)
        none_leaves += not left[X[:, 0] == 1].any()
    assert none_leaves > 0.1 * REPETITIONS
    coverage = np.mean(inside, axis=0)
    error = np.sqrt(0.95 * 0.05 / REPETITIONS)
    assert (np.abs(coverage - 0.95) < 0.01 + 4 * error).all()
    bias = np.mean(estimates, axis=0) - TRUTH
    error = np.std(estimates, axis=0) / np.sqrt(REPETITIONS)
    assert (np.abs(bias) < [0.15, 0.01] + 4 * error).all()
