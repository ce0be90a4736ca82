"""Classifiers of people and periods as models of risk."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from checkable import run_checks
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

import gmts_models as gm
from gmts_models.errors import FitError, InputError, NotEstimableError, SampleSizeWarning
from gmts_models.models.encoding import make_encoder
from gmts_models.models.hazards import discrete_time
from gmts_models.models.hazards.discrete_time import DiscreteTimeHazard
from gmts_models.models.pipeline import RiskPipeline
from gmts_models.models.protocol import IncidenceModel
from gmts_models.models.scorers import risk_scorer
from gmts_models.models.survival.cox import CoxPH
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.incidence.aalen_johansen import aalen_johansen
from gmts_models.stats.survival.kaplan_meier import kaplan_meier, survival_at

HORIZONS = [3.0, 6.5, 12, 17]
DATA = Path(__file__).parents[2] / "reference" / "data"


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Fits are small here: more threads than one only wait for each other."""
    with threadpool_limits(1):
        yield


def _people(n: int = 400, seed: int = 1, causes: int = 1) -> tuple[pd.DataFrame, Outcome]:
    """Return people with monthly times up to 18, some of late entry."""
    rng = np.random.default_rng(seed)
    score, group = rng.normal(size=n), rng.choice(["a", "b", "c"], n)
    chance = 1 / (1 + np.exp(3 - 0.6 * score - 0.5 * (group == "c")))
    time = rng.geometric(chance)
    end = rng.integers(6, 19, n)
    entry = np.where(rng.uniform(size=n) < 0.3, rng.integers(0, 5, n), 0)
    seen = time > entry
    event = np.where(time <= end, rng.integers(1, causes + 1, n), 0)
    X = pd.DataFrame({"score": score, "group": group})[seen].reset_index(drop=True)
    y = Outcome(
        entry[seen],
        np.minimum(time, end)[seen].astype(float),
        event[seen],
        [f"cause {j + 1}" for j in range(causes)],
    )
    return X, y


def _risk(model: Any, X: pd.DataFrame, y: Outcome, **fit: Any) -> Floats:
    risk: Floats = model.fit(X, y, **fit).predict_risk(X, HORIZONS)
    return risk


def tree() -> Any:
    return DecisionTreeClassifier(min_samples_leaf=30, random_state=0)


def boosted() -> Any:
    return HistGradientBoostingClassifier(max_iter=8, random_state=0)


def test_logistic_regression_of_months_is_that_of_r(
    open_data: Callable[[str], Path], r_values: Callable[[str], dict[str, Any]]
) -> None:
    data = pd.read_csv(open_data("reference/data/unemployment_small.csv"))
    spell = np.minimum(data["spell"], 28)
    columns = ["ui", "reprate", "logwage", "tenure"]
    y = Outcome(0, spell, (data["cause"] == 1).astype(int))
    for estimator in (None, LogisticRegression(C=np.inf, tol=1e-10, solver="newton-cholesky")):
        model = DiscreteTimeHazard(estimator, alpha=0, time_basis="log").fit(data[columns], y)
        out = r_values("i_discrete_unemployment")["logit_logt"]
        coefficients = np.array(out["coef"])
        if estimator is None:
            np.testing.assert_allclose(model.coef_, coefficients[2:], rtol=1e-7)
            se = np.sqrt(np.diag(model.covariance_))
            np.testing.assert_allclose(se, np.array(out["se"])[2:], rtol=1e-6)
        design = np.column_stack([np.ones(28), np.log(np.arange(1, 29))])
        linear = design @ coefficients[:2] + data[columns].to_numpy() @ coefficients[2:, None]
        want = 1 - np.cumprod(1 / (1 + np.exp(linear)), axis=1)
        np.testing.assert_allclose(
            model.predict_risk(data[columns], np.arange(1, 29)), want, rtol=1e-6
        )


