"""Evaluation: splits, scores against an outside computation, intervals, and its promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss

from gmts_models.config import GroupedKFold, LeaveOneCohortOut, TemporalSplit
from gmts_models.data.people import People
from gmts_models.errors import InputError
from gmts_models.evaluation.evaluate import evaluate
from gmts_models.evaluation.splits import make_folds
from gmts_models.features.table import FeatureTable, build_features
from gmts_models.models.classifiers.horizon_classifier import HorizonClassifier
from gmts_models.models.survival.cox import CoxPH
from gmts_models.models.survival.kaplan_meier import KaplanMeier
from gmts_models.models.survival.parametric import WeibullAFT


def people(n: int = 400, seed: int = 1, census: str | None = "2022-09-01") -> People:
    """Four September cohorts in two groups; the score lowers the hazard."""
    rng = np.random.default_rng(seed)
    year = rng.integers(2016, 2020, n)
    start = pd.to_datetime(pd.Series(year).astype(str) + "-09-01")
    score = rng.normal(size=n)
    months = np.ceil(rng.exponential(50 * np.exp(0.7 * score)))
    leave = [s + pd.DateOffset(months=int(m)) for s, m in zip(start, months, strict=True)]
    frame = pd.DataFrame(
        {
            "trainee_id": [f"T{i:04d}" for i in range(n)],
            "specialism": rng.choice(["Finance", "Human Resources"], n),
            "cohort": year.astype(str),
            "start_date": start,
            "leave_nhs_date": leave,
            "joining_survey": score,
        }
    )
    end = pd.Timestamp(census)
    frame["leave_nhs_date"] = frame["leave_nhs_date"].where(frame["leave_nhs_date"] <= end)
    frame["last_seen_date"] = end
    return People(trainees=frame, census_date=end)


@pytest.fixture(scope="module")
def table() -> FeatureTable:
    return build_features(people(), features=["specialism", "joining_survey"])


def test_each_cohort_is_predicted_without_itself(table: FeatureTable) -> None:
    folds = make_folds("leave_one_cohort_out", table, np.random.default_rng(0))
    assert [fold.label for fold in folds] == ["2016", "2017", "2018", "2019"]
    for fold in folds:
        assert set(table.cohort.iloc[fold.test]) == {fold.label}
        assert fold.label not in set(table.cohort.iloc[fold.train])
        assert len(fold.train) + len(fold.test) == len(table)


def test_a_temporal_split_looks_forward(table: FeatureTable) -> None:
    (fold,) = make_folds(TemporalSplit(test_fraction=0.25), table, np.random.default_rng(0))
    assert set(table.cohort.iloc[fold.test]) == {"2019"}
    assert max(table.cohort.iloc[fold.train]) < "2019"


def test_a_temporal_split_goes_by_date_not_by_alphabet() -> None:
    made = people(200)
    names = {"2016": "Sept 2016", "2017": "April 2017", "2018": "Sept 2018", "2019": "April 2019"}
    renamed = made.trainees.assign(cohort=made.trainees["cohort"].map(names))
    renamed.loc[:9, "cohort"] = None
    table = build_features(
        People(trainees=renamed, census_date=made.census_date), features=["specialism"]
    )
    (fold,) = make_folds(TemporalSplit(test_fraction=0.25), table, np.random.default_rng(0))
    assert set(table.cohort.iloc[fold.test]) == {"April 2019"}
    assert "unknown" not in set(table.cohort.iloc[fold.train])
    held_out = make_folds("leave_one_cohort_out", table, np.random.default_rng(0))
    assert "unknown" not in {each.label for each in held_out}


def test_late_entry_does_not_pollute_the_ranking() -> None:
    from gmts_models.stats.concordance import concordance

    rng = np.random.default_rng(3)
    n = 900
    x = rng.normal(size=n)
    time = np.ceil(rng.exponential(30 * np.exp(-x)))
    entry = np.where(rng.uniform(size=n) < 0.6, rng.integers(1, 15, n), 0).astype(float)
    keep = time > entry
    frame = pd.DataFrame(
        {
            "trainee_id": np.arange(n).astype(str),
            "specialism": "one",
            "joining_survey": x,
            "entry_months": entry,
            "duration_months": np.minimum(time, 48),
            "event": (time <= 48).astype(float),
        }
    )[keep].reset_index(drop=True)
    table = build_features(People(trainees=frame, scheme="any"), features=["joining_survey"])
    y = table.y
    for last in (12, 36):
        found = evaluate(
            {"cox": CoxPH()}, table, GroupedKFold(folds=3), horizons=[last], bootstrap=0
        )
        got = found.scores.query("score == 'c_index' and group == 'All'")["estimate"].item()
        want = concordance(frame["joining_survey"], y.exit, y.left, y.entry).concordance
        assert got == pytest.approx(want, abs=0.01)  # folds compare fewer pairs


def test_a_horizon_out_of_reach_costs_only_itself(table: FeatureTable) -> None:
    models = {"km": KaplanMeier(), "logistic": HorizonClassifier(horizons=(12, 24, 200))}
    found = evaluate(models, table, horizons=[12, 24, 200], bootstrap=0)
    assert found.predictions.failed == {}
    board = found.leaderboard
    assert set(board["horizons"]) == {"12, 24"}
    assert board[["mean_brier", "c_index"]].notna().all(axis=None)
    at_24 = evaluate(models, table, horizons=[12, 24], bootstrap=0).leaderboard
    np.testing.assert_allclose(board["c_index"], at_24["c_index"])


def test_draws_do_not_score_what_the_sample_cannot() -> None:
    rng = np.random.default_rng(0)
    time = np.ceil(rng.exponential(30, 200))
    short = {"specialism": ["b"] * 3, "months": [3.0, 5, 9], "event": [1.0, 1, 0]}
    frame = pd.DataFrame(
        {
            "specialism": ["a"] * 200 + short["specialism"] * 2,
            "cohort": [
                *rng.choice(["2017-09", "2018-09"], 200),
                *["2020-09"] * 3,
                *["2021-09"] * 3,
            ],
            "duration_months": [*np.minimum(time, 40), *short["months"] * 2],
            "event": [*(time <= 40).astype(float), *short["event"] * 2],
        }
    )
    frame["trainee_id"] = np.arange(len(frame)).astype(str)
    table = build_features(People(trainees=frame, scheme="any"), features=["specialism"])
    boards = [
        evaluate(KaplanMeier(), table, horizons=[24], bootstrap=b).leaderboard for b in (0, 200)
    ]
    assert boards[0]["mean_brier"][0] == pytest.approx(boards[1]["mean_brier"][0])
    assert boards[1]["lower"].notna().all()


def test_k_fold_predicts_everyone_once_and_balances_specialisms(table: FeatureTable) -> None:
    folds = make_folds(GroupedKFold(folds=5), table, np.random.default_rng(0))
    together = np.concatenate([fold.test for fold in folds])
    np.testing.assert_array_equal(np.sort(together), np.arange(len(table)))
    shares = [(table.specialism.iloc[fold.test] == "Finance").mean() for fold in folds]
    assert np.ptp(shares) < 0.03


def test_one_cohort_is_refused_with_a_way_out(table: FeatureTable) -> None:
    alone = people(60)
    alone = People(trainees=alone.trainees.assign(cohort="2016"), census_date=alone.census_date)
    one = build_features(alone, features=["specialism"])
    for scheme in (LeaveOneCohortOut(), TemporalSplit()):
        with pytest.raises(InputError, match="at least two cohorts") as caught:
            make_folds(scheme, one, np.random.default_rng(0))
        assert "k_fold" in (caught.value.fix or "")


MODELS: dict[str, Any] = {
    "km": KaplanMeier(),
    "cox": CoxPH(),
    "logistic": HorizonClassifier(horizons=(12, 24, 36)),
}


@pytest.fixture(scope="module")
def found(table: FeatureTable) -> Any:
    return evaluate(MODELS, table, horizons=[12, 24, 36], bootstrap=200, seed=4)


def test_scores_are_the_textbook_ones(table: FeatureTable, found: Any) -> None:
    # By the census all four cohorts were followed for 36 months: nobody is censored before,
    # so that the weights are 1 and scikit-learn's Brier score is the right one.
    left = table.y.left & (table.y.exit <= 24)
    want = brier_score_loss(left, found.predictions.risk["cox"][:, 1])
    got = found.scores.query("model == 'cox' and score == 'brier' and horizon_months == 24")
    assert got.query("group == 'All'")["estimate"].item() == pytest.approx(want, rel=1e-12)
    assert got.query("group == 'All'")["left"].item() == left.sum()


def test_the_model_that_uses_the_score_wins(found: Any) -> None:
    board = found.leaderboard.set_index("model")
    assert board.loc["km", "verdict"] == "the reference"
    assert board.loc["cox", "verdict"] == "better than the reference"
    assert board.loc["cox", "rank"] < board.loc["km", "rank"]
    assert board.loc["cox", "difference_upper"] < 0
    assert board.loc["cox", "c_index"] > 0.6


def test_intervals_hold_the_estimate(found: Any) -> None:
    known = found.scores.dropna(subset=["estimate", "lower"])
    assert len(known) > 50
    assert (known["lower"] <= known["estimate"] + 1e-12).all()
    assert (known["upper"] >= known["estimate"] - 1e-12).all()


def test_any_number_of_workers_gives_the_same_numbers(table: FeatureTable, found: Any) -> None:
    again = evaluate(MODELS, table, horizons=[12, 24, 36], bootstrap=200, seed=4, n_jobs=2)
    pd.testing.assert_frame_equal(again.scores, found.scores)
    pd.testing.assert_frame_equal(again.leaderboard, found.leaderboard)


def test_one_model_is_compared_with_kaplan_meier(table: FeatureTable) -> None:
    found = evaluate(CoxPH(), table, horizons=[12], bootstrap=0)
    assert found.reference == "KaplanMeier"
    assert set(found.to_frame()["model"]) == {"KaplanMeier", "CoxPH"}
    assert found.to_frame()["lower"].isna().any()
    assert (
        found.leaderboard.set_index("model").loc["CoxPH", "verdict"] == "no interval was asked for"
    )


def test_horizon_past_a_cohorts_census_leaves_that_cohort_out(table: FeatureTable) -> None:
    # 2019's cohort was followed for 36 months only, 2018's for 48.
    found = evaluate({"km": KaplanMeier(by=None)}, table, horizons=[36, 48], bootstrap=0)
    brier = found.scores.query("score == 'brier' and group == 'All'").set_index("horizon_months")
    assert brier.loc[36, "n"] == len(table)
    assert brier.loc[48, "n"] == (table.cohort < "2019").sum()


def test_a_model_that_fails_says_why_and_the_others_go_on(table: FeatureTable) -> None:
    tell_tale = FeatureTable(
        X=table.X.assign(tell_tale=table.y.left.astype(float)),
        y=table.y,
        ids=table.ids,
        specialism=table.specialism,
        cohort=table.cohort,
        start=table.start,
        follow_up=table.follow_up,
        on=table.on,
        landmark=table.landmark,
        recipe=table.recipe,
    )
    models = {"km": KaplanMeier(), "cox": CoxPH(), "weibull": WeibullAFT(alpha=1)}
    found = evaluate(models, tell_tale, horizons=[12], bootstrap=0)
    board = found.leaderboard.set_index("model")
    assert "could not be fitted" in board.loc["cox", "verdict"]
    assert np.isfinite(board.loc[["km", "weibull"], "mean_brier"]).all()
    assert np.isnan(board.loc["cox", "mean_brier"])


def test_late_entrants_are_scored_from_their_entry() -> None:
    """Scores of a correct model agree whether or not the first months were missed."""
    rng = np.random.default_rng(2)
    n = 6000
    time = np.ceil(rng.exponential(40, n))
    entry = np.where(rng.uniform(size=n) < 0.5, 6.0, 0.0)
    keep = time > entry
    frame = pd.DataFrame(
        {
            "trainee_id": np.arange(n).astype(str),
            "specialism": "one",
            "entry_months": entry,
            "duration_months": np.minimum(time, 60),
            "event": (time <= 60).astype(float),
        }
    )[keep].reset_index(drop=True)
    late = build_features(People(trainees=frame, scheme="any"), features=["specialism"])
    found = evaluate(
        {"km": KaplanMeier(by=None)},
        late,
        scheme=GroupedKFold(folds=3),
        horizons=[24],
        bootstrap=0,
    )
    got = found.scores.query("score == 'brier' and group == 'All'")["estimate"].item()
    p24, p18 = 1 - np.exp(-24 / 40), 1 - np.exp(-18 / 40)
    share = (entry[keep] == 0).mean()
    want = share * p24 * (1 - p24) + (1 - share) * p18 * (1 - p18)
    assert got == pytest.approx(want, abs=0.004)  # its standard error is about .002


def test_leaving_on_the_first_day_is_expected_beside_late_entrants() -> None:
    """Those who leave at month 0, as at completion, count though somebody else entered late."""
    n = 300
    months = np.where(np.arange(n) % 3 == 0, 0.0, 12.0 + np.arange(n) % 30)
    frame = pd.DataFrame(
        {
            "trainee_id": np.arange(n).astype(str),
            "specialism": "one",
            "entry_months": np.where(np.arange(n) == 1, 6.0, 0.0),
            "duration_months": months,
            "event": (months < 24).astype(float),
        }
    )
    table = build_features(People(trainees=frame, scheme="any"), features=["specialism"])
    scheme = GroupedKFold(folds=3)
    found = evaluate({"km": KaplanMeier(by=None)}, table, scheme, horizons=[6, 18], bootstrap=0)
    risk = found.predictions.risk["km"]
    there = np.arange(n) != 1
    np.testing.assert_allclose(risk[there, 0], 1 / 3, atol=0.03)  # a third leaves on the first day
    np.testing.assert_allclose(risk[1], [0.0, (risk[2, 1] - 1 / 3) * 1.5], atol=0.06)
    ratio = found.scores.query("score == 'observed_expected' and group == 'All'")["estimate"]
    np.testing.assert_allclose(ratio, 1.0, atol=0.01)


@pytest.mark.slow
def test_bootstrap_intervals_cover() -> None:
    """The Brier score's 95 % interval covers the true one of a fixed prediction."""
    from gmts_models.evaluation.prediction import Predictions
    from gmts_models.evaluation.scoring import make_plan, score_models

    rng = np.random.default_rng(11)
    repetitions, covered = 300, 0
    for seed in range(repetitions):
        score = rng.normal(size=300)
        time = np.ceil(rng.exponential(30 * np.exp(-0.5 * score)))
        lost = np.ceil(rng.exponential(40, 300))
        risk = 1 - np.exp(-24 * np.exp(0.5 * score) / 30)
        frame = pd.DataFrame(
            {
                "trainee_id": np.arange(300).astype(str),
                "specialism": "one",
                "duration_months": np.minimum(time, lost),
                "event": (time <= lost).astype(float),
            }
        )
        table = build_features(People(trainees=frame, scheme="any"), features=["specialism"])
        said = Predictions(
            horizons=np.array([24.0]),
            fold=np.zeros(300, dtype=np.int64),
            risk={"true": risk[:, None]},
            rank={"true": risk[:, None]},
            seconds={},
            failed={},
        )
        plan = make_plan(table, said, bootstrap=200, level=0.95, rng=np.random.default_rng(seed))
        scores, _ = score_models(table, said, plan)
        row = scores.query("score == 'brier' and group == 'All'").iloc[0]
        # The true Brier score of the true risk, by a large sample of the same people's law.
        covered += row["lower"] <= TRUE_BRIER <= row["upper"]
    error = np.sqrt(0.95 * 0.05 / repetitions)
    assert abs(covered / repetitions - 0.95) < 3 * error


_big = np.random.default_rng(0).normal(size=2_000_000)
_risk = 1 - np.exp(-24 * np.exp(0.5 * _big) / 30)
TRUE_BRIER = float(np.mean(_risk * (1 - _risk)))
