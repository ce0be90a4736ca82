"""Scorers of risks: by hand, as scikit-learn without censoring, and of late entrants."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score

import gmts_models as gm
from gmts_models.errors import InputError, NotEstimableError


def _people(n: int = 300) -> tuple[pd.DataFrame, gm.Outcome]:
    rng = np.random.default_rng(4)
    X = pd.DataFrame({"score": rng.normal(size=n), "group": rng.choice(["a", "b"], n)})
    months = np.ceil(rng.exponential(30 * np.exp(-0.8 * X["score"])))
    return X, gm.Outcome(0, months, np.ones(n, dtype=bool))


class Says:
    """A model that says what it is told."""

    def __init__(self, risk: list[list[float]]) -> None:
        self.risk = np.array(risk)

    def predict_risk(self, X: pd.DataFrame, horizons: Any) -> Any:
        return self.risk[:, : len(horizons)]


def test_five_people_by_hand() -> None:
    """One is lost at 4, when four are left of whom one stands for 4/3 from then on.

    By 7 two left, who weigh 1 and 4/3; the two seen beyond weigh 4/3 each; together 5.
    """
    y = gm.Outcome(0, [2, 4, 6, 8, 10], [1, 0, 1, 0, 1])
    X = pd.DataFrame({"score": np.arange(5.0)})
    model = Says([[0.8], [0.5], [0.6], [0.7], [0.2]])
    third = 4 / 3
    by_hand = {
        "brier": -(0.2**2 + third * (0.4**2 + 0.7**2 + 0.2**2)) / 5,
        # All alike are given 7/15; 0.192 against 7/15 * 8/15.
        "ipa": 8 / 35,
        # The pair of 0.6 and 0.7 is the wrong way round, of those of weight 4/3.
        "auc": (2 + third) / (2 * (1 + third)),
        "log": (np.log(0.8) + third * (np.log(0.6) + np.log(0.3) + np.log(0.8))) / 5,
    }
    for name, value in by_hand.items():
        assert gm.risk_scorer(name, [7])(model, X, y) == pytest.approx(value, rel=1e-12), name


def test_horizons_are_averaged() -> None:
    X, y = _people()
    model = gm.CoxPH().fit(X, y)
    each = [gm.risk_scorer("auc", [h])(model, X, y) for h in (6, 12, 24)]
    assert gm.risk_scorer("auc", [6, 12, 24])(model, X, y) == pytest.approx(np.mean(each))


def test_cohorts_are_weighed_apart() -> None:
    """By hand: of cohort 2 one of three is lost at 1, so the others weigh 3/2."""
    y = gm.Outcome(0, [3, 9, 1, 4, 9], [1, 0, 0, 1, 0])
    X = pd.DataFrame({"cohort_year": [1, 1, 2, 2, 2]})
    model = Says([[0.5], [0.1], [0.9], [0.6], [0.3]])
    by_hand = (0.5**2 + 0.1**2 + 1.5 * (0.4**2 + 0.3**2)) / 5
    assert gm.risk_scorer("brier", [5])(model, X, y) == pytest.approx(-by_hand, rel=1e-12)


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
    """By hand: of the second, who enters at 4, 0.2 were gone by then: (0.6 - 0.2) / 0.8 = 0.5."""

    class Knows(Says):
        def predict_risk(self, X: pd.DataFrame, horizons: Any) -> Any:
            return self.risk[:, [[0, 4, 12].index(h) for h in horizons]]

    y = gm.Outcome([0, 4, 0], [6, 9, 20], [1, 1, 0])
    X = pd.DataFrame({"score": np.arange(3.0)})
    model = Knows([[0.0, 0.3, 0.7], [0.0, 0.2, 0.6], [0.1, 0.1, 0.3]])
    by_hand = -(0.3**2 + 0.5**2 + 0.3**2) / 3
    assert gm.risk_scorer("brier", [12])(model, X, y) == pytest.approx(by_hand, rel=1e-12)


def test_an_array_is_predicted_as_it_is() -> None:
    X, y = _people()
    values = X[["score"]].to_numpy()
    pipeline = gm.RiskPipeline([("fill", SimpleImputer()), ("cox", gm.CoxPH())])
    pipeline.set_params(fill=SimpleImputer().fit(values), cox=gm.CoxPH().fit(values, y))
    assert gm.risk_scorer("auc", [12])(pipeline, values, y) > 0.6


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
    with pytest.raises(InputError, match="above 0"):
        gm.risk_scorer("brier", [12, 0])
    lost = gm.Outcome(0, np.minimum(y.exit, 10), y.exit <= 10)
    with pytest.raises(NotEstimableError, match="24"):
        gm.risk_scorer("brier", [24])(gm.CoxPH().fit(X, lost), X, lost)

    everyone = np.flatnonzero(y.exit <= 12)  # left by then, so that there is no pair, and no null
    some, theirs = X.iloc[everyone], y[everyone]
    model = gm.CoxPH().fit(X, y)
    for name in ("auc", "ipa"):
        with pytest.raises(NotEstimableError, match="at 12 months"):
            gm.risk_scorer(name, [6, 12])(model, some, theirs)
    assert gm.risk_scorer("brier", [12])(model, some, theirs) < 0
