"""The models: against R, as scikit-learn citizens, and what every one of them promises."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score

from gmts_models.errors import FitError, InputError, NotEstimableError
from gmts_models.models.classifiers.horizon_classifier import HorizonClassifier
from gmts_models.models.encoding import make_encoder
from gmts_models.models.survival.cox import CoxPH
from gmts_models.models.survival.kaplan_meier import KaplanMeier
from gmts_models.models.survival.parametric import (
    ExponentialAFT,
    LogLogisticAFT,
    LogNormalAFT,
    WeibullAFT,
)
from gmts_models.outcome import Outcome
from gmts_models.stats.censoring import censoring_weights
from gmts_models.stats.concordance import concordance
from gmts_models.stats.scores import observed_risk

REFERENCE = Path(__file__).parents[1] / "reference"
ITERATED = 1e-8  # relative; both sides iterate to the last digits


@pytest.fixture(scope="module")
def lung() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "data" / "lung_cc.csv").astype({"female": float})


def _people(n: int = 240, seed: int = 3) -> tuple[pd.DataFrame, Outcome]:
    """Tied whole months, text, gaps, a weak and a strong attribute."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "specialism": rng.choice(["Finance", "HR", "Informatics"], n, p=[0.5, 0.3, 0.2]),
            "score": rng.normal(size=n).round(1),
            "route": rng.choice(["new graduate", "career changer"], n),
        },
        index=np.arange(100, 100 + n),
    )
    time = np.ceil(rng.exponential(40 * np.exp(-0.6 * X["score"])))
    lost = rng.integers(6, 61, n)
    time[0], lost[0] = 99, 61  # someone is still there at the end
    X.loc[X.index[::9], "score"] = np.nan
    X.loc[X.index[::11], "route"] = None
    return X, Outcome(0, np.minimum(time, lost), time <= lost, index=X.index)


MODELS: list[Any] = [
    KaplanMeier(),
    CoxPH(alpha=0.1),
    CoxPH(strata="specialism"),
    WeibullAFT(),
    ExponentialAFT(),
    LogNormalAFT(),
    LogLogisticAFT(),
    HorizonClassifier(horizons=(12, 24, 36)),
    HorizonClassifier(
        HistGradientBoostingClassifier(max_iter=20, random_state=0),
        horizons=(12, 24, 36),
        encoder=make_encoder(impute=False),
    ),
]
names = [type(model).__name__ + str(i) for i, model in enumerate(MODELS)]


@pytest.mark.parametrize("model", MODELS, ids=names)
def test_risk_is_a_growing_probability(model: Any) -> None:
    X, y = _people()
    horizons = np.array([0, 1, 6, 12, 18, 24, 36.0])
    risk = clone(model).fit(X, y).predict_risk(X, horizons)
    assert risk.shape == (len(X), len(horizons))
    assert ((risk >= 0) & (risk <= 1)).all()
    assert (np.diff(risk, axis=1) >= -1e-12).all()
    np.testing.assert_array_equal(risk[:, 0], 0)
    # On average the risk is what was observed.
    at = censoring_weights(y, 24)
    assert risk[:, 5].mean() == pytest.approx(observed_risk(at)[0], abs=0.03)


@pytest.mark.parametrize("model", MODELS[1:], ids=names[1:])
def test_a_strong_attribute_is_found(model: Any) -> None:
    X, y = _people()
    assert clone(model).fit(X, y).score(X, y) > 0.6


@pytest.mark.parametrize("model", MODELS, ids=names)
def test_scikit_learn_can_clone_slice_and_pickle(model: Any) -> None:
    X, y = _people()
    scores = cross_val_score(model, X, y, cv=GroupKFold(3), groups=y.people)
    assert scores.shape == (3,)
    assert np.isfinite(scores).all()
    fitted = clone(model).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_risk(X, [12]), fitted.predict_risk(X, [12]))
    assert clone(fitted).get_params().keys() == model.get_params().keys()


