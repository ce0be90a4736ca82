"""A model for each group, for all, or for groups that borrow strength."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from checkable import run_checks
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.preprocessing import FunctionTransformer

from gmts_models.errors import FitError, InputError, NotEstimableError
from gmts_models.models.classifiers.horizon_classifier import HorizonClassifier
from gmts_models.models.grouped import Grouped
from gmts_models.models.missing.multiple_imputation import MultipleImputation
from gmts_models.models.pipeline import RiskPipeline
from gmts_models.models.protocol import IncidenceModel
from gmts_models.models.survival.cox import CoxPH
from gmts_models.models.survival.kaplan_meier import KaplanMeier
from gmts_models.models.survival.parametric import WeibullAFT
from gmts_models.outcome import Outcome

MONTHS = [6.0, 12.0, 24.0]


def people(n: int = 300, seed: int = 5) -> tuple[pd.DataFrame, Outcome]:
    """Three specialisms in two regions, whole months, an index that does not count from 0."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "score": rng.normal(size=n).round(1),
            "specialism": rng.choice(["Finance", "HR", "Informatics"], n, p=[0.5, 0.3, 0.2]),
            "region": rng.choice(["North", "South"], n),
            "flag": rng.random(n) < 0.4,
        },
        index=np.arange(50, 50 + n),
    )
    high = X["specialism"].map({"Finance": 0.0, "HR": 0.5, "Informatics": 1.0})
    time = np.ceil(rng.exponential(40 * np.exp(-0.6 * X["score"] - high)))
    lost = rng.integers(12, 61, n)
    return X, Outcome(0, np.minimum(time, lost), time <= lost, index=X.index)


def rows_of(X: pd.DataFrame, y: Outcome, group: str) -> tuple[pd.DataFrame, Outcome]:
    own = np.flatnonzero(X["specialism"] == group)
    return X.iloc[own].drop(columns="specialism"), y[own]


class Causes(KaplanMeier):
    """A model of two causes of leaving, which take half of the risk each."""

    def fit(self, X: Any, y: Outcome, sample_weight: Any = None) -> Causes:
        super().fit(X, y)
        self.causes_ = ("one", "two")
        return self

    def predict_incidence(self, X: Any, horizons: Any) -> npt.NDArray[np.float64]:
        return np.repeat(self.predict_risk(X, horizons)[:, :, None] / 2, 2, axis=2)


@pytest.mark.parametrize(
    "estimator",
    [CoxPH(), WeibullAFT(), KaplanMeier(by="region"), HorizonClassifier(horizons=(12, 24))],
)
def test_no_pooling_is_a_fit_to_each_group(estimator: Any) -> None:
    X, y = people()
    model = Grouped(estimator).fit(X, y)
    assert list(model.estimators_) == ["Finance", "HR", "Informatics"]
    risk = model.predict_risk(X, MONTHS)
    for group in model.estimators_:
        own, outcome = rows_of(X, y, group)
        alone = clone(estimator).fit(own, outcome).predict_risk(own, MONTHS)
        np.testing.assert_array_equal(risk[X["specialism"] == group], alone)


def test_full_pooling_is_a_fit_without_the_groups() -> None:
    X, y = people()
    model = Grouped(CoxPH(), "full").fit(X, y)
    plain = CoxPH().fit(X.drop(columns="specialism"), y)
    np.testing.assert_array_equal(model.predict_risk(X, MONTHS), plain.predict_risk(X, MONTHS))
    new = X.assign(specialism="Astronomy")
    np.testing.assert_array_equal(model.predict_risk(new, MONTHS), plain.predict_risk(X, MONTHS))
    found, own = model.predict_risk_interval(X, MONTHS), plain.predict_risk_interval(X, MONTHS)
    np.testing.assert_array_equal(found.upper, own.upper)


