"""Logistic regression of weighted states and pseudo-observations: R's, scikit-learn's, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.censoring import censoring_weights
from gmts_models.stats.pseudo_observations import pseudo_observations
from gmts_models.stats.regression.glm import fit_glm, robust_covariance
from gmts_models.stats.regression.horizon_logistic import fit_horizon_logistic, log_odds

LUNG = Path(__file__).parents[2] / "reference" / "data" / "lung_cc.csv"


@pytest.fixture(scope="module")
def lung() -> pd.DataFrame:
    return pd.read_csv(LUNG)


def _design(d: pd.DataFrame) -> Floats:
    return np.column_stack([np.ones(len(d)), d[["age", "female", "ph.ecog"]].to_numpy(float)])


def test_of_pseudo_observations_agrees_with_r(lung: pd.DataFrame) -> None:
    # R 4.2.2, geepack 1.3.9, prodlim 2019.11.13:
    # d$p <- 1 - jackknife(prodlim(Hist(time, status) ~ 1, data = d), times = 365)
    # geese(p ~ age + female + ph.ecog, id = seq_len(nrow(d)), data = d, family = gaussian,
    #   mean.link = "logit", variance = "binomial", corstr = "independence", scale.fix = TRUE,
    #   control = geese.control(epsilon = 1e-14, maxit = 200))
    pseudo = pseudo_observations(lung["time"], lung["status"] == 1, [365])[:, 0]
    assert (pseudo < 0).any()
    assert (pseudo > 1).any()
    fit = fit_horizon_logistic(_design(lung), pseudo)
    np.testing.assert_allclose(
        fit.coefficients,
        [-0.42023221366044, 0.00575941296326, -0.83199708678078, 0.73654244360936],
        rtol=1e-9,
    )
    np.testing.assert_allclose(
        fit.covariance[np.tril_indices(4)],
        [
            1.26266201495627,
            -0.0193666253122762,
            0.0003194764203105,
            -0.108659161157556,
            0.0010579605443552,
            0.109910170562386,
            0.017608322325567,
            -0.0010878164157014,
            -0.005647117674080,
            0.059084107248903,
        ],
        rtol=1e-9,
    )
    # id = ifelse(is.na(inst), 99, inst), rows in its order
    by_place = fit_horizon_logistic(_design(lung), pseudo, clusters=lung["inst"].fillna(99))
    np.testing.assert_allclose(
        np.diag(by_place.covariance),
        [1.06932216046206, 0.00019855911476, 0.14462928885468, 0.02328393079167],
        rtol=1e-9,
    )


@pytest.mark.parametrize(
    ("by_sex", "coefficients", "variance"),
    [
        # R 4.2.2, mets 1.3.2: d$t <- d$time - ifelse(d$status == 1, 0.5, 0), so that departures
        # come before censorings at a tie; logitIPCW(Event(t, status) ~ age + female + ph.ecog,
        # data = d, cause = 1, time = 365), $coef and diag($naive.var)
        (
            False,
            [-0.24059464694879, 0.00248377529531, -0.78328990792766, 0.69295627161910],
            [1.46653194692, 0.0003561830825, 0.123214675183, 0.061721826761],
        ),
        # cens.model = ~strata(female)
        (
            True,
            [-0.071092298426344, 0.000630858111323, -0.917058848621883, 0.704332463586103],
            [1.46880454393, 0.0003573220343, 0.123672925305, 0.062702164891],
        ),
    ],
)
def test_of_weighted_states_agrees_with_r(
    lung: pd.DataFrame, by_sex: bool, coefficients: list[float], variance: list[float]
) -> None:
    y = Outcome(0, lung["time"], lung["status"])
    at = censoring_weights(y, 365, strata=lung["female"].to_numpy(np.int64) if by_sex else None)
    fit = fit_horizon_logistic(_design(lung), at.left.astype(float), factors=at.weight[:, 0])
    np.testing.assert_allclose(fit.coefficients, coefficients, rtol=1e-9)
    np.testing.assert_allclose(np.diag(fit.covariance), variance, rtol=1e-9)


def _data(n: int = 300) -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(6)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 3))])
    y = (rng.random(n) < 1 / (1 + np.exp(1 - X[:, 1]))).astype(float)
    return X, y, rng.integers(1, 4, n).astype(float)


def test_the_ridge_is_scikit_learns() -> None:
    X, y, weight = _data()
    theirs = LogisticRegression(C=0.25, tol=1e-12, max_iter=10_000)
    theirs.fit(X[:, 1:], y, sample_weight=weight)
    ours = fit_horizon_logistic(X, y, weight, penalty=[0, 4, 4, 4])
    np.testing.assert_allclose(ours.coefficients[1:], theirs.coef_[0], rtol=1e-6)
    np.testing.assert_allclose(ours.coefficients[0], theirs.intercept_[0], rtol=1e-6)


def test_the_sandwich_is_that_of_logistic_regression() -> None:
    X, y, _ = _data()
    glm = fit_glm(X, y, link="logit")
    people = np.arange(len(y)) // 2
    ours = fit_horizon_logistic(X, y, clusters=people)
    np.testing.assert_allclose(ours.coefficients, glm.coefficients, rtol=1e-9)
    np.testing.assert_allclose(ours.covariance, robust_covariance(glm, people), rtol=1e-9)
    odds, std_err = log_odds(ours, X[:5])
    np.testing.assert_allclose(odds, glm.linear_predictor[:5], rtol=1e-9)
    np.testing.assert_allclose(np.square(std_err), np.diag(X[:5] @ ours.covariance @ X[:5].T))


def test_a_weight_of_two_is_the_person_twice() -> None:
    X, y, _ = _data()
    people = np.arange(len(y)) // 3
    weight = np.repeat(np.random.default_rng(1).integers(0, 4, len(y) // 3), 3)
    factor = np.random.default_rng(2).uniform(1, 2, len(y))
    once = fit_horizon_logistic(X, y, weight, people, factors=factor)
    rows = np.repeat(np.arange(len(y)), weight)
    copy = np.concatenate([np.arange(each) for each in weight])
    again = fit_horizon_logistic(
        X[rows], y[rows], clusters=people[rows] * 10 + copy, factors=factor[rows]
    )
    np.testing.assert_allclose(once.coefficients, again.coefficients, rtol=1e-8)
    np.testing.assert_allclose(once.covariance, again.covariance, rtol=1e-8)


def test_no_answer_is_refused() -> None:
    X, y, _ = _data()
    tells = np.column_stack([X, y])
    with pytest.raises(FitError, match="separation"):
        fit_horizon_logistic(tells, y, names=["one", "a", "b", "c", "tells"])
    assert np.isfinite(fit_horizon_logistic(tells, y, penalty=[0, 1, 1, 1, 1]).coefficients).all()
    with pytest.raises(FitError, match="combinations"):
        fit_horizon_logistic(np.column_stack([X, X[:, 1]]), y)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"weights": [1.0]}, "weights must be"),
        ({"factors": -np.ones(300)}, "factors must be"),
        ({"penalty": [1.0]}, "penalty must be"),
        ({"target": np.full(300, np.nan)}, "missing"),
    ],
)
def test_what_it_does_not_take(change: dict[str, object], what: str) -> None:
    X, y, _ = _data()
    with pytest.raises(InputError, match=what):
        fit_horizon_logistic(**{"X": X, "target": y, **change})  # type: ignore[arg-type]
