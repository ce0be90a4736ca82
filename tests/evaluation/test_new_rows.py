"""Models judged as they are, on rows that they have not seen."""

from __future__ import annotations

import lifelines
import numpy as np
import pytest
from sklearn.base import clone

from gmts_models.data.synthetic.scheme import simulate_trainees
from gmts_models.errors import InputError
from gmts_models.evaluation.evaluate import evaluate
from gmts_models.evaluation.new_rows import OF_THESE_ROWS
from gmts_models.features.table import FeatureTable, build_features
from gmts_models.models.adapters.wrapped import adopt
from gmts_models.models.fitted import fit
from gmts_models.models.survival.cox import CoxPH
from gmts_models.models.survival.kaplan_meier import KaplanMeier
from gmts_models.models.survival.parametric import WeibullAFT

FEATURES = ["specialism", "prior_nhs"]
HORIZONS = [12, 24]


@pytest.fixture(scope="module")
def old() -> FeatureTable:
    return build_features(simulate_trainees(seed=7), features=FEATURES)


@pytest.fixture(scope="module")
def new() -> FeatureTable:
    return build_features(simulate_trainees(seed=8), features=FEATURES)


def test_the_model_is_asked_as_it_is(old: FeatureTable, new: FeatureTable) -> None:
    fitted = fit(CoxPH(), old, strict=None)
    before = fitted.estimator.coef_.copy()
    found = evaluate(fitted, new, "new_rows", HORIZONS, bootstrap=20)
    np.testing.assert_array_equal(fitted.estimator.coef_, before)
    risk = found.predictions.risk["CoxPH"]
    np.testing.assert_array_equal(risk, fitted.estimator.predict_risk(new.X, HORIZONS))
    assert (found.predictions.fold == 0).all()
    assert found.reference == OF_THESE_ROWS
    # The reference is these rows' own curve, so nothing else explains less than nothing of it.
    ipa = found.scores.query("model == @OF_THESE_ROWS and score == 'ipa' and group == 'All'")
    np.testing.assert_allclose(ipa["estimate"], 0, atol=0.01)
    assert set(found.leaderboard["model"]) == {OF_THESE_ROWS, "CoxPH"}
    # An estimator fitted to the same rows by hand is judged alike.
    by_hand = evaluate(CoxPH().fit(old.X, old.y), new, "new_rows", HORIZONS, bootstrap=0)
    np.testing.assert_array_equal(by_hand.predictions.risk["CoxPH"], risk)


def test_a_wrapped_model_goes_by_its_own_name(new: FeatureTable) -> None:
    curve = lifelines.ExponentialFitter().fit(np.arange(1.0, 60), np.arange(59) % 2)
    found = evaluate(adopt(curve, new), new, "new_rows", HORIZONS, bootstrap=0)
    assert list(found.predictions.risk) == [OF_THESE_ROWS, "ExponentialFitter"]


def test_several_are_compared_with_the_first_kaplan_meier(
    old: FeatureTable, new: FeatureTable
) -> None:
    models = {
        "weibull": fit(WeibullAFT(), old, strict=None),
        "km": fit(KaplanMeier(), old, strict=None),
    }
    found = evaluate(models, new, "new_rows", HORIZONS, bootstrap=0)
    assert found.reference == "km"
    assert list(found.predictions.risk) == ["weibull", "km"]
    del models["km"]
    assert evaluate(models, new, "new_rows", HORIZONS, bootstrap=0).reference == "weibull"


def test_what_is_not_fitted_or_of_another_recipe_is_refused(
    old: FeatureTable, new: FeatureTable
) -> None:
    with pytest.raises(InputError, match="CoxPH is not fitted"):
        evaluate(CoxPH(), new, "new_rows", HORIZONS, bootstrap=0)
    fitted = fit(CoxPH(), old, strict=None)
    with pytest.raises(InputError, match="not fitted"):
        evaluate({"cox": clone(fitted.estimator)}, new, "new_rows", HORIZONS, bootstrap=0)
    other = build_features(simulate_trainees(seed=8), at=12, features=FEATURES)
    with pytest.raises(InputError, match="another recipe"):
        evaluate(fitted, other, "new_rows", HORIZONS, bootstrap=0)
    with pytest.raises(InputError, match="or new_rows"):
        evaluate(fitted, new, "new", HORIZONS, bootstrap=0)  # type: ignore[arg-type]