def test_intervals_are_those_of_the_group_s_own_fit() -> None:
    X, y = people()
    model = Grouped(CoxPH()).fit(X, y)
    new = pd.concat([X.head(20), X.head(1).assign(specialism="Astronomy")])
    found = model.predict_risk_interval(new, MONTHS, level=0.8)
    assert found.method == "delta method"
    assert found.level == 0.8
    assert np.isnan(found.lower[-1]).all()
    assert (found.lower[:-1] <= found.risk[:-1]).all()
    own, outcome = rows_of(X, y, "HR")
    alone = CoxPH().fit(own, outcome)
    chosen = np.flatnonzero(new["specialism"] == "HR")
    expected = alone.predict_risk_interval(new.iloc[chosen], MONTHS, level=0.8)
    np.testing.assert_array_equal(found.upper[chosen], expected.upper)
    only = model.predict_risk_interval(new.tail(1), MONTHS)
    assert only.method == "not estimable"


def test_a_group_that_was_not_seen_is_not_estimable() -> None:
    X, y = people()
    model = Grouped(CoxPH()).fit(X, y)
    new = X.head(3).assign(specialism=["Finance", "Astronomy", None])
    np.testing.assert_array_equal(np.isnan(model.predict_risk(new, [12])[:, 0]), [0, 1, 1])
    with pytest.raises(NotEstimableError, match="not estimable for"):
        model.score(X.assign(specialism="Astronomy"), y)


def test_people_without_a_label_are_a_group() -> None:
    X, y = people()
    for gap in (None, np.nan, pd.NA):
        gaps = X.assign(specialism=X["specialism"].where(X["specialism"] != "HR", gap))
        model = Grouped(CoxPH()).fit(gaps, y)
        assert list(model.estimators_) == ["Finance", "Informatics", "missing"]
        np.testing.assert_array_equal(
            model.predict_risk(gaps, MONTHS), Grouped(CoxPH()).fit(X, y).predict_risk(X, MONTHS)
        )


@pytest.mark.parametrize("kind", ["category", "string[pyarrow]", "float", "Int64"])
def test_labels_of_any_type_are_the_same_groups(kind: str) -> None:
    X, y = people()
    if kind in ("float", "Int64"):
        X["specialism"] = X["specialism"].map({"Finance": 1, "HR": 2, "Informatics": 3})
    model = Grouped(CoxPH()).fit(X, y)
    typed = X.astype({"specialism": kind})
    again = Grouped(CoxPH()).fit(typed, y)
    assert list(again.estimators_) == list(model.estimators_)
    np.testing.assert_array_equal(
        again.predict_risk(typed, MONTHS), model.predict_risk(typed, MONTHS)
    )


def test_several_columns_name_a_group_together() -> None:
    X, y = people(600)
    model = Grouped(CoxPH(), by=["specialism", "region"]).fit(X, y)
    assert list(model.estimators_)[:2] == ["Finance | North", "Finance | South"]
    assert len(model.estimators_) == 6
    own = np.flatnonzero((X["specialism"] == "HR") & (X["region"] == "South"))
    alone = CoxPH().fit(X.iloc[own][["score", "flag"]], y[own])
    np.testing.assert_array_equal(
        model.predict_risk(X, MONTHS)[own], alone.predict_risk(X.iloc[own], MONTHS)
    )


def test_a_group_that_cannot_be_fitted_is_named_and_not_counted() -> None:
    X, y = people()
    stays = np.asarray(X["specialism"] == "Informatics")
    quiet = Outcome(0, y.exit, y.left & ~stays, index=X.index)
    with pytest.raises(FitError, match=r"group 'Informatics' by itself: .*nobody leaves") as raised:
        Grouped(CoxPH()).fit(X, quiet)
    assert "pooling='partial'" in str(raised.value)
    lonely = X.assign(specialism=np.where(np.arange(len(X)) == 3, "Solo", X["specialism"]))
    alike = X.copy()
    alike.loc[stays, ["score", "region", "flag"]] = [1.0, "North", True]
    for frame, group in ((lonely, "Solo"), (alike, "Informatics")):
        with pytest.raises(FitError, match=f"group '{group}'") as raised:
            Grouped(CoxPH()).fit(frame, y)
        assert not any(character.isdigit() for character in str(raised.value))


