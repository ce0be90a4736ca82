"""Transformers of scikit-learn before a model of risk."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import gmts_models as gm
from gmts_models.errors import InputError

MONTHS = [12, 24]


def _people(n: int = 300) -> tuple[pd.DataFrame, gm.Outcome]:
    rng = np.random.default_rng(4)
    score = rng.normal(50, 10, n)
    X = pd.DataFrame(
        {
            "score": np.where(rng.random(n) < 0.1, np.nan, score),
            "region": rng.choice(["north", "south"], n),
            "group": rng.choice(["a", "b"], n),
        },
        index=np.arange(n) + 1000,
    )
    months = np.ceil(rng.exponential(30 * np.exp((50 - score) / 12)))
    event = np.where(months <= 60, rng.integers(1, 3, n), 0)
    return X, gm.Outcome(0, np.minimum(months, 60), event, ["left", "moved"], index=X.index)


X, Y = _people()


def before() -> Any:
    """Return a transformer that fills, scales and encodes, and hands the group on."""
    return ColumnTransformer(
        [
            ("number", make_pipeline(SimpleImputer(), StandardScaler()), ["score"]),
            ("label", OneHotEncoder(sparse_output=False, drop="first"), ["region"]),
        ],
        remainder="passthrough",
        verbose_feature_names_out=False,
    )


def steps(model: Any = None) -> Any:
    cox = gm.CoxPH(strata="group") if model is None else model
    return gm.RiskPipeline([("before", before()), ("model", cox)])


def test_it_answers_like_its_model_on_what_the_transformers_make() -> None:
    pipeline = steps().fit(X, Y)
    made = before().set_output(transform="pandas").fit_transform(X)
    assert list(made) == ["score", "region_south", "group"]
    model = gm.CoxPH(strata="group").fit(made, Y)
    np.testing.assert_array_equal(
        pipeline.predict_risk(X, MONTHS), model.predict_risk(made, MONTHS)
    )
    np.testing.assert_array_equal(
        pipeline.predict_retention(X, MONTHS), 1 - pipeline.predict_risk(X, MONTHS)
    )
    found, expected = (
        each.predict_risk_interval(table, MONTHS, level=0.8)
        for each, table in ((pipeline, X), (model, made))
    )
    np.testing.assert_array_equal(found.lower, expected.lower)
    assert found.level == 0.8
    assert pipeline.score(X, Y) == model.score(made, Y)
    assert list(pipeline.feature_names_in_) == list(X)


def test_a_stratum_is_kept_by_its_name() -> None:
    """Scaling changes nothing of a model that standardises, and the strata are as without it."""
    whole = X.assign(score=X["score"].fillna(X["score"].mean()))
    plain = gm.CoxPH(strata="group").fit(whole, Y)
    np.testing.assert_allclose(
        steps().fit(X, Y).predict_risk(X, MONTHS), plain.predict_risk(whole, MONTHS), atol=1e-9
    )
    named = before().set_params(verbose_feature_names_out=True)
    with pytest.raises(InputError, match="no column 'group'"):
        gm.RiskPipeline([("before", named), ("model", gm.CoxPH(strata="group"))]).fit(X, Y)


def test_weights_go_to_a_step_by_its_name() -> None:
    weight = np.random.default_rng(0).integers(0, 3, len(X))
    pipeline = steps().fit(X, Y, model__sample_weight=weight)
    made = pipeline[:-1].transform(X)
    model = gm.CoxPH(strata="group").fit(made, Y, sample_weight=weight)
    np.testing.assert_array_equal(
        pipeline.predict_risk(X, MONTHS), model.predict_risk(made, MONTHS)
    )
    assert not np.allclose(
        pipeline.predict_risk(X, MONTHS), steps().fit(X, Y).predict_risk(X, MONTHS)
    )
    with pytest.raises(ValueError, match="stepname__parameter"):
        steps().fit(X, Y, sample_weight=weight)


def test_parameters_are_nested_and_searched() -> None:
    pipeline = steps()
    pipeline.set_params(model__alpha=3.0, before__number__simpleimputer__strategy="median")
    copy = clone(pipeline)
    assert copy.get_params()["model__alpha"] == 3.0
    assert copy["before"].transformers[0][1][0].strategy == "median"
    assert not hasattr(copy["model"], "coef_")
    search = GridSearchCV(
        steps(), {"model__alpha": [1.0, 1e6]}, scoring=gm.risk_scorer("brier", MONTHS), cv=3
    ).fit(X, Y)
    assert search.best_params_ == {"model__alpha": 1.0}
    assert search.best_estimator_.predict_risk(X, MONTHS).shape == (len(X), 2)


def test_causes_are_those_of_the_model() -> None:
    pipeline = steps(gm.CauseSpecificCox(strata="group"))
    assert not hasattr(pipeline, "causes_")  # before it is fitted
    pipeline.fit(X, Y)
    assert pipeline.causes_ == ("left", "moved")
    incidence = pipeline.predict_incidence(X, MONTHS)
    assert incidence.shape == (len(X), 2, 2)
    np.testing.assert_allclose(incidence.sum(axis=2), pipeline.predict_risk(X, MONTHS), atol=1e-9)
    one = steps().fit(X, Y)
    assert not hasattr(one, "predict_incidence")
    assert not hasattr(one, "causes_")


@pytest.mark.parametrize("nothing", ["passthrough", None])
def test_steps_that_do_nothing(nothing: Any) -> None:
    pipeline = gm.RiskPipeline([("same", nothing), ("model", gm.CoxPH())]).fit(X, Y)
    np.testing.assert_array_equal(
        pipeline.predict_risk(X, MONTHS), gm.CoxPH().fit(X, Y).predict_risk(X, MONTHS)
    )


def test_new_rows_in_another_order_and_of_another_index() -> None:
    pipeline = steps().fit(X, Y)
    turned = X[::-1].reset_index(drop=True)[["group", "score", "region"]]
    np.testing.assert_allclose(
        pipeline.predict_risk(turned, MONTHS), pipeline.predict_risk(X, MONTHS)[::-1]
    )


@pytest.mark.parametrize("last", [LogisticRegression(), StandardScaler(), "passthrough", None])
def test_a_pipeline_ends_with_a_model_of_risk(last: Any) -> None:
    with pytest.raises(InputError, match="the last step, 'end', is no model of risk"):
        gm.RiskPipeline([("before", before()), ("end", last)]).fit(X, Y)


def test_what_is_not_fitted_says_so() -> None:
    with pytest.raises(NotFittedError):
        steps().predict_risk(X, MONTHS)


def test_it_is_evaluated_like_any_model() -> None:
    table = gm.build_features(
        gm.simulate_trainees(seed=7, cohorts=[2012, 2013]),
        features=["specialism", "joining_survey"],
    )
    scale = ColumnTransformer(
        [("scale", StandardScaler(), ["joining_survey"])],
        remainder="passthrough",
        verbose_feature_names_out=False,
    )
    model = gm.CoxPH(alpha=1.0, strata="specialism")
    pipeline = gm.RiskPipeline([("scale", scale), ("model", model)])
    found = gm.evaluate({"plain": model, "scaled": pipeline}, table, horizons=MONTHS, bootstrap=0)
    plain, scaled = (found.scores.query("model == @name") for name in ("plain", "scaled"))
    assert len(plain) > 5
    # Scaling changes nothing for a model that standardises.
    np.testing.assert_allclose(scaled["estimate"], plain["estimate"], atol=1e-8)