def test_causes_of_months_are_those_of_r(
    open_data: Callable[[str], Path], r_values: Callable[[str], dict[str, Any]]
) -> None:
    data = pd.read_csv(open_data("reference/data/unemployment_small.csv"))
    y = Outcome(0, np.minimum(data["spell"], 28), data["cause"], ["full", "part", "other"])
    model = DiscreteTimeHazard(alpha=0, time_basis="log", by_cause=True).fit(data[["ui"]], y)
    out = r_values("i_discrete_unemployment")["multinomial_cause"]
    np.testing.assert_allclose(model.coef_[:, 0], np.array(out["coef"])[:, 2], atol=1e-5)
    se = np.sqrt(np.diag(model.covariance_))
    np.testing.assert_allclose(se, np.array(out["se"])[:, 2], rtol=1e-4)
    coefficients = np.array(out["coef"])
    design = np.column_stack([np.ones(28), np.log(np.arange(1, 29)), np.zeros(28)])
    odds = np.exp(design @ coefficients.T)
    hazard = odds / (1 + odds.sum(axis=1, keepdims=True))
    stay = np.insert(np.cumprod(1 - hazard.sum(axis=1)), 0, 1)[:-1]
    want = np.cumsum(stay[:, None] * hazard, axis=0)
    got = model.predict_incidence(pd.DataFrame({"ui": [0]}), np.arange(1, 29))[0]
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_a_natural_spline_is_that_of_r() -> None:
    # R 4.2.2, of periods of 61 days (left: those begun; else those completed), x a row for each:
    # glm(y ~ splines::ns(period, knots = c(3, 6), Boundary.knots = c(1, 12)) + age + female +
    #     ph.ecog, binomial, x, control = glm.control(epsilon = 1e-14)); then 1 - cumprod(1 - h) and
    # 1 - exp(-H exp(-+ z se)) by the delta method with vcov(glm), H = -sum(log(1 - h)).
    lung = pd.read_csv(DATA / "lung_cc.csv")
    columns = ["age", "female", "ph.ecog"]
    y = Outcome(0, lung["time"], lung["status"])
    model = DiscreteTimeHazard(alpha=0, width=61).fit(lung[columns], y)
    assert model.time_basis_.knots.tolist() == [1, 3, 6, 12]
    want = [0.0138526053205, -0.6194814215374, 0.5269935768756]
    np.testing.assert_allclose(model.coef_, want, rtol=1e-9)
    table = model.summary()
    assert table["term"].tolist() == columns
    want = [0.0105340962404, 0.1909095591561, 0.1334414458620]
    np.testing.assert_allclose(table["se"], want, rtol=1e-8)
    new = pd.DataFrame({"age": [60, 70], "female": [1, 0], "ph.ecog": [0, 2]})
    found = model.predict_risk_interval(new, [183, 366, 732])
    want = [
        [0.119197073222, 0.294307180908, 0.604592429123],
        [0.502859280788, 0.843313759177, 0.991278902737],
    ]
    np.testing.assert_allclose(found.risk, want, rtol=1e-9)
    assert found.method == "delta method"
    limits = [found.lower[0, 1], found.upper[0, 1]]
    np.testing.assert_allclose(limits, [0.205820564431, 0.409779566480], rtol=1e-8)


def test_without_columns_it_is_the_kaplan_meier_curve() -> None:
    _, y = _people(causes=2)
    nothing = pd.DataFrame(index=pd.RangeIndex(len(y)))
    model = DiscreteTimeHazard(alpha=0, time_basis="months").fit(nothing, y)
    months = np.arange(19.0)
    want = survival_at(kaplan_meier(y.exit, y.left, y.entry), months).survival
    got = model.predict_retention(nothing.iloc[:1], months)[0]
    np.testing.assert_allclose(got, want, rtol=1e-9)
    causes = DiscreteTimeHazard(alpha=1e-9, time_basis="months", by_cause=True).fit(nothing, y)
    curve = aalen_johansen(y.exit, y.event, y.entry)
    at = np.isin(months, curve.time)
    got = causes.predict_incidence(nothing.iloc[:1], months[at])[0]
    kept = np.isin(curve.time, months)
    np.testing.assert_allclose(got, curve.incidence[kept][:, -2:], atol=1e-7)


