"""Calibration out of fold: nobody is predicted by a model that saw them; as scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from gmts_models.errors import FitError
from gmts_models.models.classifiers.calibration import (
    IsotonicCurve,
    PlattCurve,
    calibrated,
    fit_curve,
    people_in_folds,
)
from gmts_models.models.classifiers.horizon_classifier import HorizonClassifier
from gmts_models.models.encoding import apply_design
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.censoring import censoring_weights


def _people(n: int = 400, seed: int = 5) -> tuple[pd.DataFrame, Outcome]:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 4)), columns=list("abcd"))
    time = np.ceil(rng.exponential(40 * np.exp(-0.7 * X["a"])))
    lost = rng.integers(6, 60, n)
    return X, Outcome(0, np.minimum(time, lost), time <= lost)


def test_people_are_kept_whole_and_leavers_are_shared_out() -> None:
    rng = np.random.default_rng(1)
    ids = rng.permutation(np.repeat(np.arange(100), 3))
    left = np.isin(ids, np.arange(20))
    y = Outcome(0, rng.integers(1, 9, 300), left, ids=ids, clocks=np.arange(300))
    fold = people_in_folds(y, 5, 0)
    assert pd.Series(fold).groupby(ids).nunique().max() == 1
    people = pd.Series(fold).groupby(ids).first()
    assert (people.value_counts() == 20).all()
    assert (people[:20].value_counts() == 4).all()
    assert (people_in_folds(y, 5, 1) != fold).any()
    np.testing.assert_array_equal(people_in_folds(y, 5, 0), fold)


@pytest.mark.parametrize("censoring", ["kaplan_meier", "cox", "pseudo"])
def test_nobody_moves_their_own_prediction(censoring: Any) -> None:
    """Columns and outcome of one person change: their fold's other people keep their risks."""
    X, y = _people()
    model = HorizonClassifier(horizons=(12, 24), censoring=censoring, calibration="platt")
    model.fit(X, y)
    before = model._out_of_fold(X, y, None)
    leavers = np.flatnonzero(y.left)
    fold = people_in_folds(y, 5, 0)
    one = int(leavers[0])
    changed, exit_ = X.copy(), y.exit.copy()
    changed.loc[one, "b"] = 50.0
    exit_[one] = 59
    after = model._out_of_fold(changed, Outcome(0, exit_, y.event), None)
    mates = (fold == fold[one]) & (np.arange(len(y)) != one)
    np.testing.assert_array_equal(after[mates], before[mates])
    assert (after[fold != fold[one]] != before[fold != fold[one]]).all()
    # Their own risk changes by their columns alone, not by their outcome.
    same = model._out_of_fold(X, Outcome(0, exit_, y.event), None)
    np.testing.assert_array_equal(same[one], before[one])


@pytest.mark.parametrize(
    ("ours", "theirs", "estimator"),
    [
        # Neither minds how columns are scaled, so that fold by fold the models are the same.
        ("isotonic", "isotonic", DecisionTreeClassifier(max_depth=4, random_state=0)),
        ("platt", "sigmoid", LogisticRegression(C=1e8, tol=1e-10, max_iter=1000)),
    ],
)
def test_where_nobody_is_lost_it_is_scikit_learns(ours: Any, theirs: str, estimator: Any) -> None:
    X, y = _people(800)
    y = Outcome(0, np.maximum(y.exit, 2), np.ones(len(y), int))
    weight = np.random.default_rng(0).integers(1, 3, len(y)).astype(float)
    model = HorizonClassifier(estimator, horizons=(12,), calibration=ours).fit(X, y, weight)
    fold = people_in_folds(y, 5, 0)
    splits = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(5)]
    plain = CalibratedClassifierCV(estimator, method=theirs, cv=splits, ensemble=False)
    matrix = apply_design(model.design_, X)
    plain.fit(matrix, y.exit <= 12, sample_weight=weight)
    np.testing.assert_allclose(
        model.predict_risk(X, [12])[:, 0], plain.predict_proba(matrix)[:, 1], rtol=1e-4, atol=1e-5
    )


