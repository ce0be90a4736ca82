"""Several models as one: the weights, the score they are chosen by, and what is left out."""

from __future__ import annotations

import pickle
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest
from checkable import run_checks
from joblib import parallel_config
from sklearn.base import clone
from trainees_drawn import cox, people, split_rows

from gmts_models.errors import FitError, InputError, InputTypeError, NotEstimableError
from gmts_models.models.combining.bootstrapped import Bootstrapped
from gmts_models.models.combining.cross_validation import fold_of_rows
from gmts_models.models.combining.stacked import StackedRisk
from gmts_models.models.survival.cox import CoxPH
from gmts_models.models.survival.kaplan_meier import KaplanMeier
from gmts_models.outcome import Outcome
from gmts_models.stats.censoring import censoring_weights
from gmts_models.stats.scores import brier_score

KM = KaplanMeier(by=None)


class ByCause(KaplanMeier):
    """Kaplan-Meier, shared out over the causes."""

    def fit(self, X: pd.DataFrame, y: Outcome, sample_weight: Any = None) -> Self:
        self.causes_ = y.causes
        return super().fit(X, y, sample_weight)

    def predict_incidence(self, X: pd.DataFrame, horizons: Any) -> Any:
        return self.predict_risk(X, horizons)[:, :, None] * [0.25, 0.75]


class GivesUp(KaplanMeier):
    """Is fitted to everyone, but to no fold; or has no risk."""

    def fit(self, X: pd.DataFrame, y: Outcome, sample_weight: Any = None) -> Self:
        if len(X) < 100:
            raise FitError("too few for me", fix="give more")
        return super().fit(X, y, sample_weight)


class SeesNothing(KaplanMeier):
    def predict_risk(self, X: pd.DataFrame, horizons: Any) -> Any:
        return np.where(np.asarray(horizons) > 12, np.nan, super().predict_risk(X, horizons))


def test_every_check_of_scikit_learn() -> None:
    stack = StackedRisk([("a", cox(1.0)), ("b", cox(10.0))], horizons=(2, 4), folds=2)
    found = run_checks(clone(stack).set_params(a__encoder=None, b__encoder=None))
    failed = {name: why for name, (status, why) in found.items() if status == "failed"}
    # A row twice is two people, who may stand in different folds; a weight of 2 is one.
    assert failed.keys() == {"check_sample_weight_equivalence_on_dense_data"}


def test_the_score_is_that_of_people_not_seen() -> None:
    """By hand: fits to the other folds, one censoring curve, the mean of two horizons."""
    X, y = people(150)
    stack = StackedRisk([("cox", cox()), ("km", KM)], horizons=(12, 24), folds=3, seed=5)
    stack.fit(X, y)
    fold = fold_of_rows(y, 3, 5, "")
    risk = {name: np.empty((len(X), 2)) for name in ("cox", "km")}
    for k in range(3):
        seen, new = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        for name, model in (("cox", cox()), ("km", KM)):
            fitted = clone(model).fit(X.iloc[seen], y[seen])
            risk[name][new] = fitted.predict_risk(X.iloc[new], [12, 24])

    def brier(values: Any) -> float:
        each = [brier_score(values[:, j], censoring_weights(y, h)) for j, h in enumerate((12, 24))]
        return float(np.mean(each))

    table = stack.weights_.set_index("model")
    for name, values in risk.items():
        assert table["brier_cv"][name] == pytest.approx(brier(values), rel=1e-12)
    pooled = sum(table["weight"][name] * values for name, values in risk.items())
    assert stack.brier_cv_ == pytest.approx(brier(pooled), rel=1e-12)
    # No other weights are better.
    others = [brier(w * risk["cox"] + (1 - w) * risk["km"]) for w in np.linspace(0, 1, 101)]
    assert stack.brier_cv_ <= min(others) + 1e-12
    np.testing.assert_array_equal(stack.horizons_, [12, 24])
    # Afterwards the models are those of everyone.
    whole = cox().fit(X, y).predict_risk(X, [12])
    np.testing.assert_array_equal(stack.estimators_[0].predict_risk(X, [12]), whole)
    expected = table["weight"]["cox"] * whole + table["weight"]["km"] * KM.fit(X, y).predict_risk(
        X, [12]
    )
    np.testing.assert_allclose(stack.predict_risk(X, [12]), expected, rtol=1e-12)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("late", [False, True], ids=["from the start", "late entry"])
def test_never_worse_than_the_best_model(seed: int, late: bool) -> None:
    X, y = people(130, seed, late=late)
    if seed % 2:
        X, y = split_rows(X, y, 12.0)
    models = [("weak", cox(100.0)), ("strong", cox(0.01)), ("km", KM)]
    stack = StackedRisk(models, horizons=(12, 24), folds=3, seed=seed).fit(X, y)
    assert stack.weights_["weight"].sum() == pytest.approx(1)
    assert (stack.weights_["weight"] >= 0).all()
    assert stack.brier_cv_ <= stack.weights_["brier_cv"].min() + 1e-12
    risk = stack.predict_risk(X, [0, 6, 12, 18, 24])
    assert (np.diff(risk, axis=1) >= -1e-12).all()
    assert ((risk >= 0) & (risk <= 1)).all()
    equal = clone(stack).set_params(weights="equal").fit(X, y)
    assert equal.weights_["weight"].tolist() == [1 / 3] * 3
    assert equal.brier_cv_ >= stack.brier_cv_ - 1e-12