def test_months_in_which_nobody_leaves_are_fine() -> None:
    X = pd.DataFrame({"x": [0.0, 1, 2, 3, 4, 5, 6, 7]})
    y = Outcome(0, [3, 3, 9, 9, 20, 20, 20, 20], [1, 0, 0, 1, 0, 0, 0, 0])
    for basis in ("spline", "steps", "log", "linear", "months"):
        risk = DiscreteTimeHazard(time_basis=basis).fit(X, y).predict_risk(X, np.arange(21))  # type: ignore[arg-type]
        assert (np.diff(risk, axis=1) >= 0).all()
        assert (risk[:, -1] < 1).all()
    jumps = np.flatnonzero(np.diff(risk[0])) + 1
    assert jumps.tolist() == [3, 9]  # the last basis: months


def test_the_ridge_penalty_is_that_of_scikit_learn() -> None:
    X, y = _people()
    own = _risk(DiscreteTimeHazard(alpha=4.0), X, y)
    other = LogisticRegression(C=0.25, tol=1e-12, solver="newton-cholesky")
    np.testing.assert_allclose(own, _risk(DiscreteTimeHazard(other), X, y), rtol=1e-7)
    varying = {"time_varying": ["group"]}
    own = _risk(DiscreteTimeHazard(alpha=4.0, **varying), X, y)  # type: ignore[arg-type]
    np.testing.assert_allclose(own, _risk(DiscreteTimeHazard(other, **varying), X, y), rtol=1e-7)


@pytest.mark.parametrize(
    "estimator",
    [
        None,
        LogisticRegression(),
        boosted(),
        RandomForestClassifier(10, random_state=0),
        GaussianNB(),
    ],
)
@pytest.mark.parametrize("by_cause", [False, True])
def test_risks_do_not_fall_and_end_where_follow_up_does(estimator: Any, by_cause: bool) -> None:
    X, y = _people(causes=3 if by_cause else 1)
    model = DiscreteTimeHazard(estimator, by_cause=by_cause, time_basis="linear").fit(X, y)
    months = [0, 0.3, 1, 2.7, 5, 5, 12, 17.99, 18, 18.01, 40]
    risk = model.predict_risk(X, months)
    assert risk.shape == (len(X), len(months))
    assert (risk[:, 0] == 0).all()
    assert (np.diff(risk[:, :9], axis=1) >= -1e-15).all()
    assert (risk[:, :9] <= 1).all()
    assert np.isnan(risk[:, 9:]).all()
    np.testing.assert_array_equal(model.predict_risk(X, months[::-1])[:, ::-1], risk)
    assert isinstance(model, IncidenceModel) == by_cause == hasattr(model, "causes_")
    if by_cause:
        incidence = model.predict_incidence(X, months)
        np.testing.assert_allclose(incidence.sum(axis=2), risk, rtol=1e-12)
        assert incidence.shape == (*risk.shape, 3)


def test_gaps_stay_gaps_for_those_who_take_them() -> None:
    X, y = _people()
    X.loc[::7, "score"] = np.nan
    encoder = make_encoder(impute=False)
    for estimator in (boosted(), RandomForestClassifier(10, random_state=0)):
        model = DiscreteTimeHazard(estimator, encoder=encoder, time_basis="linear")
        assert np.isfinite(_risk(model, X, y)).all()
    with pytest.raises(InputError, match="takes no missing values"):
        DiscreteTimeHazard(encoder=encoder).fit(X, y)
    assert np.isfinite(_risk(DiscreteTimeHazard(), X, y)).all()
    y = Outcome(y.entry, y.exit, np.where(np.arange(len(y)) % 5, y.event * 2, -y.event), ["a", "b"])
    model = DiscreteTimeHazard(tree(), encoder=encoder, by_cause=True, unknown_causes="share")
    assert np.isfinite(_risk(model, X, y)).all()


