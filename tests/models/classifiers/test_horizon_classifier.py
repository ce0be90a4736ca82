"""Classifiers at horizons: plain ones where nobody is lost, honest where some are."""

from __future__ import annotations

import pickle
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from checkable import run_checks
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from gmts_models.errors import FitError, InputError
from gmts_models.models.classifiers.horizon_classifier import HorizonClassifier
from gmts_models.models.classifiers.horizon_targets import Censoring, horizon_targets
from gmts_models.models.encoding import apply_design, make_encoder
from gmts_models.outcome import Outcome
from gmts_models.stats.regression.horizon_logistic import HorizonLogistic

WAYS: tuple[Censoring, ...] = get_args(Censoring)
FOLDS = {"check_sample_weight_equivalence_on_dense_data"}
"""Folds are dealt to people: a row twice is two people, who may come into different folds."""


def _people(n: int = 300, seed: int = 3) -> tuple[pd.DataFrame, Outcome]:
    """Draw whole months that tie, text, gaps, two cohorts that are censored together."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "specialism": rng.choice(["Finance", "HR", "Informatics"], n, p=[0.5, 0.3, 0.2]),
            "score": rng.normal(size=n).round(1),
            "cohort": rng.choice(["2019", "2020"], n),
        },
        index=np.arange(100, 100 + n),
    )
    time = np.ceil(rng.exponential(40 * np.exp(-0.6 * X["score"])))
    lost = np.minimum(rng.integers(6, 90, n), np.where(X["cohort"] == "2019", 60, 48))
    X.loc[X.index[::9], "score"] = np.nan
    return X, Outcome(0, np.minimum(time, lost), time <= lost, index=X.index)


def _uncensored(X: pd.DataFrame, y: Outcome) -> Outcome:
    return Outcome(0, y.exit, np.ones(len(y), int), index=X.index)


@pytest.mark.parametrize("calibration", [None, "platt"])
@pytest.mark.parametrize("censoring", WAYS)
def test_scikit_learns_checks_pass(censoring: Censoring, calibration: Any) -> None:
    # At 2, the horizon that the check of weights predicts, not all have left.
    model = HorizonClassifier(
        horizons=(2, 6), censoring=censoring, calibration=calibration, folds=2
    )
    with np.errstate(all="ignore"):
        found = run_checks(model)
    known = set() if calibration is None else FOLDS
    failed = {name: each for name, each in found.items() if each[0] == "failed"}
    assert set(failed) <= known, failed
    assert sum(status == "passed" for status, _ in found.values()) >= 45


@pytest.mark.parametrize("censoring", WAYS)
def test_where_nobody_is_lost_it_is_the_plain_classifier(censoring: Censoring) -> None:
    X, y = _people()
    y = _uncensored(X, y)
    model = HorizonClassifier(horizons=(12, 24), censoring=censoring).fit(X, y)
    matrix = apply_design(model.design_, X)
    for fitted, horizon in zip(model.estimators_, (12, 24), strict=True):
        plain = LogisticRegression(tol=1e-12, max_iter=10_000).fit(matrix, y.exit <= horizon)
        got = fitted.coefficients
        np.testing.assert_allclose(got[1:], plain.coef_[0], rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(got[0], plain.intercept_[0], rtol=1e-6)
        np.testing.assert_allclose(
            model.predict_risk(X, [horizon])[:, 0], plain.predict_proba(matrix)[:, 1], rtol=1e-6
        )
    np.testing.assert_array_equal(model.largest_weight_, 1)


def test_any_classifier_is_itself_where_nobody_is_lost() -> None:
    X, y = _people()
    y = _uncensored(X, y)
    forest = RandomForestClassifier(20, random_state=1)
    model = HorizonClassifier(forest, horizons=(24,)).fit(X, y)
    matrix = apply_design(model.design_, X)
    plain = clone(forest).fit(matrix, y.exit <= 24, sample_weight=np.ones(len(y)))
    np.testing.assert_allclose(
        model.predict_risk(X, [24])[:, 0], plain.predict_proba(matrix)[:, 1], atol=1e-12
    )


@pytest.mark.parametrize("by", [None, "cohort"])
def test_weights_of_kaplan_meier_stand_for_everyone(by: str | None) -> None:
    X, y = _people()
    case = np.random.default_rng(0).integers(1, 4, len(y)).astype(float)
    codes = None if by is None else pd.factorize(X[by])[0].astype(np.int64)
    for target in horizon_targets(
        "kaplan_meier", y, np.array([12.0, 36, 48]), np.empty((len(y), 0)), case, codes
    ):
        assert (target.factor * case).sum() == pytest.approx(case.sum())


@pytest.mark.parametrize("censoring", ["kaplan_meier", "pseudo"])
def test_a_weight_of_two_is_the_row_twice(censoring: Censoring) -> None:
    X, y = _people()
    X = X.assign(score=X["score"].fillna(0))  # what the encoder fills gaps with has no weights
    times = np.random.default_rng(5).integers(0, 4, len(y))
    rows = np.repeat(np.arange(len(y)), times)
    model = HorizonClassifier(horizons=(12, 24), censoring=censoring, censoring_by="cohort")
    once = clone(model).fit(X, y, sample_weight=times)
    twice = clone(model).fit(
        X.iloc[rows].reset_index(drop=True), Outcome(0, y.exit[rows], y.event[rows])
    )
    for fitted, again in zip(once.estimators_, twice.estimators_, strict=True):
        np.testing.assert_allclose(fitted.coefficients, again.coefficients, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(fitted.covariance, again.covariance, rtol=1e-6, atol=1e-9)
    # Scaled to the sample standard deviation, the columns are of another scale by the last row.
    np.testing.assert_allclose(once.predict_risk(X, [18]), twice.predict_risk(X, [18]), rtol=1e-6)


@settings(max_examples=12, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from(WAYS),
    st.sampled_from([None, "platt", "isotonic"]),
    st.sampled_from([None, "cohort"]),
)
def test_risk_is_a_growing_probability(
    seed: int, censoring: Censoring, calibration: Any, by: str | None
) -> None:
    X, y = _people(80, seed)
    model = HorizonClassifier(
        horizons=(3, 6, 12, 13, 24), censoring=censoring, calibration=calibration, censoring_by=by
    )
    risk = model.fit(X, y).predict_risk(X, np.linspace(0, 24, 20))
    assert ((risk >= 0) & (risk <= 1)).all()
    assert (np.diff(risk, axis=1) >= -1e-12).all()
    np.testing.assert_array_equal(risk[:, 0], 0)


def test_risks_that_fall_become_their_mean() -> None:
    X, y = _people()
    tree = DecisionTreeClassifier(max_depth=4, random_state=0)
    model = HorizonClassifier(tree, horizons=(12, 13, 14, 36)).fit(X, y)
    raw = model._by_horizon(apply_design(model.design_, X))
    assert (np.diff(raw, axis=1) < 0).any()
    risk = model.predict_risk(X, [12, 13, 14, 36])
    np.testing.assert_allclose(risk.mean(axis=1), raw.mean(axis=1))
    some = (np.diff(raw, axis=1) >= 0).all(axis=1)
    np.testing.assert_allclose(risk[some], raw[some])


def test_what_censoring_depends_on_is_made_up_for() -> None:
    """Those who leave sooner are lost later: Kaplan-Meier's weights and jackknife do not see it."""
    rng = np.random.default_rng(8)
    n = 6000
    x = rng.normal(size=n)
    # By odds that are proportional, so that logistic regression is right at each horizon.
    time = np.ceil(40 * np.exp((rng.logistic(size=n) - x) / 1.5))
    lost = np.ceil(rng.exponential(40 * np.exp(0.8 * x)))
    X, y = pd.DataFrame({"x": x}), Outcome(0, np.minimum(time, lost), time <= lost)
    new, truth = (
        pd.DataFrame({"x": [-1.0, 0, 1]}),
        1 / (1 + np.exp(1.5 * np.log(40 / 24) - [-1, 0, 1])),
    )
    off = {
        way: np.abs(
            HorizonClassifier(horizons=(24,), censoring=way).fit(X, y).predict_risk(new, [24])[:, 0]
            - truth
        ).max()
        for way in WAYS
    }
    assert off["cox"] < 0.02, off
    assert off["kaplan_meier"] > 0.04, off
    assert off["pseudo"] > 0.04, off


