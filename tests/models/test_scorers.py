"""Scorers of risks: by hand, as scikit-learn without censoring, and of late entrants."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score

import gmts_models as gm
from gmts_models.errors import InputError, NotEstimableError
from gmts_models.models.protocol import conditional_risk


def _people(n: int = 300) -> tuple[pd.DataFrame, gm.Outcome]:
    rng = np.random.default_rng(4)
    X = pd.DataFrame({"score": rng.normal(size=n), "group": rng.choice(["a", "b"], n)})
    months = np.ceil(rng.exponential(30 * np.exp(-0.8 * X["score"])))
    return X, gm.Outcome(0, months, np.ones(n, dtype=bool))


def test_without_censoring_they_are_scikit_learn_s() -> None:
    X, y = _people()
    model = gm.CoxPH().fit(X, y)
    risk, left = model.predict_risk(X, [12])[:, 0], y.exit <= 12
    expected = {
        "brier": -brier_score_loss(left, risk),
        "auc": roc_auc_score(left, risk),
        "log": -log_loss(left, risk),
        "ipa": 1 - brier_score_loss(left, risk) / (left.mean() * (1 - left.mean())),
    }
    for name, value in expected.items():
        scorer = pickle.loads(pickle.dumps(gm.risk_scorer(name, [12])))
        assert scorer(model, X, y) == pytest.approx(value, rel=1e-10), name


def test_late_entrants_are_scored_from_their_entry() -> None:
    X, y = _people()
    entry = np.where(np.arange(len(y)) % 3 == 0, np.minimum(5.0, y.exit - 1), 0.0)
    late = gm.Outcome(entry, y.exit, y.left)
    model = gm.CoxPH().fit(X, late)
    risk = model.predict_risk(X, [12.0, 5.0])
    from_entry = np.where(entry == 5, conditional_risk(risk[:, 0], risk[:, 1]), risk[:, 0])
    some = entry < 5
    at_entry = model.predict_risk(X, np.unique(entry))
    place = np.searchsorted(np.unique(entry), entry)
    given = np.where(entry > 0, at_entry[np.arange(len(y)), place], 0.0)
    from_entry[some] = conditional_risk(risk[some, 0], given[some])
    by_hand = -np.mean(np.square((y.exit <= 12) - from_entry))
    assert gm.risk_scorer("brier", [12])(model, X, late) == pytest.approx(by_hand, rel=1e-10)


def test_searches_take_them() -> None:
    X, y = _people()
    scorer = gm.risk_scorer("brier", [12, 24])
    assert (cross_val_score(gm.CoxPH(), X, y, cv=3, scoring=scorer) < 0).all()
    search = GridSearchCV(gm.CoxPH(), {"alpha": [1.0, 1e6]}, scoring=scorer, cv=3).fit(X, y)
    assert search.best_params_["alpha"] == 1.0


def test_what_cannot_be_scored_is_refused() -> None:
    X, y = _people()
    with pytest.raises(InputError, match="unknown score"):
        gm.risk_scorer("nothing", [12])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="above 0"):
        gm.risk_scorer("brier", [0])
    lost = gm.Outcome(0, np.minimum(y.exit, 10), y.exit <= 10)
    with pytest.raises(NotEstimableError, match="24"):
        gm.risk_scorer("brier", [24])(gm.CoxPH().fit(X, lost), X, lost)


def test_pipelines_keep_frames_and_answer_like_their_model() -> None:
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import StandardScaler

    X, y = _people()
    scale = ColumnTransformer(
        [("scale", StandardScaler(), ["score"])],
        remainder="passthrough",
        verbose_feature_names_out=False,
    )
    steps = [("scale", scale), ("cox", gm.CoxPH(strata="group"))]
    pipeline = gm.RiskPipeline(steps).fit(X, y)
    plain = gm.CoxPH(strata="group").fit(X, y)
    np.testing.assert_allclose(
        pipeline.predict_risk(X, [12, 24]), plain.predict_risk(X, [12, 24]), atol=1e-9
    )
    found = pipeline.predict_risk_interval(X.head(2), [12])
    assert (found.lower < found.risk).all()
    assert not hasattr(pipeline, "predict_incidence")
    weight = np.ones(len(y))
    again = gm.RiskPipeline(steps).fit(X, y, cox__sample_weight=weight)
    np.testing.assert_allclose(again.predict_risk(X, [12]), plain.predict_risk(X, [12]), atol=1e-9)
    search = GridSearchCV(gm.RiskPipeline(steps), {"cox__alpha": [0.1, 1e6]}, cv=3).fit(X, y)
    assert search.best_params_["cox__alpha"] in (0.1, 1e6)