def test_rows_are_predicted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = _people(causes=2)
    models = [DiscreteTimeHazard(tree()), DiscreteTimeHazard(by_cause=True)]
    whole = [_risk(model, X, y) for model in models]
    limits = models[1].predict_risk_interval(X, HORIZONS)
    monkeypatch.setattr(discrete_time, "_CELLS", 100)
    for model, want in zip(models, whole, strict=True):
        np.testing.assert_allclose(model.predict_risk(X, HORIZONS), want, rtol=1e-12)
    parts = models[1].predict_risk_interval(X, HORIZONS)
    np.testing.assert_allclose(parts.lower, limits.lower, rtol=1e-12)
    assert models[1].predict_risk(X.iloc[:0], HORIZONS).shape == (0, 4)
    assert models[1].predict_risk_interval(X.iloc[:0], HORIZONS).lower.shape == (0, 4)


@pytest.mark.parametrize("estimator", [None, LogisticRegression(tol=1e-12)])
def test_weights_are_rows(estimator: Any) -> None:
    X, y = _people()
    times = np.random.default_rng(3).integers(0, 3, len(X))
    again = np.repeat(np.arange(len(X)), times)
    model = DiscreteTimeHazard(estimator)
    weighted = model.fit(X, y, sample_weight=times).predict_risk(X, HORIZONS)
    repeated = model.fit(X.iloc[again].reset_index(drop=True), y[again]).predict_risk(X, HORIZONS)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-6)
    with pytest.raises(InputError, match="KNeighborsClassifier takes no sample_weight"):
        DiscreteTimeHazard(KNeighborsClassifier()).fit(X, y, sample_weight=times)
    assert np.isfinite(_risk(DiscreteTimeHazard(KNeighborsClassifier()), X, y)).all()


def test_rows_of_a_person_are_one_follow_up() -> None:
    X, y = _people()
    long = np.flatnonzero(y.exit - y.entry > 2)
    rows = np.r_[np.arange(len(y)), long]
    middle = y.entry[long] + 1.4  # within a period
    entry, exit_, event = y.entry[rows], y.exit[rows], y.event[rows]
    exit_[long], event[long], entry[len(y) :] = middle, 0, middle
    cut = Outcome(entry, exit_, event, ids=rows)
    want = DiscreteTimeHazard().fit(X, y)
    got = DiscreteTimeHazard().fit(X.iloc[rows].reset_index(drop=True), cut)
    assert got.person_periods_ == want.person_periods_
    # Columns are scaled by rows, so that the penalty differs a little: none, then.
    want.set_params(alpha=0).fit(X, y)
    got.set_params(alpha=0).fit(X.iloc[rows].reset_index(drop=True), cut)
    np.testing.assert_allclose(got.coef_, want.coef_, rtol=1e-6)
    np.testing.assert_allclose(got.covariance_, want.covariance_, rtol=1e-6)


def test_what_does_not_count_is_told() -> None:
    X = pd.DataFrame({"x": np.arange(8.0)})
    y = Outcome([0, 0, 0, 0, 0, 0, 0, 2.5], [0, 1, 2, 3, 5, 9, 9, 2.9], [1, 1, 0, 1, 1, 1, 0, 1])
    model = DiscreteTimeHazard(time_basis="linear").fit(X, y)
    assert model.uncounted_ == 1  # came and left within the third period
    assert model.person_periods_ == 1 + 1 + 2 + 3 + 5 + 9 + 9  # the first day is in a period
    short = DiscreteTimeHazard(time_basis="linear", until=4).fit(X, y)
    assert short.uncounted_ == 3
    assert np.isnan(short.predict_risk(X, [4, 4.1])).all(axis=0).tolist() == [False, True]
    wide = DiscreteTimeHazard(time_basis="linear", width=3).fit(X, y)
    assert wide.person_periods_ == 1 + 1 + 1 + 2 + 3 + 3
    half = wide.predict_retention(X, [1.5, 3])
    np.testing.assert_allclose(half[:, 0] ** 2, half[:, 1], rtol=1e-12)