def test_the_user_s_mistakes_are_told_as_such() -> None:
    X, y = people()
    with pytest.raises(InputError, match="no column 'speciality'"):
        Grouped(CoxPH(), by="speciality").fit(X, y)
    with pytest.raises(InputError, match="pooling must be one of full, none, partial"):
        Grouped(CoxPH(), "some").fit(X, y)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="predict_risk"):
        Grouped(CoxPH).fit(X, y)
    with pytest.raises(InputError, match="alpha must be"):
        Grouped(CoxPH(alpha=-1)).fit(X, y)
    with pytest.raises(InputError, match="no column 'specialism'"):
        Grouped(CoxPH(strata="specialism")).fit(X, y)
    for by in ((), None, ("region", "region")):
        with pytest.raises(InputError, match="names the group"):
            Grouped(CoxPH(), by=by).fit(X, y)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no rows"):
        Grouped(CoxPH()).fit(X.head(0), y[:0])


@pytest.mark.parametrize("pooling", ["none", "full"])
def test_a_weight_of_two_is_the_row_twice(pooling: Any) -> None:
    X, y = people()
    weight = np.random.default_rng(2).integers(0, 3, len(X))
    weighted = Grouped(CoxPH(ties="breslow"), pooling).fit(X, y, sample_weight=weight)
    rows = np.repeat(np.arange(len(X)), weight)
    twice = Grouped(CoxPH(ties="breslow"), pooling).fit(X.iloc[rows], y[rows])
    np.testing.assert_allclose(
        weighted.predict_risk(X, MONTHS), twice.predict_risk(X, MONTHS), rtol=1e-3
    )


@pytest.mark.parametrize("pooling", ["none", "full"])
def test_weights_for_an_estimator_that_takes_none_are_told_as_such(pooling: Any) -> None:
    X, y = people(60)

    class Unweighted(CoxPH):
        def fit(self, X: pd.DataFrame, y: Outcome) -> CoxPH:  # type: ignore[override]
            return super().fit(X, y)

    model = Grouped(Unweighted(), pooling)
    with pytest.raises(InputError, match="Unweighted takes no weights"):
        model.fit(X, y, sample_weight=np.ones(len(X)))


def test_rows_of_weight_zero_are_no_group() -> None:
    X, y = people()
    weight = np.where(X["specialism"] == "HR", 0.0, 1.0)
    assert list(Grouped(CoxPH()).fit(X, y, sample_weight=weight).estimators_) == [
        "Finance",
        "Informatics",
    ]


def test_causes_come_from_the_estimator() -> None:
    X, y = people()
    assert not hasattr(Grouped(CoxPH()), "predict_incidence")
    for pooling in ("none", "full"):
        model = Grouped(Causes(by="region"), pooling).fit(X, y)  # type: ignore[arg-type]
        assert isinstance(model, IncidenceModel)
        assert model.causes_ == ("one", "two")
        np.testing.assert_allclose(
            model.predict_incidence(X, MONTHS).sum(axis=2), model.predict_risk(X, MONTHS)
        )
    new = X.head(2).assign(specialism=["Astronomy", "HR"])
    model = Grouped(Causes(by=None)).fit(X, y)
    assert np.isnan(model.predict_incidence(new, MONTHS)[0]).all()
    assert model.predict_incidence(new.head(0), MONTHS).shape == (0, 3, 2)