@pytest.mark.parametrize("censoring", WAYS)
def test_whoever_is_lost_at_the_horizon_is_known_to_have_stayed(censoring: Censoring) -> None:
    """A cohort whose census is at the horizon: nothing is left to make up for."""
    X, y = _people()
    short = (X["cohort"] == "2020").to_numpy()
    time = np.where(y.left, y.exit, 99.0)
    census = np.where(short, 12.0, 60.0)
    cut = Outcome(0, np.minimum(time, census), time <= census, index=X.index)
    whole = Outcome(0, np.minimum(time, 60.0), time <= 60, index=X.index)
    model = HorizonClassifier(horizons=(12,), censoring=censoring)
    fitted = clone(model).fit(X, cut)
    np.testing.assert_array_equal(fitted.largest_weight_, 1)
    np.testing.assert_allclose(
        fitted.predict_risk(X, [12]), clone(model).fit(X, whole).predict_risk(X, [12]), rtol=1e-9
    )


@pytest.mark.parametrize("censoring", WAYS)
def test_strata_that_were_followed_for_less_say_nothing_of_later(censoring: Censoring) -> None:
    X, y = _people()
    short = (X["cohort"] == "2020").to_numpy()
    end = np.where(short, np.minimum(y.exit, 10), y.exit)
    left = y.left & ~(short & (y.exit > 10))
    cut = Outcome(0, end, left, index=X.index)
    model = HorizonClassifier(horizons=(6, 24), censoring=censoring, censoring_by="cohort")
    risk = clone(model).fit(X, cut).predict_risk(X, [24])
    alone = clone(model).fit(X[~short], cut[~short]).predict_risk(X[~short], [24])
    assert risk[~short].mean() == pytest.approx(alone.mean(), abs=0.02)
    nobody = Outcome(0, np.minimum(end, 20), left & (end <= 20), index=X.index)
    risk = clone(model).fit(X, nobody).predict_risk(X, [6, 20])
    assert np.isfinite(risk[:, 0]).all()
    assert np.isnan(risk[:, 1]).all()


