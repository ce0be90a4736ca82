"""Sensitivity to missing values, and scores pooled over imputations."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gmts_models as gm
from gmts_models.errors import InputError
from gmts_models.evaluation.average_risk import average_risk, draw_rows
from gmts_models.evaluation.sensitivity import COMPLETE, IMPUTED, INDICATOR, missing_sensitivity
from gmts_models.features.table import FeatureTable
from gmts_models.models.missing.multiple_imputation import MultipleImputation
from gmts_models.outcome import Outcome
from gmts_models.stats.missing.scales import pool_on_scale


@pytest.fixture(scope="module")
def table() -> FeatureTable:
    people = gm.simulate_trainees(seed=7, cohorts=[2015, 2017, 2019])
    return gm.build_features(people, features=["specialism", "in_service", "joining_survey"])


@pytest.fixture(scope="module")
def found(table: FeatureTable) -> gm.MissingSensitivity:
    return missing_sensitivity(
        gm.CoxPH(alpha=1), table, m=3, bootstrap=12, horizons=[12, 36], seed=1
    )


def test_three_ways_are_side_by_side(found: gm.MissingSensitivity, table: FeatureTable) -> None:
    rows = found.rows.set_index("method")
    whole = table.X.notna().all(axis=1).to_numpy()
    assert rows.index.tolist() == [IMPUTED, INDICATOR, COMPLETE]
    assert rows["n"].tolist() == [len(table), len(table), whole.sum()]
    assert rows.loc[COMPLETE, "left"] == table.y.left[whole].sum()
    assert rows["refits"].tolist() == [12, 12, 12]
    assert found.gaps["column"].tolist() == ["joining_survey"]
    assert found.gaps["share_missing"].tolist() == [table.X["joining_survey"].isna().mean()]
    wide = found.to_frame()
    assert set(wide["quantity"]) == {"ratio", "retention"}
    survey = wide.set_index("name").loc["joining_survey"]
    assert (survey[[f"lower, {method}" for method in rows.index]].to_numpy(float) < 1).all()
    for method in rows.index:
        part = wide.dropna(subset=[f"lower, {method}", f"upper, {method}"])
        assert part[method].between(part[f"lower, {method}"], part[f"upper, {method}"]).all()
    indicator = wide.set_index("name").loc["missing: joining_survey"]
    assert np.isfinite(indicator[INDICATOR])
    assert np.isnan(indicator[IMPUTED])
    assert "complete cases" in repr(found)


def test_coefficients_are_those_of_the_models(
    found: gm.MissingSensitivity, table: FeatureTable
) -> None:
    by_method = found.coefficients.groupby("method")
    imputed = MultipleImputation(gm.CoxPH(alpha=1), m=3, seed=1).fit(table.X, table.y).summary()
    got = by_method.get_group(IMPUTED).set_index("term")
    np.testing.assert_allclose(got["coefficient"], imputed.set_index("term")["coefficient"])
    np.testing.assert_allclose(got["fmi"], imputed.set_index("term")["fmi"])
    single = gm.CoxPH(alpha=1).fit(table.X, table.y).summary().set_index("term")
    np.testing.assert_allclose(
        by_method.get_group(INDICATOR).set_index("term")["upper"], single["upper"]
    )
    rows = np.flatnonzero(table.X.notna().all(axis=1))
    whole = gm.CoxPH(alpha=1).fit(table.X.iloc[rows], table.y[rows]).summary().set_index("term")
    np.testing.assert_allclose(by_method.get_group(COMPLETE).set_index("term")["p"], whole["p"])


def test_retention_is_the_mean_of_the_group(
    found: gm.MissingSensitivity, table: FeatureTable
) -> None:
    kept = found.retention.set_index(["method", "group", "horizon_months"])
    model = gm.CoxPH(alpha=1).fit(table.X, table.y)
    stays = 1 - model.predict_risk(table.X, [36])[:, 0]
    assert kept.loc[(INDICATOR, "All", 36), "retention"] == pytest.approx(stays.mean())
    finance = (table.specialism == "Finance").to_numpy()
    assert kept.loc[(INDICATOR, "Finance", 36), "retention"] == pytest.approx(stays[finance].mean())
    assert kept.loc[(INDICATOR, "Finance", 36), "n"] == finance.sum()
    spread = np.ptp(kept.xs(("All", 36), level=("group", "horizon_months"))["retention"])
    assert spread < 0.05


def test_processes_do_not_change_the_numbers(
    found: gm.MissingSensitivity, table: FeatureTable
) -> None:
    again = missing_sensitivity(
        gm.CoxPH(alpha=1), table, m=3, bootstrap=12, horizons=[12, 36], seed=1, n_jobs=2
    )
    pd.testing.assert_frame_equal(again.to_frame(), found.to_frame())


def test_models_without_coefficients_and_without_a_bootstrap(table: FeatureTable) -> None:
    found = missing_sensitivity(
        gm.KaplanMeier(), table, m=2, bootstrap=0, horizons=[12], complete_cases=False
    )
    assert len(found.coefficients) == 0
    assert found.rows["method"].tolist() == [IMPUTED, INDICATOR]
    assert found.retention["lower"].isna().all()
    assert np.isfinite(found.retention["retention"]).all()
    assert set(found.to_frame()["quantity"]) == {"retention"}


def _lost(table: FeatureTable, keep: int) -> FeatureTable:
    X = table.X.copy()
    X.iloc[keep:, list(X.columns).index("joining_survey")] = np.nan
    return dataclasses.replace(table, X=X)


def test_too_few_complete_cases_are_refused_and_the_rest_is_there(table: FeatureTable) -> None:
    few = _lost(table, 25)
    with pytest.raises(InputError, match="complete cases") as error:
        missing_sensitivity(gm.CoxPH(), few, m=2, bootstrap=0)
    assert "joining_survey" in str(error.value)
    assert "complete_cases=False" in str(error.value)
    rest = missing_sensitivity(gm.CoxPH(), few, m=2, bootstrap=0, complete_cases=False)
    assert COMPLETE not in rest.to_frame()
    # Enough who left, but all of one label of a column: no finite effect.
    X = table.X.copy()
    X["who"] = np.where(table.y.left, "left", "stayed").astype(object)
    X.loc[X.index[::2], "who"] = np.random.default_rng(0).permutation(X["who"].iloc[::2])
    X.loc[X.index[::2], "joining_survey"] = np.nan
    with pytest.raises(InputError, match="too few for this model"):
        missing_sensitivity(gm.CoxPH(), dataclasses.replace(table, X=X), m=2, bootstrap=0)


def test_what_cannot_be_compared_is_refused(table: FeatureTable) -> None:
    whole = dataclasses.replace(table, X=table.X.drop(columns="joining_survey"))
    with pytest.raises(InputError, match="nothing to compare"):
        missing_sensitivity(gm.CoxPH(), whole)
    with pytest.raises(InputError, match="imputes already"):
        missing_sensitivity(MultipleImputation(gm.CoxPH()), table)
    with pytest.raises(InputError, match="level"):
        missing_sensitivity(gm.CoxPH(), table, level=95)


def test_a_column_without_any_value_takes_no_part(table: FeatureTable) -> None:
    wider = dataclasses.replace(table, X=table.X.assign(nothing=np.nan))
    found = missing_sensitivity(gm.CoxPH(alpha=1), wider, m=2, bootstrap=0, horizons=[12])
    assert found.rows["n"].iloc[-1] == table.X.notna().all(axis=1).sum()
    assert not found.coefficients["term"].str.contains("nothing").any()


def test_gaps_of_other_columns_are_left_to_the_model(table: FeatureTable) -> None:
    rng = np.random.default_rng(0)
    X = table.X.assign(
        placement=np.where(rng.random(len(table)) < 0.8, np.nan, 1 + rng.random(len(table)))
    )
    wider = dataclasses.replace(table, X=X)
    found = missing_sensitivity(
        gm.CoxPH(alpha=1), wider, m=2, bootstrap=0, horizons=[12], columns=["joining_survey"]
    )
    assert found.rows["n"].iloc[-1] == table.X.notna().all(axis=1).sum()
    terms = found.coefficients.groupby("method")["term"].agg(set)
    assert all("missing: placement" in each for each in terms)
    assert "missing: joining_survey" not in terms[IMPUTED] | terms[COMPLETE]
    with pytest.raises(InputError, match="'survey'"):
        missing_sensitivity(gm.CoxPH(), wider, columns=["joining_survey", "survey"])


def test_people_of_several_rows_are_complete_as_a_whole(table: FeatureTable) -> None:
    y = table.y
    twice = np.repeat(np.arange(len(table)), 2)
    first = np.arange(len(twice)) % 2 == 0
    middle = y.exit[twice] / 2
    rows = Outcome(
        np.where(first, 0, middle),
        np.where(first, middle, y.exit[twice]),
        np.where(first, 0, y.left[twice]),
        ids=twice,
    )
    keep = np.flatnonzero(y.exit[twice] > 0)
    X = table.X.iloc[twice].reset_index(drop=True)
    X.loc[first, "in_service"] = X.loc[first, "in_service"].where(np.arange(len(table)) > 9)
    long = dataclasses.replace(
        table,
        X=X.iloc[keep].reset_index(drop=True),
        y=rows[keep],
        specialism=table.specialism.iloc[twice[keep]].reset_index(drop=True),
    )
    found = missing_sensitivity(gm.CoxPH(alpha=1), long, m=2, bootstrap=4, horizons=[12])
    gap = long.X.isna().any(axis=1).to_numpy()
    people = np.unique(long.y.people[gap])
    assert found.rows["n"].iloc[-1] == (~np.isin(long.y.people, people)).sum()
    assert found.rows["failed"].tolist() == [0, 0, 0]


def test_people_are_drawn_whole_and_within_strata() -> None:
    people = np.array([3, 0, 0, 1, 2, 2, 2, 4])
    strata = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    size = np.bincount(people)
    seen = set()
    for seed in range(50):
        rows = draw_rows(people, strata, np.random.default_rng(seed))
        count = np.bincount(rows, minlength=8)
        for person in range(5):
            assert len(set(count[people == person])) == 1  # every row as often
        drawn = np.bincount(people[rows], minlength=5) / size
        assert drawn[[0, 3]].sum() == 2
        assert drawn[[1, 2, 4]].sum() == 3
        seen.add(tuple(drawn))
    assert len(seen) > 10


def test_the_error_of_a_mean_is_that_of_drawing_people_again() -> None:
    """The product limit of one group: its bootstrap error is about Greenwood's."""
    rng = np.random.default_rng(3)
    month = np.ceil(rng.exponential(30, 400))
    y = Outcome(0, np.minimum(month, 36), month <= 36)
    X = pd.DataFrame({"one": np.ones(400)})
    found = average_risk(
        gm.KaplanMeier(by=None),
        X,
        y,
        {"All": np.ones(400, dtype=bool), "nobody": np.zeros(400, dtype=bool)},
        np.array([24.0]),
        strata=np.zeros(400, dtype=np.int64),
        refits=200,
        rng=rng,
    )
    p = found.estimate[0, 0]
    assert found.std_err[0, 0] == pytest.approx(np.sqrt(p * (1 - p) / 400), rel=0.2)
    assert np.isnan(found.estimate[1, 0])
    assert found.failed == 0