def test_grid_search_tunes_the_penalty() -> None:
    X, y = _people()
    search = GridSearchCV(CoxPH(), {"alpha": [0.1, 1e6]}, cv=GroupKFold(3))
    search.fit(X, y, groups=y.people)
    assert search.best_params_["alpha"] == 0.1


@pytest.mark.parametrize("model", MODELS, ids=names)
def test_row_order_of_new_people_is_kept(model: Any) -> None:
    X, y = _people()
    fitted = clone(model).fit(X, y)
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_allclose(
        fitted.predict_risk(X.iloc[order], [24]), fitted.predict_risk(X, [24])[order]
    )


def test_cox_agrees_with_r(lung: pd.DataFrame, r_values: Callable[[str], dict[str, Any]]) -> None:
    out = r_values("d_cox_lung")["efron"]
    X, y = lung[out["coef_names"]], Outcome(0, lung["time"], lung["status"])
    model = CoxPH().fit(X, y)
    assert list(model.terms_) == out["coef_names"]
    np.testing.assert_allclose(model.coef_, out["coef"], rtol=ITERATED)
    np.testing.assert_allclose(model.covariance_, out["var"], rtol=ITERATED, atol=1e-9)
    table = out["survfit_log"]
    new = pd.DataFrame(table["newdata"])[out["coef_names"]]
    retention = model.predict_retention(new, table["time"])
    np.testing.assert_allclose(retention.T, table["surv"], rtol=ITERATED)
    summary = model.summary()
    np.testing.assert_allclose(summary["se"], out["se"], rtol=ITERATED)


def test_breslow_and_robust_cox_agree_with_r(
    lung: pd.DataFrame, r_values: Callable[[str], dict[str, Any]]
) -> None:
    out = r_values("d_cox_lung")["breslow"]
    y = Outcome(0, lung["time"], lung["status"])
    model = CoxPH(ties="breslow").fit(lung[out["coef_names"]], y)
    np.testing.assert_allclose(model.coef_, out["coef"], rtol=ITERATED)
    table = out["survfit_log"]
    new = pd.DataFrame(table["newdata"])[out["coef_names"]]
    retention = model.predict_retention(new, table["time"])
    np.testing.assert_allclose(retention.T, table["surv"], rtol=ITERATED)
    out = r_values("d_cox_weights_strata_lung")["robust_no_cluster"]
    robust = CoxPH(robust=True).fit(lung[out["coef_names"]], y)
    np.testing.assert_allclose(robust.covariance_, out["var"], rtol=ITERATED, atol=1e-9)
    with pytest.raises(InputError, match="ties must be"):
        CoxPH(ties="exact").fit(lung[out["coef_names"]], y)  # type: ignore[arg-type]


def test_a_fitted_cox_holds_no_rows_of_people() -> None:
    small, large = (len(pickle.dumps(CoxPH().fit(*_people(n)))) for n in (300, 3000))
    # Ten times the people: the curve has a few more months, and that is all.
    assert large < small + 3000


def test_stratified_cox_agrees_with_r(
    lung: pd.DataFrame, r_values: Callable[[str], dict[str, Any]]
) -> None:
    out = r_values("d_cox_weights_strata_lung")["strata_female"]
    X, y = lung[[*out["coef_names"], "female"]], Outcome(0, lung["time"], lung["status"])
    model = CoxPH(strata="female").fit(X, y)
    np.testing.assert_allclose(model.coef_, out["coef"], rtol=ITERATED)
    np.testing.assert_allclose(model.covariance_, out["var"], rtol=ITERATED, atol=1e-9)


def test_cox_with_late_entry_agrees_with_r(
    r_values: Callable[[str], dict[str, Any]], open_data: Callable[[str], Path]
) -> None:
    data = pd.read_csv(open_data("reference/data/physicians.csv"))
    out = r_values("d_cox_lefttrunc_physicians")["left_truncated_efron"]
    X = data[["age", "part_time"]].astype(float)
    model = CoxPH().fit(X, Outcome(data["entry"], data["exit"], data["event"]))
    np.testing.assert_allclose(model.coef_, out["coef"], rtol=ITERATED)
    np.testing.assert_allclose(model.covariance_, out["var"], rtol=ITERATED, atol=1e-9)