def _overconfident(n: int, seed: int) -> tuple[Floats, Outcome, Floats]:
    """Draw risks whose log odds are twice as far out as is true, and who leaves and is lost."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-0.5, 1, n)
    early = rng.random(n) < 1 / (1 + np.exp(-odds))
    time = np.where(early, rng.integers(1, 25, n), 30)
    lost = np.where(rng.random(n) < 0.4, rng.integers(1, 25, n), 60)
    y = Outcome(0, np.minimum(time, lost), time <= lost)
    return 1 / (1 + np.exp(-2 * odds)), y, 1 / (1 + np.exp(-odds))


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_overconfident_risks_come_back(kind: Any) -> None:
    risk, y, truth = _overconfident(20_000, 2)
    at = censoring_weights(y, 24)
    known = at.weight[:, 0] > 0
    curve = fit_curve(kind, risk[known], at.left[known].astype(float), at.weight[known, 0])
    got = calibrated(curve, risk)
    assert np.abs(got - truth).mean() < 0.02
    assert np.abs(risk - truth).mean() > 0.08
    # Without the weights the known are mostly those who left.
    naive = fit_curve(kind, risk[known], at.left[known].astype(float), np.ones(int(known.sum())))
    assert calibrated(naive, risk).mean() > truth.mean() + 0.03
    if kind == "platt":
        assert isinstance(curve, PlattCurve)
        assert curve.slope == pytest.approx(0.5, abs=0.05)
    else:
        assert isinstance(curve, IsotonicCurve)
        assert (np.diff(curve.calibrated) >= 0).all()


def test_a_prediction_that_says_the_opposite_or_nothing_gives_the_mean() -> None:
    risk = np.repeat([0.2, 0.8], 50)
    opposite = fit_curve("platt", risk, np.repeat([1.0, 0.0], 50), np.ones(100))
    np.testing.assert_allclose(calibrated(opposite, risk), 0.5)
    constant = fit_curve("platt", np.full(100, 0.3), np.repeat([1.0, 0.0], [20, 80]), np.ones(100))
    np.testing.assert_allclose(calibrated(constant, np.array([0.3])), 0.2, atol=0.01)
    tells = fit_curve("platt", risk, np.repeat([0.0, 1.0], 50), np.ones(100))
    assert np.isfinite(calibrated(tells, np.array([0.0, 0.2, 1.0]))).all()


def test_calibration_mends_what_class_weights_break() -> None:
    X, y = _people(2000)
    balanced = LogisticRegression(class_weight="balanced", max_iter=1000)
    broken = HorizonClassifier(balanced, horizons=(12,)).fit(X, y).predict_risk(X, [12]).mean()
    mended = HorizonClassifier(balanced, horizons=(12,), calibration="platt").fit(X, y)
    honest = HorizonClassifier(horizons=(12,)).fit(X, y).predict_risk(X, [12]).mean()
    assert broken > honest + 0.1
    assert mended.predict_risk(X, [12]).mean() == pytest.approx(honest, abs=0.01)


def test_too_few_who_leave() -> None:
    X, y = _people()
    only = np.zeros(len(y), int)
    only[np.argmax(y.exit <= 12)] = 1
    with pytest.raises(FitError, match="fewer than two people leave"):
        HorizonClassifier(horizons=(12,), calibration="platt").fit(X, Outcome(0, y.exit, only))


def test_a_horizon_that_only_one_fold_reaches() -> None:
    X, y = _people(60)
    end = np.minimum(y.exit, 20)
    left = y.left & (y.exit <= 20)
    end[0], left[0] = 30, False
    with pytest.raises(FitError, match="by 25 months cannot be calibrated"):
        HorizonClassifier(horizons=(12, 25), calibration="platt").fit(X, Outcome(0, end, left))