def test_unknown_causes() -> None:
    X, y = _people(causes=2)
    unknown = np.arange(len(y)) % 4 == 0
    y = Outcome(y.entry, y.exit, np.where(unknown & y.left, -1, y.event), y.causes)
    with pytest.raises(InputError, match="unknown cause"):
        DiscreteTimeHazard(by_cause=True).fit(X, y)
    shared = DiscreteTimeHazard(by_cause=True, unknown_causes="share").fit(X, y)
    assert shared.causes_ == ("cause 1", "cause 2")
    risk = _risk(DiscreteTimeHazard(), X, y)  # they left
    np.testing.assert_allclose(shared.predict_risk(X, HORIZONS), risk, atol=0.03)
    np.testing.assert_allclose(
        shared.person_periods_, DiscreteTimeHazard().fit(X, y).person_periods_, rtol=1e-12
    )
    with pytest.raises(InputError, match="takes no sample_weight"):
        DiscreteTimeHazard(KNeighborsClassifier(), by_cause=True, unknown_causes="share").fit(X, y)


def test_a_cause_that_nobody_left_for_has_no_incidence() -> None:
    X, y = _people(causes=2)
    y = Outcome(y.entry, y.exit, np.where(y.event == 2, 3, y.event), ["a", "b", "c"])
    for estimator in (None, tree()):
        model = DiscreteTimeHazard(estimator, by_cause=True).fit(X, y)
        incidence = model.predict_incidence(X, HORIZONS)
        assert incidence.shape[2] == 3
        assert (incidence[:, :, 1] == 0).all()
        assert (incidence[:, :, [0, 2]].max(axis=(0, 1)) > 0.1).all()
    table = DiscreteTimeHazard(by_cause=True).fit(X, y).summary()
    assert table["cause"].tolist() == ["a"] * 3 + ["c"] * 3


def test_time_varying_effects() -> None:
    rng = np.random.default_rng(5)
    n, q = 4000, 12
    x = rng.normal(size=n)
    period = np.arange(1, q + 1)
    chance = 1 / (1 + np.exp(3 - np.outer(x, 1 - 0.15 * (period - 1))))
    gone = rng.uniform(size=(n, q)) < chance
    y = Outcome(0, np.where(gone.any(axis=1), gone.argmax(axis=1) + 1.0, q), gone.any(axis=1))
    X = pd.DataFrame({"x": x})
    model = DiscreteTimeHazard(time_varying="x", alpha=0).fit(X, y)
    assert model.terms_ == ("x", "x x time")
    table = model.summary()
    assert abs(table["coefficient"][1] + 0.15) < 3 * table["se"][1]
    assert table["se"][1] < 0.02
    truth = 1 - np.cumprod(1 - chance, axis=1)
    flat = _error(DiscreteTimeHazard(), X, y, truth)
    assert _error(model, X, y, truth) < 0.02 < flat
    with pytest.raises(InputError, match="X has no column 'z'"):
        DiscreteTimeHazard(time_varying=["z"]).fit(X, y)
    X["same"] = 1
    with pytest.raises(InputError, match="no column that varies"):
        DiscreteTimeHazard(time_varying=["same"]).fit(X, y)
    one = Outcome(0, np.ones(n), gone[:, 0])
    assert DiscreteTimeHazard(time_varying="x").fit(X[["x"]], one).terms_ == ("x",)


def _error(model: Any, X: pd.DataFrame, y: Outcome, truth: Floats) -> float:
    periods = np.arange(1, truth.shape[1] + 1)
    return float(np.sqrt(np.mean((model.fit(X, y).predict_risk(X, periods) - truth) ** 2)))


def test_terms_are_found_by_the_longest_name() -> None:
    X, y = _people()
    X["group_size"] = np.arange(len(X)) % 11
    model = DiscreteTimeHazard(time_varying=["group"]).fit(X, y)
    assert model.terms_[-2:] == ("group_b x time", "group_c x time")
    assert model.terms_ == ("score", "group_size", "group_b", "group_c", *model.terms_[-2:])