def test_pseudo_observations_go_to_regressions() -> None:
    X, y = _people(600)
    risks = {}
    for estimator in (
        None,
        LogisticRegression(C=1.0),
        LogisticRegression(C=10, max_iter=5, solver="newton-cg"),
        RandomForestRegressor(20, min_samples_leaf=10, random_state=0),
        LinearRegression(),
    ):
        model = HorizonClassifier(estimator, horizons=(24,), censoring="pseudo").fit(X, y)
        risks[str(estimator)] = model.predict_risk(X, [24])[:, 0]
    found = list(risks.values())
    np.testing.assert_array_equal(found[0], found[1])
    for each in found[2:]:
        assert ((each >= 0) & (each <= 1)).all()
        assert each.mean() == pytest.approx(found[0].mean(), abs=0.02)
        assert np.corrcoef(each, found[0])[0, 1] > 0.7


@pytest.mark.parametrize(
    ("estimator", "what"),
    [
        (RandomForestClassifier(), "RandomForestClassifier cannot learn from pseudo-observations"),
        (LogisticRegression(class_weight="balanced"), "class_weight"),
        (LogisticRegression(fit_intercept=False), "fit_intercept"),
        (KNeighborsRegressor(), "KNeighborsRegressor takes no sample_weight"),
    ],
)
def test_others_are_refused_by_name(estimator: Any, what: str) -> None:
    X, y = _people()
    with pytest.raises(InputError, match=what):
        HorizonClassifier(estimator, censoring="pseudo").fit(X, y)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"estimator": KNeighborsClassifier()}, "KNeighborsClassifier takes no sample_weight"),
        ({"estimator": make_pipeline(GaussianNB())}, "Pipeline takes no sample_weight"),
        ({"estimator": LinearSVC()}, "LinearSVC gives no probabilities"),
        ({"estimator": LinearRegression()}, "LinearRegression gives no probabilities"),
        ({"estimator": GaussianNB}, "no scikit-learn estimator"),
        ({"estimator": "forest"}, "no scikit-learn estimator"),
        ({"censoring": "drop"}, "no such censoring"),
        ({"calibration": "beta"}, "no such calibration"),
        ({"folds": 1}, "folds must be"),
        ({"folds": 2.5}, "folds must be"),
        ({"seed": -1}, "seed must be"),
        ({"censoring_by": "year"}, "no column 'year'"),
        ({"horizons": (24, 12)}, "increase"),
        ({"horizons": (0, 12)}, "increase"),
        ({"horizons": ()}, "finite numbers"),
        ({"folds": 301, "calibration": "platt"}, "300 people"),
    ],
)
def test_what_it_does_not_take(change: dict[str, Any], what: str) -> None:
    X, y = _people()
    with pytest.raises(InputError, match=what):
        HorizonClassifier(**change).fit(X, y)