def _scores(**changed: Any) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "model": "CoxPH",
            "score": ["brier", "ipa", "auc", "observed_expected", "c_index"],
            "horizon_months": [24.0, 24, 24, 24, np.nan],
            "group": "All",
            "estimate": [0.12, -0.02, 0.7, 1.1, 0.68],
            "se": [0.01, 0.02, 0.03, 0.1, 0.02],
            "lower": np.nan,
            "upper": np.nan,
            "n": 200,
            "left": 40,
        }
    )
    return frame.assign(**changed)


def test_scores_are_pooled_each_on_its_scale() -> None:
    one, two = _scores(), _scores(n=198)
    two["estimate"] = [0.14, 0.02, 0.74, 1.0, 0.70]
    pooled = gm.pool_scores([one, two]).set_index("score")
    scales = {"brier": "log", "ipa": "plain", "auc": "logit", "c_index": "logit"}
    for score, scale in (scales | {"observed_expected": "log"}).items():
        row = [frame.set_index("score").loc[score] for frame in (one, two)]
        by_hand = pool_on_scale([r["estimate"] for r in row], [r["se"] for r in row], scale)
        for name in ("estimate", "lower", "upper", "fmi"):
            assert pooled.loc[score, name] == pytest.approx(getattr(by_hand, name)[0])
        assert pooled.loc[score, "se"] == pytest.approx(by_hand.std_err[0])
    assert (pooled["n"] == 198).all()
    same = gm.pool_scores([one, one])
    np.testing.assert_allclose(same["estimate"], one["estimate"])
    np.testing.assert_allclose(same["se"], one["se"])