def test_many_small_periods_are_nearly_cox() -> None:
    rng = np.random.default_rng(8)
    n = 1500
    X = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n)})
    time = rng.exponential(20 * np.exp(-0.6 * X["a"] + 0.3 * X["b"]))
    end = rng.uniform(5, 24, n)
    y = Outcome(0, np.minimum(time, end), time <= end)
    cox = CoxPH(ties="breslow").fit(X, y)
    hazard = DiscreteTimeHazard(alpha=0, width=0.1, time_df=5).fit(X, y)
    np.testing.assert_allclose(hazard.coef_, cox.coef_, atol=0.01)
    se = np.sqrt(np.diag(hazard.covariance_) / np.diag(cox.covariance_))
    np.testing.assert_allclose(se, 1, atol=0.01)
    near = hazard.predict_risk(X, [6, 12, 20]) - cox.predict_risk(X, [6, 12, 20])
    assert np.sqrt(np.mean(near**2)) < 0.01


def test_balanced_classes_would_ruin_the_risks() -> None:
    X, y = _people()
    for estimator in (
        LogisticRegression(class_weight="balanced"),
        make_pipeline(StandardScaler(), RandomForestClassifier(class_weight={0: 1, 1: 5})),
    ):
        with pytest.raises(InputError, match="weighs its classes") as error:
            DiscreteTimeHazard(estimator).fit(X, y)
        assert "class_weight" in str(error.value.where)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"alpha": -1}, "alpha"),
        ({"alpha": "1"}, "alpha"),
        ({"width": 0}, "width"),
        ({"width": None}, "width"),
        ({"until": 0}, "until"),
        ({"until": 2.5}, "until"),
        ({"time_basis": "cubic"}, "time basis"),
        ({"time_df": 0}, "whole number"),
        ({"estimator": LinearSVC()}, "no predict_proba"),
        ({"estimator": LogisticRegression}, "not a classifier"),
        ({"estimator": 3}, "not a classifier"),
        ({"by_cause": True, "unknown_causes": "drop"}, "unknown_causes"),
    ],
)
def test_options_that_are_none(options: dict[str, Any], match: str) -> None:
    X, y = _people(60)
    with pytest.raises(InputError, match=match):
        DiscreteTimeHazard(**options).fit(X, y)


def test_data_without_an_answer() -> None:
    X = pd.DataFrame({"x": [0.0, 1, 2, 3]})
    with pytest.raises(FitError, match="nobody leaves"):
        DiscreteTimeHazard().fit(X, Outcome(0, [1, 2, 3, 4], 0 * np.arange(4)))
    with pytest.raises(NotEstimableError, match="whole period"):
        DiscreteTimeHazard(width=12).fit(X, Outcome(1, [4, 4, 5, 5], [1, 0, 1, 0]))
    with pytest.raises(FitError, match="nobody leaves in the periods"):
        DiscreteTimeHazard(until=2).fit(X, Outcome(0, [4, 4, 5, 5], [1, 0, 1, 0]))
    for estimator, match in ((None, "nobody stays"), (LogisticRegression(), "everyone leaves")):
        with pytest.raises(FitError, match=match):
            DiscreteTimeHazard(estimator).fit(X, Outcome(0, [1, 1, 1, 1], [1, 1, 1, 1]))
    ends = Outcome(0, [1, 2, 9, 9], [1, 1, 0, 0])
    with pytest.raises(FitError) as error:
        DiscreteTimeHazard(alpha=0, time_basis="linear").fit(X, ends)
    assert "alpha" in str(error.value.fix)
    risk = DiscreteTimeHazard().fit(X, ends).predict_risk(X, [9])[:, 0]
    assert (np.diff(risk) < 0).all()
    assert (risk < 1).all()
    everyone = DiscreteTimeHazard().fit(X, Outcome(0, [1, 2, 3, 4], [1, 1, 1, 1]))
    assert np.isfinite(everyone.predict_risk(X, [4])).all()