def test_gaps_go_to_estimators_that_take_them() -> None:
    X, y = _people()
    as_they_are = make_encoder(impute=False)
    trees = HistGradientBoostingClassifier(max_iter=3, random_state=0)
    for censoring in ("kaplan_meier", "cox"):
        model = HorizonClassifier(
            trees,
            horizons=(12,),
            censoring=censoring,
            encoder=as_they_are,  # type: ignore[arg-type]
        )
        assert np.isfinite(model.fit(X, y).predict_risk(X, [12])).all()
    for estimator in (None, GaussianNB()):
        with pytest.raises(InputError, match="does not take missing values"):
            HorizonClassifier(estimator, horizons=(12,), encoder=as_they_are).fit(X, y)
    whole = X.assign(score=X["score"].fillna(0))
    model = HorizonClassifier(horizons=(12,), encoder=as_they_are).fit(whole, y)
    with pytest.raises(InputError, match="does not take missing values"):
        model.predict_risk(X, [12])


def test_late_entry_is_refused() -> None:
    X, y = _people()
    late = Outcome(np.where(y.exit > 2, 1.0, 0.0), y.exit, y.event, index=X.index)
    for censoring in WAYS:
        with pytest.raises(FitError, match="late entry"):
            HorizonClassifier(censoring=censoring).fit(X, late)


def test_scikit_learn_tunes_and_keeps_it_and_no_rows_are_kept() -> None:
    X, y = _people()
    search = GridSearchCV(
        HorizonClassifier(LogisticRegression(), horizons=(12, 24), calibration="platt", folds=3),
        {"estimator__C": [1e-6, 1.0], "censoring": ["kaplan_meier", "pseudo"]},
        cv=GroupKFold(3),
    ).fit(X, y, groups=y.people)
    assert search.best_params_["estimator__C"] == 1.0
    best = search.best_estimator_
    again = pickle.loads(pickle.dumps(best))
    np.testing.assert_array_equal(again.predict_risk(X, [12]), best.predict_risk(X, [12]))
    small, large = (
        len(pickle.dumps(HorizonClassifier(horizons=(12,), calibration="platt").fit(*_people(n))))
        for n in (300, 3000)
    )
    assert large < small + 500


def test_one_kind_of_state_and_nobody_to_predict() -> None:
    X, y = _people()
    late = y.left & (y.exit > 6)
    nobody_early = Outcome(0, np.maximum(y.exit, 4), late, index=X.index)
    for censoring in WAYS:
        model = HorizonClassifier(horizons=(3, 24), censoring=censoring, calibration="platt")
        model.fit(X, nobody_early)
        assert model.estimators_[0] == 0.0
        assert (model.predict_risk(X, [3]) == 0).all()
        assert model.predict_risk(X.head(0), [3, 24]).shape == (0, 2)
    everyone = HorizonClassifier(horizons=(3, 200)).fit(X, _uncensored(X, y))
    np.testing.assert_allclose(everyone.predict_risk(X, [200]), 1)


def test_intervals_are_of_logistic_regression() -> None:
    X, y = _people()
    model = HorizonClassifier(horizons=(12, 24, 90)).fit(X, y)
    assert isinstance(model.estimators_[0], HorizonLogistic)
    found = model.predict_risk_interval(X, [6, 12, 24, 60])
    assert found.method == "sandwich"
    np.testing.assert_array_equal(found.risk, model.predict_risk(X, [6, 12, 24, 60]))
    assert (found.lower[:, :3] < found.risk[:, :3]).all()
    assert (found.risk[:, :3] < found.upper[:, :3]).all()
    assert np.isnan(found.upper[:, 3]).all()
    wider = model.predict_risk_interval(X, [24], level=0.99)
    assert (wider.upper[:, 0] > found.upper[:, 2]).all()
    with pytest.raises(InputError, match="level"):
        model.predict_risk_interval(X, [12], level=1.5)
    for other in (
        HorizonClassifier(GaussianNB(), horizons=(12,)),
        HorizonClassifier(horizons=(12,), calibration="platt"),
    ):
        with pytest.raises(InputError, match="Bootstrapped"):
            other.fit(X, y).predict_risk_interval(X, [12])