def test_a_score_that_is_missing_once_is_missing() -> None:
    gap = _scores()
    gap.loc[0, ["estimate", "se"]] = np.nan
    pooled = gm.pool_scores([_scores(), gap])
    assert pooled.loc[0, ["estimate", "se", "lower"]].isna().all()
    assert pooled.loc[1:, "estimate"].notna().all()


@pytest.mark.parametrize(
    ("scores", "word"),
    [
        ([_scores()], "at least two"),
        ([_scores(), _scores().iloc[::-1]], "same models"),
        ([_scores(), _scores().drop(columns="se")], "lack se"),
        ([_scores(score="luck"), _scores(score="luck")], "luck"),
    ],
)
def test_scores_that_do_not_belong_together_are_refused(scores: Any, word: str) -> None:
    with pytest.raises(InputError, match=word):
        gm.pool_scores(scores)


def test_evaluations_of_imputed_tables_are_pooled(table: FeatureTable) -> None:
    frames = gm.impute(table.X, None, m=2).frames
    model = {"cox": gm.CoxPH(alpha=1)}
    found = [
        gm.evaluate(
            model, dataclasses.replace(table, X=X), scheme="k_fold", horizons=[24], bootstrap=30
        )
        for X in frames
    ]
    pooled = gm.pool_scores(found)
    both = np.array([each.scores["estimate"] for each in found])
    known = np.isfinite(both).all(axis=0)
    assert ((pooled["estimate"] >= both.min(axis=0) - 1e-9) | ~known).all()
    assert ((pooled["estimate"] <= both.max(axis=0) + 1e-9) | ~known).all()


