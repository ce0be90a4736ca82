"""Penalised paths of Cox: in closed form, by the conditions for a minimum, and by invariances."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from gmts_models.errors import FitError
from gmts_models.stats.cox.elastic_net import cox_elastic_net, saturated
from gmts_models.stats.cox.fit import cox_data, fit_cox, likelihood_at
from gmts_models.stats.regression.elastic_net import ElasticNet

LUNG = Path(__file__).parents[2] / "reference" / "data" / "lung_cc.csv"
COLUMNS = ["age", "female", "ph.karno", "wt.loss"]


def test_two_people_in_closed_form() -> None:
    """The likelihood is that of the first to leave: p = expit(b).

    With a scale of 1/2 the condition for a minimum is (1 - p) / 2 = lambda / 2.
    """
    X, time, left = np.array([[1.0], [0.0]]), np.array([1.0, 2.0]), np.array([True, True])
    path = cox_elastic_net(X, time, left, penalty=ElasticNet(lambdas=[0.6, 0.5, 0.2]))
    assert path.df.tolist() == [0, 0, 1]
    assert path.coefficients[2, 0] == pytest.approx(special.logit(0.8), abs=1e-9)
    assert path.null_deviance == pytest.approx(2 * np.log(2))
    assert path.dev_ratio[2] == pytest.approx(1 - np.log(0.8) / np.log(0.5))
    first = cox_elastic_net(X, time, left).lambdas[[0, -1]]
    np.testing.assert_allclose(first, [0.5, 0.5e-4])


def _draw(seed: int, n: int = 80, p: int = 6) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * rng.uniform(0.1, 10, p) + rng.normal(size=p)
    eta = (X - X.mean(axis=0)) / X.std(axis=0) @ rng.normal(size=p) * 0.7
    entry = rng.integers(0, 4, n) * rng.integers(0, 2, n)
    exit_ = entry + np.ceil(rng.exponential(8 * np.exp(-eta)))
    left = (exit_ <= 24) & (rng.uniform(size=n) < 0.8)
    left[0] = True
    return {
        "X": X,
        "exit_": np.minimum(exit_, 24 + entry),
        "left": left,
        "entry": entry.astype(float),
        "weights": rng.integers(1, 4, n).astype(float),
        "strata": rng.integers(0, 2, n),
    }


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.booleans(),
    st.sampled_from(["breslow", "efron"]),
)
def test_conditions_for_a_minimum(seed: int, alpha: float, standardise: bool, ties: Any) -> None:
    """The score of the Cox likelihood, computed elsewhere, balances the penalty."""
    d = _draw(seed)
    factor = np.array([0, 1, 1, 2, 0.5, 1.5])
    net = ElasticNet(alpha=alpha, n_lambdas=8, penalty_factor=list(factor), standardise=standardise)
    path = cox_elastic_net(**d, penalty=net, ties=ties)
    data, total = cox_data(**d, ties=ties), d["weights"].sum()
    scale = np.sqrt(np.cov(d["X"].T, aweights=d["weights"], ddof=0).diagonal())
    unit = scale if standardise else np.ones(6)
    null = likelihood_at(data, np.zeros(6)).value
    first = 1 if alpha == 0 else 0  # at an infinite lambda
    for m in range(first, 8):
        b, strength = path.coefficients[m], path.lambdas[m] * factor
        at = likelihood_at(data, b)
        smooth = at.gradient / total - strength * (1 - alpha) * b * unit**2
        slack = np.where(
            b != 0,
            np.abs(smooth - strength * alpha * unit * np.sign(b)),
            np.maximum(np.abs(smooth) - strength * alpha * unit, 0),
        )
        assert (slack / scale).max() <= 1e-9
        possible = saturated(data.grid, ties) - null
        assert path.dev_ratio[m] == pytest.approx((at.value - null) / possible, abs=1e-9)
        assert path.df[m] == (b != 0).sum()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.5, 1.0]))
def test_what_must_change_nothing(seed: int, alpha: float) -> None:
    d = _draw(seed)
    net = ElasticNet(alpha=alpha, n_lambdas=6)
    path = cox_elastic_net(**d, penalty=net)

    def same(other: Any, units: Any = 1.0) -> None:
        np.testing.assert_allclose(other.lambdas, path.lambdas, rtol=1e-9)
        np.testing.assert_allclose(
            other.coefficients * units, path.coefficients, rtol=1e-5, atol=1e-8
        )

    order = np.random.default_rng(seed).permutation(len(d["left"]))
    same(cox_elastic_net(**{name: each[order] for name, each in d.items()}, penalty=net))
    same(cox_elastic_net(**d | {"strata": np.array(["b", "a"])[d["strata"]]}, penalty=net))
    days = {"exit_": d["exit_"] * 30.4375, "entry": d["entry"] * 30.4375}
    same(cox_elastic_net(**d | days, penalty=net))
    units = np.array([100.0, 1, 0.01, 7, 1, 1])
    same(cox_elastic_net(**d | {"X": d["X"] * units - 5}, penalty=net), units)
    times = d["weights"].astype(int)
    whole = {name: np.repeat(each, times, axis=0) for name, each in d.items()}
    same(cox_elastic_net(**whole | {"weights": None}, penalty=net))
    grown = cox_elastic_net(**d | {"weights": d["weights"] * 3}, penalty=net)
    same(grown)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_splitting_rows_halves_lambda_and_nothing_else(seed: int) -> None:
    """Lambda is by row, so twice the rows are half of it; the standard deviations stay."""
    d = _draw(seed)
    net = ElasticNet(alpha=0.8, lambdas=[0.2, 0.05, 0.01])
    path = cox_elastic_net(**d, penalty=net)
    middle = (d["entry"] + d["exit_"]) / 2
    split = {name: np.concatenate([each, each]) for name, each in d.items()}
    split["exit_"] = np.concatenate([middle, d["exit_"]])
    split["entry"] = np.concatenate([d["entry"], middle])
    split["left"] = np.concatenate([np.zeros(len(middle), dtype=bool), d["left"]])
    half = cox_elastic_net(**split, penalty=replace(net, lambdas=[0.1, 0.025, 0.005]))
    np.testing.assert_allclose(half.coefficients, path.coefficients, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_ridge_is_the_quadratic_penalty_and_none_is_none(ties: Any) -> None:
    d = _draw(5)
    total = d["weights"].sum()
    path = cox_elastic_net(**d, penalty=ElasticNet(alpha=0, lambdas=[0.1, 0.0]), ties=ties)
    scale = np.sqrt(np.cov(d["X"].T, aweights=d["weights"], ddof=0).diagonal())
    ridge = fit_cox(**d, penalty=0.1 * total * scale**2, ties=ties)
    np.testing.assert_allclose(path.coefficients[0], ridge.coefficients, rtol=1e-7)
    free = fit_cox(**d, ties=ties)
    np.testing.assert_allclose(path.coefficients[1], free.coefficients, rtol=1e-7)


def test_departures_come_before_censorings() -> None:
    """glmnet takes a departure and a censoring at one time in the order of their rows.

    Its values are ours when the censored are moved to later: R 4.2.2, glmnet 4.1-6,
    t <- time + ifelse(status == 1, 0, 0.25);
    glmnet(X, Surv(t, status), family = "cox", lambda = c(.15, .05, .02, .005), thresh = 1e-16).
    With `time` itself it gives 0.00868378255 for the second age.
    """
    d = pd.read_csv(LUNG)
    path = cox_elastic_net(
        d[COLUMNS],
        d["time"],
        d["status"] == 1,
        penalty=ElasticNet(lambdas=[0.15, 0.05, 0.02, 0.005]),
    )
    r = [
        [0, -8.2842502181682e-02, -4.7545708533724e-06, 0],
        [0.0086873250052329, -0.3591676639981469, -0.0084180917995852, 0],
        [0.01293528165715681, -0.445035096766844, -0.01048027322254941, -0.00020330093700269],
        [0.014972280281799, -0.490375821957153, -0.011860971004874, -0.002174667197685],
    ]
    np.testing.assert_allclose(path.coefficients, r, rtol=1e-6, atol=1e-10)
    dev_ratio = [0.0022187527685412, 0.012419973055646, 0.013668014986872, 0.014013545138516]
    np.testing.assert_allclose(path.dev_ratio, dev_ratio, rtol=1e-8)
    assert path.null_deviance == pytest.approx(1281.075475645, rel=1e-11)


def test_more_columns_than_rows() -> None:
    d = _draw(1, n=40, p=120)
    path = cox_elastic_net(**d)
    assert path.lambdas[-1] == pytest.approx(path.lambdas[0] / 100)
    assert path.violation.max() <= 1e-9
    assert path.df.max() < 40
    assert (np.diff(path.dev_ratio) > 0).all()


def test_first_fit_is_at_the_smallest_lambda_that_keeps_all_out() -> None:
    d = _draw(2)
    path = cox_elastic_net(**d)
    assert path.df[0] == 0
    assert path.df[1] > 0
    just_below = ElasticNet(lambdas=[path.lambdas[0] * (1 - 1e-9)])
    assert cox_elastic_net(**d, penalty=just_below).df[0] == 1


def test_ridge_path_begins_at_infinity() -> None:
    d = _draw(2)
    ridge, lasso = (cox_elastic_net(**d, penalty=ElasticNet(alpha=a)) for a in (0, 1))
    assert ridge.lambdas[0] == pytest.approx(1000 * lasso.lambdas[0])
    assert np.abs(ridge.coefficients[0]).max() < 1e-30
    assert np.abs(ridge.coefficients[1]).max() > 1e-6


def test_offset_is_taken_as_known() -> None:
    d = _draw(4)
    known = 0.3 * d["X"][:, 0]
    net = ElasticNet(lambdas=[0.02, 0.0])
    with_offset = cox_elastic_net(**d, offset=known, penalty=net)
    data = cox_data(**d, ties="breslow")
    without = cox_elastic_net(**d, penalty=net)
    moved = without.coefficients[1] - 0.3 * np.eye(6)[0]
    np.testing.assert_allclose(with_offset.coefficients[1], moved, rtol=1e-6, atol=1e-9)
    null = likelihood_at(data, 0.3 * np.eye(6)[0]).value
    possible = saturated(data.grid, "breslow") - null
    assert with_offset.null_deviance == pytest.approx(2 * possible)


def test_constant_columns_stay_out() -> None:
    d = _draw(0)
    d["X"][:, 2] = 0.1
    path = cox_elastic_net(**d, penalty=ElasticNet(alpha=0.5))
    assert not path.coefficients[:, 2].any()
    others = np.delete(np.arange(6), 2)
    same = cox_elastic_net(
        **d | {"X": d["X"][:, others]}, penalty=ElasticNet(alpha=0.5, lambdas=path.lambdas)
    )
    np.testing.assert_allclose(path.coefficients[:, others], same.coefficients, atol=1e-8)


def test_unpenalised_columns_without_a_maximum_are_named() -> None:
    d = _draw(0)
    net = ElasticNet(penalty_factor=[0, 0, 1, 1, 1, 1])
    names = list("abcdef")
    constant = d["X"].copy()
    constant[:, 1] = 1
    double = d["X"].copy()
    double[:, 1] = double[:, 0] * 2
    for X in (constant, double):
        with pytest.raises(FitError, match="constant, or sums of others") as error:
            cox_elastic_net(**d | {"X": X}, penalty=net, names=names)
        assert "b" in str(error.value.where)
    with pytest.raises(FitError, match="constant, or sums of others"):
        cox_elastic_net(**d | {"X": double}, penalty=ElasticNet(lambdas=[0.1, 0.0]))
    apart = d["X"].copy()
    apart[:, 1] = d["left"]
    with pytest.raises(FitError, match="separates") as error:
        cox_elastic_net(**d | {"X": apart}, penalty=net, names=names)
    assert error.value.where == "b"
