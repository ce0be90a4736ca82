"""Residuals and robust variance: by hand, by their sums, and by leaving people out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from brute import draw
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.errors import InputError, NotEstimableError
from gmts_models.stats.cox.fit import fit_cox, likelihood_at
from gmts_models.stats.cox.inference import global_tests, robust_score_test
from gmts_models.stats.cox.residuals import (
    deviance_residuals,
    dfbeta,
    dfbetas,
    likelihood_displacement,
    martingale_residuals,
    schoenfeld_residuals,
    score_residuals,
)
from gmts_models.stats.cox.robust import robust_covariance

TRAINEES = Path(__file__).parents[2] / "reference" / "pitfalls" / "tr.csv"
TIES: list[Any] = ["efron", "breslow"]
seeds = st.integers(0, 10_000)


def test_martingale_residuals_by_hand() -> None:
    """Therneau & Grambsch (2000), appendix E.1, at coefficients of 0: hazards 1/6, 2/4, 1/1."""
    exit_ = np.array([1, 1, 6, 6, 8, 9.0])
    left = np.array([True, False, True, True, False, True])
    breslow = fit_cox(np.empty((6, 0)), exit_, left, ties="breslow")
    np.testing.assert_allclose(
        martingale_residuals(breslow), [5 / 6, -1 / 6, 1 / 3, 1 / 3, -2 / 3, -2 / 3]
    )
    # Efron: 1/4 and 1/3 at month 6, of which the tied go through 1/4 and half of 1/3.
    efron = fit_cox(np.empty((6, 0)), exit_, left)
    np.testing.assert_allclose(
        martingale_residuals(efron), [5 / 6, -1 / 6, 5 / 12, 5 / 12, -3 / 4, -3 / 4]
    )
    first = np.sqrt(-2 * (5 / 6 + np.log(1 / 6)))
    assert deviance_residuals(efron)[0] == pytest.approx(first)
    assert deviance_residuals(efron)[1] == pytest.approx(-np.sqrt(2 / 6))


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from(TIES))
def test_residuals_add_up_to_nothing(seed: int, ties: Any) -> None:
    fit = fit_cox(**draw(seed, 80), ties=ties)
    w = fit.data.given.weights
    assert w @ martingale_residuals(fit) == pytest.approx(0, abs=1e-9)
    # In standard errors, as they would move the coefficients.
    moved = w @ score_residuals(fit) @ fit.covariance / np.sqrt(np.diag(fit.covariance))
    np.testing.assert_allclose(moved, 0, atol=1e-8)
    schoenfeld = schoenfeld_residuals(fit)
    total = w[schoenfeld.row] @ schoenfeld.residual
    np.testing.assert_allclose(total, 0, atol=1e-7)
    assert len(schoenfeld.row) == int(fit.data.given.left.sum())


@pytest.mark.parametrize("ties", TIES)
def test_dfbeta_is_about_leaving_one_out(ties: Any) -> None:
    rows = draw(6, 300)
    fit = fit_cox(**rows, ties=ties)
    guess = dfbeta(fit)
    truth = np.empty((40, 3))
    for i in range(40):
        rest = np.delete(np.arange(300), i)
        without = fit_cox(**{name: each[rest] for name, each in rows.items()}, ties=ties)
        truth[i] = fit.coefficients - without.coefficients
    size = np.sqrt(np.diag(fit.covariance))
    # First order: what is left is of the order of 1 / n of it.
    assert np.abs((guess[:40] - truth) / size).max() < 0.03
    for j in range(3):
        assert np.corrcoef(guess[:40, j], truth[:, j])[0, 1] > 0.995
    np.testing.assert_allclose(dfbetas(fit), guess / size)
    lost = np.array(
        [
            2 * (fit.log_likelihood - likelihood_at(fit.data, fit.coefficients - each).value)
            for each in truth
        ]
    )
    displaced = likelihood_displacement(fit)[:40]
    assert np.corrcoef(displaced, lost)[0, 1] > 0.98
    assert displaced.sum() == pytest.approx(lost.sum(), rel=0.1)


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from(TIES))
def test_splitting_people_changes_no_robust_variance(seed: int, ties: Any) -> None:
    rows = draw(seed, 70)
    fit = fit_cox(**rows, clusters=np.arange(70), ties=ties)
    middle = (rows["entry"] + rows["exit_"]) / 2
    twice = {name: np.concatenate([each, each]) for name, each in rows.items()}
    twice["entry"] = np.concatenate([rows["entry"], middle])
    twice["exit_"] = np.concatenate([middle, rows["exit_"]])
    twice["left"] = np.concatenate([np.zeros(70, dtype=bool), rows["left"]])
    split = fit_cox(**twice, clusters=np.tile(np.arange(70), 2), ties=ties)
    np.testing.assert_allclose(
        robust_covariance(split), robust_covariance(fit), rtol=1e-7, atol=1e-10
    )
    people = martingale_residuals(split).reshape(2, 70).sum(axis=0)
    np.testing.assert_allclose(people, martingale_residuals(fit), atol=1e-9)


def test_robust_errors_are_right_under_ties() -> None:
    """R: coxph(Surv(time, status > 0) ~ age + sex, robust = TRUE), and cluster = spec."""
    d = pd.read_csv(TRAINEES)
    fit = fit_cox(d[["age", "sex"]], d["time"], d["status"] > 0)
    robust = np.sqrt(np.diag(robust_covariance(fit)))
    np.testing.assert_allclose(robust, [0.007569562685, 0.076777230353], rtol=1e-9)
    clustered = np.sqrt(np.diag(robust_covariance(fit, d["spec"])))
    np.testing.assert_allclose(clustered, [0.006728139758, 0.105691872732], rtol=1e-9)
    with pytest.raises(InputError, match="clusters has shape"):
        robust_covariance(fit, d["spec"][:5])


@pytest.mark.slow
def test_robust_intervals_cover_where_the_model_is_wrong(repetitions: int) -> None:
    """Ten rows a person, all alike: model errors are sqrt(10) too small, clustered ones cover."""
    rng = np.random.default_rng(3)
    people = 200
    covered = np.empty((repetitions, 2), dtype=bool)
    for r in range(repetitions):
        x = rng.normal(size=people)
        time = rng.exponential(20 * np.exp(-0.5 * x))
        exit_, left = np.minimum(time, 48), time <= 48
        again = np.repeat(np.arange(people), 10)
        fit = fit_cox(x[again, None], exit_[again], left[again], clusters=again, ties="breslow")
        once = fit_cox(x[:, None], exit_, left, ties="breslow").coefficients[0]
        assert fit.coefficients[0] == pytest.approx(once)
        plain, robust = fit.covariance[0, 0] ** 0.5, robust_covariance(fit)[0, 0] ** 0.5
        covered[r] = np.abs(once - 0.5) < 1.959964 * np.array([plain, robust])
    band = 4 * np.sqrt(0.95 * 0.05 / repetitions)
    rate = covered.mean(axis=0)
    assert rate[0] < 0.6
    assert abs(rate[1] - 0.95) < band + 0.01, rate


def test_clusters_without_a_label_are_refused() -> None:
    fit = fit_cox(**draw(3, 40))
    for labels in (["a", None] * 20, [1.0, np.nan] * 20, ["a", np.nan] * 20):
        with pytest.raises(InputError, match="clusters is missing in 20"):
            robust_covariance(fit, labels)
    mixed = robust_covariance(fit, np.array(["a", 1] * 20, dtype=object))
    np.testing.assert_allclose(mixed, robust_covariance(fit, [0, 1] * 20))


def test_one_cluster_has_no_robust_variance_and_few_no_tests() -> None:
    rows = draw(3, 40)
    with pytest.raises(NotEstimableError, match="one cluster"):
        robust_covariance(fit_cox(**rows), np.zeros(40))
    fit = fit_cox(**rows, clusters=np.arange(40) % 2)  # of three columns
    assert np.isnan(robust_score_test(fit).p)
    assert np.isnan(global_tests(fit, robust_covariance(fit)).wald.p)


def test_rows_of_weight_0_have_no_residual_of_the_fit() -> None:
    rows = draw(3, 40)
    weights = np.where(np.arange(40) < 10, 0.0, 1.0)
    fit = fit_cox(**rows | {"weights": weights})
    only = fit_cox(**{name: each[10:] for name, each in rows.items() if name != "weights"})
    for residuals in (martingale_residuals, deviance_residuals):
        assert np.isnan(residuals(fit)[:10]).all()
        np.testing.assert_allclose(residuals(fit)[10:], residuals(only), rtol=1e-7)
    assert (dfbeta(fit)[:10] == 0).all()
    np.testing.assert_allclose(robust_covariance(fit), robust_covariance(only), rtol=1e-8)


def test_deviance_of_one_who_was_hardly_at_risk() -> None:
    # Whoever leaves against odds of e^-60: nothing is left of 1 - (1 - expected), but its log is.
    fit = fit_cox(np.empty((2, 0)), [1, 2], [True, False], offset=[0.0, 60.0])
    assert deviance_residuals(fit)[0] == pytest.approx(np.sqrt(2 * 59), rel=1e-9)
