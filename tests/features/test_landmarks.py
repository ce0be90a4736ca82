"""Stacked prediction dates: rows, people, R's landmark supermodel, prediction of new people."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold, KFold, cross_val_score
from stays import SURVEYS, stays

import gmts_models as gm
from gmts_models.errors import InputError
from gmts_models.features.table import FeatureTable, build_features
from gmts_models.models.fitted import FittedModel, fit
from gmts_models.models.survival.cox import CoxPH
from gmts_models.models.survival.kaplan_meier import KaplanMeier

MARKS = [0, 6, 12, 18]


@pytest.fixture(scope="module")
def stack() -> FeatureTable:
    return build_features(
        stays(), landmarks=MARKS, features=["joining_survey", "landmark"], attributes=[SURVEYS]
    )


def test_a_row_for_each_person_and_landmark_at_which_they_are_at_risk(stack: FeatureTable) -> None:
    people = stays()
    alone = [build_features(people, m, features=[], attributes=[SURVEYS]) for m in MARKS]
    assert len(stack) == sum(map(len, alone)) == 175  # R's nrow
    assert stack.X.index.equals(pd.RangeIndex(175))
    assert stack.y.index.equals(stack.X.index)
    for mark, table in zip(MARKS, alone, strict=True):
        rows = np.flatnonzero(stack.landmark == mark)
        np.testing.assert_array_equal(stack.ids.iloc[rows], table.ids)
        for part in ("entry", "exit", "event"):
            np.testing.assert_array_equal(getattr(stack.y, part)[rows], getattr(table.y, part))
        np.testing.assert_array_equal(stack.X["surveys"].iloc[rows], table.X["surveys"])
        np.testing.assert_array_equal(stack.follow_up[rows], table.follow_up)
        np.testing.assert_array_equal(stack.on[rows], table.on)
        assert (stack.X["landmark"].iloc[rows] == mark).all()
    same = pd.crosstab(stack.y.people, stack.ids)
    assert ((same > 0).sum(axis=0) == 1).all()
    assert ((same > 0).sum(axis=1) == 1).all()
    assert stack.recipe.landmarks == tuple(MARKS)


def test_the_landmark_supermodel_is_rs(stack: FeatureTable) -> None:
    """R 4.2.2, survival 3.5-3: the surveys of a row are those of months before its landmark.

    coxph(Surv(time, left) ~ joining + surveys + strata(landmark) + cluster(id),
          control = coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 50))
    with rows months >= landmark and time = months - landmark, at 0, 6, 12 and 18.
    """
    robust = CoxPH(strata="landmark", robust=True).fit(stack.X, stack.y)
    assert robust.terms_ == ("joining_survey", "surveys")
    np.testing.assert_allclose(robust.coef_, [0.13822691647798488, -0.46267855608984559], rtol=1e-9)
    np.testing.assert_allclose(
        robust.covariance_,
        [
            [0.0020290371478429124, -0.0014165718949060385],
            [-0.0014165718949060385, 0.0527234406840616579],
        ],
        rtol=1e-9,
    )
    naive = CoxPH(strata="landmark").fit(stack.X, stack.y)
    np.testing.assert_allclose(
        naive.covariance_,
        [
            [0.00091494379785939865, -0.00090903039295257208],
            [-0.00090903039295257208, 0.02642798390226178129],
        ],
        rtol=1e-9,
    )
    # summary(survfit(fit, newdata = data.frame(joining = 5, surveys = 2, landmark = 12)),
    #         times = c(6, 12))
    new = pd.DataFrame({"joining_survey": [5.0], "surveys": [2.0], "landmark": [12.0]})
    np.testing.assert_allclose(
        robust.predict_retention(new, [6, 12]),
        [[0.85900589602015287, 0.79981719646656846]],
        rtol=1e-9,
    )


def test_scikit_learn_keeps_people_whole(stack: FeatureTable) -> None:
    scores = cross_val_score(
        CoxPH(), stack.X, stack.y, groups=stack.y.people, cv=GroupKFold(n_splits=3)
    )
    assert np.isfinite(scores).all()
    with pytest.raises(InputError, match="some rows of a person"):
        cross_val_score(CoxPH(), stack.X, stack.y, cv=KFold(3), error_score="raise")


def test_by_default_the_landmark_is_a_feature_once() -> None:
    people = gm.simulate_trainees(2, cohorts=range(2013, 2016))
    names = list(build_features(people, landmarks=[0, 12]).X.columns)
    assert names.count("landmark") == 1
    assert "tenure_months" not in names
    assert "landmark" not in build_features(people, 12).X
    one = build_features(people, landmarks=[12])
    assert set(one.X["landmark"]) == {12.0}
    assert len(one) == len(build_features(people, 12))


@pytest.mark.parametrize(
    "marks", [[], [0, 0], [1.5], [-1], ["6"], [True], "06", 6, {0: 1}, [0, None]], ids=repr
)
def test_what_are_no_landmarks_is_refused(marks: Any) -> None:
    with pytest.raises(InputError, match="different whole numbers of months"):
        build_features(stays(), landmarks=marks)


def test_landmarks_in_any_order_are_one_stack(stack: FeatureTable) -> None:
    again = build_features(
        stays(), landmarks=np.array(MARKS)[::-1], features=["joining_survey", "landmark"]
    )
    np.testing.assert_array_equal(again.y.exit, stack.y.exit)


def test_a_stack_has_no_other_prediction_date() -> None:
    with pytest.raises(InputError, match="has its landmarks"):
        build_features(stays(), 12, landmarks=[0, 6])
    with pytest.raises(InputError, match="nobody is at risk"):
        build_features(stays(), landmarks=[0, 240])


# ------------------------------------------------------------- new people


@pytest.fixture(scope="module")
def fitted(stack: FeatureTable) -> FittedModel:
    return fit(CoxPH(strata="landmark"), stack, strict=None)


def test_a_model_of_a_stack_must_be_told_when(fitted: FittedModel) -> None:
    people = stays()
    for at in (None, 24, 600):
        with pytest.raises(InputError, match="months since the start 0, 6, 12, 18"):
            fitted.predict_risk(people, [6], at=at)
    with pytest.raises(InputError, match="strata were not in the training rows"):
        fitted.predict_risk(people, [6], at=9)


def test_a_model_of_a_stack_knows_what_was_known_then(
    fitted: FittedModel, stack: FeatureTable
) -> None:
    people = stays()
    for mark in MARKS:
        risk = fitted.predict_risk(people, [6, 12], at=mark)
        rows = np.flatnonzero(stack.landmark == mark)
        there = people.trainees["trainee_id"].isin(stack.ids.iloc[rows]).to_numpy()
        want = fitted.estimator.predict_risk(stack.X.iloc[rows], [6, 12])
        np.testing.assert_allclose(risk[there], want, rtol=1e-12)
        assert np.isnan(risk[~there]).all()


def test_a_date_serves_those_whose_service_lies_between_the_landmarks() -> None:
    people = stays()
    table = build_features(people, landmarks=[6, 18], features=["joining_survey", "landmark"])
    model = fit(CoxPH(), table, strict=None)
    risk = model.predict_risk(people, [6], at="2016-01-01")
    np.testing.assert_array_equal(risk, model.predict_risk(people, [6], at=12))
    assert np.isfinite(risk).any()
    assert np.isnan(model.predict_risk(people, [6], at="2017-01-01")).all()  # 24 months
    with pytest.raises(InputError, match="from 6 to 18 months"):
        model.predict_risk(people, [6], at="start")


# ------------------------------------------------------------- Kaplan-Meier


def test_kaplan_meier_at_each_landmark_is_that_of_its_rows() -> None:
    people = gm.simulate_trainees(2, cohorts=range(2012, 2016))
    table = build_features(people, landmarks=[0, 12], features=["specialism", "landmark"])
    both = KaplanMeier(by=("specialism", "landmark")).fit(table.X, table.y)
    assert len(both.curves_) == 2 * table.specialism.nunique()
    for mark in (0, 12):
        rows = np.flatnonzero(table.landmark == mark)
        alone = build_features(people, mark, features=["specialism"])
        np.testing.assert_array_equal(
            both.predict_risk(table.X.iloc[rows], [12, 24]),
            KaplanMeier().fit(alone.X, alone.y).predict_risk(alone.X, [12, 24]),
        )
    unseen = table.X.head(2).assign(landmark=6.0)
    pooled = KaplanMeier(by=None).fit(table.X, table.y).predict_risk(unseen, [12])
    np.testing.assert_array_equal(both.predict_risk(unseen, [12]), pooled)
    by_one = KaplanMeier(by=["specialism"]).fit(table.X, table.y)
    np.testing.assert_array_equal(
        by_one.predict_risk(table.X, [12]),
        KaplanMeier().fit(table.X, table.y).predict_risk(table.X, [12]),
    )
    with pytest.raises(InputError, match="no column 'region'"):
        KaplanMeier(by=("specialism", "region")).fit(table.X, table.y)