def test_concordance_of_a_late_entry_fit_agrees_with_r() -> None:
    # R 4.2.2, survival 3.5-3: coxph(Surv(entry, time, status > 0) ~ age + sex)$concordance.
    data = pd.read_csv(REFERENCE / "pitfalls" / "tr.csv")
    y = Outcome(data["entry"], data["time"], data["status"] > 0)
    X = data[["age", "sex"]].astype(float)
    model = CoxPH().fit(X, y)
    got = concordance(X.to_numpy() @ model.coef_, y.exit, y.left, y.entry)
    np.testing.assert_allclose(
        [got.concordance, got.std_err], [0.5613742787, 0.01157056125], rtol=1e-7
    )


def test_ridge_agrees_with_r(r_values: Callable[[str], dict[str, Any]]) -> None:
    out = r_values("d_cox_frailty_ridge_kidney")["ridge_scaled_theta1"]
    data = pd.read_csv(REFERENCE / "data" / "kidney.csv")
    X = data[["age", "male", "frail"]].astype(float)
    model = CoxPH(alpha=1).fit(X, Outcome(0, data["time"], data["status"]))
    np.testing.assert_allclose(model.coef_, out["coef"], rtol=1e-6)
    np.testing.assert_allclose(model.covariance_, out["var"], rtol=1e-6, atol=1e-9)


def test_horizon_past_follow_up_is_not_estimable() -> None:
    X, y = _people()
    assert not y.left[y.exit.argmax()]
    for model in (KaplanMeier(by=None), CoxPH()):
        assert np.isnan(model.fit(X, y).predict_risk(X, [200])).all()
    with pytest.raises(NotEstimableError, match="up to 36 months"):
        HorizonClassifier(horizons=(12, 36)).fit(X, y).predict_risk(X, [37])
    # Only a model with a shape of its own may go on.
    assert (WeibullAFT().fit(X, y).predict_risk(X, [200]) < 1).all()


def test_complete_separation_names_the_column() -> None:
    X, y = _people()
    X = X.assign(tell_tale=y.left.astype(float))
    with pytest.raises(FitError, match="tell_tale"):
        CoxPH().fit(X, y)
    assert np.isfinite(CoxPH(alpha=1).fit(X, y).coef_).all()


def test_collinear_columns_are_named() -> None:
    X, y = _people()
    X = X[["score"]].fillna(0).assign(twice=lambda frame: 2 * frame["score"])
    with pytest.raises(FitError, match="twice"):
        CoxPH().fit(X, y)


def test_nobody_leaves() -> None:
    X, _ = _people()
    stays = Outcome(0, np.full(len(X), 12.0), np.zeros(len(X), int), index=X.index)
    assert (KaplanMeier().fit(X, stays).predict_risk(X, [12]) == 0).all()
    for model in MODELS[1:]:
        with pytest.raises(FitError, match="nobody leaves"):
            clone(model).fit(X, stays)


def test_an_index_that_differs_is_refused() -> None:
    X, y = _people()
    with pytest.raises(InputError, match="different indexes"):
        CoxPH().fit(X.reset_index(drop=True), y)


def test_a_missing_column_is_named() -> None:
    X, y = _people()
    fitted = CoxPH().fit(X, y)
    with pytest.raises(InputError, match="route"):
        fitted.predict_risk(X.drop(columns="route"), [12])


def test_a_classifier_refuses_late_entry() -> None:
    X, y = _people()
    late = Outcome(np.where(y.exit > 2, 1.0, 0.0), y.exit, y.event, index=X.index)
    with pytest.raises(FitError, match="late entry"):
        HorizonClassifier().fit(X, late)


def test_unseen_labels_count_as_the_reference_and_groups_as_all() -> None:
    X, y = _people()
    new = X.head(2).assign(specialism=["Finance", "Astronomy"])
    cox = CoxPH().fit(X, y)
    as_reference = cox.predict_risk(new.assign(specialism="Finance"), [24])
    np.testing.assert_allclose(cox.predict_risk(new, [24]), as_reference)
    km, pooled = KaplanMeier().fit(X, y), KaplanMeier(by=None).fit(X, y)
    assert km.predict_risk(new, [24])[1, 0] == pooled.predict_risk(new, [24])[0, 0]


