"""Stacks of landmarks are judged by landmark, and a person is one person in all of their rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss

import gmts_models as gm
from gmts_models.config import GroupedKFold, LeaveOneCohortOut, TemporalSplit
from gmts_models.data.people import People
from gmts_models.evaluation.evaluate import evaluate
from gmts_models.evaluation.prediction import predict_out_of_fold
from gmts_models.evaluation.scoring import make_plan
from gmts_models.evaluation.splits import make_folds
from gmts_models.features.table import FeatureTable, build_features
from gmts_models.models.survival.cox import CoxPH
from gmts_models.models.survival.kaplan_meier import KaplanMeier

MARKS = (0, 6, 12, 24)
FEATURES = ["specialism", "joining_survey", "prior_nhs", "landmark"]
MODELS = {
    "km": KaplanMeier(by=("specialism", "landmark")),
    "cox": CoxPH(alpha=1, strata="landmark"),
}


@pytest.fixture(scope="module")
def people() -> People:
    return gm.simulate_trainees(5, cohorts=range(2012, 2018), scale=0.5)


@pytest.fixture(scope="module")
def stack(people: People) -> FeatureTable:
    return build_features(people, landmarks=MARKS, features=FEATURES)


@pytest.fixture(scope="module")
def found(stack: FeatureTable) -> Any:
    return evaluate(MODELS, stack, GroupedKFold(folds=3), horizons=[12, 24], bootstrap=60)


@pytest.mark.parametrize(
    "scheme", [LeaveOneCohortOut(), TemporalSplit(test_fraction=0.3), GroupedKFold(folds=4)]
)
def test_nobody_stands_on_both_sides(stack: FeatureTable, scheme: Any) -> None:
    for fold in make_folds(scheme, stack, np.random.default_rng(0)):
        assert not set(stack.ids.iloc[fold.train]) & set(stack.ids.iloc[fold.test])


def test_cohorts_are_sized_by_people(people: People, stack: FeatureTable) -> None:
    sizes = people.trainees["cohort"].value_counts().sort_index()
    between = int(sizes.iloc[0]) + 1
    folds = make_folds(LeaveOneCohortOut(min_size=between), stack, np.random.default_rng(0))
    assert [fold.label for fold in folds] == list(sizes.index[sizes >= between])
    # The last cohort has fewer rows a person, so that a share of the rows would be another.
    alone = build_features(people, features=["specialism"])
    for share in (0.2, 0.35, 0.5):
        (mine,), (theirs,) = (
            make_folds(TemporalSplit(test_fraction=share), each, np.random.default_rng(0))
            for each in (stack, alone)
        )
        assert mine.label == theirs.label


def test_a_stack_of_one_landmark_is_scored_as_its_date(people: People) -> None:
    names = ["specialism", "joining_survey"]
    tables = [
        build_features(people, landmarks=[12], features=names),
        build_features(people, 12, features=names),
    ]
    one, same = (
        evaluate(CoxPH(), table, GroupedKFold(folds=3), horizons=[12, 24], bootstrap=60)
        for table in tables
    )
    kept = one.scores["group"] != "landmark 12"
    pd.testing.assert_frame_equal(
        one.scores[kept].reset_index(drop=True), same.scores, check_exact=True
    )
    pd.testing.assert_frame_equal(one.leaderboard, same.leaderboard, check_exact=True)


def test_weights_stand_for_everyone_of_a_cohort_and_landmark(stack: FeatureTable) -> None:
    """Without late entry they add up to the people, where follow-up is that of the landmark."""
    folds = make_folds("k_fold", stack, np.random.default_rng(0))
    told = predict_out_of_fold({"km": KaplanMeier()}, stack, folds, np.array([12.0, 36.0]))
    plan = make_plan(stack, told, bootstrap=0, level=0.95, rng=np.random.default_rng(0))
    scored = 0
    for at in plan.weights.values():
        cells = pd.DataFrame(
            {
                "cohort": stack.cohort.to_numpy(),
                "landmark": stack.landmark,
                "weight": at.weight[:, 0],
                "counted": at.counted[:, 0],
            }
        )
        sums = cells.groupby(["cohort", "landmark"])[["weight", "counted"]].sum()
        np.testing.assert_allclose(sums["weight"], sums["counted"], rtol=1e-9)
        scored += int((sums["counted"] > 0).sum())
    assert 24 < scored < 48  # of 6 cohorts, 4 landmarks, 2 horizons: some are past the census
    # Everyone of the 2017 cohort was followed for 12 months from the start, and for 6 from 6.
    last = (stack.cohort == stack.cohort.max()).to_numpy()
    at_12 = plan.weights[12.0].counted[:, 0] > 0
    assert at_12[last & (stack.landmark == 0)].all()
    assert not at_12[last & (stack.landmark == 6)].any()


def test_rankings_compare_within_a_fold_and_landmark(stack: FeatureTable) -> None:
    """Two pairs of loops over everyone, of people who were all followed for long enough."""
    lost = ~stack.y.left & (stack.y.exit < stack.follow_up - 1e-9)
    kept = (stack.cohort < "2015").to_numpy() & ~np.isin(stack.y.people, stack.y.people[lost])
    X = stack.X.assign(survey=stack.X["joining_survey"].fillna(5.0))
    told = {"cox": CoxPH(alpha=1), "flat": KaplanMeier(by="landmark")}
    table = _part(stack, X, kept)
    found = evaluate(told, table, GroupedKFold(folds=3), horizons=[12], bootstrap=0)
    risk, fold = found.predictions.risk["cox"][:, 0], found.predictions.fold
    left = table.y.left & (table.y.exit <= 12)
    won, pairs = 0.0, 0
    for i in np.flatnonzero(left):
        others = (fold == fold[i]) & (table.landmark == table.landmark[i]) & ~left
        assert not (table.y.people[others] == table.y.people[i]).any()
        won += np.sum(risk[i] > risk[others]) + 0.5 * np.sum(risk[i] == risk[others])
        pairs += others.sum()
    overall = found.scores.query("group == 'All'").set_index(["model", "score"])["estimate"]
    assert overall["cox", "auc"] == pytest.approx(won / pairs, rel=1e-12)
    # Within a landmark everyone has the same risk, so that nothing is ranked.
    assert overall["flat", "auc"] == pytest.approx(0.5)
    assert overall["flat", "c_index"] == pytest.approx(0.5)
    want = brier_score_loss(left, risk)
    assert overall["cox", "brier"] == pytest.approx(want, rel=1e-12)


def _part(table: FeatureTable, X: pd.DataFrame, rows: Any) -> FeatureTable:
    kept = np.flatnonzero(rows)
    return FeatureTable(
        X=X.iloc[kept],
        y=table.y[kept],
        ids=table.ids.iloc[kept],
        specialism=table.specialism.iloc[kept],
        cohort=table.cohort.iloc[kept],
        start=table.start[kept],
        follow_up=np.full(len(kept), np.nan),
        on=table.on[kept],
        landmark=table.landmark[kept],
        recipe=table.recipe,
    )


def test_there_are_scores_at_each_landmark(stack: FeatureTable, found: Any) -> None:
    groups = ["All", *sorted(stack.specialism.unique()), *(f"landmark {m}" for m in MARKS)]
    assert list(found.scores["group"].unique()) == groups
    brier = found.scores.query("model == 'cox' and score == 'brier' and horizon_months == 12")
    brier = brier.set_index("group")
    for mark in MARKS:
        rows = stack.landmark == mark
        losses = found.losses.query("model == 'cox' and horizon_months == 12")["loss"][rows]
        assert brier.loc[f"landmark {mark}", "estimate"] == pytest.approx(losses.mean())
        assert brier.loc[f"landmark {mark}", "n"] == losses.notna().sum()
    assert brier["lower"].notna().all()


def test_counts_are_of_people(people: People, stack: FeatureTable, found: Any) -> None:
    at = found.scores.query("model == 'cox' and score == 'brier' and horizon_months == 12")
    at = at.set_index("group")
    assert len(stack) > 3 * len(people)
    assert at.loc["All", "n"] == len(people)
    assert (at["left"] <= at["n"]).all()
    assert at.loc["All", "left"] < at.loc["landmark 24", "left"] + at.loc["landmark 12", "left"] + (
        at.loc["landmark 0", "left"] + at.loc["landmark 6", "left"]
    )
    assert (found.calibration["n"] <= len(people)).all()


def test_draws_take_people_with_all_their_rows(stack: FeatureTable, found: Any) -> None:
    plan = make_plan(
        stack, found.predictions, bootstrap=20, level=0.95, rng=np.random.default_rng(1)
    )
    drawn = pd.DataFrame(plan.counts).groupby(stack.y.people).nunique()
    assert (drawn == 1).all(axis=None)
    sizes = pd.DataFrame(plan.counts).groupby(stack.y.people).first()
    cohort = stack.cohort.reset_index(drop=True).groupby(stack.y.people).first()
    by_cohort = sizes.groupby(cohort.to_numpy()).sum()
    assert (by_cohort.sub(by_cohort[0], axis=0) == 0).all(axis=None)


def test_the_reference_is_kaplan_meier_at_each_landmark(people: People) -> None:
    stack = build_features(people, landmarks=[0, 12], features=["specialism", "landmark"])
    named = {"at each": KaplanMeier(by=("specialism", "landmark")), "pooled": KaplanMeier()}
    one, two = (
        evaluate(each, stack, GroupedKFold(folds=2), horizons=[12], bootstrap=0)
        for each in (CoxPH(alpha=1), named)
    )
    assert one.reference == "KaplanMeier"
    risk = one.predictions.risk["KaplanMeier"]
    np.testing.assert_array_equal(risk, two.predictions.risk["at each"])
    assert not np.array_equal(risk, two.predictions.risk["pooled"])
