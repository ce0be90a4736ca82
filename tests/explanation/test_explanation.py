"""What a model makes of attributes: by hand, against the model itself, and what is refused."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

import gmts_models as gm
from gmts_models.errors import InputError
from gmts_models.explanation.contrast import contrast
from gmts_models.explanation.dependence import accumulated_local_effects, partial_dependence
from gmts_models.explanation.importance import permutation_importance
from gmts_models.explanation.ratios import ratio_table
from gmts_models.explanation.reasons import explain
from gmts_models.explanation.shapley import shapley_values
from gmts_models.features.table import FeatureTable
from gmts_models.models.combining.bootstrapped import Bootstrapped
from gmts_models.models.exits.cause_specific import CauseSpecificCox
from gmts_models.models.hazards.discrete_time import DiscreteTimeHazard
from gmts_models.outcome import Outcome

NAMES = ["specialism", "commute_minutes", "joining_survey", "prior_nhs"]


@pytest.fixture(scope="module")
def table() -> FeatureTable:
    people = gm.simulate_trainees(seed=7, cohorts=range(2012, 2018))
    return gm.build_features(people, features=NAMES)


@pytest.fixture(scope="module")
def cox(table: FeatureTable) -> gm.CoxPH:
    return gm.CoxPH(alpha=0.1).fit(table.X, table.y)


class Additive(BaseEstimator):  # type: ignore[misc]
    """A model whose risk is known: 0.1 + 0.02 a + 0.1 if b is "yes"."""

    feature_names_in_ = np.array(["a", "b"], dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: pd.DataFrame, y: Outcome) -> Additive:
        return self

    def predict_risk(self, X: pd.DataFrame, horizons: object) -> np.ndarray:
        risk = 0.1 + 0.02 * X["a"].to_numpy(float) + 0.1 * (X["b"] == "yes").to_numpy(float)
        return np.repeat(risk[:, None], np.size(horizons), axis=1)


ROWS = pd.DataFrame({"a": [0.0, 1.0, 2.0, 5.0], "b": ["no", "yes", "no", "yes"]})


# ------------------------------------------------------------ ratios


def test_ratios_stand_beside_their_reference(cox: gm.CoxPH) -> None:
    found = ratio_table(cox)
    specialism = found[found["attribute"] == "specialism"]
    assert specialism["label"].iloc[0] == "Finance"
    assert specialism["per"].iloc[0] == "reference"
    assert specialism["ratio"].iloc[0] == 1
    assert set(specialism["per"].iloc[1:]) == {"against Finance"}
    summary = cox.summary().set_index("term")
    row = specialism.set_index("label").loc["Human Resources"]
    np.testing.assert_array_equal(
        row[["ratio", "lower", "upper"]].to_numpy(float),
        summary.loc["specialism_Human Resources", ["ratio", "lower", "upper"]].to_numpy(float),
    )
    number = found.set_index("attribute").loc["commute_minutes"]
    assert number["per"] == "per unit"


def test_ratios_of_several_causes_each_have_a_reference(table: FeatureTable) -> None:
    model = CauseSpecificCox(alpha=1.0, unknown_causes="share").fit(table.X, table.y)
    found = ratio_table(model)
    assert set(found["cause"]) == set(model.causes_)
    references = found[found["per"] == "reference"]
    assert len(references) == len(model.causes_)


def test_models_without_coefficients_have_no_ratios(table: FeatureTable) -> None:
    with pytest.raises(InputError, match="no coefficients"):
        ratio_table(gm.KaplanMeier().fit(table.X, table.y))


# ------------------------------------------------------------ dependence


def test_partial_dependence_by_hand() -> None:
    found = partial_dependence(Additive(), ROWS, "a", 12)
    np.testing.assert_array_equal(found.values, [0, 1, 2, 5])
    np.testing.assert_allclose(found.effect, [0.15, 0.17, 0.19, 0.25])  # b: half "yes"
    np.testing.assert_allclose(found.share, 0.25)
    labels = partial_dependence(Additive(), ROWS, "b", 12).to_frame().set_index("value")
    assert labels.loc["yes", "effect"] - labels.loc["no", "effect"] == pytest.approx(0.1)


def test_accumulated_effects_by_hand() -> None:
    x = np.random.default_rng(1).exponential(2, 500)
    rows = pd.DataFrame({"a": x, "b": np.where(x > 2, "yes", "no")})
    found = accumulated_local_effects(Additive(), rows, "a", 12, bins=10)
    np.testing.assert_allclose(np.diff(found.effect) / np.diff(found.values), 0.02)
    # b goes with a, and its 0.1 is none of a's.
    assert found.effect[-1] - found.effect[0] == pytest.approx(0.02 * np.ptp(x))
    weight = found.share[1:]
    middle = (found.effect[1:] + found.effect[:-1]) / 2
    assert weight @ middle == pytest.approx(0, abs=1e-12)
    with pytest.raises(InputError, match="no order"):
        accumulated_local_effects(Additive(), rows, "b", 12)


@pytest.mark.parametrize(("name", "match"), [("nothing", "no column"), ("gone", "no values")])
def test_dependence_needs_an_attribute(name: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        partial_dependence(Additive(), ROWS.assign(gone=np.nan), name, 12)


# ------------------------------------------------------------ importance


def test_what_matters_is_found_and_what_does_not_is_not() -> None:
    rng = np.random.default_rng(2)
    people = gm.simulate_trainees(seed=7, cohorts=range(2012, 2016))
    base = gm.build_features(people, features=["specialism"])
    n = len(base)
    X = pd.DataFrame({"strong": rng.normal(size=n), "noise": rng.normal(size=n)})
    months = np.ceil(rng.exponential(40 * np.exp(-1.2 * X["strong"])))
    y = Outcome(0, np.minimum(months, 60), months <= 60)
    made = FeatureTable(
        X=X.set_axis(base.X.index),
        y=Outcome(y.entry, y.exit, y.event, index=base.X.index),
        ids=base.ids,
        specialism=base.specialism,
        cohort=base.cohort,
        start=base.start,
        follow_up=np.full(n, 60.0),
        on=base.on,
        landmark=base.landmark,
        recipe=base.recipe,
    )
    found = permutation_importance(gm.CoxPH(), made, horizons=[12, 24], repetitions=3)
    assert found["attribute"].tolist() == ["strong", "noise"]
    strong, noise = found.iloc[0], found.iloc[1]
    assert strong["lower"] > 0.02
    assert noise["lower"] < 0 < noise["upper"] or abs(noise["importance"]) < 0.002
    together = permutation_importance(
        gm.CoxPH(), made, horizons=[12, 24], repetitions=3, attributes={"both": list(X.columns)}
    )
    assert together["importance"].iloc[0] == pytest.approx(strong["importance"], rel=0.2)
    with pytest.raises(InputError, match="no column"):
        permutation_importance(gm.CoxPH(), made, attributes=["nothing"])


# ------------------------------------------------------------ reasons


@pytest.mark.parametrize("kind", ["cox", "hazard", "time"])
def test_reasons_of_linear_models_add_up_exactly(kind: str, table: FeatureTable) -> None:
    made = {
        "cox": gm.CoxPH(alpha=1),
        "hazard": DiscreteTimeHazard(),
        "time": gm.WeibullAFT(alpha=1),
    }
    model = made[kind].fit(table.X, table.y)
    found = explain(model, table.X.head(40), 24)
    assert found.method == "exact"
    assert set(found.attributes) <= set(NAMES)
    whole = found.contribution.sum(axis=1)
    # The ratio of two people's cumulative hazards is that of their predictors, for Cox.
    if kind == "cox":
        hazard = -np.log1p(-found.risk)
        np.testing.assert_allclose(np.log(hazard / hazard[0]), whole - whole[0], atol=1e-10)
    order = np.argsort(whole) if kind != "time" else np.argsort(-whole)
    assert (np.diff(found.risk[order]) >= -1e-12).all()


def test_reasons_of_other_models_are_differences_of_risk() -> None:
    found = explain(Additive(), ROWS, 12, background=ROWS.iloc[[0]], draws=5)
    assert found.method == "replaced"
    np.testing.assert_allclose(found.contribution[:, 0], 0.02 * ROWS["a"])
    np.testing.assert_allclose(found.contribution[:, 1], 0.1 * (ROWS["b"] == "yes"))
    assert found.in_words(3) == (
        "Risk of leaving by 12 months: 30% (average 10%). Most of it: a 5 (+10.0 points); b yes "
        "(+10.0 points)."
    )
    assert found.in_words(0).endswith("Nothing sets this person apart.")


def test_reasons_say_the_factor_of_the_hazard(cox: gm.CoxPH, table: FeatureTable) -> None:
    words = explain(cox, table.X.head(1), 24).in_words(0, most=2)
    assert len(re.findall(r"\(hazard x \d+\.\d\d\)", words)) == 2
    with pytest.raises(InputError, match="no people"):
        explain(cox, table.X.head(0), 24)


# ------------------------------------------------------------ contrasts and Shapley values


def test_a_contrast_is_a_difference_of_risks_and_says_what_it_is_not(table: FeatureTable) -> None:
    model = Bootstrapped(gm.CoxPH(alpha=1), repetitions=30, seed=1).fit(table.X, table.y)
    found = contrast(model, table.X, {"joining_survey": 9.0}, 24)
    by_hand = model.predict_risk(table.X.assign(joining_survey=9.0), [24])
    np.testing.assert_allclose(found.risk_if, by_hand[:, 0])
    assert found.mean_lower < found.mean < found.mean_upper < 0  # the content leave less
    assert "not what would happen" in re.sub(r"\s+", " ", str(found))
    plain = contrast(model.estimator_, table.X, {"joining_survey": 9.0}, 24)
    assert np.isnan(plain.mean_lower)
    with pytest.raises(InputError, match="no column"):
        contrast(model, table.X, {"nothing": 1}, 24)


def test_shapley_values_add_up() -> None:
    pytest.importorskip("shap", reason='needs pip install "gmts-models[shap]"')
    found = shapley_values(Additive(), ROWS, 12, background=ROWS, draws=4)
    np.testing.assert_allclose(found.contribution.sum(axis=1), found.risk - found.average)
    # Additive: each attribute's part is its own, from the background's mean.
    np.testing.assert_allclose(found.contribution[:, 0], 0.02 * (ROWS["a"] - 2.0), atol=1e-12)
    np.testing.assert_allclose(
        found.contribution[:, 1], 0.1 * ((ROWS["b"] == "yes") - 0.5), atol=1e-12
    )


def test_shapley_values_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "shap", None)
    with pytest.raises(InputError, match="not installed") as error:
        shapley_values(Additive(), ROWS, 12, background=ROWS)
    assert 'pip install "gmts-models[shap]"' in str(error.value.fix)


def test_explanations_work_on_classifiers(table: FeatureTable) -> None:
    model = gm.HorizonClassifier(LogisticRegression(), horizons=(12, 24)).fit(table.X, table.y)
    found = explain(model, table.X.head(3), 24, background=table.X, draws=10)
    assert found.method == "replaced"
    assert np.isfinite(found.contribution).all()