def test_leaving_on_the_first_day_is_kept() -> None:
    X, y = _people()
    exit_, left = y.exit.copy(), y.left.copy()
    exit_[:5], left[:5] = 0, True
    for model in MODELS:
        risk = (
            clone(model).fit(X, Outcome(0, exit_, left, index=X.index)).predict_risk(X, [0.1, 12])
        )
        assert (risk[:, 1] > 0).all()


def test_weights_for_censoring_undo_the_bias_of_dropping() -> None:
    rng = np.random.default_rng(8)
    n = 4000
    X = pd.DataFrame({"score": rng.normal(size=n)})
    time, lost = np.ceil(rng.exponential(40, n)), np.ceil(rng.exponential(30, n))
    y = Outcome(0, np.minimum(time, lost), time <= lost)
    model = HorizonClassifier(horizons=(24,)).fit(X, y)
    truth = (time <= 24).mean()
    assert model.predict_risk(X, [24]).mean() == pytest.approx(truth, abs=0.03)
    known = (y.exit > 24) | y.left
    assert (time <= 24)[known].mean() > truth + 0.1  # what dropping the censored would say


def test_groups_keep_their_labels_whatever_the_type() -> None:
    X, y = _people()
    number = X["specialism"].map({"Finance": 1, "HR": 2, "Informatics": 3})
    model = KaplanMeier(by="group").fit(X[[]].assign(group=number), y)
    as_floats = model.predict_risk(pd.DataFrame({"group": [1.0, np.nan]}), [24])
    assert as_floats[0, 0] == model.predict_risk(pd.DataFrame({"group": [1]}), [24])[0, 0]
    unused = X["specialism"].astype("category").cat.add_categories("Nobody")
    assert "Nobody" not in KaplanMeier().fit(X.assign(specialism=unused), y).curves_


def test_tables_that_cannot_be_read_are_refused() -> None:
    X, y = _people()
    mixed = X.assign(score=X["score"].astype(object).where(X["score"] > 0, "low"))
    with pytest.raises(InputError, match="neither numbers only nor text only"):
        CoxPH().fit(mixed, y)
    with pytest.raises(InputError, match="infinite"):
        CoxPH().fit(X.assign(score=np.inf), y)
    with pytest.raises(InputError, match="share a name"):
        CoxPH().fit(X.set_axis(["a", "b", "a"], axis=1), y)


def test_arrays_of_numbers_and_no_rows_at_all() -> None:
    X, y = _people()
    array = X[["score", "route"]].to_numpy()
    assert CoxPH(alpha=1).fit(array, y).terms_[0] == "x0"
    fitted = CoxPH().fit(X, y)
    assert fitted.predict_risk(X.head(0), [12, 24]).shape == (0, 2)


def test_a_risk_that_is_not_estimable_is_no_score() -> None:
    X, y = _people()
    short = X["specialism"] == "HR"
    cut = Outcome(0, np.where(short, np.minimum(y.exit, 2), y.exit), y.left & ~short, index=X.index)
    model = CoxPH(strata="specialism").fit(X, cut)
    with pytest.raises(NotEstimableError, match="not estimable"):
        model.score(X, y)


def test_a_classifier_goes_as_far_as_people_were_followed() -> None:
    X, y = _people()
    cut = Outcome(0, np.minimum(y.exit, 30), y.left & (y.exit <= 30), index=X.index)
    model = HorizonClassifier(horizons=(12, 24, 48)).fit(X, cut)
    risk = model.predict_risk(X, [12, 24, 48])
    assert np.isfinite(risk[:, :2]).all()
    assert np.isnan(risk[:, 2]).all()
    with pytest.raises(NotEstimableError, match="nobody was followed for 48"):
        HorizonClassifier(horizons=(48, 60)).fit(X, cut)