def test_rows_of_one_person_may_change_the_group() -> None:
    X, y = people()
    half = np.floor(y.exit / 2)
    both = pd.concat([X, X.assign(specialism="Later")], ignore_index=True)
    kept = np.r_[half > 0, half > 0]
    outcome = Outcome(
        np.r_[np.zeros(len(X)), half][kept],
        np.r_[half, y.exit][kept],
        np.r_[np.zeros(len(X), int), y.event][kept],
        ids=np.tile(np.arange(len(X)), 2)[kept],
    )
    with pytest.raises(FitError, match="'Finance' by itself"):
        Grouped(CoxPH()).fit(both[kept], outcome.keep(np.arange(len(outcome))))
    model = Grouped(KaplanMeier(by=None)).fit(both[kept].reset_index(drop=True), outcome)
    assert (model.predict_risk(both.head(1), [6]) == 0).all()


def test_it_lives_in_pipelines_searches_and_imputations() -> None:
    X, y = people()
    search = GridSearchCV(
        Grouped(CoxPH()),
        {"estimator__alpha": [0.1, 1e6], "pooling": ["none", "full"]},
        cv=GroupKFold(3),
    ).fit(X, y, groups=y.people)
    assert search.best_params_["estimator__alpha"] == 0.1
    same = FunctionTransformer()
    pipeline = RiskPipeline([("same", same), ("model", Grouped(CoxPH()))]).fit(X, y)
    plain = Grouped(CoxPH()).fit(X, y)
    np.testing.assert_array_equal(pipeline.predict_risk(X, MONTHS), plain.predict_risk(X, MONTHS))
    inside = Grouped(RiskPipeline([("same", same), ("model", CoxPH())])).fit(X, y)
    np.testing.assert_array_equal(inside.predict_risk(X, MONTHS), plain.predict_risk(X, MONTHS))
    gaps = X.assign(score=X["score"].where(np.arange(len(X)) % 7 > 0))
    imputed = MultipleImputation(Grouped(CoxPH()), m=2, iterations=4).fit(gaps, y)
    assert np.isfinite(imputed.predict_risk(gaps, [12])).all()
    within = Grouped(MultipleImputation(CoxPH(), m=2, iterations=4)).fit(gaps, y)
    assert np.isfinite(within.predict_risk(gaps, [12])).all()


def test_arrays_are_taken_though_the_outcome_has_an_index() -> None:
    X, y = people()
    array = X[["score", "region"]].to_numpy()
    model = Grouped(CoxPH(), by="x1").fit(array, y)
    named = Grouped(CoxPH(), by="region").fit(X[["score", "region"]], y)
    np.testing.assert_array_equal(model.predict_risk(array, MONTHS), named.predict_risk(X, MONTHS))


def test_a_copy_predicts_the_same() -> None:
    X, y = people()
    model = Grouped(CoxPH()).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_risk(X, MONTHS), model.predict_risk(X, MONTHS))
    assert not hasattr(clone(model), "estimators_")


@given(order=st.randoms(use_true_random=False), names=st.permutations(["Finance", "HR", "Z"]))
@settings(max_examples=6, deadline=None)
def test_order_of_rows_and_names_of_groups_change_nothing(order: Any, names: list[str]) -> None:
    X, y = people(150)
    rows = list(range(len(X)))
    order.shuffle(rows)
    renamed = X.assign(
        specialism=X["specialism"].map(
            dict(zip(["Finance", "HR", "Informatics"], names, strict=True))
        )
    )
    expected = Grouped(CoxPH(alpha=0.1)).fit(X, y).predict_risk(X, MONTHS)
    got = Grouped(CoxPH(alpha=0.1)).fit(renamed.iloc[rows], y[rows])
    np.testing.assert_allclose(got.predict_risk(renamed, MONTHS), expected, rtol=1e-9)


@pytest.mark.filterwarnings("ignore")  # of the checks' own numbers
def test_scikit_learn_s_checks_pass() -> None:
    results = run_checks(Grouped(CoxPH(alpha=1.0, ties="breslow"), pooling="full", by="x0"))
    failed = {name for name, each in results.items() if each[0] == "failed"}
    # This check's frame has no column x0.
    assert failed == {"check_sample_weights_pandas_series"}
