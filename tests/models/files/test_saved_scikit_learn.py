"""scikit-learn's estimators: those that are listed come back, the others are refused by name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from every_model import horizons, made_up
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_selection import VarianceThreshold
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from gmts_models.errors import InputError
from gmts_models.models.files.arrays import read_array, read_members
from gmts_models.models.files.load import load_model
from gmts_models.models.files.save import save_model
from gmts_models.models.files.scikit_learn import TRUSTED, read_estimator, write_estimator
from gmts_models.models.survival.cox import CoxPH

_ROWS = np.random.default_rng(5).normal(size=(83, 3))  # a prime number
_LEFT = _ROWS[:, 0] + np.random.default_rng(6).normal(size=83) > 0

_LISTED = [
    LogisticRegression(C=0.3),
    SGDClassifier(loss="log_loss", random_state=0),
    DecisionTreeClassifier(max_depth=4),
    ExtraTreeClassifier(max_leaf_nodes=6, random_state=0),
    RandomForestClassifier(3, random_state=0),
    ExtraTreesClassifier(3, random_state=0),
    HistGradientBoostingClassifier(max_iter=3, random_state=0),
    GaussianNB(),
    BernoulliNB(),
    LinearDiscriminantAnalysis(),
    QuadraticDiscriminantAnalysis(),
    DummyClassifier(),
    CalibratedClassifierCV(RandomForestClassifier(3, random_state=0), method="sigmoid", cv=2),
    make_pipeline(StandardScaler(), PolynomialFeatures(), LogisticRegression()),
    make_pipeline(MinMaxScaler(), PowerTransformer(), VarianceThreshold(), GaussianNB()),
    make_pipeline(
        RobustScaler(), KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), BernoulliNB()
    ),
    make_pipeline(FunctionTransformer(), GaussianNB()),
]


@pytest.mark.parametrize("estimator", _LISTED, ids=lambda each: type(each).__name__)
def test_listed_estimators_come_back(estimator: Any) -> None:
    fitted = estimator.fit(_ROWS, _LEFT)
    content = write_estimator(fitted, "model")
    back = read_estimator(content, "estimators/0.skops")
    assert back.predict_proba(_ROWS).tobytes() == fitted.predict_proba(_ROWS).tobytes()
    for name, member in read_members(content, "").items():
        if name.endswith(".npy"):
            assert len(_ROWS) not in read_array(member, name, records=True).shape


def test_what_a_forest_keeps_of_each_person_is_left_out() -> None:
    forest = RandomForestClassifier(30, oob_score=True, random_state=0)
    weight = np.random.default_rng(7).uniform(0.5, 2, len(_ROWS))
    for fitted in (
        forest.fit(_ROWS, _LEFT, sample_weight=weight),
        make_pipeline(StandardScaler(), forest).fit(
            _ROWS, _LEFT, randomforestclassifier__sample_weight=weight
        ),
    ):
        content = write_estimator(fitted, "model")
        assert not any(np.float64(each).tobytes() in content for each in weight)
        assert b"oob_decision_function_" not in content
        assert (fitted[-1] if fitted is not forest else forest).oob_decision_function_ is not None


_REFUSED = {
    "keeps training rows": [
        KNeighborsClassifier(),
        SVC(probability=False),
        GaussianProcessClassifier(),
        CalibratedClassifierCV(GaussianNB(), method="isotonic", cv=2),
        make_pipeline(QuantileTransformer(n_quantiles=20), LogisticRegression()),
        make_pipeline(StandardScaler(), KNeighborsClassifier()),
    ],
    "holds a generator": [
        GradientBoostingClassifier(n_estimators=2),
        MLPClassifier((2,), max_iter=2000),
        RandomForestClassifier(2, random_state=np.random.RandomState(0)),
    ],
    "holds a function": [make_pipeline(FunctionTransformer(np.exp), LogisticRegression())],
    "is none of risk": [KMeans(2, n_init=1)],
    "follows categories": [
        HistGradientBoostingClassifier(max_iter=3, categorical_features=[0]),
    ],
    "has a cache on disc": [make_pipeline(GaussianNB(), memory="cache-of-pickles")],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "estimator",
    [each for group in _REFUSED.values() for each in group],
    ids=lambda each: type(each).__name__,
)
def test_others_are_refused_when_saved(estimator: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    rows = np.column_stack([(np.abs(_ROWS[:, 0]) * 3).astype(int), _ROWS[:, 1:]])
    with pytest.raises(InputError, match=type(estimator).__name__) as caught:
        write_estimator(estimator.fit(rows, _LEFT), "model.estimators_.0")
    assert caught.value.where == "model.estimators_.0"
    assert "model-files.md" in str(caught.value.fix)


def test_a_model_around_a_refused_estimator_leaves_nothing_behind(tmp_path: Path) -> None:
    model = horizons(GradientBoostingClassifier(n_estimators=2)).fit(*made_up())
    with pytest.raises(InputError, match="GradientBoostingClassifier"):
        save_model(model, tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_every_trusted_type_is_there() -> None:
    """A type that scikit-learn moves would be refused; this says so first."""
    from importlib import import_module

    for name in TRUSTED:
        module, _, kind = name.rpartition(".")
        assert isinstance(getattr(import_module(module), kind), type)


def test_models_without_them_need_no_skops(tmp_path: Path, monkeypatch: Any) -> None:
    """Its import takes seconds, and files without them do not depend on its versions."""
    for name in ("skops", "skops.io"):
        monkeypatch.setitem(sys.modules, name, None)
    load_model(save_model(CoxPH().fit(*made_up()), tmp_path / "m"))
    with pytest.raises(ImportError):
        write_estimator(LogisticRegression().fit(_ROWS, _LEFT), "model")