def test_the_model_that_knows_gets_the_weight() -> None:
    X, y = people(1500, 8)
    blind = CoxPH(alpha=1e8, ties="breslow")
    stack = StackedRisk([("blind", blind), ("cox", cox()), ("again", cox())]).fit(X, y)
    assert stack.weights_["weight"].tolist() == pytest.approx([0, 1, 0], abs=0.12)
    assert stack.weights_["weight"][2] == 0  # the same model twice: the first has it all


def test_horizons_that_cannot_be_scored_are_left_out() -> None:
    X, y = people()
    models = [("cox", cox()), ("km", SeesNothing(by=None))]
    stack = StackedRisk(models, horizons=(12, 24, 600), folds=3).fit(X, y)
    np.testing.assert_array_equal(stack.horizons_, [12])
    with pytest.raises(NotEstimableError, match="none of the horizons"):
        StackedRisk(models, horizons=(24,), folds=3).fit(X, y)
    # A model without weight is not asked.
    both = StackedRisk(models, horizons=(12,), folds=3).fit(X, y)
    assert np.isnan(both.predict_risk(X, [24])).all()
    both.weights_["weight"] = [1.0, 0.0]
    assert np.isfinite(both.predict_risk(X, [24])).all()


def test_a_model_that_fails_is_named() -> None:
    X, y = people()
    with pytest.raises(FitError, match="model short: too few for me") as caught:
        StackedRisk([("cox", cox()), ("short", GivesUp(by=None))], folds=2).fit(X, y)
    assert "without fold 1" in str(caught.value)
    assert caught.value.fix == "give more"
    with pytest.raises(InputError, match="model strata: X has no column"):
        StackedRisk([("cox", cox()), ("strata", cox(strata="none"))]).fit(X, y)


def test_causes_are_averaged_where_all_models_have_them() -> None:
    X, y = people(causes=2)
    both = [("one", ByCause(by=None)), ("two", ByCause(by=None))]
    stack = StackedRisk(both, horizons=(12,), weights="equal").fit(X, y)
    assert stack.causes_ == ("cause 1", "cause 2")
    incidence = stack.predict_incidence(X, [12, 24])
    assert incidence.shape == (len(X), 2, 2)
    np.testing.assert_allclose(incidence.sum(axis=2), stack.predict_risk(X, [12, 24]))
    assert not hasattr(StackedRisk([("one", ByCause()), ("cox", cox())]), "predict_incidence")


def test_weights_are_rows_of_people() -> None:
    X, y = people()
    stack = StackedRisk([("cox", cox()), ("km", KM)], horizons=(12,), folds=3)
    kept = np.flatnonzero(X["noise"] < 1)
    some = clone(stack).fit(X.iloc[kept], y[kept])
    zero = clone(stack).fit(X, y, sample_weight=np.isin(np.arange(len(X)), kept).astype(float))
    pd.testing.assert_frame_equal(some.weights_, zero.weights_)
    twice = clone(stack).fit(X, y, sample_weight=np.full(len(X), 2.0))
    assert twice.weights_["brier_cv"][1] == pytest.approx(
        clone(stack).fit(X, y).weights_["brier_cv"][1]
    )


def test_it_is_a_model_like_others() -> None:
    X, y = people()
    stack = StackedRisk([("cox", cox()), ("km", KM)], horizons=(12,), folds=3)
    assert stack.get_params()["cox__alpha"] == 0.1
    assert clone(stack).set_params(cox__alpha=3.0).estimators[0][1].alpha == 3.0
    fitted = clone(stack).fit(X, y)
    with parallel_config(backend="threading"):
        parallel = clone(stack).set_params(n_jobs=2).fit(X, y)
    pd.testing.assert_frame_equal(fitted.weights_, parallel.weights_)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_risk(X, [12]), fitted.predict_risk(X, [12]))
    assert fitted.score(X, y) > 0.55
    with pytest.raises(InputError, match="Bootstrapped"):
        fitted.predict_risk_interval(X, [12])
    limits = Bootstrapped(stack, repetitions=20).fit(X, y).predict_risk_interval(X[:3], [12])
    assert ((limits.lower < limits.risk) & (limits.risk < limits.upper)).all()


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"estimators": []}, InputError, "list of pairs"),
        ({"estimators": [("a", 3)]}, InputTypeError, "predict_risk"),
        ({"estimators": [cox()]}, InputError, "a name and a model"),
        ({"estimators": [("a", cox()), ("a", cox())]}, InputError, "names must differ"),
        ({"estimators": [("a__b", cox())]}, InputError, "double underscore"),
        ({"estimators": [("folds", cox())]}, InputError, "called as a parameter"),
        ({"weights": "best"}, InputError, "no such weights"),
        ({"folds": 1}, InputError, "folds"),
        ({"folds": 500}, InputError, "too few"),
        ({"horizons": (0, 12)}, InputError, "above 0"),
        ({"seed": -1}, InputError, "seed"),
    ],
)
def test_what_is_refused(change: dict[str, Any], error: type, match: str) -> None:
    X, y = people()
    options: dict[str, Any] = {"estimators": [("cox", cox())], "horizons": (12,)} | change
    with pytest.raises(error, match=match):
        StackedRisk(**options).fit(X, y)