def test_intervals_are_of_the_logistic_regression() -> None:
    X, y = _people(causes=2)
    model = DiscreteTimeHazard(by_cause=True).fit(X, y)
    found = model.predict_risk_interval(X, [0, 6, 12, 30])
    assert (found.lower[:, 0] == 0).all()
    assert (found.upper[:, 0] == 0).all()
    assert (found.lower[:, 1:3] < found.risk[:, 1:3]).all()
    assert (found.risk[:, 1:3] < found.upper[:, 1:3]).all()
    assert np.isnan(found.upper[:, 3]).all()
    np.testing.assert_allclose(found.risk, model.predict_risk(X, [0, 6, 12, 30]), rtol=1e-12)
    narrow = model.predict_risk_interval(X, [12], level=0.5)
    assert (narrow.lower[:, 0] > found.lower[:, 2]).all()
    with pytest.raises(InputError, match="no interval of its own"):
        DiscreteTimeHazard(tree()).fit(X, y).predict_risk_interval(X, [12])
    with pytest.raises(InputError, match="between 0 and 1"):
        model.predict_risk_interval(X, [12], level=95)
    # One departure in all: wide, and within 0 and 1.
    few = Outcome(0, y.exit, np.arange(len(y)) == 7)
    wide = DiscreteTimeHazard().fit(X, few).predict_risk_interval(X, [12])
    assert (wide.upper <= 1).all()
    assert np.isfinite(wide.upper).all()


def test_it_works_where_models_work() -> None:
    X, y = _people()
    search = GridSearchCV(
        DiscreteTimeHazard(LogisticRegression()),
        {"estimator__C": [0.01, 1.0], "time_basis": ["spline", "log"]},
        scoring=risk_scorer("brier", [6, 12]),
        cv=3,
    ).fit(X, y)
    assert set(search.best_params_) == {"estimator__C", "time_basis"}
    model = clone(DiscreteTimeHazard(tree(), by_cause=True)).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_risk(X, [9]), model.predict_risk(X, [9]))
    assert model.score(X, y) > 0.6
    assert not hasattr(model, "summary")
    model.set_params(by_cause=False, estimator=None).fit(X, y)
    assert not hasattr(model, "causes_")
    assert len(model.summary()) == 3
    pipeline = RiskPipeline([("encode", make_encoder()), ("model", DiscreteTimeHazard())]).fit(X, y)
    want = DiscreteTimeHazard().fit(X, y).predict_risk_interval(X, [9])
    np.testing.assert_allclose(pipeline.predict_risk_interval(X, [9]).upper, want.upper, rtol=1e-9)


def test_evaluate_and_the_synthetic_scheme() -> None:
    table = gm.build_features(gm.simulate_trainees(seed=7, cohorts=[2012, 2013]))
    model = DiscreteTimeHazard(width=3.0)
    found = gm.evaluate(model, table, horizons=[12, 24], bootstrap=2)
    assert "DiscreteTimeHazard" in set(found.scores["model"])
    with pytest.warns(SampleSizeWarning):
        fitted = gm.fit(model, table)
    assert fitted.estimator.time_basis_.kind == "spline"
    risk = _risk(DiscreteTimeHazard(), table.X, table.y)  # every kind of column
    assert np.isfinite(risk).all()


def test_no_row_of_a_person_is_kept() -> None:
    X, y = _people(700)
    for estimator in (None, LogisticRegression()):
        small = DiscreteTimeHazard(estimator).fit(X.iloc[:100], y[:100])
        large = DiscreteTimeHazard(estimator).fit(X, y)
        assert len(pickle.dumps(large)) < len(pickle.dumps(small)) + 500


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "causes"),
    [
        ({}, 1),
        ({"by_cause": True}, 2),
        ({"estimator": LogisticRegression(tol=1e-10, solver="newton-cholesky")}, 1),
    ],
)
def test_scikit_learn_takes_it_for_an_estimator(options: dict[str, Any], causes: int) -> None:
    checks = run_checks(DiscreteTimeHazard(**options), causes=causes)
    assert len(checks) > 40
    wrong = {name: each for name, each in checks.items() if each[0] != "passed"}
    assert set(wrong) <= {"check_array_api_input"}, wrong
