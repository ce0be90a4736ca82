"""Penalised paths: their options, and the logistic one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from gmts_models.errors import FitError, InputError
from gmts_models.stats.regression.elastic_net import (
    ElasticNet,
    ElasticNetPath,
    coefficients_at,
    standard_scale,
)
from gmts_models.stats.regression.glm import fit_glm
from gmts_models.stats.regression.logistic_elastic_net import logistic_elastic_net


def test_coefficients_between_lambdas_are_linear_in_lambda() -> None:
    path = ElasticNetPath(
        lambdas=np.array([4.0, 2.0, 1.0]),
        coefficients=np.array([[0.0, 0.0], [1.0, 0.0], [3.0, -1.0]]),
        intercepts=np.zeros(3),
        df=np.array([0, 1, 2]),
        dev_ratio=np.zeros(3),
        null_deviance=1.0,
        violation=np.zeros(3),
    )
    found = coefficients_at(path, [9, 4, 3, 1.5, 1, 0.1])
    np.testing.assert_allclose(found[:, 0], [0, 0, 0.5, 2, 3, 3])
    np.testing.assert_allclose(found[:, 1], [0, 0, 0, -0.5, -1, -1])


def test_scale_is_weighted_and_one_for_a_constant() -> None:
    X = np.array([[1.0, 0.1], [4.0, 0.1]])
    mean, scale = standard_scale(X, np.array([2.0, 1.0]))
    np.testing.assert_allclose(mean, [2, 0.1])
    np.testing.assert_allclose(scale, [np.sqrt(2), 1])


def test_one_yes_or_no_column_in_closed_form() -> None:
    """Two halves with shares 1/4 and 3/4: each share moves lambda / scale / n_half to the middle.

    The scale is 1/2; the condition in the upper half is 3/4 - p = lambda.
    """
    x = np.repeat([0.0, 1.0], 4)
    y = np.array([0, 0, 0, 1, 0, 1, 1, 1])
    path = logistic_elastic_net(x[:, None], y, penalty=ElasticNet(lambdas=[0.3, 0.25, 0.1]))
    lower, upper = 0.25 + 0.1, 0.75 - 0.1
    assert path.df.tolist() == [0, 0, 1]
    np.testing.assert_allclose(path.coefficients[:2], 0)
    assert path.intercepts[2] == pytest.approx(special.logit(lower), abs=1e-9)
    slope = special.logit(upper) - special.logit(lower)
    assert path.coefficients[2, 0] == pytest.approx(slope, abs=1e-9)
    assert path.null_deviance == pytest.approx(16 * np.log(2))


def _draw(seed: int, n: int = 80, p: int = 6) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * rng.uniform(0.1, 10, p) + rng.normal(size=p)
    eta = (X - X.mean(axis=0)) / X.std(axis=0) @ rng.normal(size=p)
    return X, (rng.uniform(size=n) < special.expit(eta)).astype(int)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.4, 1.0]))
def test_logistic_weights_replicate_rows_and_units_change_nothing(seed: int, alpha: float) -> None:
    X, y = _draw(seed)
    times = np.random.default_rng(seed).integers(0, 3, len(y))
    times[:2] = 1
    y[:2] = 0, 1
    net = ElasticNet(alpha=alpha, n_lambdas=8)
    weighted = logistic_elastic_net(X, y, times, penalty=net)
    again = logistic_elastic_net(np.repeat(X, times, axis=0), np.repeat(y, times), penalty=net)
    np.testing.assert_allclose(weighted.coefficients, again.coefficients, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(weighted.dev_ratio, again.dev_ratio, atol=1e-9)
    units = np.array([100.0, 1, 0.01, 7, 1, 1])
    moved = logistic_elastic_net(X * units + 3, y, times, penalty=net)
    np.testing.assert_allclose(
        moved.coefficients * units, weighted.coefficients, rtol=1e-6, atol=1e-8
    )
    flipped = logistic_elastic_net(X, 1 - y, times, penalty=net)
    np.testing.assert_allclose(flipped.intercepts, -weighted.intercepts, rtol=1e-6, atol=1e-7)


def test_logistic_without_a_penalty_is_the_maximum_likelihood() -> None:
    X, y = _draw(3)
    path = logistic_elastic_net(X, y, penalty=ElasticNet(lambdas=[0.0]))
    fit = fit_glm(np.column_stack([np.ones(len(y)), X]), y, link="logit")
    np.testing.assert_allclose(path.coefficients[0], fit.coefficients[1:], rtol=1e-7)
    assert path.intercepts[0] == pytest.approx(fit.coefficients[0], rel=1e-7)
    deviance = path.null_deviance * (1 - path.dev_ratio[0])
    assert deviance == pytest.approx(fit.deviance, rel=1e-9)


@pytest.mark.parametrize(
    ("net", "what"),
    [
        (ElasticNet(alpha=1.5), "alpha"),
        (ElasticNet(penalty_factor=[1.0, 1.0]), "penalty_factor"),
        (ElasticNet(penalty_factor=[1, 1, 1, 1, 1, -1.0]), "penalty_factor"),
        (ElasticNet(penalty_factor=6 * [0.0]), "no column is penalised"),
        (ElasticNet(lambdas=[0.1, -0.1]), "lambdas"),
        (ElasticNet(lambdas=[]), "lambdas"),
        (ElasticNet(n_lambdas=1), "n_lambdas"),
        (ElasticNet(lambda_min_ratio=1.0), "lambda_min_ratio"),
    ],
)
def test_a_penalty_that_is_none_is_refused(net: ElasticNet, what: str) -> None:
    X, y = _draw(0)
    with pytest.raises(InputError, match=what):
        logistic_elastic_net(X, y, penalty=net)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"y": np.full(80, 2)}, "y must be 0 or 1"),
        ({"weights": np.ones(3)}, "rows must agree"),
        ({"weights": -np.ones(80)}, "weights must be"),
        ({"X": np.full((80, 6), np.nan)}, "missing or infinite"),
        ({"y": np.zeros(80)}, "all 0"),
    ],
)
def test_bad_rows_are_refused(change: dict[str, Any], what: str) -> None:
    X, y = _draw(0)
    error = FitError if what == "all 0" else InputError
    with pytest.raises(error, match=what):
        logistic_elastic_net(**({"X": X, "y": y} | change))


def test_an_unpenalised_column_that_separates_is_named() -> None:
    X, y = _draw(0)
    X[:, 1] = y
    net = ElasticNet(penalty_factor=[1, 0, 1, 1, 1, 1])
    with pytest.raises(FitError, match="separates") as error:
        logistic_elastic_net(X, y, penalty=net, names=list("abcdef"))
    assert "b" in str(error.value.where)