def test_a_model_that_imputes_is_evaluated_like_any_other(table: FeatureTable) -> None:
    """And what is changed in some of the people to be predicted changes nothing for others."""
    model = {"imputed": MultipleImputation(gm.CoxPH(alpha=1), m=2)}
    kwargs: dict[str, Any] = {
        "scheme": "leave_one_cohort_out",
        "horizons": [24],
        "bootstrap": 0,
    }
    before = gm.evaluate(model, table, **kwargs)
    cohort = table.cohort.to_numpy()
    first = np.flatnonzero(cohort == sorted(set(cohort))[0])
    X = table.X.copy()
    changed = first[: len(first) // 2]
    X.iloc[changed, list(X.columns).index("joining_survey")] = np.nan
    X.iloc[changed, list(X.columns).index("specialism")] = "Law"
    after = gm.evaluate(model, dataclasses.replace(table, X=X), **kwargs)
    others = first[len(first) // 2 :]
    np.testing.assert_array_equal(
        before.predictions.risk["imputed"][others], after.predictions.risk["imputed"][others]
    )
    assert (
        before.predictions.risk["imputed"][changed] != after.predictions.risk["imputed"][changed]
    ).any()


def test_people_are_no_table() -> None:
    with pytest.raises(InputError, match="no table of features"):
        gm.missing_sensitivity(gm.CoxPH(), gm.simulate_trainees(seed=7))  # type: ignore[arg-type]
